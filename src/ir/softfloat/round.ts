/**
 * Rounding: the only place where precision is lost. Flags of the operation in progress are
 * collected in `fpFlags` (bits of fp-env.ts); whoever starts an operation clears them.
 *
 * Tininess is detected after rounding (SDM vol. 1, 4.9.1.5).
 */

import { OE, PE, RC, UE } from '../fp-env.ts';
import {
  CLS,
  copyNum,
  EXP,
  EXT,
  FINITE,
  type Format,
  HI,
  INF,
  LO,
  type Num,
  newNum,
  normalize,
  SIGN,
  setSpecial,
  shiftRightSticky,
  ZERO,
} from './num.ts';

/** Flags raised since clearFlags. */
export let fpFlags = 0;
/** The last rounding increased the magnitude (x87's C1). */
export let roundedUp = false;

export function clearFlags(): void {
  fpFlags = 0;
  roundedUp = false;
}

export function raiseFlags(bits: number): void {
  fpFlags |= bits;
}

export function dropFlags(bits: number): void {
  fpFlags &= ~bits;
}

/** What lies below the last kept bit, as 32 bits: the half bit on top, sticky at the bottom. */
function remainder(r: Num, prec: number): number {
  const ext = r[EXT]!;
  if (prec === 64) return ext;
  const lo = r[LO]!;
  if (prec === 53) return (lo << 21) | (ext !== 0 ? 1 : 0);
  return (r[HI]! << prec) | ((lo | ext) !== 0 ? 1 : 0);
}

function increments(rem: number, lsb: number, sign: number, rc: number): boolean {
  if (rem === 0) return false;
  if (rc === RC.nearest) return rem >>> 0 > 0x80000000 || (rem === -0x80000000 && lsb !== 0);
  return rc === RC.zero ? false : (rc === RC.down) === (sign !== 0);
}

/** Rounds HI:LO:EXT to `prec` bits in place. @returns whether bits were lost */
function roundBits(r: Num, prec: number, rc: number): boolean {
  const rem = remainder(r, prec);
  let hi = r[HI]!;
  let lo = r[LO]!;
  // With up to 32 bits of precision: the lowest one kept.
  const unit = 1 << (32 - prec);
  const lsb = prec === 64 ? lo & 1 : prec === 53 ? lo & 0x800 : hi & unit;
  if (prec === 53) lo &= ~0x7ff;
  else if (prec <= 32) {
    hi &= -unit;
    lo = 0;
  }
  roundedUp = increments(rem, lsb, r[SIGN]!, rc);
  if (roundedUp) {
    const wasTop = hi < 0;
    if (prec <= 32) hi = (hi + unit) | 0;
    else {
      const sum = (lo >>> 0) + (prec === 64 ? 1 : 0x800);
      lo = sum | 0;
      if (sum > 0xffffffff) hi = (hi + 1) | 0;
    }
    if (wasTop && hi >= 0) {
      // Carried out of the top: the significand is 1.0 of the next binade.
      hi = 0x80000000 | 0;
      r[EXP]!++;
    }
  }
  r[HI] = hi;
  r[LO] = lo;
  r[EXT] = 0;
  return rem !== 0;
}

const probe: Num = newNum();

/** Below the normal range even after rounding with an unbounded exponent. */
function isTiny(r: Num, f: Format, rc: number): boolean {
  if (r[EXP]! >= f.emin) return false;
  if (r[EXP]! < f.emin - 1) return true;
  copyNum(r, probe);
  roundBits(probe, f.prec, rc);
  return probe[EXP]! < f.emin;
}

function overflow(r: Num, f: Format, rc: number): void {
  fpFlags |= OE | PE;
  const toInf =
    rc === RC.nearest || (rc === RC.up && r[SIGN] === 0) || (rc === RC.down && r[SIGN] !== 0);
  roundedUp = toInf;
  if (toInf) {
    setSpecial(r, INF, r[SIGN]!);
    return;
  }
  r[EXP] = f.emax;
  r[HI] = f.prec <= 32 ? -(1 << (32 - f.prec)) : 0xffffffff;
  r[LO] = f.prec === 64 ? 0xffffffff : f.prec === 53 ? 0xfffff800 : 0;
}

/**
 * Fits a number to a format. Zeros, infinities and NaNs pass through (a NaN's payload is cut by
 * packing).
 * @param unmasked OE and UE bits whose exceptions are unmasked
 * @param flush tiny results become zero (FTZ)
 */
export function round(r: Num, f: Format, rc: number, unmasked: number, flush: boolean): void {
  if (r[CLS] !== FINITE) return;
  const tiny = r[EXP]! < f.emin && isTiny(r, f, rc);
  if (tiny && flush) {
    fpFlags |= UE | PE;
    setSpecial(r, ZERO, r[SIGN]!);
    return;
  }
  if (tiny && unmasked & UE) {
    // The result with an unbounded exponent, wrapped; without wrapping it is never delivered.
    fpFlags |= UE;
    if (f.wrap === 0) r[EXP] = f.emin;
    else if (r[EXP]! + f.wrap >= f.emin) r[EXP]! += f.wrap;
    else {
      // Beyond what wrapping can represent (FSCALE): zero.
      fpFlags |= PE;
      roundedUp = false;
      setSpecial(r, ZERO, r[SIGN]!);
      return;
    }
  }
  if (r[EXP]! < f.emin) {
    shiftRightSticky(r, f.emin - r[EXP]!);
    r[EXP] = f.emin;
  }
  if (roundBits(r, f.prec, rc)) fpFlags |= tiny ? UE | PE : PE;
  if (r[EXP]! > f.emax) {
    if (unmasked & OE && (f.wrap === 0 || r[EXP]! - f.wrap <= f.emax)) {
      fpFlags |= OE;
      r[EXP]! -= f.wrap;
    } else if (unmasked & OE) overflow(r, f, RC.nearest);
    else overflow(r, f, rc);
  } else if ((r[HI]! | r[LO]!) === 0) r[CLS] = ZERO;
}

/**
 * Rounds a finite number to an integer: HI:LO becomes the magnitude (right-aligned), EXP 63.
 * @returns whether it was inexact; a magnitude of 2^64 and above is left as it is (EXP > 63)
 */
export function toInteger(r: Num, rc: number): boolean {
  roundedUp = false;
  if (r[EXP]! >= 63) return false;
  r[EXT] = 0;
  shiftRightSticky(r, 63 - r[EXP]!);
  r[EXP] = 63;
  const rem = r[EXT]!;
  r[EXT] = 0;
  if (increments(rem, r[LO]! & 1, r[SIGN]!, rc)) {
    roundedUp = true;
    r[LO]!++;
    if (r[LO] === 0) r[HI]!++;
  }
  return rem !== 0;
}

/** Rounds to an integral value in floating point. @returns whether it was inexact */
export function roundToIntegral(r: Num, rc: number): boolean {
  if (r[CLS] !== FINITE) return false;
  const inexact = toInteger(r, rc);
  if ((r[HI]! | r[LO]!) === 0) setSpecial(r, ZERO, r[SIGN]!);
  else normalize(r);
  return inexact;
}
