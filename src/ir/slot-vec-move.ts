/**
 * Vector operations that move bits without computing: moves, lane access, shuffles, interleaves, blends, extensions.
 *
 * Invariant: all operands are read before the destination is written, for they may be one slot.
 */

import type { HelperEnv } from './helpers.ts';
import { put, type SlotFn } from './slot-fn.ts';

/** Copies of operands as bytes, for operations with arbitrary byte movement: a, then b. */
const bytes: Uint8Array = new Uint8Array(32);
const words: Int32Array = new Int32Array(bytes.buffer);
const halves: Uint16Array = new Uint16Array(bytes.buffer);
const signed8: Int8Array = new Int8Array(bytes.buffer);
const signed16: Int16Array = new Int16Array(bytes.buffer);

function take(I32: Int32Array, a: number, at: number): void {
  words[at] = I32[a]!;
  words[at + 1] = I32[a + 1]!;
  words[at + 2] = I32[a + 2]!;
  words[at + 3] = I32[a + 3]!;
}

/** Lane `i` of `width` bits replaced. */
function setLane(width: 8 | 16): SlotFn {
  const perWord = 32 / width;
  const mask = 2 ** width - 1;
  return ({ I32 }, d, a, b, _c, imm) => {
    const v = I32[b]! & mask;
    const word = d + Math.floor(imm / perWord);
    const shift = (imm % perWord) * width;
    put(I32, d, I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!);
    I32[word] = (I32[word]! & ~(mask << shift)) | (v << shift);
    return 0;
  };
}

function integer(I32: Int32Array, d: number, v: number): 0 {
  I32[d] = v;
  I32[d + 1] = 0;
  return 0;
}

const MOVES = {
  vzero: ({ I32 }: HelperEnv, d: number) => put(I32, d, 0, 0, 0, 0),
  'vmov.64': ({ I32 }, d, a) => {
    const lo = I32[a]!;
    I32[d + 1] = I32[a + 1]!;
    I32[d] = lo;
    return 0;
  },
  'vmov.32': ({ I32 }, d, a) => {
    I32[d] = I32[a]!;
    return 0;
  },
  'vzx.64': ({ I32 }, d, a) => put(I32, d, I32[a]!, I32[a + 1]!, 0, 0),
  'vzx.32': ({ I32 }, d, a) => put(I32, d, I32[a]!, 0, 0, 0),
  'vbits.64': ({ I32 }, d, a) => {
    const lo = I32[a]!;
    I32[d + 1] = I32[a + 1]!;
    I32[d] = lo;
    return 0;
  },
  'vbits.32': ({ I32 }, d, a) => integer(I32, d, I32[a]!),
  'vget.64': ({ I32 }, d, a, _b, _c, imm) => {
    const lo = I32[a + 2 * imm]!;
    I32[d + 1] = I32[a + 2 * imm + 1]!;
    I32[d] = lo;
    return 0;
  },
  'vget.32': ({ I32 }, d, a, _b, _c, imm) => integer(I32, d, I32[a + imm]!),
  'vget.16': ({ I32 }, d, a, _b, _c, imm) =>
    integer(I32, d, (I32[a + (imm >> 1)]! >>> ((imm & 1) << 4)) & 0xffff),
  'vget.8': ({ I32 }, d, a, _b, _c, imm) =>
    integer(I32, d, (I32[a + (imm >> 2)]! >>> ((imm & 3) << 3)) & 0xff),
  'vset.64': ({ I32 }, d, a, b, _c, imm) => {
    const lo = I32[b]!;
    const hi = I32[b + 1]!;
    return imm === 0
      ? put(I32, d, lo, hi, I32[a + 2]!, I32[a + 3]!)
      : put(I32, d, I32[a]!, I32[a + 1]!, lo, hi);
  },
  'vset.32': ({ I32 }, d, a, b, _c, imm) => {
    const v = I32[b]!;
    put(I32, d, I32[a]!, I32[a + 1]!, I32[a + 2]!, I32[a + 3]!);
    I32[d + imm] = v;
    return 0;
  },
  'vset.16': setLane(16),
  'vset.8': setLane(8),
} satisfies Record<string, SlotFn>;

/** The 16-bit lane of a 64-bit half that the low 2 bits of `sel` choose. */
function lane16(lo: number, hi: number, sel: number): number {
  return ((sel & 2 ? hi : lo) >>> ((sel & 1) << 4)) & 0xffff;
}

/** Two 16-bit lanes of a 64-bit half, chosen by the low 4 bits of `sel`. */
function pick16(lo: number, hi: number, sel: number): number {
  return lane16(lo, hi, sel) | (lane16(lo, hi, sel >> 2) << 16);
}

/** Bytes 0 and 1 (or, `from` 16, bytes 2 and 3) of x and y, alternating. */
function interleave8(x: number, y: number, from: 0 | 16): number {
  const v = x >>> from;
  const w = y >>> from;
  return (v & 255) | ((w & 255) << 8) | ((v & 0xff00) << 8) | ((w & 0xff00) << 16);
}

