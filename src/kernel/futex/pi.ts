/**
 * Futexes with priority inheritance (kernel/futex/pi.c): the word is 0 or its owner's thread id, and the kernel gives
 * it to the next waiter itself. The scheduler has no real-time priorities, so there is nothing to inherit, and waiters
 * come in order of arrival.
 *
 *      31      30                  29 .. 0
 *     ┌───────┬────────────┬──────────────────────┐
 *     │WAITERS│ OWNER_DIED │ thread id of the owner│
 *     └───────┴────────────┴──────────────────────┘
 *
 * Invariant: a word with waiters has FUTEX_WAITERS set, so its owner unlocks by a system call.
 */

import { EAGAIN, EDEADLK, EPERM, ESRCH, ETIMEDOUT, LinuxError, linuxError } from '../errno.ts';
import { ERESTARTNOINTR, type Sys } from '../syscall/types.ts';
import type { Task } from '../task.ts';
import { FUTEX_BITSET_MATCH_ANY, FutexWaiter } from './futex.ts';

export const FUTEX_WAITERS = 0x80000000;
export const FUTEX_OWNER_DIED = 0x40000000;
export const FUTEX_TID_MASK = 0x3fffffff;

/** A thread that waits for a word, which `owner` has. */
export class PiWaiter extends FutexWaiter {
  override readonly inherits = true;
  readonly addr: number;
  readonly isPrivate: boolean;
  readonly deadline: number | undefined;
  owner: number;

  constructor(
    task: Task,
    addr: number,
    isPrivate: boolean,
    deadline: number | undefined,
    owner: number,
  ) {
    super(task, FUTEX_BITSET_MATCH_ANY);
    this.addr = addr;
    this.isPrivate = isPrivate;
    this.deadline = deadline;
    this.owner = owner;
  }
}

/** FUTEX_LOCK_PI, called again when woken. @param deadlineAt reads the timeout */
export function lockPi(
  sys: Sys,
  addr: number,
  isPrivate: boolean,
  deadlineAt: () => number | undefined,
): number {
  const { futexes } = sys.kernel;
  let waiter = sys.state as PiWaiter | undefined;
  if (waiter === undefined) {
    const deadline = deadlineAt();
    const owner = take(sys, addr, isPrivate);
    if (owner === 0) return 0;
    waiter = new PiWaiter(sys.task, addr, isPrivate, deadline, owner);
    futexes.enqueue(waiter, sys.task.mm, addr, isPrivate);
    sys.state = waiter;
  }
  if (waiter.woken) return 0;
  const { deadline, queue } = waiter;
  if (sys.timedOut) {
    futexes.remove(waiter);
    throw linuxError(ETIMEDOUT);
  }
  const waiting = waiter;
  const interrupted = (): number => {
    futexes.remove(waiting);
    return -ERESTARTNOINTR;
  };
  return sys.block([queue], deadline === undefined ? { interrupted } : { interrupted, deadline });
}

/** FUTEX_TRYLOCK_PI: for words whose owner died, which programs cannot take by themselves. */
export function tryLockPi(sys: Sys, addr: number, isPrivate: boolean): number {
  if (take(sys, addr, isPrivate) !== 0) throw linuxError(EAGAIN);
  return 0;
}

/** Takes the word if nobody has it, and says else that somebody waits. @returns its owner, or 0 */
function take(sys: Sys, addr: number, isPrivate: boolean): number {
  const { task, mem, kernel } = sys;
  const first = kernel.futexes.waitersAt(task.mm, addr, isPrivate)[0];
  const value = mem.readU32(addr);
  const owner = value & FUTEX_TID_MASK;
  if (owner === task.pid) throw linuxError(EDEADLK);
  if (owner === 0 && first === undefined) {
    mem.writeU32(addr, ((value & FUTEX_OWNER_DIED) | task.pid) >>> 0);
    return 0;
  }
  const alive = kernel.tasks.get(owner);
  if (alive === undefined || alive.dead) throw linuxError(ESRCH);
  mem.writeU32(addr, (value | FUTEX_WAITERS) >>> 0);
  return owner;
}

/** FUTEX_UNLOCK_PI. */
export function unlockPi(sys: Sys, addr: number, isPrivate: boolean): number {
  const { task, mem, kernel } = sys;
  const value = mem.readU32(addr);
  if ((value & FUTEX_TID_MASK) !== task.pid) throw linuxError(EPERM);
  const waiters = kernel.futexes.waitersAt(task.mm, addr, isPrivate);
  if (waiters[0] instanceof PiWaiter) handOver(waiters, 0);
  else mem.writeU32(addr, 0);
  return 0;
}

/** The words of a thread that ends go to those who wait for them. */
export function exitPiWords(task: Task): void {
  const { futexes } = task.kernel;
  if (futexes.inheriting === 0) return;
  for (const waiters of futexes.buckets()) {
    const first = waiters[0];
    if (first instanceof PiWaiter && first.owner === task.pid) handOver(waiters, FUTEX_OWNER_DIED);
  }
}

/** The first waiter becomes the owner. */
function handOver(waiters: readonly FutexWaiter[], flags: number): void {
  const [next, ...others] = waiters as readonly PiWaiter[];
  if (next === undefined) return;
  const { task, addr } = next;
  for (const other of others) other.owner = task.pid;
  try {
    task.mm.mem.writeU32(addr, (FUTEX_WAITERS | flags | task.pid) >>> 0);
  } catch (e) {
    // The word is in memory that the program may have unmapped.
    if (!(e instanceof LinuxError)) throw e;
  }
  task.kernel.futexes.remove(next);
  next.woken = true;
  next.queue.wake();
}
