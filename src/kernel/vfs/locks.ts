/**
 * Advisory file locks: flock(2), and byte-range locks of processes (F_SETLK, fcntl_locking(2)) and of
 * open file descriptions (F_OFD_SETLK).
 *
 * Invariants: of one owner, ranges do not overlap and adjacent ones of the same type are merged; ranges of
 * different owners overlap only if both are read locks. A process's locks belong to its descriptor table
 * (as in Linux), OFD locks and flocks to the open file description; both die with their owner.
 * Ends are inclusive; END_OF_FILE means "to the end, however far it grows".
 */

import { EAGAIN, EDEADLK, ENOLCK, linuxError } from '../errno.ts';
import { WaitQueue } from '../wait-queue.ts';
import { F_RDLCK, F_UNLCK, F_WRLCK } from './constants.ts';
import type { Inode, OpenFile } from './types.ts';

export const END_OF_FILE: number = Number.MAX_SAFE_INTEGER;

/** Locks on one file. Linux has no limit but memory; here each change looks at all of them. */
const MAX_RANGES = 16384;

export interface RangeLock {
  /** FdTable, or OpenFile for OFD locks. */
  readonly owner: object;
  /** Process id, -1 for OFD locks. */
  readonly pid: number;
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

interface Flock {
  readonly file: OpenFile;
  readonly exclusive: boolean;
  /** Who took it, for /proc/locks. */
  readonly pid: number;
}

class InodeLocks {
  ranges: RangeLock[] = [];
  flocks: Flock[] = [];
  readonly queue = new WaitQueue();
}

const locks = new WeakMap<Inode, InodeLocks>();
/** Which owner a blocked F_SETLKW waits for. */
const waitsFor = new WeakMap<object, object>();

function locksOf(inode: Inode): InodeLocks {
  let l = locks.get(inode);
  if (l === undefined) {
    l = new InodeLocks();
    locks.set(inode, l);
  }
  return l;
}

/** Woken whenever a lock on the inode goes. */
export function lockQueue(inode: Inode): WaitQueue {
  return locksOf(inode).queue;
}

function overlaps(a: RangeLock, b: RangeLock): boolean {
  return a.start <= b.end && b.start <= a.end;
}

/** The first lock of somebody else that `wanted` would violate, or null. */
export function findConflict(inode: Inode, wanted: RangeLock): RangeLock | null {
  for (const l of locks.get(inode)?.ranges ?? []) {
    if (l.owner === wanted.owner || !overlaps(l, wanted)) continue;
    if (l.type === F_WRLCK || wanted.type === F_WRLCK) return l;
  }
  return null;
}

/** Takes or releases (F_UNLCK) a range; throws EAGAIN if somebody else is in the way. */
export function setRangeLock(inode: Inode, wanted: RangeLock): void {
  if (wanted.type !== F_UNLCK && findConflict(inode, wanted) !== null) throw linuxError(EAGAIN);
  const l = locksOf(inode);
  if (wanted.type !== F_UNLCK && l.ranges.length >= MAX_RANGES) throw linuxError(ENOLCK);
  l.ranges = replaceRange(l.ranges, wanted);
  l.queue.wake();
}

/** `ranges` with the owner's locks in `wanted`'s range replaced, and what touches merged. */
function replaceRange(ranges: readonly RangeLock[], wanted: RangeLock): RangeLock[] {
  const out: RangeLock[] = [];
  let { start, end } = wanted;
  for (const l of ranges) {
    if (l.owner !== wanted.owner) {
      out.push(l);
      continue;
    }
    const touches = l.start <= end + 1 && start <= l.end + 1;
    if (l.type === wanted.type && touches) {
      start = Math.min(start, l.start);
      end = Math.max(end, l.end);
      continue;
    }
    if (!overlaps(l, wanted)) {
      out.push(l);
      continue;
    }
    if (l.start < wanted.start) out.push({ ...l, end: wanted.start - 1 });
    if (l.end > wanted.end) out.push({ ...l, start: wanted.end + 1 });
  }
  if (wanted.type !== F_UNLCK) out.push({ ...wanted, start, end });
  return out.sort((a, b) => a.start - b.start);
}

/** Before a process waits for `conflict`: EDEADLK if that closes a circle of waiting processes. */
export function waitForLock(owner: object, conflict: RangeLock): void {
  for (let o: object | undefined = conflict.owner; o !== undefined; o = waitsFor.get(o)) {
    if (o === owner) throw linuxError(EDEADLK);
  }
  waitsFor.set(owner, conflict.owner);
}

export function stopWaitingForLock(owner: object): void {
  waitsFor.delete(owner);
}

/** flock(2): converts or takes the lock. @returns false if another description is in the way */
export function tryFlock(inode: Inode, file: OpenFile, exclusive: boolean, pid: number): boolean {
  const l = locksOf(inode);
  const others = l.flocks.filter((f) => f.file !== file);
  // A conversion is not atomic: the old lock goes first, even if the new one has to wait.
  const hadOne = others.length < l.flocks.length;
  l.flocks = others;
  const free = exclusive ? others.length === 0 : !others.some((f) => f.exclusive);
  if (free) l.flocks.push({ file, exclusive, pid });
  if (hadOne) l.queue.wake();
  return free;
}

export function releaseFlock(inode: Inode, file: OpenFile): void {
  const l = locks.get(inode);
  if (l === undefined) return;
  const left = l.flocks.filter((f) => f.file !== file);
  if (left.length === l.flocks.length) return;
  l.flocks = left;
  l.queue.wake();
}

/** A description is closed for good: its flock and OFD locks go. */
export function releaseFileLocks(inode: Inode, file: OpenFile): void {
  if (!locks.has(inode)) return;
  releaseFlock(inode, file);
  releasePosixLocks(inode, file);
}

/** An owner's byte-range locks on the inode go. */
export function releasePosixLocks(inode: Inode, owner: object): void {
  const l = locks.get(inode);
  if (l === undefined) return;
  const left = l.ranges.filter((r) => r.owner !== owner);
  if (left.length === l.ranges.length) return;
  l.ranges = left;
  l.queue.wake();
}

/** Lines of /proc/locks and of fdinfo for this inode, without their leading number. */
export function describeLocks(inode: Inode): string[] {
  const l = locks.get(inode);
  if (l === undefined) return [];
  const where = `00:${(inode.fs.dev & 0xff).toString(16).padStart(2, '0')}:${inode.ino}`;
  const lines = l.flocks.map(
    (f) => `FLOCK  ADVISORY  ${f.exclusive ? 'WRITE' : 'READ'} ${f.pid} ${where} 0 EOF`,
  );
  for (const r of l.ranges) {
    const kind = r.pid < 0 ? 'OFDLCK' : 'POSIX ';
    const end = r.end === END_OF_FILE ? 'EOF' : r.end;
    lines.push(
      `${kind} ADVISORY  ${r.type === F_RDLCK ? 'READ' : 'WRITE'} ${r.pid} ${where} ${r.start} ${end}`,
    );
  }
  return lines;
}
