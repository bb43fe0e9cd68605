/**
 * x87 helpers of the transcendental instructions: special operands, exceptions and the stack; the
 * values come from x87-functions.ts. Results are not subject to precision control.
 */

import { C1, C2 } from '../common/x87.ts';
import { PE, UE, ZE } from '../ir/fp-env.ts';
import type { HelperFn } from '../ir/helpers.ts';
import { compareNum, invalid } from '../ir/softfloat/arith.ts';
import { fromInt } from '../ir/softfloat/integer.ts';
import { flagDenormals, nanX87 } from '../ir/softfloat/nan.ts';
import {
  CLS,
  copyNum,
  EXP,
  F80,
  FINITE,
  HI,
  INF,
  type Num,
  newNum,
  SIGN,
  setSpecial,
  ZERO,
} from '../ir/softfloat/num.ts';
import { dropFlags, raiseFlags } from '../ir/softfloat/round.ts';
import { atan2, cos, exp2m1, quarterPi, sin, tan, yLog2, yLog2p1 } from './x87-functions.ts';
import {
  begin,
  blocked,
  complete,
  isEmpty,
  loadSt,
  overflow,
  pop,
  push,
  roundTo,
  setCodes,
  storeSt,
  underflow,
} from './x87-state.ts';

const X: Num = newNum();
const Y: Num = newNum();
const R: Num = newNum();
const SECOND: Num = newNum();

/** F2XM1 */
export const x87F2xm1: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  if (isEmpty(I32, 0)) {
    if (underflow(I32, R)) storeSt(I32, 0, R);
    return 0;
  }
  loadSt(I32, 0, X);
  if (!nanX87(X, X, R)) {
    flagDenormals(X, X);
    copyNum(X, R);
    // -inf gives -1. Beyond 1 the result is undefined: the operand stays, "inexactly".
    if (X[CLS] === INF && X[SIGN]) fromInt(-1, -1, R);
    else if (X[CLS] === FINITE) {
      if (inUnit(X)) exp2m1(X, R);
      else raiseFlags(PE);
    }
  }
  deliver(I32, 0);
  return 0;
};

/** |x| <= 1 */
function inUnit(x: Num): boolean {
  fromInt(1, 0, Y);
  Y[SIGN] = x[SIGN]!;
  return x[EXP]! < 0 || compareNum(x, Y) === 0;
}

/** Whether CPUs take the result for inexact, though it may be exact. */
let inexact = false;

function deliver(I32: Int32Array, dst: number): void {
  if (!blocked(I32)) {
    roundTo(I32, R, F80);
    // A denormal that counts as inexact is an underflow, too.
    if (inexact && R[CLS] === FINITE && R[HI]! >>> 31 === 0) raiseFlags(UE);
    storeSt(I32, dst, R);
  }
  inexact = false;
  complete(I32);
}

type Trig = (x: Num, r: Num) => void;

/**
 * FSIN, FCOS, FPTAN, FSINCOS: `second` makes the value pushed after the result. From 2^63 on the
 * operand stays and C2 is set.
 */
function trig(first: Trig, atZero: number | null, second: Trig | null): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    setCodes(I32, C2, 0);
    const empty = isEmpty(I32, 0);
    if (empty || (second !== null && !isEmpty(I32, -1))) {
      if (!(empty ? underflow(I32, R) : overflow(I32, R))) return 0;
      storeSt(I32, 0, R);
      if (second === null) return 0;
      push(I32);
      storeSt(I32, 0, R);
      return 0;
    }
    loadSt(I32, 0, X);
    if (X[CLS] === FINITE && X[EXP]! >= 63) {
      setCodes(I32, C1 | C2, C2);
      return 0;
    }
    const special = trigSpecial(first, atZero);
    if (second !== null) trigSecond(second, special);
    if (blocked(I32)) {
      complete(I32);
      return 0;
    }
    roundTo(I32, R, F80);
    storeSt(I32, 0, R);
    if (second !== null) {
      roundTo(I32, SECOND, F80);
      push(I32);
      storeSt(I32, 0, SECOND);
    }
    complete(I32);
    return 0;
  };
}

