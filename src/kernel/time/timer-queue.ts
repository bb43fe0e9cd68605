/**
 * Everything that shall happen at a time: a binary heap of callbacks by monotonic milliseconds.
 *
 * Invariants: timers[i].index === i; a timer that is not armed has index -1; equal deadlines fire in
 * the order in which they were armed.
 */

export class Timer {
  /** Monotonic milliseconds (Clock.monotonicMs). */
  deadline = 0;
  /** Place in the heap; -1: not armed. */
  index = -1;
  order = 0;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }

  get armed(): boolean {
    return this.index >= 0;
  }
}

export class TimerQueue {
  private readonly heap: Timer[] = [];
  private counter = 0;

  /** Arms (or moves) a timer. */
  arm(timer: Timer, deadline: number): void {
    this.cancel(timer);
    timer.deadline = deadline;
    timer.order = this.counter++;
    timer.index = this.heap.length;
    this.heap.push(timer);
    this.up(timer);
  }

  cancel(timer: Timer): void {
    const at = timer.index;
    if (at < 0) return;
    timer.index = -1;
    const last = this.heap.pop() as Timer;
    if (last === timer) return;
    last.index = at;
    this.heap[at] = last;
    this.up(last);
    this.down(last);
  }

  /** Deadline of the earliest timer, Infinity if there is none. */
  get next(): number {
    const first = this.heap[0];
    return first === undefined ? Number.POSITIVE_INFINITY : first.deadline;
  }

  /** Fires every timer that is due at `now`; timers armed meanwhile wait for the next round. */
  run(now: number): void {
    const limit = this.counter;
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.deadline > now || first.order >= limit) return;
      this.cancel(first);
      first.fire();
    }
  }

  private up(timer: Timer): void {
    while (timer.index > 0) {
      const parent = this.heap[(timer.index - 1) >> 1] as Timer;
      if (!before(timer, parent)) return;
      this.swap(timer, parent);
    }
  }

  private down(timer: Timer): void {
    for (;;) {
      const left = this.heap[timer.index * 2 + 1];
      const right = this.heap[timer.index * 2 + 2];
      if (left === undefined) return;
      const least = right !== undefined && before(right, left) ? right : left;
      if (!before(least, timer)) return;
      this.swap(least, timer);
    }
  }

  private swap(a: Timer, b: Timer): void {
    const at = a.index;
    a.index = b.index;
    b.index = at;
    this.heap[a.index] = a;
    this.heap[b.index] = b;
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);
}
