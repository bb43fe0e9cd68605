/** Conversions between unpacked numbers and signed integers of 16, 32 and 64 bits. */

import { IE, PE } from '../fp-env.ts';
import {
  CLS,
  DENORMAL,
  EXP,
  FINITE,
  HI,
  LO,
  type Num,
  normalize,
  SIGN,
  setSpecial,
  ZERO,
} from './num.ts';
import { raiseFlags, toInteger } from './round.ts';

/** Sets r to a signed integer. */
export function fromInt(lo: number, hi: number, r: Num): void {
  const negative = hi < 0;
  const l = negative ? -lo | 0 : lo;
  const h = negative ? (~hi + (lo === 0 ? 1 : 0)) | 0 : hi;
  setSpecial(r, (l | h) === 0 ? ZERO : FINITE, negative ? 1 : 0);
  r[DENORMAL] = 0;
  if ((l | h) === 0) return;
  r[EXP] = 63;
  r[HI] = h;
  r[LO] = l;
  normalize(r);
}

/**
 * Rounds x to a signed integer of `bits` bits, to out[at] (64 bits: and out[at + 1]).
 * Out of range, infinite or NaN: the integer indefinite, invalid.
 */
export function numToInt(x: Num, bits: 16 | 32 | 64, rc: number, to: Int32Array, at: number): void {
  let valid = x[CLS] === ZERO;
  let lo = 0;
  let hi = 0;
  let inexact = false;
  if (x[CLS] === FINITE && x[EXP]! < 64) {
    inexact = toInteger(x, rc);
    lo = x[LO]!;
    hi = x[HI]!;
    valid = fits(lo, hi, x[SIGN]!, bits);
    if (x[SIGN] !== 0) {
      hi = (~hi + (lo === 0 ? 1 : 0)) | 0;
      lo = -lo | 0;
    }
  }
  if (!valid) {
    raiseFlags(IE);
    lo = bits === 64 ? 0 : bits === 32 ? 0x80000000 | 0 : -0x8000;
    hi = 0x80000000 | 0;
  } else if (inexact) raiseFlags(PE);
  to[at] = lo;
  if (bits === 64) to[at + 1] = hi;
}

/** Whether a magnitude with a sign is in the range of a signed integer. */
function fits(lo: number, hi: number, sign: number, bits: 16 | 32 | 64): boolean {
  if (bits === 64) return hi >= 0 || (sign !== 0 && hi === -0x80000000 && lo === 0);
  return hi === 0 && lo >>> 0 < 2 ** (bits - 1) + sign;
}