/** The first result in R. @returns whether it is a NaN (which the second result is then too) */
function trigSpecial(first: Trig, atZero: number | null): boolean {
  if (nanX87(X, X, R)) return true;
  if (X[CLS] === INF) {
    invalid(R);
    return true;
  }
  flagDenormals(X, X);
  if (X[CLS] === FINITE) first(X, R);
  else if (atZero !== null) fromInt(atZero, 0, R);
  else copyNum(X, R);
  return false;
}

function trigSecond(second: Trig, nan: boolean): void {
  if (nan) copyNum(R, SECOND);
  else if (X[CLS] === FINITE) second(X, SECOND);
  else fromInt(1, 0, SECOND);
}

export const x87Sin: HelperFn = trig(sin, null, null);
export const x87Cos: HelperFn = trig(cos, 1, null);
export const x87Sincos: HelperFn = trig(sin, null, cos);
export const x87Ptan: HelperFn = trig(tan, null, (_x, r) => fromInt(1, 0, r));

/** ST(1) = f(ST(1), ST(0)), pop. */
function binary(compute: () => void): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    if (isEmpty(I32, 0) || isEmpty(I32, 1)) {
      if (!underflow(I32, R)) return 0;
      storeSt(I32, 1, R);
      pop(I32);
      return 0;
    }
    loadSt(I32, 0, X);
    loadSt(I32, 1, Y);
    if (!nanX87(Y, X, R)) compute();
    const stop = blocked(I32);
    if (stop) dropFlags(PE);
    deliver(I32, 1);
    if (!stop) pop(I32);
    return 0;
  };
}

/** FPATAN: SDM vol. 2, table 3-30. */
export const x87Patan: HelperFn = binary(() => {
  const negative = X[SIGN] !== 0;
  const sign = Y[SIGN]!;
  flagDenormals(X, Y);
  if (Y[CLS] === FINITE && X[CLS] === FINITE) atan2(Y, X, R);
  else if (Y[CLS] === INF) {
    quarterPi(X[CLS] === INF ? (negative ? 3 : 1) : 2, sign, R);
  } else if (X[CLS] === INF || Y[CLS] === ZERO) {
    if (negative) quarterPi(4, sign, R);
    else setSpecial(R, ZERO, sign);
  } else quarterPi(2, sign, R);
});

/** y * l for a special logarithm: infinite (with its sign) or zero. */
function timesSpecial(cls: number, sign: number): void {
  const s = sign ^ Y[SIGN]!;
  const other = cls === INF ? ZERO : INF;
  if (Y[CLS] === other) invalid(R);
  else {
    flagDenormals(Y, Y);
    setSpecial(R, cls, s);
  }
}

/** FYL2X */
export const x87Yl2x: HelperFn = binary(() => {
  if (X[CLS] === ZERO) {
    if (Y[CLS] === FINITE) raiseFlags(ZE);
    if (Y[CLS] === ZERO) invalid(R);
    else setSpecial(R, INF, Y[SIGN]! ^ 1);
  } else if (X[SIGN]) invalid(R);
  else if (X[CLS] === INF) timesSpecial(INF, 0);
  else {
    fromInt(1, 0, R);
    logarithm(compareNum(X, R), () => yLog2(X, Y, R));
  }
});

/** FYL2XP1 */
export const x87Yl2xp1: HelperFn = binary(() => {
  if (X[CLS] === INF) {
    if (X[SIGN]) invalid(R);
    else timesSpecial(INF, 0);
  } else if (X[CLS] === ZERO) {
    if (Y[CLS] === INF) invalid(R);
    else {
      flagDenormals(Y, Y);
      setSpecial(R, ZERO, X[SIGN]! ^ Y[SIGN]!);
    }
  } else if (X[EXP]! >= 0 && X[SIGN]) {
    // Undefined: ST(1) stays.
    flagDenormals(X, Y);
    raiseFlags(PE);
    copyNum(Y, R);
  } else logarithm(X[SIGN] ? -1 : 1, () => yLog2p1(X, Y, R));
});

/** y times a finite logarithm of known sign (0: it is zero). */
function logarithm(sign: number, compute: () => void): void {
  flagDenormals(X, Y);
  if (sign === 0) timesSpecial(ZERO, 0);
  else if (Y[CLS] === FINITE) {
    compute();
    // CPUs report even the exact logarithm of a power of two as inexact.
    raiseFlags(PE);
    inexact = true;
  } else setSpecial(R, Y[CLS]!, Y[SIGN]! ^ (sign < 0 ? 1 : 0));
}
