/**
 * x * y + z with one rounding to nearest, in JavaScript's own arithmetic: the product as a sum of two doubles (Dekker),
 * the three summed up with the tail rounded to odd, so that the last rounding is right (Boldo and Melquiond, "Emulation
 * of a FMA and Correctly Rounded Sums: Proved Algorithms Using Rounding to Odd", IEEE Transactions on Computers 57(4),
 * 2008, algorithm 5). NaN stands for "not here": operands or a result for which it is not certain.
 */

/** Operands of a product within these: neither it nor its error over- or underflows. Larger than 2^-450 * 2^-450. */
const MIN = 2 ** -450;
const MAX = 2 ** 450;
/** The same for what is added, and for the result. */
const MIN_SUM = 2 ** -900;
const MAX_SUM = 2 ** 900;
/** 2^27 + 1: splits a double into two halves of 26 bits. */
const SPLIT = 134217729;

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
  if (outside(x, MIN, MAX) || outside(y, MIN, MAX)) return Number.NaN;
  if (z !== 0 && outside(z, MIN_SUM, MAX_SUM)) return Number.NaN;
  const p = x * y;
  const c = SPLIT * x;
  const xh = c - (c - x);
  const xl = x - xh;
  const d = SPLIT * y;
  const yh = d - (d - y);
  const yl = y - yh;
  const e = xh * yh - p + xh * yl + xl * yh + xl * yl;
  const uh = z + e;
  let t = uh - z;
  const ul = z - (uh - t) + (e - t);
  const th = p + uh;
  t = th - p;
  const tl = p - (th - t) + (uh - t);
  const v = tl + ul;
  t = v - tl;
  const r = th + toOdd(v, tl - (v - t) + (ul - t));
  return outside(r, MIN_SUM, MAX_SUM) ? Number.NaN : r;
}

const MIN_F32 = 2 ** -126;
const MAX_F32 = 2 ** 127;

/** Of floats: their product is exact in a double, and so many bits are enough for one rounding more. */
export function fusedF32(x: number, y: number, z: number): number {
  if (outside(x, MIN_F32, MAX_F32) || outside(y, MIN_F32, MAX_F32)) return Number.NaN;
  if (z !== 0 && outside(z, MIN_F32, MAX_F32)) return Number.NaN;
  const p = x * y;
  const s = p + z;
  const t = s - p;
  const r = Math.fround(toOdd(s, p - (s - t) + (z - t)));
  return outside(r, MIN_F32, MAX_F32) ? Number.NaN : r;
}
