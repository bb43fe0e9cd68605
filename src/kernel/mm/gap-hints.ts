/**
 * Where to begin to look for room from the top down: below what is known to have none. A hint says that no gap of
 * `length` bytes or more ends above `below`, under a ceiling; it goes up when an area above is taken away. Without it
 * each mmap walks over all areas: 250 µs with 20,000 of them (row growth-mmap of `kevlar-jit bench`).
 */

interface Hint {
  ceiling: number;
  length: number;
  below: number;
}

/** Programs ask for few different lengths again and again. */
const MAX_HINTS = 8;

export class GapHints {
  private readonly hints: Hint[] = [];
  private next = 0;

  /** No gap of `length` bytes ends above this. */
  start(length: number, ceiling: number): number {
    let below = ceiling;
    for (const h of this.hints) {
      if (h.ceiling === ceiling && h.length <= length && h.below < below) below = h.below;
    }
    return below;
  }

  /** The highest gap of `length` bytes ends at `top`. */
  found(length: number, ceiling: number, top: number): void {
    const known = this.hints.find((h) => h.ceiling === ceiling && h.length === length);
    if (known !== undefined) known.below = top;
    else {
      this.hints[this.next] = { ceiling, length, below: top };
      this.next = (this.next + 1) % MAX_HINTS;
    }
  }

  /** There is a new gap, or a larger one, that ends at `top`. */
  opened(top: number): void {
    for (const h of this.hints) if (h.below < top) h.below = Math.min(top, h.ceiling);
  }
}
