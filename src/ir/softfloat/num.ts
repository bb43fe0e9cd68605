/**
 * Unpacked floating-point numbers: what soft-float computes with, whatever the format.
 *
 * A number is an Int32Array of seven words (no objects: a 32-bit field of an object may be boxed):
 *
 *   CLS  SIGN  EXP  HI  LO  EXT  DENORMAL
 *
 * A finite one is  (-1)^SIGN * (HI:LO:EXT / 2^95) * 2^EXP  with the top bit of HI set: HI:LO is
 * a significand of 64 bits, EXT more bits of an unrounded result, the lowest one sticky. Zeros,
 * infinities and NaNs keep SIGN; a NaN keeps its payload left-aligned in HI:LO with the integer
 * bit set and the quiet bit below it, so payloads survive conversions as the SDM wants.
 */

export type Num = Int32Array;

export const CLS = 0;
export const SIGN = 1;
export const EXP = 2;
export const HI = 3;
export const LO = 4;
export const EXT = 5;
/** 1: the operand was a denormal (or pseudo-denormal). */
export const DENORMAL = 6;

/** Values of CLS, ordered so that `>= QNAN` means a NaN or an unsupported f80 encoding. */
export const ZERO = 0;
export const FINITE = 1;
export const INF = 2;
export const QNAN = 3;
export const SNAN = 4;
/** x87 pseudo-NaNs, pseudo-infinities and unnormals (SDM vol. 1, 8.2.2). */
export const UNSUPPORTED = 5;

export interface Format {
  /** Bits of significand, integer bit included. */
  readonly prec: number;
  readonly emin: number;
  readonly emax: number;
  /** Exponent adjustment of unmasked overflow and underflow (x87), or 0: no result then. */
  readonly wrap: number;
}

export const F16: Format = { prec: 11, emin: -14, emax: 15, wrap: 0 };
export const F32: Format = { prec: 24, emin: -126, emax: 127, wrap: 0 };
export const F64: Format = { prec: 53, emin: -1022, emax: 1023, wrap: 0 };
export const F80: Format = { prec: 64, emin: -16382, emax: 16383, wrap: 24576 };
/** x87 with precision control: shorter significands, the full exponent range. */
export const F80_53: Format = { prec: 53, emin: -16382, emax: 16383, wrap: 24576 };
export const F80_24: Format = { prec: 24, emin: -16382, emax: 16383, wrap: 24576 };

export function newNum(): Num {
  return new Int32Array(7);
}

export function copyNum(x: Num, r: Num): void {
  r.set(x);
}

export function setSpecial(r: Num, cls: number, sign: number): void {
  r[CLS] = cls;
  r[SIGN] = sign;
  r[EXP] = 0;
  r[HI] = 0;
  r[LO] = 0;
  r[EXT] = 0;
}

/** The real indefinite: negative, quiet, no payload. */
export function setDefaultNan(r: Num): void {
  setSpecial(r, QNAN, 1);
  r[HI] = 0xc0000000;
}

/** Shifts the significand left until its top bit is set. It must not be 0. */
export function normalize(x: Num): void {
  let hi = x[HI]!;
  let lo = x[LO]!;
  let ext = x[EXT]!;
  let e = x[EXP]!;
  while (hi === 0) {
    hi = lo;
    lo = ext;
    ext = 0;
    e -= 32;
  }
  const n = Math.clz32(hi);
  if (n !== 0) {
    hi = (hi << n) | (lo >>> (32 - n));
    lo = (lo << n) | (ext >>> (32 - n));
    ext <<= n;
    e -= n;
  }
  x[HI] = hi;
  x[LO] = lo;
  x[EXT] = ext;
  x[EXP] = e;
}

/** Shifts HI:LO:EXT right by n >= 0; bits lost stay as the sticky lowest bit. EXP is left alone. */
export function shiftRightSticky(x: Num, n: number): void {
  let hi = x[HI]!;
  let lo = x[LO]!;
  let ext = x[EXT]!;
  let sticky = 0;
  let left = n > 96 ? 96 : n;
  while (left >= 32) {
    sticky |= ext;
    ext = lo;
    lo = hi;
    hi = 0;
    left -= 32;
  }
  if (left > 0) {
    sticky |= ext << (32 - left);
    ext = (ext >>> left) | (lo << (32 - left));
    lo = (lo >>> left) | (hi << (32 - left));
    hi >>>= left;
  }
  x[HI] = hi;
  x[LO] = lo;
  x[EXT] = sticky === 0 ? ext : ext | 1;
}

function setFraction(r: Num, hi: number, lo: number): void {
  r[HI] = hi;
  r[LO] = lo;
  r[EXT] = 0;
}

/** @param bits the low 16 bits */
export function loadF16(bits: number, r: Num): void {
  const e = (bits >>> 10) & 0x1f;
  const frac = bits & 0x3ff;
  r[SIGN] = (bits >>> 15) & 1;
  r[DENORMAL] = 0;
  setFraction(r, 0x80000000 | (frac << 21), 0);
  if (e === 0x1f) {
    r[CLS] = frac === 0 ? INF : frac & 0x200 ? QNAN : SNAN;
  } else if (e !== 0) {
    r[CLS] = FINITE;
    r[EXP] = e - 15;
  } else loadDenormal(r, frac << 21, 0, -14);
}

