/**
 * Wait queues: everything that blocks waits on one or several. A wake-up makes the task runnable
 * and its system call runs again from the start (see syscall/types.ts), so a wake-up is a hint:
 * waking too many is correct, waking too few is not.
 *
 * Observers (epoll) are told of every wake-up and stay; waiters leave with the first. An observer also
 * hears which POLL* bits may have become true, because an edge-triggered one must not see others.
 */

export interface Waiter {
  /** Called once per wake-up; the waiter removes itself from all its queues. */
  wake(): void;
}

/** Told of every wake-up of a queue until it leaves (epoll). */
export interface Observer {
  /** @param events the POLL* bits that may have become true; -1: any */
  notify(events: number): void;
}

export class WaitQueue {
  private readonly waiters = new Set<Waiter>();
  private observers: Set<Observer> | null = null;
  private readonly events: number;

  /** @param events the POLL* bits that a wake-up stands for, if it does not say */
  constructor(events: number = -1) {
    this.events = events;
  }

  add(w: Waiter): void {
    this.waiters.add(w);
  }

  remove(w: Waiter): void {
    this.waiters.delete(w);
  }

  /** `w` hears of every wake-up until unobserve(). */
  observe(w: Observer): void {
    this.observers ??= new Set();
    this.observers.add(w);
  }

  unobserve(w: Observer): void {
    if (this.observers === null) return;
    this.observers.delete(w);
    if (this.observers.size === 0) this.observers = null;
  }

  get empty(): boolean {
    return this.waiters.size === 0;
  }

  /** Somebody wants to hear of events that do not let a blocked call continue, too. */
  get observed(): boolean {
    return this.observers !== null;
  }

  /** Wakes up to `count` waiters, oldest first, and tells all observers. @returns how many were woken */
  wake(count: number = Number.POSITIVE_INFINITY, events: number = this.events): number {
    if (this.observers !== null) for (const w of this.observers) w.notify(events);
    if (this.waiters.size === 0) return 0;
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
