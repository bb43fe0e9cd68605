/**
 * Signals that were sent and not yet taken: one queue per task and one per process.
 *
 * Invariants: a standard signal (below SIGRTMIN) is queued once; realtime signals each, in order, as long as there is room
 * for more than one (what they say is then lost, as in Linux);
 * `mask` has the bit of every signal that is in the queue. Taking follows next_signal() of Linux:
 * faults first, then the lowest number.
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { SIGBUS, SIGFPE, SIGILL, SIGRTMIN, SIGSEGV, SIGSYS, SIGTRAP } from './numbers.ts';
import type { SigInfo } from './siginfo.ts';
import { SigSet } from './sigset.ts';

const SYNCHRONOUS = SigSet.of(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS).lo;

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** RLIMIT_SIGPENDING of a fresh system. */
const MAX_QUEUED = 16384;
const SIGNAL_COST = 256;

export class PendingSignals {
  readonly mask: SigSet = new SigSet();
  private queue: SigInfo[] = [];
  private readonly heap: HeapAccount;

  constructor(heap: HeapAccount) {
    this.heap = heap;
  }

  get count(): number {
    return this.queue.length;
  }

  /** @returns false if the signal was there already */
  add(info: SigInfo): boolean {
    if (this.mask.has(info.signo) && (info.signo < SIGRTMIN || !this.hasRoom)) return false;
    this.heap.takeAnyway(SIGNAL_COST);
    this.mask.add(info.signo);
    this.queue.push(info);
    return true;
  }

  /** Whether one more realtime signal can be queued. */
  get hasRoom(): boolean {
    return this.queue.length < MAX_QUEUED && this.heap.hasRoom(SIGNAL_COST);
  }

  /** The signal to take next among those not blocked, or 0. */
  next(blocked: SigSet): number {
    const lo = this.mask.lo & ~blocked.lo;
    if (lo !== 0) return lowestBit((lo & SYNCHRONOUS) !== 0 ? lo & SYNCHRONOUS : lo) + 1;
    const hi = this.mask.hi & ~blocked.hi;
    return hi !== 0 ? lowestBit(hi) + 33 : 0;
  }

  /** Removes and returns the oldest instance of `sig`. */
  take(sig: number): SigInfo | null {
    const at = this.queue.findIndex((info) => info.signo === sig);
    if (at < 0) return null;
    const info = this.queue.splice(at, 1)[0] as SigInfo;
    this.heap.give(SIGNAL_COST);
    if (!this.queue.some((other) => other.signo === sig)) this.mask.delete(sig);
    return info;
  }

  /** Drops every instance of the signals in `set`. */
  discard(set: SigSet): void {
    if (((this.mask.lo & set.lo) | (this.mask.hi & set.hi)) === 0) return;
    const before = this.queue.length;
    this.queue = this.queue.filter((info) => !set.has(info.signo));
    this.heap.give((before - this.queue.length) * SIGNAL_COST);
    this.mask.set(this.mask.lo & ~set.lo, this.mask.hi & ~set.hi);
  }

  clear(): void {
    this.heap.give(this.queue.length * SIGNAL_COST);
    this.queue = [];
    this.mask.set(0, 0);
  }

  /** The queued signals, oldest first (timers look for their own). */
  entries(): readonly SigInfo[] {
    return this.queue;
  }
}
