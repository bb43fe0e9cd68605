/**
 * The x87 transcendental functions, in fixed point with 256 fraction bits and then rounded once:
 * correctly rounded in practice, well inside the 1 ulp of the 64-bit significand that CPUs promise
 * (SDM vol. 1, 8.3.10). They are rare and slow on real CPUs too, which is what excuses BigInt here
 * and nowhere else; a call takes tens of microseconds.
 *
 * Trigonometric arguments are reduced with pi cut to 66 bits of significand, as the SDM documents
 * (8.3.8): sin(x) near a multiple of pi is that of the CPU, not of mathematics.
 *
 * Functions take finite non-zero operands; helpers-fp-functions.ts deals with the rest.
 */

import { divNum } from '../ir/softfloat/arith.ts';
import {
  CLS,
  copyNum,
  DENORMAL,
  EXP,
  EXT,
  FINITE,
  HI,
  LO,
  type Num,
  newNum,
  normalize,
  SIGN,
  setSpecial,
  ZERO,
} from '../ir/softfloat/num.ts';

/** Fraction bits. */
const F = 256;
const FB = BigInt(F);
const ONE = 1n << FB;
/** Below 2^TINY a function equals the first term of its series but for what rounds away. */
const TINY = -100;

function series(x: bigint, alternate: boolean): bigint {
  // x + s x^3/3 + x^5/5 + s x^7/7 …: atan (s = -1) and atanh (s = 1).
  const square = (x * x) >> FB;
  let power = x;
  let sum = x;
  for (let n = 3n; power !== 0n && power !== -1n; n += 2n) {
    power = (power * square) >> FB;
    const term = power / n;
    sum += alternate && n & 2n ? -term : term;
  }
  return sum;
}

const LN2: bigint = 2n * series(ONE / 3n, false);
const INV_LN2: bigint = (ONE << FB) / LN2;
/** Machin's formula. */
const PI: bigint = 16n * series(ONE / 5n, true) - 4n * series(ONE / 239n, true);
/** pi / 2 with 66 significant bits of pi, exactly. */
const HALF_PI_66: bigint = ((PI >> (FB - 64n)) << (FB - 64n)) >> 1n;

function significand(x: Num): bigint {
  return (BigInt(x[HI]! >>> 0) << 32n) | BigInt(x[LO]! >>> 0);
}

/** |x| in fixed point. */
function toFixed(x: Num): bigint {
  const shift = F + x[EXP]! - 63;
  const s = significand(x);
  return shift >= 0 ? s << BigInt(shift) : s >> BigInt(-shift);
}

/** r = v * 2^-bits, with the sign of v; inexact below. */
function fromFixed(v: bigint, bits: number, r: Num, exact = false): void {
  const sign = v < 0n ? 1 : 0;
  let m = sign ? -v : v;
  if (m === 0n) {
    setSpecial(r, ZERO, sign);
    return;
  }
  const length = m.toString(2).length;
  const shift = 96 - length;
  m = shift >= 0 ? m << BigInt(shift) : m >> BigInt(-shift);
  r[CLS] = FINITE;
  r[SIGN] = sign;
  r[DENORMAL] = 0;
  r[EXP] = length - 1 - bits;
  r[HI] = Number((m >> 64n) & 0xffffffffn);
  r[LO] = Number((m >> 32n) & 0xffffffffn);
  r[EXT] = Number(m & 0xffffffffn) | (exact ? 0 : 1);
}

/** r = x, a little nearer to zero (or farther): what is left of a tiny argument's series. */
export function nudge(x: Num, r: Num, away: boolean): void {
  copyNum(x, r);
  r[DENORMAL] = 0;
  if (away) {
    r[EXT] = 1;
    return;
  }
  r[EXT] = -1;
  if (r[LO] === 0) r[HI]!--;
  r[LO]!--;
  normalize(r);
}

/** r = 2^x - 1 for |x| <= 1. */
export function exp2m1(x: Num, r: Num): void {
  if (x[EXP]! < TINY) {
    const v = significand(x) * LN2;
    fromFixed(x[SIGN] ? -v : v, F + 63 - x[EXP]!, r);
    return;
  }
  const fixed = toFixed(x);
  const y = ((x[SIGN] ? -fixed : fixed) * LN2) >> FB;
  if (fixed === ONE) {
    fromFixed(x[SIGN] ? -(ONE >> 1n) : ONE, F, r, true);
    return;
  }
  let term = y;
  let sum = y;
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    term = ((term * y) >> FB) / n;
    sum += term;
  }
  fromFixed(sum, F, r);
}

/** log2 of a positive fixed-point number in [1/2, 2]. */
function log2Near1(m: bigint): bigint {
  const s = ((m - ONE) << FB) / (m + ONE);
  return (2n * series(s, false) * INV_LN2) >> FB;
}

/** r = y * log2(x), x > 0. A power of two has an exact logarithm. */
export function yLog2(x: Num, y: Num, r: Num): void {
  const s = significand(x);
  const exact = s === 1n << 63n;
  let e = x[EXP]!;
  let m = s << (FB - 63n);
  // Into [0.75, 1.5), so that no digits cancel near 1.
  if (m >= (3n * ONE) >> 1n) {
    m >>= 1n;
    e++;
  }
  const log = (exact ? 0n : log2Near1(m)) + (BigInt(e) << FB);
  const v = log * significand(y);
  fromFixed(y[SIGN] ? -v : v, F + 63 - y[EXP]!, r, exact);
}

