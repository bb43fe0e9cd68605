/**
 * The SHA extensions and carry-less products in line (semantics: ir/slot-sha.ts, ir/slot-aes.ts). Words are extracted
 * from vectors into locals, and put together again.
 */

import type { VEC_OPS } from '../ir/ops-vec.ts';
import type { Ref } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { pushSwapped } from './emit-int.ts';
import type { EmitSlot } from './emit-vector.ts';
import { V, W, type WasmType } from './opcodes.ts';

type VecName = (typeof VEC_OPS)[number]['name'];

/** Locals that are given back together. */
class Scratch {
  private readonly e: EmitContext;
  private readonly taken: [WasmType, number][] = [];

  constructor(e: EmitContext) {
    this.e = e;
  }

  take(type: WasmType): number {
    const local = this.e.f.takeLocal(type);
    this.taken.push([type, local]);
    return local;
  }

  release(): void {
    for (const [type, local] of this.taken) this.e.f.giveLocal(type, local);
  }

  /** The four words of a vector in locals, the lowest first. */
  words(ref: Ref, count = 4): number[] {
    const { f } = this.e;
    return Array.from({ length: count }, (_, i) => {
      const local = this.take('i32');
      this.e.pushV128(ref);
      f.lane(V.i32x4Extract, i);
      f.set(local);
      return local;
    });
  }

  /** Sets d to four words in locals. */
  put(d: Ref, words: readonly number[]): void {
    const { f } = this.e;
    f.get(words[0]!);
    f.simd(V.i32x4Splat);
    for (let i = 1; i < 4; i++) {
      f.get(words[i]!);
      f.lane(V.i32x4Replace, i);
    }
    this.e.setV128(d);
  }
}

/** Pushes x rotated right by each count, and shifted by `shift` if that is not 0, all combined by xor. */
function pushSigma(e: EmitContext, x: number, rotations: readonly number[], shift = 0): void {
  const { f } = e;
  rotations.forEach((n, i) => {
    f.get(x);
    f.i32(32 - n);
    f.op(W.i32Rotl);
    if (i > 0) f.op(W.i32Xor);
  });
  if (shift === 0) return;
  f.get(x);
  f.i32(shift);
  f.op(W.i32ShrU, W.i32Xor);
}

const SIGMA0 = [2, 13, 22];
const SIGMA1 = [6, 11, 25];
const LOWER0 = [7, 18];
const LOWER1 = [17, 19];

/** (x & y) ^ (~x & z), as ((y ^ z) & x) ^ z. */
function pushChoose(e: EmitContext, x: number, y: number, z: number): void {
  const { f } = e;
  f.get(y);
  f.get(z);
  f.op(W.i32Xor);
  f.get(x);
  f.op(W.i32And);
  f.get(z);
  f.op(W.i32Xor);
}

/** The majority of three, as (x & y) | (z & (x | y)). */
function pushMajority(e: EmitContext, x: number, y: number, z: number): void {
  const { f } = e;
  f.get(x);
  f.get(y);
  f.op(W.i32And);
  f.get(z);
  f.get(x);
  f.get(y);
  f.op(W.i32Or, W.i32And, W.i32Or);
}

/** Two rounds: a holds C D G H, b holds A B E F (highest lane first), c the two words plus constants. */
const sha256rnds2: EmitSlot = (e, { d, a, b, c }) => {
  const { f } = e;
  const s = new Scratch(e);
  const [h0, g0, d0, c0] = s.words(a) as [number, number, number, number];
  const [f0, e0, b0, a0] = s.words(b) as [number, number, number, number];
  const [w0, w1] = s.words(c, 2) as [number, number];
  const round = (
    [ra, rb, rc, rd]: readonly [number, number, number, number],
    [re, rf, rg, rh]: readonly [number, number, number, number],
    w: number,
  ): [number, number] => {
    const t = s.take('i32');
    const [newA, newE] = [s.take('i32'), s.take('i32')];
    pushChoose(e, re, rf, rg);
    pushSigma(e, re, SIGMA1);
    f.op(W.i32Add);
    f.get(w);
    f.op(W.i32Add);
    f.get(rh);
    f.op(W.i32Add);
    f.set(t);
    f.get(t);
    f.get(rd);
    f.op(W.i32Add);
    f.set(newE);
    f.get(t);
    pushMajority(e, ra, rb, rc);
    f.op(W.i32Add);
    pushSigma(e, ra, SIGMA0);
    f.op(W.i32Add);
    f.set(newA);
    return [newA, newE];
  };
  const [a1, e1] = round([a0, b0, c0, d0], [e0, f0, g0, h0], w0);
  const [a2, e2] = round([a1, a0, b0, c0], [e1, e0, f0, g0], w1);
  s.put(d, [e1, e2, a1, a2]);
  s.release();
};

