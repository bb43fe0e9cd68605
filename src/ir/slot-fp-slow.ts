/**
 * Floating-point operations through soft-float: every rounding mode, NaN, denormal and exception.
 * The fast paths (slot-fp.ts) come here whenever a result could differ from what JavaScript's own
 * arithmetic gives, or a flag would have to be set.
 *
 * Invariant: results go to `out` first and to the destination only when no unmasked exception
 * was raised. Flags of packed operations are those of all lanes together (SDM vol. 1, 11.5.2).
 */

import {
  commitFlags,
  DAZ,
  DE,
  FP_ENV_WORD,
  FTZ,
  IE,
  MASK_SHIFT,
  OE,
  PE,
  RC_SHIFT,
  UE,
  ZE,
} from './fp-env.ts';
import type { HelperEnv } from './helpers.ts';
import type { SlotFn } from './slot-fn.ts';
import { addNum, compareNum, divNum, mulNum, sqrtNum } from './softfloat/arith.ts';
import { flagDenormals, nanSse } from './softfloat/nan.ts';
import {
  CLS,
  copyNum,
  F32,
  F64,
  flushDenormal,
  loadF32,
  loadF64,
  type Num,
  newNum,
  packF32,
  packF64,
  QNAN,
  SIGN,
  SNAN,
  ZERO,
} from './softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags, round, roundToIntegral } from './softfloat/round.ts';

export const X: Num = newNum();
const Y: Num = newNum();
export const R: Num = newNum();
export const out: Int32Array = new Int32Array(8);

/** Computes r from x and y (unary: x alone), unrounded, raising pre-computation flags. */
export type Kernel = (x: Num, y: Num, r: Num, rc: number, imm: number) => void;

/** Lanes of one value or of a whole register. */
export type Lane = 'f32' | 'f64';

export function load(I32: Int32Array, at: number, lane: Lane, r: Num, mx: number): void {
  if (lane === 'f32') loadF32(I32[at]!, r);
  else loadF64(I32[at]!, I32[at + 1]!, r);
  if (mx & DAZ) flushDenormal(r);
}

export function rounding(mx: number): number {
  return (mx >> RC_SHIFT) & 3;
}

/** Rounds R to the lane's format and packs it at out[at]. */
export function finish(lane: Lane, mx: number, at: number): void {
  const unmasked = ~(mx >> MASK_SHIFT);
  // Nothing is computed after an unmasked invalid, denormal or divide-by-zero.
  if (fpFlags & unmasked & (IE | DE | ZE)) return;
  const flush = (mx & FTZ) !== 0 && (unmasked & UE) === 0;
  round(R, lane === 'f32' ? F32 : F64, rounding(mx), unmasked & (OE | UE), flush);
  if (lane === 'f32') out[at] = packF32(R);
  else packF64(R, out, at);
}

export function deliver(env: HelperEnv, d: number, words: number): number {
  // An unmasked invalid, denormal or divide-by-zero in any lane: no lane gets to rounding.
  const pre = fpFlags & (IE | DE | ZE);
  const stopped = (pre & ~(env.I32[FP_ENV_WORD]! >> MASK_SHIFT)) !== 0;
  if (commitFlags(env, stopped ? pre : fpFlags) < 0) return -1;
  for (let k = 0; k < words; k++) env.I32[d + k] = out[k]!;
  return 0;
}

/** An operation on lanes one by one; `words` is the size of the destination. */
export function lanewise(kernel: Kernel, lane: Lane, words: number): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  return (env, d, a, b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    const rc = rounding(mx);
    let flags = 0;
    for (let k = 0; k < words; k += step) {
      clearFlags();
      load(I32, a + k, lane, X, mx);
      // A unary operation has no b; its kernel does not look at Y.
      if (b >= 0) load(I32, b + k, lane, Y, mx);
      kernel(X, Y, R, rc, imm);
      finish(lane, mx, k);
      flags |= fpFlags;
    }
    clearFlags();
    raiseFlags(flags);
    return deliver(env, d, words);
  };
}

export const addKernel: Kernel = (x, y, r, rc) => {
  if (nanSse(x, y, r)) return;
  flagDenormals(x, y);
  addNum(x, y, r, rc, false);
};

export const subKernel: Kernel = (x, y, r, rc) => {
  if (nanSse(x, y, r)) return;
  flagDenormals(x, y);
  addNum(x, y, r, rc, true);
};

export const mulKernel: Kernel = (x, y, r) => {
  if (nanSse(x, y, r)) return;
  flagDenormals(x, y);
  mulNum(x, y, r);
};

export const divKernel: Kernel = (x, y, r) => {
  if (nanSse(x, y, r)) return;
  if (y[CLS] !== ZERO) flagDenormals(x, y);
  divNum(x, y, r);
};

