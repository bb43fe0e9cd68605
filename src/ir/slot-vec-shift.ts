/**
 * Shifts of all lanes by one count, and of whole registers by bytes.
 *
 * Invariant: all operands are read before the destination is written, for they may be one slot.
 */

import type { HelperEnv } from './helpers.ts';
import { put, type SlotFn } from './slot-fn.ts';

/** The 32 bytes that a whole-register shift takes 16 of. */
const bytes: Uint8Array = new Uint8Array(32);
const words: Int32Array = new Int32Array(bytes.buffer);

function take(I32: Int32Array, a: number, at: number): void {
  words[at] = I32[a]!;
  words[at + 1] = I32[a + 1]!;
  words[at + 2] = I32[a + 2]!;
  words[at + 3] = I32[a + 3]!;
}

/** A shift of every lane by the same count; `one` does a word of 16-bit or 32-bit lanes. */
function shiftWords(one: (w: number, n: number) => number, limit: number, over: 'zero' | 'sign') {
  return (I32: Int32Array, d: number, a: number, count: number): 0 => {
    let n = count;
    if (n >= limit) {
      if (over === 'zero') return put(I32, d, 0, 0, 0, 0);
      n = limit - 1;
    }
    return put(
      I32,
      d,
      one(I32[a]!, n),
      one(I32[a + 1]!, n),
      one(I32[a + 2]!, n),
      one(I32[a + 3]!, n),
    );
  };
}

function shl64(I32: Int32Array, d: number, a: number, n: number): 0 {
  if (n >= 64) return put(I32, d, 0, 0, 0, 0);
  if (n === 0) return put(I32, d, I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!);
  const l0 = I32[a]!;
  const l1 = I32[a + 2]!;
  if (n >= 32) return put(I32, d, 0, l0 << (n - 32), 0, l1 << (n - 32));
  const h0 = (I32[a + 1]! << n) | (l0 >>> (32 - n));
  const h1 = (I32[a + 3]! << n) | (l1 >>> (32 - n));
  return put(I32, d, l0 << n, h0, l1 << n, h1);
}

function shr64(I32: Int32Array, d: number, a: number, n: number): 0 {
  if (n >= 64) return put(I32, d, 0, 0, 0, 0);
  if (n === 0) return put(I32, d, I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!);
  const h0 = I32[a + 1]!;
  const h1 = I32[a + 3]!;
  if (n >= 32) return put(I32, d, h0 >>> (n - 32), 0, h1 >>> (n - 32), 0);
  const l0 = (I32[a]! >>> n) | (h0 << (32 - n));
  const l1 = (I32[a + 2]! >>> n) | (h1 << (32 - n));
  return put(I32, d, l0, h0 >>> n, l1, h1 >>> n);
}

type Shift = (I32: Int32Array, d: number, a: number, n: number) => 0;

const shl16: Shift = shiftWords(
  (w, n) => ((w << n) & 0xffff) | ((w >>> 16) << (16 + n)),
  16,
  'zero',
);
const shr16: Shift = shiftWords(
  (w, n) => ((w & 0xffff) >>> n) | ((w >>> (16 + n)) << 16),
  16,
  'zero',
);
const sar16: Shift = shiftWords(
  (w, n) => (((w << 16) >> (16 + n)) & 0xffff) | ((w >> (16 + n)) << 16),
  16,
  'sign',
);
const shl32: Shift = shiftWords((w, n) => w << n, 32, 'zero');
const shr32: Shift = shiftWords((w, n) => w >>> n, 32, 'zero');
const sar32: Shift = shiftWords((w, n) => w >> n, 32, 'sign');

function byImm(shift: Shift): SlotFn {
  return ({ I32 }, d, a, _b, _c, imm) => shift(I32, d, a, imm);
}

/** The count is the low 64 bits of b; anything from 64 up is the same. */
function byRegister(shift: Shift): SlotFn {
  return ({ I32 }, d, a, b) => {
    const n = I32[b + 1] !== 0 || I32[b]! >>> 0 > 64 ? 64 : I32[b]!;
    return shift(I32, d, a, n);
  };
}

/** Each 64-bit lane by its own count, at most 64; `low` and `high` give the halves of h:l shifted. */
function byLane(low: Half, high: Half): SlotFn {
  const count = (I32: Int32Array, b: number): number =>
    I32[b + 1] !== 0 || I32[b]! >>> 0 > 64 ? 64 : I32[b]!;
  return ({ I32 }, d, a, b) => {
    const n = count(I32, b);
    const m = count(I32, b + 2);
    const [l0, h0, l1, h1] = [I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!];
    return put(I32, d, low(l0, h0, n), high(l0, h0, n), low(l1, h1, m), high(l1, h1, m));
  };
}

type Half = (l: number, h: number, n: number) => number;

/** The half that bits move into, and the one they move out of, by 0 to 64. */
const into = (from: number, to: number, n: number, left: boolean): number => {
  if (n >= 64) return 0;
  if (n >= 32) return left ? from << (n - 32) : from >>> (n - 32);
  if (n === 0) return to;
  return left ? (to << n) | (from >>> (32 - n)) : (to >>> n) | (from << (32 - n));
};

/** 16 bytes from offset `from` of the 32 in `bytes`; beyond them come zeros. */
function window(I32: Int32Array, d: number, from: number): 0 {
  for (let k = 0; k < 4; k++) {
    let w = 0;
    for (let i = 0; i < 4; i++) {
      const at = from + 4 * k + i;
      if (at >= 0 && at < 32) w |= bytes[at]! << (8 * i);
    }
    I32[d + k] = w;
  }
  return 0;
}

const SHIFTS = {
  'vshli.i16x8': byImm(shl16),
  'vshli.i32x4': byImm(shl32),
  'vshli.i64x2': byImm(shl64),
  'vshri.i16x8': byImm(shr16),
  'vshri.i32x4': byImm(shr32),
  'vshri.i64x2': byImm(shr64),
  'vsari.i16x8': byImm(sar16),
  'vsari.i32x4': byImm(sar32),
  'vshl.i16x8': byRegister(shl16),
  'vshl.i32x4': byRegister(shl32),
  'vshl.i64x2': byRegister(shl64),
  'vshr.i16x8': byRegister(shr16),
  'vshr.i32x4': byRegister(shr32),
  'vshr.i64x2': byRegister(shr64),
  'vsar.i16x8': byRegister(sar16),
  'vsar.i32x4': byRegister(sar32),
  'vshlv.i64x2': byLane(
    (l, _h, n) => (n < 32 ? l << n : 0),
    (l, h, n) => into(l, h, n, true),
  ),
  'vshrv.i64x2': byLane(
    (l, h, n) => into(h, l, n, false),
    (_l, h, n) => (n < 32 ? h >>> n : 0),
  ),
  vshlb: ({ I32 }: HelperEnv, d: number, a: number, _b: number, _c: number, imm: number) => {
    words.fill(0);
    take(I32, a, 4);
    return window(I32, d, 16 - Math.min(imm, 16));
  },
  vshrb: ({ I32 }, d, a, _b, _c, imm) => {
    take(I32, a, 0);
    words.fill(0, 4);
    return window(I32, d, Math.min(imm, 16));
  },
  valign: ({ I32 }, d, a, b, _c, imm) => {
    take(I32, b, 0);
    take(I32, a, 4);
    return window(I32, d, imm);
  },
} satisfies Record<string, SlotFn>;

export const SHIFT_FNS: { readonly [K in keyof typeof SHIFTS]: SlotFn } = SHIFTS;