/** Pushes word + lower case sigma of another one. */
function pushScheduled(
  e: EmitContext,
  word: number,
  of: number,
  sigma: readonly number[],
  shift: number,
): void {
  e.f.get(word);
  pushSigma(e, of, sigma, shift);
  e.f.op(W.i32Add);
}

const sha256msg1: EmitSlot = (e, { d, a, b }) => {
  const s = new Scratch(e);
  const words = [...s.words(a), ...s.words(b, 1)];
  const out = [0, 1, 2, 3].map((i) => {
    const local = s.take('i32');
    pushScheduled(e, words[i]!, words[i + 1]!, LOWER0, 3);
    e.f.set(local);
    return local;
  });
  s.put(d, out);
  s.release();
};

const sha256msg2: EmitSlot = (e, { d, a, b }) => {
  const s = new Scratch(e);
  const words = s.words(a);
  const last = s.words(b);
  const out: number[] = [];
  for (let i = 0; i < 4; i++) {
    const local = s.take('i32');
    pushScheduled(e, words[i]!, i < 2 ? last[2 + i]! : out[i - 2]!, LOWER1, 10);
    e.f.set(local);
    out.push(local);
  }
  s.put(d, out);
  s.release();
};

/** FIPS 180-4, 4.2.1. */
const SHA1_CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

function pushSha1Function(e: EmitContext, which: number, x: number, y: number, z: number): void {
  if (which === 0) pushChoose(e, x, y, z);
  else if (which === 2) pushMajority(e, x, y, z);
  else {
    e.f.get(x);
    e.f.get(y);
    e.f.get(z);
    e.f.op(W.i32Xor, W.i32Xor);
  }
}

function rotateLeft(e: EmitContext, n: number): void {
  e.f.i32(n);
  e.f.op(W.i32Rotl);
}

/** Four rounds: a holds A B C D, b the words, the first one with E added (highest lane first). */
const sha1rnds4: EmitSlot = (e, { d, a, b, imm }) => {
  const { f } = e;
  const s = new Scratch(e);
  let [z, y, x, w] = s.words(a) as [number, number, number, number];
  const words = s.words(b);
  let last = -1;
  for (let i = 3; i >= 0; i--) {
    const [next, turned] = [s.take('i32'), s.take('i32')];
    pushSha1Function(e, imm & 3, x, y, z);
    f.get(w);
    rotateLeft(e, 5);
    f.op(W.i32Add);
    f.get(words[i]!);
    f.op(W.i32Add);
    f.i32(SHA1_CONSTANTS[imm & 3]!);
    f.op(W.i32Add);
    if (last >= 0) {
      f.get(last);
      f.op(W.i32Add);
    }
    f.set(next);
    f.get(x);
    rotateLeft(e, 30);
    f.set(turned);
    last = z;
    [z, y, x, w] = [y, turned, w, next];
  }
  s.put(d, [z, y, x, w]);
  s.release();
};

const sha1nexte: EmitSlot = (e, { d, a, b }) => {
  const { f } = e;
  e.pushV128(b);
  e.pushV128(b);
  f.lane(V.i32x4Extract, 3);
  e.pushV128(a);
  f.lane(V.i32x4Extract, 3);
  rotateLeft(e, 30);
  f.op(W.i32Add);
  f.lane(V.i32x4Replace, 3);
  e.setV128(d);
};