export const sqrtKernel: Kernel = (x, _y, r) => {
  if (nanSse(x, x, r)) return;
  if (x[SIGN] === 0) flagDenormals(x, x);
  sqrtNum(x, r);
};

/** The second operand as it is, unless the first is strictly smaller (or greater). */
function extreme(sign: number): Kernel {
  return (x, y, r) => {
    if (x[CLS]! >= QNAN || y[CLS]! >= QNAN) {
      raiseFlags(IE);
      copyNum(y, r);
      return;
    }
    flagDenormals(x, y);
    copyNum(compareNum(x, y) === sign ? x : y, r);
  };
}

/** Minimum and maximum are exact: rounding only brings a denormal into its packed form. */
function extremeLanes(sign: number, lane: Lane, words: number): SlotFn {
  const kernel = extreme(sign);
  return lanewiseRaw(
    (x, y, r, at) => {
      kernel(x, y, r, 0, 0);
      round(r, lane === 'f32' ? F32 : F64, 0, 0, false);
      if (lane === 'f32') out[at] = packF32(r);
      else packF64(r, out, at);
    },
    lane,
    words,
  );
}

/** Like lanewise, for what delivers exact bits: `each` writes out[at] itself. */
function lanewiseRaw(
  each: (x: Num, y: Num, r: Num, at: number, imm: number, rc: number) => void,
  lane: Lane,
  words: number,
): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  return (env, d, a, b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    clearFlags();
    for (let k = 0; k < words; k += step) {
      load(I32, a + k, lane, X, mx);
      if (b >= 0) load(I32, b + k, lane, Y, mx);
      each(X, Y, R, k, imm, rounding(mx));
    }
    return deliver(env, d, words);
  };
}

// Relations as bits: less, equal, greater, unordered.
const LT = 1;
const EQ = 2;
const GT = 4;
const UN = 8;
/** The relations for which each predicate of CMPPS holds; 16 to 31 differ in signalling only. */
const PREDICATES = [
  EQ,
  LT,
  LT | EQ,
  UN,
  LT | GT | UN,
  EQ | GT | UN,
  GT | UN,
  LT | EQ | GT,
  EQ | UN,
  LT | UN,
  LT | EQ | UN,
  0,
  LT | GT,
  EQ | GT,
  GT,
  LT | EQ | GT | UN,
] as const;
/** Predicates below 16 that signal on a quiet NaN; from 16 up it is the others. */
const SIGNALLING = 0b0110_0110_0110_0110;

export function predicateHolds(imm: number, relation: number): boolean {
  return (PREDICATES[imm & 15]! & relation) !== 0;
}

/** Relation of x and y; raises IE for SNaNs, and for QNaNs if `signal`. */
function relation(x: Num, y: Num, signal: boolean): number {
  if (x[CLS]! >= QNAN || y[CLS]! >= QNAN) {
    if (signal || x[CLS] === SNAN || y[CLS] === SNAN) raiseFlags(IE);
    return UN;
  }
  flagDenormals(x, y);
  const c = compareNum(x, y);
  return c < 0 ? LT : c > 0 ? GT : EQ;
}

function compareLanes(lane: Lane, words: number): SlotFn {
  return lanewiseRaw(
    (x, y, _r, at, imm) => {
      const signal = ((SIGNALLING >> (imm & 15)) & 1) !== ((imm >> 4) & 1);
      const m = predicateHolds(imm, relation(x, y, signal)) ? -1 : 0;
      out[at] = m;
      if (lane === 'f64') out[at + 1] = m;
    },
    lane,
    words,
  );
}

/** imm of ROUNDPS: bits 1:0 the mode, bit 2 use the environment's, bit 3 no PE. */
function roundLanes(lane: Lane, words: number): SlotFn {
  return lanewiseRaw(
    (x, _y, r, at, imm, envRc) => {
      if (!nanSse(x, x, r)) {
        copyNum(x, r);
        if (roundToIntegral(r, imm & 4 ? envRc : imm & 3) && (imm & 8) === 0) raiseFlags(PE);
      }
      if (lane === 'f32') out[at] = packF32(r);
      else packF64(r, out, at);
    },
    lane,
    words,
  );
}

type Packed<P extends string> = Record<
  `v${P}.f32x4` | `v${P}.f64x2` | `v${P}.f32x8` | `v${P}.f64x4`,
  SlotFn
>;
type Forms<P extends string> = Record<`${P}.f32` | `${P}.f64`, SlotFn> & Packed<P>;
/** Makes the function for a lane type and a destination of so many words. */
type Make = (lane: Lane, words: number) => SlotFn;

export function packedForms<P extends string>(name: P, make: Make): Packed<P> {
  return {
    [`v${name}.f32x4`]: make('f32', 4),
    [`v${name}.f64x2`]: make('f64', 4),
    [`v${name}.f32x8`]: make('f32', 8),
    [`v${name}.f64x4`]: make('f64', 8),
  } as Packed<P>;
}

