/**
 * Conversions between floating-point formats and integers through soft-float. Invariants: those of
 * slot-fp-slow.ts.
 */

import { DAZ, DE, FP_ENV_WORD, IE, MASK_SHIFT, OE, UE, ZE } from './fp-env.ts';
import type { SlotFn } from './slot-fn.ts';
import { deliver, finish, type Lane, load, out, R, rounding, X } from './slot-fp-slow.ts';
import { fromInt, numToInt } from './softfloat/integer.ts';
import { flagDenormals, nanSse } from './softfloat/nan.ts';
import {
  copyNum,
  F16,
  flushDenormal,
  loadF16,
  loadF32,
  packF16,
  packF32,
} from './softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags, round } from './softfloat/round.ts';

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

/** From half precision, which every single can hold; denormals are neither flagged nor flushed (SDM vol. 2, VCVTPH2PS). */
export function convertFromHalf(lanes: 4 | 8): SlotFn {
  return (env, d, a) => {
    const { I32 } = env;
    clearFlags();
    for (let i = 0; i < lanes; i++) {
      loadF16(I32[a + (i >> 1)]! >>> ((i & 1) << 4), X);
      if (!nanSse(X, X, R)) copyNum(X, R);
      out[i] = packF32(R);
    }
    return deliver(env, d, lanes);
  };
}

/** To half precision. imm bit 2: rounding as MXCSR says, else as bits 1:0 say. FTZ does not count (VCVTPS2PH). */
export function convertToHalf(lanes: 4 | 8): SlotFn {
  return (env, d, a, _b, _c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    const unmasked = ~(mx >> MASK_SHIFT);
    const rc = imm & 4 ? rounding(mx) : imm & 3;
    let flags = 0;
    out.fill(0);
    for (let i = 0; i < lanes; i++) {
      clearFlags();
      loadF32(I32[a + i]!, X);
      if (mx & DAZ) flushDenormal(X);
      if (!nanSse(X, X, R)) {
        flagDenormals(X, X);
        copyNum(X, R);
      }
      if ((fpFlags & unmasked & (IE | DE | ZE)) === 0) {
        round(R, F16, rc, unmasked & (OE | UE), false);
        out[i >> 1]! |= (packF16(R) & 0xffff) << ((i & 1) << 4);
      }
      flags |= fpFlags;
    }
    clearFlags();
    raiseFlags(flags);
    return deliver(env, d, 4);
  };
}
