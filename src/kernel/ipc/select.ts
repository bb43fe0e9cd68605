/**
 * select(2) and pselect6(2) (fs/select.c).
 *
 *   fd_set: bit n of little-endian words is descriptor n
 *   ready to read:   POLLIN POLLRDNORM POLLRDBAND POLLHUP POLLERR
 *   ready to write:  POLLOUT POLLWRNORM POLLWRBAND POLLERR
 *   exceptional:     POLLPRI
 */

import { EINVAL, linuxError } from '../errno.ts';
import { Int, Ptr, StructIn } from '../syscall/args.ts';
import { ERESTARTNOHAND, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { readTimespecMs, writeTimespecMs, writeTimevalMs } from '../time/timespec.ts';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { storeTimeLeft } from './poll.ts';
import { deadlineAfter, useSignalMask } from './wait.ts';

const POLLRDBAND = 0x80;
const POLLWRBAND = 0x200;
const READ_EVENTS = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
const WRITE_EVENTS = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
const EVENTS = [READ_EVENTS, WRITE_EVENTS, POLLPRI] as const;

interface SelectArgs {
  n: number;
  inp: number;
  outp: number;
  exp: number;
}

class SelectWait {
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

function readSet(sys: Sys, addr: number, bytes: number): Uint8Array | null {
  if (addr === 0) return null;
  const set = new Uint8Array(bytes);
  sys.mem.copyIn(addr, set);
  return set;
}

function has(set: Uint8Array | null, fd: number): boolean {
  return set !== null && (((set[fd >> 3] as number) >> (fd & 7)) & 1) !== 0;
}

/** Looks at the descriptors of all sets. @returns how many bits are set in `results` */
function scan(
  sys: Sys,
  n: number,
  sets: readonly (Uint8Array | null)[],
  results: readonly Uint8Array[],
  queues: WaitQueue[],
): number {
  const { files } = sys.task;
  let ready = 0;
  for (let fd = 0; fd < n; fd++) {
    if (!has(sets[0]!, fd) && !has(sets[1]!, fd) && !has(sets[2]!, fd)) continue;
    const file = files.get(fd);
    const events = file.poll();
    if (ready === 0) queues.push(...file.pollQueues());
    for (let s = 0; s < 3; s++) {
      if (!has(sets[s]!, fd) || (events & EVENTS[s]!) === 0) continue;
      results[s]![fd >> 3]! |= 1 << (fd & 7);
      ready++;
    }
  }
  return ready;
}

function selectFiles(sys: Sys, a: SelectArgs, deadline: number): number {
  if (a.n < 0) throw linuxError(EINVAL);
  // Descriptors beyond the table's size do not exist; Linux ignores them too.
  const n = Math.min(a.n, Math.max(sys.task.files.size, 64));
  const bytes = ((n + 63) >> 6) * 8;
  const addrs = [a.inp, a.outp, a.exp] as const;
  const sets = addrs.map((addr) => readSet(sys, addr, bytes));
  const results = addrs.map(() => new Uint8Array(bytes));
  const queues: WaitQueue[] = [];
  const ready = scan(sys, n, sets, results, queues);
  if (ready === 0 && !sys.timedOut && deadline > sys.kernel.now()) {
    return sys.block(queues, { deadline, interrupted: -ERESTARTNOHAND });
  }
  for (let s = 0; s < 3; s++) if (addrs[s] !== 0) sys.mem.copyOut(addrs[s]!, results[s]!);
  return ready;
}

/** struct timeval as milliseconds; microseconds beyond a second count on, as in Linux. */
function readLongTimevalMs(sys: Sys, addr: number): number {
  const sec = sys.mem.readI64(addr);
  const usec = sys.mem.readI64(addr + 8);
  if (sec < 0 || usec < 0) throw linuxError(EINVAL);
  return sec * 1000 + usec / 1000;
}

function sysSelect(sys: Sys, a: SelectArgs & { tvp: number }): number {
  if (sys.state === undefined) {
    sys.state = new SelectWait(
      deadlineAfter(sys, a.tvp === 0 ? -1 : readLongTimevalMs(sys, a.tvp)),
    );
  }
  const { deadline } = sys.state as SelectWait;
  const n = selectFiles(sys, a, deadline);
  if (n >= 0 && a.tvp !== 0) storeTimeLeft(sys, a.tvp, deadline, writeTimevalMs);
  return n;
}

/** `sig` points to { const sigset_t *ss; size_t ss_len }. */
function sysPselect6(sys: Sys, a: SelectArgs & { tsp: number; sig: number }): number {
  if (sys.state === undefined) {
    const ms = a.tsp === 0 ? -1 : readTimespecMs(sys.mem, a.tsp);
    if (a.sig !== 0) useSignalMask(sys, sys.mem.readU64(a.sig), sys.mem.readU64(a.sig + 8));
    sys.state = new SelectWait(deadlineAfter(sys, ms));
  }
  const { deadline } = sys.state as SelectWait;
  const n = selectFiles(sys, a, deadline);
  if (n >= 0 && a.tsp !== 0) storeTimeLeft(sys, a.tsp, deadline, writeTimespecMs);
  return n;
}

const setArgs = { n: Int, inp: Ptr, outp: Ptr, exp: Ptr } as const;

export const SELECT_SYSCALLS: readonly SyscallRow[] = [
  syscall(23, 'select', { ...setArgs, tvp: StructIn('timeval') }, sysSelect),
  syscall(270, 'pselect6', { ...setArgs, tsp: StructIn('timespec'), sig: Ptr }, sysPselect6),
];