const interleave16lo = (x: number, y: number): number => (x & 0xffff) | (y << 16);
const interleave16hi = (x: number, y: number): number => (x >>> 16) | (y & ~0xffff);

/** Interleaves the halves of a and b that start at word `h`. */
function unpack8(h: number): SlotFn {
  return ({ I32 }, d, a, b) => {
    const x0 = I32[a + h]!;
    const x1 = I32[a + h + 1]!;
    const y0 = I32[b + h]!;
    const y1 = I32[b + h + 1]!;
    const w1 = interleave8(x0, y0, 16);
    const w3 = interleave8(x1, y1, 16);
    return put(I32, d, interleave8(x0, y0, 0), w1, interleave8(x1, y1, 0), w3);
  };
}

function unpack16(h: number): SlotFn {
  return ({ I32 }, d, a, b) => {
    const x0 = I32[a + h]!;
    const x1 = I32[a + h + 1]!;
    const y0 = I32[b + h]!;
    const y1 = I32[b + h + 1]!;
    const w1 = interleave16hi(x0, y0);
    return put(I32, d, interleave16lo(x0, y0), w1, interleave16lo(x1, y1), interleave16hi(x1, y1));
  };
}

function unpack32(h: number): SlotFn {
  return ({ I32 }, d, a, b) =>
    put(I32, d, I32[a + h]!, I32[b + h]!, I32[a + h + 1]!, I32[b + h + 1]!);
}

function unpack64(h: number): SlotFn {
  return ({ I32 }, d, a, b) =>
    put(I32, d, I32[a + h]!, I32[a + h + 1]!, I32[b + h]!, I32[b + h + 1]!);
}

/** imm: a bit per lane, set where b is taken; `perWord` and `wordsPerLane` describe the lanes. */
function blend(mask: (imm: number, word: number) => number): SlotFn {
  return ({ I32 }, d, a, b, _c, imm) => {
    for (let k = 0; k < 4; k++) {
      const m = mask(imm, k);
      I32[d + k] = (I32[a + k]! & ~m) | (I32[b + k]! & m);
    }
    return 0;
  };
}

function blendBySign(mask: (I32: Int32Array, c: number, word: number) => number): SlotFn {
  return ({ I32 }, d, a, b, c) => {
    const m0 = mask(I32, c, 0);
    const m1 = mask(I32, c, 1);
    const m2 = mask(I32, c, 2);
    const m3 = mask(I32, c, 3);
    I32[d] = (I32[a]! & ~m0) | (I32[b]! & m0);
    I32[d + 1] = (I32[a + 1]! & ~m1) | (I32[b + 1]! & m1);
    I32[d + 2] = (I32[a + 2]! & ~m2) | (I32[b + 2]! & m2);
    I32[d + 3] = (I32[a + 3]! & ~m3) | (I32[b + 3]! & m3);
    return 0;
  };
}