/** Words 2 and 3 of b below words 0 and 1 of a, and a: combined by xor. */
const sha1msg1: EmitSlot = (e, { d, a, b }) => {
  const { f } = e;
  e.pushV128(b);
  e.pushV128(a);
  f.shuffle([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
  e.pushV128(a);
  f.simd(V.xor);
  e.setV128(d);
};

const sha1msg2: EmitSlot = (e, { d, a, b }) => {
  const { f } = e;
  const s = new Scratch(e);
  const old = s.words(a);
  const words = s.words(b, 3);
  const out = [3, 2, 1].map((i) => {
    const local = s.take('i32');
    f.get(old[i]!);
    f.get(words[i - 1]!);
    f.op(W.i32Xor);
    rotateLeft(e, 1);
    f.set(local);
    return local;
  });
  const first = s.take('i32');
  f.get(old[0]!);
  f.get(out[0]!);
  f.op(W.i32Xor);
  rotateLeft(e, 1);
  f.set(first);
  s.put(d, [first, out[2]!, out[1]!, out[0]!]);
  s.release();
};

/** Every fourth bit, from bit 0 on: products of such numbers have carries only where nobody looks. */
const FOURTH = 0x11111111;

/**
 * Pushes the low 64 bits of the carry-less product of x and y. Integer products of every fourth bit of each, since up to
 * fifteen ones are added in each place before a carry comes near the next (T. Pornin, BearSSL, "Constant-time
 * GHASH"); the sixteenth product of a place falls out of the low 64 bits.
 */
function pushLowProduct(e: EmitContext, s: Scratch, x: number, y: number): void {
  const { f } = e;
  const part = (of: number, k: number): number => {
    const local = s.take('i64');
    f.get(of);
    f.i64(FOURTH << k, FOURTH << k);
    f.op(W.i64And);
    f.set(local);
    return local;
  };
  const xs = [0, 1, 2, 3].map((k) => part(x, k));
  const ys = [0, 1, 2, 3].map((k) => part(y, k));
  for (let k = 0; k < 4; k++) {
    for (let i = 0; i < 4; i++) {
      f.get(xs[i]!);
      f.get(ys[(k - i) & 3]!);
      f.op(W.i64Mul);
      if (i > 0) f.op(W.i64Xor);
    }
    f.i64(FOURTH << k, FOURTH << k);
    f.op(W.i64And);
    if (k > 0) f.op(W.i64Or);
  }
}

/** A local with the bits of x in the opposite order. */
function reversed(e: EmitContext, s: Scratch, x: number): number {
  const { f } = e;
  const r = s.take('i64');
  f.get(x);
  f.set(r);
  for (const [bits, mask] of [
    [1, 0x55555555],
    [2, 0x33333333],
    [4, 0x0f0f0f0f],
    [8, 0x00ff00ff],
    [16, 0x0000ffff],
  ] as const) {
    pushSwapped(e, r, bits, mask);
    f.set(r);
  }
  f.get(r);
  f.i64(32, 0);
  f.op(W.i64Rotl);
  f.set(r);
  return r;
}

/** The high half of a product is the low half of that of the reversed factors, reversed, and shifted by one bit. */
const clmul: EmitSlot = (e, { d, a, b, imm }) => {
  const { f } = e;
  const s = new Scratch(e);
  const factor = (ref: Ref, lane: number): number => {
    const local = s.take('i64');
    e.pushV128(ref);
    f.lane(V.i64x2Extract, lane);
    f.set(local);
    return local;
  };
  const x = factor(a, imm & 1);
  const y = factor(b, (imm >> 4) & 1);
  const [low, high] = [s.take('i64'), s.take('i64')];
  pushLowProduct(e, s, x, y);
  f.set(low);
  pushLowProduct(e, s, reversed(e, s, x), reversed(e, s, y));
  f.set(high);
  f.get(low);
  f.simd(V.i64x2Splat);
  f.get(reversed(e, s, high));
  f.i64(1, 0);
  f.op(W.i64ShrU);
  f.lane(V.i64x2Replace, 1);
  e.setV128(d);
  s.release();
};

export const CRYPTO_EMIT: Readonly<Partial<Record<VecName, EmitSlot>>> = {
  vsha256rnds2: sha256rnds2,
  vsha256msg1: sha256msg1,
  vsha256msg2: sha256msg2,
  vsha1rnds4: sha1rnds4,
  vsha1nexte: sha1nexte,
  vsha1msg1: sha1msg1,
  vsha1msg2: sha1msg2,
  vclmul: clmul,
};
