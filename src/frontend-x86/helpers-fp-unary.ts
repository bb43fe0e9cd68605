/**
 * x87 helpers on ST(0) (and ST(1)): signs, classification, roots, scaling, remainders, constants
 * (SDM vol. 1, 8.3.3, 8.3.4, 8.3.8). Transcendental functions: x87-functions.ts.
 */

import { C0, C1, C2, C3 } from '../common/x87.ts';
import { PE, ZE } from '../ir/fp-env.ts';
import type { HelperFn } from '../ir/helpers.ts';
import { invalid, sqrtNum } from '../ir/softfloat/arith.ts';
import { fromInt } from '../ir/softfloat/integer.ts';
import { flagDenormals, nanX87 } from '../ir/softfloat/nan.ts';
import {
  CLS,
  copyNum,
  DENORMAL,
  EXP,
  EXT,
  F80,
  FINITE,
  HI,
  INF,
  LO,
  type Num,
  newNum,
  normalize,
  QNAN,
  SIGN,
  SNAN,
  setSpecial,
  ZERO,
} from '../ir/softfloat/num.ts';
import { raiseFlags, roundToIntegral, toInteger } from '../ir/softfloat/round.ts';
import {
  begin,
  blocked,
  complete,
  isEmpty,
  loadSt,
  overflow,
  precision,
  push,
  pushResult,
  rounding,
  roundTo,
  setCodes,
  storeSt,
  stWord,
  underflow,
} from './x87-state.ts';

const X: Num = newNum();
const Y: Num = newNum();
const R: Num = newNum();

/** FCHS (mask 0x8000 flipped) and FABS (cleared): no exceptions but stack underflow. */
function changeSign(change: (se: number) => number): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    if (isEmpty(I32, 0)) {
      if (underflow(I32, R)) storeSt(I32, 0, R);
      return 0;
    }
    setCodes(I32, C1, 0);
    const w = stWord(I32, 0) + 2;
    I32[w] = change(I32[w]! & 0xffff);
    return 0;
  };
}

export const x87Chs: HelperFn = changeSign((se) => se ^ 0x8000);
export const x87Abs: HelperFn = changeSign((se) => se & 0x7fff);

/** FXAM: the class in C3 C2 C0, the sign in C1. */
export const x87Xam: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  loadSt(I32, 0, X);
  let codes = 0;
  if (isEmpty(I32, 0)) codes = C3 | C0;
  else if (X[CLS] === ZERO) codes = C3;
  else if (X[CLS] === FINITE) codes = X[DENORMAL] ? C3 | C2 : C2;
  else if (X[CLS] === INF) codes = C2 | C0;
  else if (X[CLS] === QNAN || X[CLS] === SNAN) codes = C0;
  setCodes(I32, C0 | C1 | C2 | C3, X[SIGN] ? codes | C1 : codes);
  return 0;
};

/** An operation on ST(0) whose result, after `round` if it has one, replaces it. */
function unary(operation: (I32: Int32Array) => void): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    if (isEmpty(I32, 0)) {
      if (underflow(I32, R)) storeSt(I32, 0, R);
      return 0;
    }
    loadSt(I32, 0, X);
    if (!nanX87(X, X, R)) operation(I32);
    if (!blocked(I32)) storeSt(I32, 0, R);
    complete(I32);
    return 0;
  };
}

export const x87Sqrt: HelperFn = unary((I32) => {
  if (X[SIGN] === 0) flagDenormals(X, X);
  sqrtNum(X, R);
  if (!blocked(I32)) roundTo(I32, R, precision(I32));
});

export const x87Rndint: HelperFn = unary((I32) => {
  flagDenormals(X, X);
  if (blocked(I32)) return;
  copyNum(X, R);
  if (roundToIntegral(R, rounding(I32))) raiseFlags(PE);
});

/** The integer part of Y as a number; beyond any exponent it saturates. */
function truncated(y: Num): number {
  if (y[CLS] === ZERO) return 0;
  if (y[EXP]! > 16) return y[SIGN] ? -0x20000 : 0x20000;
  toInteger(y, 3);
  return y[SIGN] ? -y[LO]! : y[LO]!;
}

