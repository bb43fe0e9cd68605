/**
 * Conversions between floating-point formats and integers through soft-float. Invariants: those of
 * slot-fp-slow.ts.
 */

import { FP_ENV_WORD } from './fp-env.ts';
import type { SlotFn } from './slot-fn.ts';
import { deliver, finish, type Lane, load, out, R, rounding, X } from './slot-fp-slow.ts';
import { fromInt, numToInt } from './softfloat/integer.ts';
import { flagDenormals, nanSse } from './softfloat/nan.ts';
import { copyNum } from './softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags } from './softfloat/round.ts';

/** Between the floating-point formats. `lanes` results from the lowest lanes, the rest zeroed. */
export function convertFormat(from: Lane, to: Lane, lanes: number, words: number): SlotFn {
  const fromStep = from === 'f32' ? 1 : 2;
  const toStep = to === 'f32' ? 1 : 2;
  return (env, d, a) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    let flags = 0;
    out.fill(0);
    for (let i = 0; i < lanes; i++) {
      clearFlags();
      load(I32, a + i * fromStep, from, X, mx);
      if (!nanSse(X, X, R)) {
        flagDenormals(X, X);
        copyNum(X, R);
      }
      finish(to, mx, i * toStep);
      flags |= fpFlags;
    }
    clearFlags();
    raiseFlags(flags);
    return deliver(env, d, words);
  };
}

/** From integers of 1 or 2 words. */
export function convertFromInt(intWords: 1 | 2, to: Lane, lanes: number, words: number): SlotFn {
  const toStep = to === 'f32' ? 1 : 2;
  return (env, d, a) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    clearFlags();
    for (let i = 0; i < lanes; i++) {
      const lo = I32[a + i * intWords]!;
      fromInt(lo, intWords === 2 ? I32[a + 2 * i + 1]! : lo >> 31, R);
      finish(to, mx, i * toStep);
    }
    return deliver(env, d, words);
  };
}

/** To integers; imm 1 truncates. `zero`: words of the destination after the results are zeroed. */
export function convertToInt(from: Lane, bits: 32 | 64, lanes: number, words: number): SlotFn {
  const fromStep = from === 'f32' ? 1 : 2;
  return (env, d, a, _b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    clearFlags();
    out.fill(0);
    for (let i = 0; i < lanes; i++) {
      load(I32, a + i * fromStep, from, X, mx);
      numToInt(X, bits, imm === 1 ? 3 : rounding(mx), out, i * (bits >> 5));
    }
    return deliver(env, d, words);
  };
}