/** r = y * log2(x + 1) for x > -1. */
export function yLog2p1(x: Num, y: Num, r: Num): void {
  let log: bigint;
  let bits = F;
  if (x[EXP]! < TINY) {
    log = significand(x) * INV_LN2;
    bits += 63 - x[EXP]!;
    if (x[SIGN]) log = -log;
  } else log = log2p1(x);
  const v = log * significand(y);
  fromFixed(y[SIGN] ? -v : v, bits + 63 - y[EXP]!, r);
}

/** Outside the range that the SDM defines (beyond about 0.3) 1 is added first. */
function log2p1(x: Num): bigint {
  if (x[EXP]! > 64) return BigInt(x[EXP]!) << FB;
  const fixed = toFixed(x);
  const signed = x[SIGN] ? -fixed : fixed;
  if (x[EXP]! < -1) {
    const s = (signed << FB) / (signed + 2n * ONE);
    return (2n * series(s, false) * INV_LN2) >> FB;
  }
  const sum = ONE + signed;
  const e = sum.toString(2).length - 1 - F;
  const m = e >= 0 ? sum >> BigInt(e) : sum << BigInt(-e);
  return log2Near1(m) + (BigInt(e) << FB);
}

/** Sine and cosine of the last reduced argument, and its quadrant. */
let reduced = 0n;
let quadrant = 0;

/** x modulo pi/2 (of 66 bits), into [-pi/4, pi/4]. */
function reduce(x: Num): void {
  const v = toFixed(x);
  const n = (v + (HALF_PI_66 >> 1n)) / HALF_PI_66;
  reduced = v - n * HALF_PI_66;
  quadrant = Number(n & 3n);
  if (x[SIGN]) {
    reduced = -reduced;
    quadrant = -quadrant & 3;
  }
}

function taylor(first: bigint, start: bigint): bigint {
  const square = (reduced * reduced) >> FB;
  let term = first;
  let sum = first;
  for (let n = start; term !== 0n && term !== -1n; n += 2n) {
    term = -((term * square) >> FB) / (n * (n + 1n));
    sum += term;
  }
  return sum;
}

const sinReduced = (): bigint => taylor(reduced, 2n);
const cosReduced = (): bigint => taylor(ONE, 1n);

export function sin(x: Num, r: Num): void {
  if (x[EXP]! < TINY) {
    nudge(x, r, false);
    return;
  }
  reduce(x);
  const v = quadrant & 1 ? cosReduced() : sinReduced();
  fromFixed(quadrant & 2 ? -v : v, F, r);
}

export function cos(x: Num, r: Num): void {
  if (x[EXP]! < TINY) {
    one.set([FINITE, 0, 0, 0x80000000, 0, 0, 0]);
    nudge(one, r, false);
    return;
  }
  reduce(x);
  const v = quadrant & 1 ? sinReduced() : cosReduced();
  fromFixed(quadrant === 1 || quadrant === 2 ? -v : v, F, r);
}

const one: Num = newNum();

export function tan(x: Num, r: Num): void {
  if (x[EXP]! < TINY) {
    nudge(x, r, true);
    return;
  }
  reduce(x);
  const s = sinReduced();
  const c = cosReduced();
  fromFixed(quadrant & 1 ? (-c << FB) / s : (s << FB) / c, F, r);
}

/** atan(k / 16), by Euler's series, each computed once. */
const atanTable: bigint[] = [0n];

function atanSixteenth(k: number): bigint {
  let v = atanTable[k];
  if (v !== undefined) return v;
  const x = (BigInt(k) << FB) / 16n;
  const square = (x * x) >> FB;
  const ratio = (square << FB) / (ONE + square);
  let term = (x << FB) / (ONE + square);
  v = term;
  for (let n = 1n; term !== 0n; n++) {
    term = (((term * ratio) >> FB) * 2n * n) / (2n * n + 1n);
    v += term;
  }
  atanTable[k] = v;
  return v;
}

/** atan of a fixed-point number in [0, 1]. */
function atanUnit(t: bigint): bigint {
  const k = Number((t * 16n + (ONE >> 1n)) >> FB);
  const c = (BigInt(k) << FB) / 16n;
  const rest = ((t - c) << FB) / (ONE + ((t * c) >> FB));
  return atanSixteenth(k) + series(rest, true);
}

/** Sets r to numerator/4 of pi with a sign. */
export function quarterPi(numerator: number, sign: number, r: Num): void {
  fromFixed((PI * BigInt(numerator)) >> 2n, F, r);
  r[SIGN] = sign;
}

/** r = the angle of (x, y) for finite non-zero x and y. */
export function atan2(y: Num, x: Num, r: Num): void {
  const d = y[EXP]! - x[EXP]!;
  const sign = y[SIGN]!;
  if (d < TINY && x[SIGN] === 0) {
    // The angle is the quotient, a trifle less.
    divNum(y, x, r);
    if (r[EXT] === 0) nudge(r, r, false);
    return;
  }
  const steep = d > 0 || (d === 0 && significand(y) > significand(x));
  const [small, large] = steep ? [x, y] : [y, x];
  const shift = F - Math.abs(d);
  const quotient = shift < 1 ? 1n : (significand(small) << BigInt(shift)) / significand(large);
  const a = atanUnit(quotient);
  const negative = x[SIGN] !== 0;
  let v = a;
  if (steep) v = negative ? (PI >> 1n) + a : (PI >> 1n) - a;
  else if (negative) v = PI - a;
  fromFixed(v, F, r);
  r[SIGN] = sign;
}