export function forms<P extends string>(name: P, make: Make): Forms<P> {
  return {
    [`${name}.f32`]: make('f32', 1),
    [`${name}.f64`]: make('f64', 2),
    ...packedForms(name, make),
  } as Forms<P>;
}

type ArithName = 'fadd' | 'fsub' | 'fmul' | 'fdiv' | 'fsqrt' | 'fmin' | 'fmax' | 'fcmp' | 'fround';

export const SLOW_ARITH: Forms<ArithName> = {
  ...forms('fadd', (l, w) => lanewise(addKernel, l, w)),
  ...forms('fsub', (l, w) => lanewise(subKernel, l, w)),
  ...forms('fmul', (l, w) => lanewise(mulKernel, l, w)),
  ...forms('fdiv', (l, w) => lanewise(divKernel, l, w)),
  ...forms('fsqrt', (l, w) => lanewise(sqrtKernel, l, w)),
  ...forms('fmin', (l, w) => extremeLanes(-1, l, w)),
  ...forms('fmax', (l, w) => extremeLanes(1, l, w)),
  ...forms('fcmp', compareLanes),
  ...forms('fround', roundLanes),
};

/** ZF PF CF of UCOMISD (imm 0) and COMISD (imm 1). */
export function compareFlags(lane: Lane): SlotFn {
  return (env, d, a, b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    clearFlags();
    load(I32, a, lane, X, mx);
    load(I32, b, lane, Y, mx);
    const rel = relation(X, Y, imm === 1);
    out[0] = rel === UN ? 0x45 : rel === EQ ? 0x40 : rel === LT ? 1 : 0;
    out[1] = 0;
    return deliver(env, d, 2);
  };
}

/** Lanes of different operations over pairs chosen by the caller, who numbers the lanes of each 128 bits from 0. */
export function pairwise(
  lane: Lane,
  words: number,
  kernelOf: (i: number) => Kernel,
  left: (a: number, b: number, i: number) => number,
  right: (a: number, b: number, i: number) => number,
): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  return (env, d, a, b) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    let flags = 0;
    for (let at = 0; at < words; at += step) {
      const half = at & 4;
      const i = (at - half) / step;
      clearFlags();
      load(I32, left(a + half, b + half, i), lane, X, mx);
      load(I32, right(a + half, b + half, i), lane, Y, mx);
      kernelOf(i)(X, Y, R, rounding(mx), 0);
      finish(lane, mx, at);
      flags |= fpFlags;
    }
    clearFlags();
    raiseFlags(flags);
    return deliver(env, d, words);
  };
}

/** What the next step of a dot product takes from the one before. */
const previous: Int32Array = new Int32Array(8);

/**
 * DPPS and DPPD: products of the lanes in imm[7:4], summed pairwise, to the lanes in imm[3:0], in each half.
 * The steps are operations of their own: one that raises an unmasked exception is the last, and leaves the
 * flags of those before it.
 */
export function dotProduct(lane: Lane, words: 4 | 8): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  const n = 4 / step;
  return (env, d, a, b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    const unmasked = ~(mx >> MASK_SHIFT) & 0x3f;
    let flags = 0;
    let stepFlags = 0;
    const one = (kernel: Kernel, x: Int32Array, xAt: number, yAt: number, at: number): void => {
      clearFlags();
      load(x, xAt, lane, X, mx);
      load(x, yAt, lane, Y, mx);
      kernel(X, Y, R, rounding(mx), 0);
      finish(lane, mx, at);
      stepFlags |= fpFlags;
    };
    /** Ends a step. @returns whether it was the last */
    const stops = (): boolean => {
      const pre = stepFlags & (IE | DE | ZE);
      flags |= pre & unmasked ? pre : stepFlags;
      const last = (stepFlags & unmasked) !== 0;
      stepFlags = 0;
      previous.set(out);
      return last;
    };
    for (let i = 0; i < words / step; i++) {
      const at = i * step;
      out.fill(0, at, at + step);
      if (imm & (16 << (i % n))) one(mulKernel, I32, a + at, b + at, at);
    }
    if (stops()) return commitFlags(env, flags);
    for (let half = 0; half < words; half += 4) {
      one(addKernel, previous, half, half + step, half);
      if (n === 4) one(addKernel, previous, half + 2, half + 3, half + 1);
    }
    if (stops()) return commitFlags(env, flags);
    for (let half = 0; half < words && n === 4; half += 4) {
      one(addKernel, previous, half, half + 1, half);
    }
    stops();
    if (commitFlags(env, flags) < 0) return -1;
    for (let i = 0; i < words / step; i++) {
      for (let k = 0; k < step; k++) {
        const at = i * step + k;
        I32[d + at] = imm & (1 << (i % n)) ? previous[(at & 4) + k]! : 0;
      }
    }
    return 0;
  };
}