export function loadF32(bits: number, r: Num): void {
  const e = (bits >>> 23) & 0xff;
  const frac = bits & 0x7fffff;
  r[SIGN] = bits >>> 31;
  r[DENORMAL] = 0;
  setFraction(r, 0x80000000 | (frac << 8), 0);
  if (e === 0xff) {
    r[CLS] = frac === 0 ? INF : frac & 0x400000 ? QNAN : SNAN;
  } else if (e !== 0) {
    r[CLS] = FINITE;
    r[EXP] = e - 127;
  } else loadDenormal(r, frac << 8, 0, -126);
}

export function loadF64(lo: number, hi: number, r: Num): void {
  const e = (hi >>> 20) & 0x7ff;
  const frac = hi & 0xfffff;
  r[SIGN] = hi >>> 31;
  r[DENORMAL] = 0;
  setFraction(r, 0x80000000 | (frac << 11) | (lo >>> 21), lo << 11);
  if (e === 0x7ff) {
    r[CLS] = (frac | lo) === 0 ? INF : frac & 0x80000 ? QNAN : SNAN;
  } else if (e !== 0) {
    r[CLS] = FINITE;
    r[EXP] = e - 1023;
  } else loadDenormal(r, (frac << 11) | (lo >>> 21), lo << 11, -1022);
}

/** @param se sign and exponent, the top 16 bits */
export function loadF80(lo: number, hi: number, se: number, r: Num): void {
  const e = se & 0x7fff;
  r[SIGN] = (se >>> 15) & 1;
  r[DENORMAL] = 0;
  setFraction(r, hi, lo);
  if (e === 0) loadDenormal(r, hi, lo, -16382);
  else if (hi >= 0) r[CLS] = UNSUPPORTED;
  else if (e === 0x7fff) {
    r[CLS] = ((hi << 1) | lo) === 0 ? INF : hi & 0x40000000 ? QNAN : SNAN;
  } else {
    r[CLS] = FINITE;
    r[EXP] = e - 16383;
  }
}

function loadDenormal(r: Num, hi: number, lo: number, e: number): void {
  setFraction(r, hi, lo);
  r[EXP] = e;
  if ((hi | lo) === 0) {
    r[CLS] = ZERO;
    return;
  }
  r[CLS] = FINITE;
  r[DENORMAL] = 1;
  normalize(r);
}

/** Treats a denormal as zero (DAZ). */
export function flushDenormal(r: Num): void {
  if (r[DENORMAL] === 0) return;
  setSpecial(r, ZERO, r[SIGN]!);
  r[DENORMAL] = 0;
}

/** Packs a number that `round` has fitted to f16: 16 bits. */
export function packF16(r: Num): number {
  const sign = r[SIGN]! << 15;
  const cls = r[CLS]!;
  if (cls === ZERO) return sign;
  if (cls === INF) return sign | 0x7c00;
  const frac = (r[HI]! >>> 21) & 0x3ff;
  if (cls !== FINITE) return sign | 0x7c00 | frac;
  return r[HI]! < 0 ? sign | ((r[EXP]! + 15) << 10) | frac : sign | frac;
}

/** Packs a number that `round` has fitted to f32. */
export function packF32(r: Num): number {
  const sign = r[SIGN]! << 31;
  const cls = r[CLS]!;
  if (cls === ZERO) return sign;
  if (cls === INF) return sign | 0x7f800000;
  const frac = (r[HI]! >>> 8) & 0x7fffff;
  if (cls !== FINITE) return sign | 0x7f800000 | frac;
  return r[HI]! < 0 ? sign | ((r[EXP]! + 127) << 23) | frac : sign | frac;
}

/** Packs a number that `round` has fitted to f64, to two words. */
export function packF64(r: Num, I32: Int32Array, at: number): void {
  const sign = r[SIGN]! << 31;
  const cls = r[CLS]!;
  if (cls === ZERO || cls === INF) {
    I32[at] = 0;
    I32[at + 1] = cls === ZERO ? sign : sign | 0x7ff00000;
    return;
  }
  const frac = (r[HI]! >>> 11) & 0xfffff;
  I32[at] = (r[HI]! << 21) | (r[LO]! >>> 11);
  if (cls !== FINITE) I32[at + 1] = sign | 0x7ff00000 | frac;
  else I32[at + 1] = r[HI]! < 0 ? sign | ((r[EXP]! + 1023) << 20) | frac : sign | frac;
}

/** Packs a number that `round` has fitted to f80, to three words (the third has 16 bits). */
export function packF80(r: Num, I32: Int32Array, at: number): void {
  const sign = r[SIGN]! << 15;
  const cls = r[CLS]!;
  if (cls === ZERO || cls === INF) {
    I32[at] = 0;
    I32[at + 1] = cls === ZERO ? 0 : 0x80000000;
    I32[at + 2] = cls === ZERO ? sign : sign | 0x7fff;
    return;
  }
  I32[at] = r[LO]!;
  I32[at + 1] = r[HI]!;
  if (cls !== FINITE) I32[at + 2] = sign | 0x7fff;
  else I32[at + 2] = r[HI]! < 0 ? sign | (r[EXP]! + 16383) : sign;
}
