/**
 * Vector operations whose lanes depend on each other: 64-bit lanes made of two words, widening
 * multiplies, sums of neighbours, packs, masks and tests.
 *
 * Invariant: operands are read before the destination is written, for they may be one slot.
 */

import type { HelperEnv } from './helpers.ts';
import { put, type SlotFn } from './slot-fn.ts';

function integer(I32: Int32Array, d: number, v: number): 0 {
  I32[d] = v;
  I32[d + 1] = 0;
  return 0;
}

const lo16 = (w: number): number => (w << 16) >> 16;
const hi16 = (w: number): number => w >> 16;
const s8 = (w: number, i: number): number => (w << (24 - 8 * i)) >> 24;
const u8 = (w: number, i: number): number => (w >>> (8 * i)) & 255;
const clampS16 = (v: number): number => (v > 32767 ? 32767 : v < -32768 ? -32768 : v);
const clampU16 = (v: number): number => (v > 65535 ? 65535 : v < 0 ? 0 : v);
const clampS8 = (v: number): number => (v > 127 ? 127 : v < -128 ? -128 : v);
const clampU8 = (v: number): number => (v > 255 ? 255 : v < 0 ? 0 : v);
const pair16 = (lo: number, hi: number): number => (lo & 0xffff) | (hi << 16);

function add64(I32: Int32Array, d: number, a: number, b: number): void {
  const lo = (I32[a]! >>> 0) + (I32[b]! >>> 0);
  I32[d + 1] = I32[a + 1]! + I32[b + 1]! + (lo > 0xffffffff ? 1 : 0);
  I32[d] = lo;
}

function sub64(I32: Int32Array, d: number, a: number, b: number): void {
  const lo = (I32[a]! >>> 0) - (I32[b]! >>> 0);
  I32[d + 1] = I32[a + 1]! - I32[b + 1]! - (lo < 0 ? 1 : 0);
  I32[d] = lo;
}

/** High word of the unsigned product of two words. */
function mulhu(x: number, y: number): number {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  const mid = xh * yl + ((xl * yl) >>> 16);
  const low = xl * yh + (mid & 0xffff);
  return (xh * yh + Math.floor(mid / 65536) + Math.floor(low / 65536)) | 0;
}

function mulhs(x: number, y: number): number {
  return (mulhu(x, y) - (x < 0 ? y : 0) - (y < 0 ? x : 0)) | 0;
}

const greater64 = (I32: Int32Array, a: number, b: number): number =>
  I32[a + 1]! > I32[b + 1]! || (I32[a + 1] === I32[b + 1] && I32[a]! >>> 0 > I32[b]! >>> 0)
    ? -1
    : 0;

const equal64 = (I32: Int32Array, a: number, b: number): number =>
  I32[a] === I32[b] && I32[a + 1] === I32[b + 1] ? -1 : 0;

