/**
 * Wait queues: everything that blocks waits on one or several. A wake-up makes the task runnable
 * and its system call runs again from the start (see syscall/types.ts), so a wake-up is a hint:
 * waking too many is correct, waking too few is not.
 */

export interface Waiter {
  /** Called once per wake-up; the waiter removes itself from all its queues. */
  wake(): void;
}

export class WaitQueue {
  private readonly waiters = new Set<Waiter>();

  add(w: Waiter): void {
    this.waiters.add(w);
  }

  remove(w: Waiter): void {
    this.waiters.delete(w);
  }

  get empty(): boolean {
    return this.waiters.size === 0;
  }

  /** Wakes up to `count` waiters, oldest first. @returns how many were woken */
  wake(count: number = Number.POSITIVE_INFINITY): number {
    let n = 0;
    for (const w of this.waiters) {
      if (n >= count) break;
      this.waiters.delete(w);
      w.wake();
      n++;
    }
    return n;
  }
}