function scale(): void {
  if (Y[CLS] === INF) {
    const bad = Y[SIGN] ? INF : ZERO;
    if (X[CLS] === bad) invalid(R);
    else {
      flagDenormals(X, X);
      setSpecial(R, Y[SIGN] ? ZERO : INF, X[SIGN]!);
    }
    return;
  }
  flagDenormals(X, Y);
  copyNum(X, R);
  R[EXT] = 0;
  if (X[CLS] === FINITE) R[EXP]! += truncated(Y);
}

/** An operation on ST(0) and ST(1); the result replaces ST(0). */
function withSt1(
  operation: (I32: Int32Array) => void,
  finish: (I32: Int32Array) => void,
): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    if (isEmpty(I32, 0) || isEmpty(I32, 1)) {
      if (underflow(I32, R)) storeSt(I32, 0, R);
      return 0;
    }
    loadSt(I32, 0, X);
    loadSt(I32, 1, Y);
    if (!nanX87(X, Y, R)) operation(I32);
    if (!blocked(I32)) {
      finish(I32);
      storeSt(I32, 0, R);
    }
    complete(I32);
    return 0;
  };
}

/** FSCALE: not subject to precision control. */
export const x87Scale: HelperFn = withSt1(scale, (I32) => roundTo(I32, R, F80));

/** FXTRACT: exponent to ST(0), significand pushed. */
export const x87Xtract: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const empty = isEmpty(I32, 0);
  if (empty || !isEmpty(I32, -1)) {
    if (!(empty ? underflow(I32, R) : overflow(I32, R))) return 0;
    storeSt(I32, 0, R);
    push(I32);
    storeSt(I32, 0, R);
    return 0;
  }
  loadSt(I32, 0, X);
  if (nanX87(X, X, R)) copyNum(R, Y);
  else extract();
  complete(I32);
  if (blocked(I32)) return 0;
  storeSt(I32, 0, Y);
  push(I32);
  storeSt(I32, 0, R);
  return 0;
};

/** Exponent of X to Y, significand to R. */
function extract(): void {
  copyNum(X, R);
  if (X[CLS] === INF) setSpecial(Y, INF, 0);
  else if (X[CLS] === ZERO) {
    raiseFlags(ZE);
    setSpecial(Y, INF, 1);
  } else {
    flagDenormals(X, X);
    fromInt(X[EXP]!, X[EXP]! >> 31, Y);
    R[EXP] = 0;
  }
}

// ── remainders ──────────────────────────────────────────────────────────────────────────────────

/** State of a remainder: the running remainder as two unsigned words, and the quotient's low bits. */
let remHi = 0;
let remLo = 0;
let quotient = 0;

/** One step of long division by y (both halves unsigned): remainder modulo y, a quotient bit. */
function step(yh: number, yl: number): void {
  quotient = (quotient << 1) & 0xff;
  if (remHi < yh || (remHi === yh && remLo < yl)) return;
  quotient |= 1;
  remLo -= yl;
  remHi -= yh;
  if (remLo < 0) {
    remLo += 4294967296;
    remHi--;
  }
}

function double(): void {
  const top = remLo >= 2147483648 ? 1 : 0;
  remLo = (remLo * 2) % 4294967296;
  remHi = remHi * 2 + top;
}

/**
 * R = X - Y * q exactly, q being X / Y truncated, or rounded to nearest even; or if the exponents are
 * 64 or more apart a partial remainder that reduces the exponent by 32 to 63.
 * @returns whether it is partial
 */
function remainder(nearest: boolean): boolean {
  const d = X[EXP]! - Y[EXP]!;
  const yh = Y[HI]! >>> 0;
  const yl = Y[LO]! >>> 0;
  quotient = 0;
  copyNum(X, R);
  R[EXT] = 0;
  if (d < -1 || (d === -1 && !nearest)) return false;
  const partial = d >= 64;
  const shifts = partial ? (d & 31) | 32 : d;
  remHi = X[HI]! >>> 0;
  remLo = X[LO]! >>> 0;
  let e = Y[EXP]!;
  if (d >= 0) {
    step(yh, yl);
    for (let i = 0; i < shifts; i++) {
      double();
      step(yh, yl);
    }
    if (partial) e = X[EXP]! - shifts;
  } else e = X[EXP]!;
  if (nearest && !partial) roundQuotient(yh, yl, d < 0);
  R[HI] = remHi;
  R[LO] = remLo;
  R[EXP] = e;
  if ((R[HI]! | R[LO]!) === 0) setSpecial(R, ZERO, X[SIGN]!);
  else normalize(R);
  return partial;
}