const PRODUCTS = {
  'vadd.i64x2': ({ I32 }: HelperEnv, d: number, a: number, b: number) => {
    add64(I32, d, a, b);
    add64(I32, d + 2, a + 2, b + 2);
    return 0;
  },
  'vsub.i64x2': ({ I32 }, d, a, b) => {
    sub64(I32, d, a, b);
    sub64(I32, d + 2, a + 2, b + 2);
    return 0;
  },
  'vcmpeq.i64x2': ({ I32 }, d, a, b) => {
    const m0 = equal64(I32, a, b);
    const m1 = equal64(I32, a + 2, b + 2);
    return put(I32, d, m0, m0, m1, m1);
  },
  'vcmpgts.i64x2': ({ I32 }, d, a, b) => {
    const m0 = greater64(I32, a, b);
    const m1 = greater64(I32, a + 2, b + 2);
    return put(I32, d, m0, m0, m1, m1);
  },
  'vmulwu.i32x4': ({ I32 }, d, a, b) => {
    const x0 = I32[a]!;
    const x2 = I32[a + 2]!;
    const y0 = I32[b]!;
    const y2 = I32[b + 2]!;
    return put(I32, d, Math.imul(x0, y0), mulhu(x0, y0), Math.imul(x2, y2), mulhu(x2, y2));
  },
  'vmulws.i32x4': ({ I32 }, d, a, b) => {
    const x0 = I32[a]!;
    const x2 = I32[a + 2]!;
    const y0 = I32[b]!;
    const y2 = I32[b + 2]!;
    return put(I32, d, Math.imul(x0, y0), mulhs(x0, y0), Math.imul(x2, y2), mulhs(x2, y2));
  },
  'vmadd.i16x8': ({ I32 }, d, a, b) => {
    for (let k = 0; k < 4; k++) {
      const x = I32[a + k]!;
      const y = I32[b + k]!;
      I32[d + k] = lo16(x) * lo16(y) + hi16(x) * hi16(y);
    }
    return 0;
  },
  'vmaddus.i8x16': ({ I32 }, d, a, b) => {
    for (let k = 0; k < 4; k++) {
      const x = I32[a + k]!;
      const y = I32[b + k]!;
      const lo = u8(x, 0) * s8(y, 0) + u8(x, 1) * s8(y, 1);
      const hi = u8(x, 2) * s8(y, 2) + u8(x, 3) * s8(y, 3);
      I32[d + k] = pair16(clampS16(lo), clampS16(hi));
    }
    return 0;
  },
  'vsad.i8x16': ({ I32 }, d, a, b) => {
    for (let k = 0; k < 4; k += 2) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        sum += Math.abs(u8(I32[a + k]!, i) - u8(I32[b + k]!, i));
        sum += Math.abs(u8(I32[a + k + 1]!, i) - u8(I32[b + k + 1]!, i));
      }
      I32[d + k] = sum;
      I32[d + k + 1] = 0;
    }
    return 0;
  },
  'vmpsad.i8x16': ({ I32 }, d, a, b, _c, imm) => {
    const y = I32[b + (imm & 3)]!;
    const from = imm & 4;
    const sums: Int32Array = sadSums;
    for (let j = 0; j < 8; j++) {
      let sum = 0;
      for (let i = 0; i < 4; i++) {
        const at = from + j + i;
        sum += Math.abs(u8(I32[a + (at >> 2)]!, at & 3) - u8(y, i));
      }
      sums[j] = sum;
    }
    for (let k = 0; k < 4; k++) I32[d + k] = pair16(sums[2 * k]!, sums[2 * k + 1]!);
    return 0;
  },
} satisfies Record<string, SlotFn>;

const sadSums: Int32Array = new Int32Array(8);

type Combine = (x: number, y: number) => number;

function horizontal16(f: Combine): SlotFn {
  const one = (v: number, w: number): number => pair16(f(lo16(v), hi16(v)), f(lo16(w), hi16(w)));
  return ({ I32 }, d, a, b) => {
    const w2 = one(I32[b]!, I32[b + 1]!);
    const w3 = one(I32[b + 2]!, I32[b + 3]!);
    return put(I32, d, one(I32[a]!, I32[a + 1]!), one(I32[a + 2]!, I32[a + 3]!), w2, w3);
  };
}

function horizontal32(f: Combine): SlotFn {
  return ({ I32 }, d, a, b) => {
    const w2 = f(I32[b]!, I32[b + 1]!);
    const w3 = f(I32[b + 2]!, I32[b + 3]!);
    return put(I32, d, f(I32[a]!, I32[a + 1]!), f(I32[a + 2]!, I32[a + 3]!), w2, w3);
  };
}