const SHUFFLES = {
  'vshuf.i32x4': ({ I32 }: HelperEnv, d: number, a: number, _b: number, _c: number, imm: number) =>
    put(
      I32,
      d,
      I32[a + (imm & 3)]!,
      I32[a + ((imm >> 2) & 3)]!,
      I32[a + ((imm >> 4) & 3)]!,
      I32[a + ((imm >> 6) & 3)]!,
    ),
  'vshuflo.i16x8': ({ I32 }, d, a, _b, _c, imm) => {
    const lo = I32[a]!;
    const hi = I32[a + 1]!;
    return put(I32, d, pick16(lo, hi, imm), pick16(lo, hi, imm >> 4), I32[a + 2]!, I32[a + 3]!);
  },
  'vshufhi.i16x8': ({ I32 }, d, a, _b, _c, imm) => {
    const lo = I32[a + 2]!;
    const hi = I32[a + 3]!;
    return put(I32, d, I32[a]!, I32[a + 1]!, pick16(lo, hi, imm), pick16(lo, hi, imm >> 4));
  },
  'vshuf2.i32x4': ({ I32 }, d, a, b, _c, imm) =>
    put(
      I32,
      d,
      I32[a + (imm & 3)]!,
      I32[a + ((imm >> 2) & 3)]!,
      I32[b + ((imm >> 4) & 3)]!,
      I32[b + ((imm >> 6) & 3)]!,
    ),
  'vshuf2.i64x2': ({ I32 }, d, a, b, _c, imm) => {
    const x = a + ((imm & 1) << 1);
    const y = b + (imm & 2);
    return put(I32, d, I32[x]!, I32[x + 1]!, I32[y]!, I32[y + 1]!);
  },
  vshufb: ({ I32 }, d, a, b) => {
    take(I32, a, 0);
    take(I32, b, 4);
    for (let i = 16; i < 32; i++) bytes[i] = bytes[i]! & 0x80 ? 0 : bytes[bytes[i]! & 15]!;
    return put(I32, d, words[4]!, words[5]!, words[6]!, words[7]!);
  },
  'vpermil.i32x4': ({ I32 }, d, a, b) => {
    const lane = (i: number): number => I32[a + (I32[b + i]! & 3)]!;
    return put(I32, d, lane(0), lane(1), lane(2), lane(3));
  },
  'vpermil.i64x2': ({ I32 }, d, a, b) => {
    const x = a + (I32[b]! & 2);
    const y = a + (I32[b + 2]! & 2);
    return put(I32, d, I32[x]!, I32[x + 1]!, I32[y]!, I32[y + 1]!);
  },
  'vshuf.i64x2': ({ I32 }, d, a, _b, _c, imm) => {
    const x = a + ((imm & 1) << 1);
    const y = a + (imm & 2);
    return put(I32, d, I32[x]!, I32[x + 1]!, I32[y]!, I32[y + 1]!);
  },
  'vperm2.i32x4': ({ I32 }, d, a, b, c) => {
    const lane = (i: number): number => {
      const at = I32[c + i]!;
      return I32[(at & 4 ? b : a) + (at & 3)]!;
    };
    return put(I32, d, lane(0), lane(1), lane(2), lane(3));
  },
  'vunpcklo.i8x16': unpack8(0),
  'vunpckhi.i8x16': unpack8(2),
  'vunpcklo.i16x8': unpack16(0),
  'vunpckhi.i16x8': unpack16(2),
  'vunpcklo.i32x4': unpack32(0),
  'vunpckhi.i32x4': unpack32(2),
  'vunpcklo.i64x2': unpack64(0),
  'vunpckhi.i64x2': unpack64(2),
  'vblend.i16x8': blend(
    (imm, k) => (-((imm >> (2 * k)) & 1) & 0xffff) | (-((imm >> (2 * k + 1)) & 1) << 16),
  ),
  'vblend.i32x4': blend((imm, k) => -((imm >> k) & 1)),
  'vblend.i64x2': blend((imm, k) => -((imm >> (k >> 1)) & 1)),
  'vblendv.i8x16': blendBySign((I32, c, k) => Math.imul((I32[c + k]! & 0x80808080) >>> 7, 255)),
  'vblendv.i32x4': blendBySign((I32, c, k) => I32[c + k]! >> 31),
  'vblendv.i64x2': blendBySign((I32, c, k) => I32[c + (k | 1)]! >> 31),
  vinsertps: ({ I32 }, d, a, b, _c, imm) => {
    take(I32, a, 0);
    words[(imm >> 4) & 3] = I32[b + ((imm >> 6) & 3)]!;
    for (let k = 0; k < 4; k++) I32[d + k] = imm & (1 << k) ? 0 : words[k]!;
    return 0;
  },
} satisfies Record<string, SlotFn>;

/** Extends the lowest lanes of a, seen through `from`, to words or pairs of words. */
function extend(from: Int8Array | Uint8Array | Int16Array | Uint16Array, to: 32 | 64): SlotFn {
  return ({ I32 }, d, a) => {
    take(I32, a, 0);
    if (to === 32) return put(I32, d, from[0]!, from[1]!, from[2]!, from[3]!);
    return put(I32, d, from[0]!, from[0]! >> 31, from[1]!, from[1]! >> 31);
  };
}

function extend8to16(from: Int8Array | Uint8Array): SlotFn {
  return ({ I32 }, d, a) => {
    take(I32, a, 0);
    for (let k = 0; k < 4; k++) I32[d + k] = (from[2 * k]! & 0xffff) | (from[2 * k + 1]! << 16);
    return 0;
  };
}

const EXTENSIONS = {
  'vsx.i8.i16': extend8to16(signed8),
  'vsx.i8.i32': extend(signed8, 32),
  'vsx.i8.i64': extend(signed8, 64),
  'vsx.i16.i32': extend(signed16, 32),
  'vsx.i16.i64': extend(signed16, 64),
  'vsx.i32.i64': ({ I32 }: HelperEnv, d: number, a: number) => {
    const hi = I32[a + 1]!;
    return put(I32, d, I32[a]!, I32[a]! >> 31, hi, hi >> 31);
  },
  'vzx.i8.i16': extend8to16(bytes),
  'vzx.i8.i32': extend(bytes, 32),
  'vzx.i8.i64': extend(bytes, 64),
  'vzx.i16.i32': extend(halves, 32),
  'vzx.i16.i64': extend(halves, 64),
  'vzx.i32.i64': ({ I32 }, d, a) => put(I32, d, I32[a]!, 0, I32[a + 1]!, 0),
} satisfies Record<string, SlotFn>;

type MoveOps = typeof MOVES & typeof SHUFFLES & typeof EXTENSIONS;

export const MOVE_FNS: { readonly [K in keyof MoveOps]: SlotFn } = {
  ...MOVES,
  ...SHUFFLES,
  ...EXTENSIONS,
};
