/**
 * x * y + z with one rounding to nearest, in JavaScript's own arithmetic: the product as a sum of two doubles (Dekker),
 * the three summed up with the tail rounded to odd, so that the last rounding is right (Boldo and Melquiond, "Emulation
 * of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd", IEEE Transactions on Computers 57(4),
 * 2008, algorithm 5). A product of zero is exact, and a sum that is not zero then the summand. NaN stands for "not here": operands or a result for which it is not certain.
 */

import { moderate, productError, sumError } from './exact.ts';

/** What is added, if not zero, and the result are within these: products of moderate numbers and their errors are. */
export const SUM = { min: 2 ** -900, max: 2 ** 900 } as const;

const F64 = new Float64Array(1);
const WORDS = new Int32Array(F64.buffer);

function outside(v: number, min: number, max: number): boolean {
  const m = Math.abs(v);
  return !(m > min && m < max);
}

/** The neighbour of s with an odd significand towards s + error; s itself if that is odd, or exact. */
function toOdd(s: number, error: number): number {
  if (error === 0) return s;
  F64[0] = s;
  const lo = WORDS[0]!;
  if (lo & 1) return s;
  if (error > 0 === s > 0) WORDS[0] = lo | 1;
  else {
    if (lo === 0) WORDS[1]!--;
    WORDS[0] = lo - 1;
  }
  return F64[0]!;
}

/** Of doubles. */
export function fusedF64(x: number, y: number, z: number): number {
  if (!(moderate(x) || x === 0) || !(moderate(y) || y === 0)) return Number.NaN;
  if (z !== 0 && outside(z, SUM.min, SUM.max)) return Number.NaN;
  const p = x * y;
  const e = productError(x, y, p);
  const uh = z + e;
  const ul = sumError(z, e, uh);
  const th = p + uh;
  const tl = sumError(p, uh, th);
  const v = tl + ul;
  const r = th + toOdd(v, sumError(tl, ul, v));
  return outside(r, SUM.min, SUM.max) ? Number.NaN : r;
}

const MIN_F32 = 2 ** -126;
const MAX_F32 = 2 ** 127;

/** Of floats: their product is exact in a double, and so many bits are enough for one rounding more. */
export function fusedF32(x: number, y: number, z: number): number {
  for (const v of [x, y, z]) if (v !== 0 && outside(v, MIN_F32, MAX_F32)) return Number.NaN;
  const p = x * y;
  const s = p + z;
  const r = Math.fround(toOdd(s, sumError(p, z, s)));
  return outside(r, MIN_F32, MAX_F32) ? Number.NaN : r;
}