const HORIZONTAL = {
  'vhadd.i16x8': horizontal16((x, y) => x + y),
  'vhsub.i16x8': horizontal16((x, y) => x - y),
  'vhaddss.i16x8': horizontal16((x, y) => clampS16(x + y)),
  'vhsubss.i16x8': horizontal16((x, y) => clampS16(x - y)),
  'vhadd.i32x4': horizontal32((x, y) => x + y),
  'vhsub.i32x4': horizontal32((x, y) => x - y),
  'vhminpos.i16x8': ({ I32 }: HelperEnv, d: number, a: number) => {
    let min = 0x10000;
    let index = 0;
    for (let i = 0; i < 8; i++) {
      const v = (I32[a + (i >> 1)]! >>> ((i & 1) << 4)) & 0xffff;
      if (v < min) {
        min = v;
        index = i;
      }
    }
    return put(I32, d, min | (index << 16), 0, 0, 0);
  },
} satisfies Record<string, SlotFn>;

function pack16(clamp: (v: number) => number): SlotFn {
  const one = (v: number, w: number): number =>
    (clamp(lo16(v)) & 255) |
    ((clamp(hi16(v)) & 255) << 8) |
    ((clamp(lo16(w)) & 255) << 16) |
    (clamp(hi16(w)) << 24);
  return ({ I32 }, d, a, b) => {
    const w2 = one(I32[b]!, I32[b + 1]!);
    const w3 = one(I32[b + 2]!, I32[b + 3]!);
    return put(I32, d, one(I32[a]!, I32[a + 1]!), one(I32[a + 2]!, I32[a + 3]!), w2, w3);
  };
}

function pack32(clamp: (v: number) => number): SlotFn {
  return horizontal32((x, y) => pair16(clamp(x), clamp(y)));
}

function mask8(w: number): number {
  return ((w >>> 7) & 1) | ((w >>> 14) & 2) | ((w >>> 21) & 4) | ((w >>> 28) & 8);
}

const MASKS = {
  'vpackss.i16x8': pack16(clampS8),
  'vpackus.i16x8': pack16(clampU8),
  'vpackss.i32x4': pack32(clampS16),
  'vpackus.i32x4': pack32(clampU16),
  'vmsk.i8x16': ({ I32 }: HelperEnv, d: number, a: number) =>
    integer(
      I32,
      d,
      mask8(I32[a]!) |
        (mask8(I32[a + 1]!) << 4) |
        (mask8(I32[a + 2]!) << 8) |
        (mask8(I32[a + 3]!) << 12),
    ),
  'vmsk.i32x4': ({ I32 }, d, a) =>
    integer(
      I32,
      d,
      (I32[a]! >>> 31) |
        ((I32[a + 1]! >>> 31) << 1) |
        ((I32[a + 2]! >>> 31) << 2) |
        ((I32[a + 3]! >>> 31) << 3),
    ),
  'vmsk.i64x2': ({ I32 }, d, a) =>
    integer(I32, d, (I32[a + 1]! >>> 31) | ((I32[a + 3]! >>> 31) << 1)),
  vtestz: ({ I32 }, d, a, b) => {
    const any =
      (I32[a]! & I32[b]!) |
      (I32[a + 1]! & I32[b + 1]!) |
      (I32[a + 2]! & I32[b + 2]!) |
      (I32[a + 3]! & I32[b + 3]!);
    return integer(I32, d, any === 0 ? 1 : 0);
  },
  vtestc: ({ I32 }, d, a, b) => {
    const any =
      (~I32[a]! & I32[b]!) |
      (~I32[a + 1]! & I32[b + 1]!) |
      (~I32[a + 2]! & I32[b + 2]!) |
      (~I32[a + 3]! & I32[b + 3]!);
    return integer(I32, d, any === 0 ? 1 : 0);
  },
} satisfies Record<string, SlotFn>;

type WideOps = typeof PRODUCTS & typeof HORIZONTAL & typeof MASKS;

export const WIDE_FNS: { readonly [K in keyof WideOps]: SlotFn } = {
  ...PRODUCTS,
  ...HORIZONTAL,
  ...MASKS,
};
