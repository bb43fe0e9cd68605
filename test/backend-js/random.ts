/** A small seeded generator (xorshift32) with values that find bugs. */

const SPECIAL = [
  0, 1, 2, -1, -2, 0x7fffffff, -0x80000000, 0x80, 0xff, 0x8000, 0xffff, 31, 32, 63, 64,
];

export class Random {
  private s: number;

  constructor(seed: number) {
    this.s = seed | 0 || 1;
  }

  next(): number {
    let x = this.s;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.s = x;
    return x >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.next() / 4294967296) * n);
  }

  /** An int32, often an interesting one. */
  value32(): number {
    return this.below(2) === 0 ? SPECIAL[this.below(SPECIAL.length)]! : this.next() | 0;
  }
}
