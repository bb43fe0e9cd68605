/** Reproducible random numbers, with a taste for edge values. */

const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0xffn,
  0x100n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  0x8000000000000000n,
  0xffffffffffffffffn,
  0xfffffffffffffffen,
  0xffffffff80000000n,
  0xffffffffffffff80n,
  0x0123456789abcdefn,
  0x5555555555555555n,
  0xaaaaaaaaaaaaaaaan,
];

/** Bits of doubles worth trying. */
const DOUBLES: readonly bigint[] = [
  0n,
  0x8000000000000000n,
  0x3ff0000000000000n,
  0xbff0000000000000n,
  0x7ff0000000000000n,
  0xfff0000000000000n,
  0x7ff8000000000000n,
  0xfff8000000000001n,
  0x7ff4000000000000n,
  1n,
  0x000fffffffffffffn,
  0x0010000000000000n,
  0x7fefffffffffffffn,
  0x3fe0000000000000n,
  0x4059000000000000n,
  0xc1e0000000000000n,
  0x41dfffffffc00000n,
  0x43e0000000000000n,
];
const SINGLES: readonly number[] = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00001, 0x7fa00000,
  1, 0x007fffff, 0x00800000, 0x7f7fffff, 0x3f000000, 0x42c80000, 0xcf000000, 0x4effffff, 0x5f000000,
];

export class Random {
  private s: number;

  constructor(seed: number) {
    this.s = seed | 0 || 0x9e3779b9;
  }

  /** 32 random bits (xorshift32). */
  u32(): number {
    let s = this.s;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.s = s;
    return Math.imul(s, 0x9e3779b1) >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.u32() / 0x100000000) * n);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** An integer: an edge value, a short one, or any. */
  value(): bigint {
    const k = this.below(10);
    if (k < 4) return this.pick(EDGES);
    const v = this.u64() >> BigInt(this.below(64));
    return k < 7 ? v : BigInt.asUintN(64, -v);
  }

  /** Stores 64 bits of vector contents: integers, doubles, pairs of singles. */
  lane(view: DataView, at: number): void {
    switch (this.below(6)) {
      case 0:
        view.setBigUint64(at, this.value(), true);
        break;
      case 1:
        view.setBigUint64(at, this.pick(DOUBLES), true);
        break;
      case 2:
        view.setUint32(at, this.u32(), true);
        view.setUint32(at + 4, this.u32(), true);
        break;
      case 3:
        view.setUint32(at, this.single(), true);
        view.setUint32(at + 4, this.single(), true);
        break;
      default:
        this.double(view, at);
    }
  }

  single(): number {
    if (this.chance(40)) return this.pick(SINGLES);
    // Exponents near 1.0, so that sums and products round instead of vanishing.
    return ((this.u32() & 0x807fffff) | ((100 + this.below(56)) << 23)) >>> 0;
  }

  private double(view: DataView, at: number): void {
    const exponent = 1023 - 40 + this.below(80);
    view.setUint32(at, this.u32(), true);
    view.setUint32(at + 4, (this.u32() & 0x800fffff) | (exponent << 20), true);
  }
}
