/**
 * NaN operands: what the result is, by the rules of SSE and of x87 (SDM vol. 1, table 4-7), and
 * denormal operands.
 */

import { DE, IE } from '../fp-env.ts';
import { invalid } from './arith.ts';
import { CLS, copyNum, DENORMAL, HI, LO, type Num, QNAN, SIGN, SNAN, UNSUPPORTED } from './num.ts';
import { raiseFlags } from './round.ts';

/** r = x made quiet. */
export function quiet(x: Num, r: Num): void {
  copyNum(x, r);
  r[CLS] = QNAN;
  r[HI]! |= 0x40000000;
  r[DENORMAL] = 0;
}

/**
 * SSE: the first operand if it is a NaN, else the second.
 * @returns true if one was: then `r` is the result
 */
export function nanSse(x: Num, y: Num, r: Num): boolean {
  if (x[CLS]! < QNAN && y[CLS]! < QNAN) return false;
  if (x[CLS] === SNAN || y[CLS] === SNAN) raiseFlags(IE);
  quiet(x[CLS]! >= QNAN ? x : y, r);
  return true;
}

/**
 * Fused multiply-add: the first of x, y and z that is a NaN (SDM vol. 1, table 14-17).
 * @returns true if one was: then `r` is the result
 */
export function nanFma(x: Num, y: Num, z: Num, r: Num): boolean {
  const nan = [x, y, z].find((n) => n[CLS]! >= QNAN);
  if (nan === undefined) return false;
  if (x[CLS] === SNAN || y[CLS] === SNAN || z[CLS] === SNAN) raiseFlags(IE);
  quiet(nan, r);
  return true;
}

/** x87: the NaN with the larger significand; of an SNaN and a QNaN the QNaN. */
export function nanX87(x: Num, y: Num, r: Num): boolean {
  const xc = x[CLS]!;
  const yc = y[CLS]!;
  if (xc < QNAN && yc < QNAN) return false;
  if (xc === UNSUPPORTED || yc === UNSUPPORTED) {
    invalid(r);
    return true;
  }
  if (xc === SNAN || yc === SNAN) raiseFlags(IE);
  if (xc < QNAN) quiet(y, r);
  else if (yc < QNAN) quiet(x, r);
  else if (xc !== yc) quiet(xc === QNAN ? x : y, r);
  else quiet(largerSignificand(x, y), r);
  return true;
}

function largerSignificand(x: Num, y: Num): Num {
  if (x[HI] !== y[HI]) return x[HI]! >>> 0 > y[HI]! >>> 0 ? x : y;
  if (x[LO] !== y[LO]) return x[LO]! >>> 0 > y[LO]! >>> 0 ? x : y;
  return x[SIGN]! <= y[SIGN]! ? x : y;
}

export function flagDenormals(x: Num, y: Num): void {
  if ((x[DENORMAL]! | y[DENORMAL]!) !== 0) raiseFlags(DE);
}