/** If the remainder is more than half of y (or half, and the quotient odd), subtracts y once more. */
function roundQuotient(yh: number, yl: number, halved: boolean): void {
  // Compare 2 * rem with y; with `halved` the remainder is in units of half an ulp of y already.
  let h = remHi;
  let l = remLo;
  if (!halved) {
    l = remLo * 2;
    h = remHi * 2 + (l >= 4294967296 ? 1 : 0);
    l %= 4294967296;
  }
  const more = h > yh || (h === yh && l > yl);
  const half = h === yh && l === yl;
  if (!(more || (half && quotient & 1))) return;
  quotient = (quotient + 1) & 0xff;
  R[SIGN]! ^= 1;
  // rem = y - rem, in the remainder's units.
  let nl = (halved ? (yl * 2) % 4294967296 : yl) - remLo;
  let nh = (halved ? yh * 2 + (yl >= 2147483648 ? 1 : 0) : yh) - remHi;
  if (nl < 0) {
    nl += 4294967296;
    nh--;
  }
  remHi = nh;
  remLo = nl;
}

/** FPREM, FPREM1: C2 = partial, else C0 C3 C1 = the quotient's low three bits, highest first. */
function remainderHelper(nearest: boolean): HelperFn {
  return (env) => {
    if (begin(env) < 0) return -1;
    const { I32 } = env;
    if (isEmpty(I32, 0) || isEmpty(I32, 1)) {
      setCodes(I32, C2, 0);
      if (underflow(I32, R)) storeSt(I32, 0, R);
      return 0;
    }
    loadSt(I32, 0, X);
    loadSt(I32, 1, Y);
    let partial = false;
    let defined = false;
    quotient = 0;
    if (!nanX87(X, Y, R)) {
      if (X[CLS] === INF || Y[CLS] === ZERO) invalid(R);
      else {
        defined = true;
        flagDenormals(X, Y);
        if (X[CLS] === FINITE && Y[CLS] === FINITE) partial = remainder(nearest);
        else copyNum(X, R);
      }
    }
    if (blocked(I32)) defined = false;
    else {
      roundTo(I32, R, F80);
      storeSt(I32, 0, R);
    }
    complete(I32);
    const q = quotient;
    const codes = (q & 4 ? C0 : 0) | (q & 2 ? C3 : 0) | (q & 1 ? C1 : 0);
    if (defined) setCodes(I32, C0 | C1 | C2 | C3, partial ? C2 : codes);
    else setCodes(I32, C1 | C2, 0);
    return 0;
  };
}

export const x87Prem: HelperFn = remainderHelper(false);
export const x87Prem1: HelperFn = remainderHelper(true);

// ── constants ───────────────────────────────────────────────────────────────────────────────────

/** FLD1 and the rest in opcode order (D9 E8 to EE): exponent and 96 bits of significand. */
const CONSTANTS: readonly (readonly [number, number, number, number])[] = [
  [0, 0x80000000, 0, 0],
  [1, 0xd49a784b, 0xcd1b8afe, 0x492bf6ff], // log2(10)
  [0, 0xb8aa3b29, 0x5c17f0bb, 0xbe87fed1], // log2(e)
  [1, 0xc90fdaa2, 0x2168c234, 0xc4c6628b], // pi
  [-2, 0x9a209a84, 0xfbcff798, 0x8f8959ac], // log10(2)
  [-1, 0xb17217f7, 0xd1cf79ab, 0xc9e3b398], // ln(2)
];

/** x87Const(n): rounded as the rounding control says, without flags. */
export const x87Const: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  const n = I32[a]!;
  const c = CONSTANTS[n];
  if (c === undefined) setSpecial(R, ZERO, 0);
  else {
    setSpecial(R, FINITE, 0);
    R[EXP] = c[0];
    R[HI] = c[1];
    R[LO] = c[2];
    R[EXT] = c[3];
    R[DENORMAL] = 0;
    roundConstant(I32);
  }
  pushResult(I32, R);
  return 0;
};

/** All constants are positive and inexact but for 1 and 0. */
function roundConstant(I32: Int32Array): void {
  const rc = rounding(I32);
  const up = rc === 0 ? R[EXT]! < 0 : rc === 2 && R[EXT] !== 0;
  R[EXT] = 0;
  if (!up) return;
  R[LO]!++;
  if (R[LO] === 0) R[HI]!++;
}
