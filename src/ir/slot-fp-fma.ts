/**
 * Fused multiply-add (SDM vol. 1, 14.5): lanes of a * b + c with one rounding, through soft-float unless
 * softfloat/fused.ts says all of them.
 */

import { FAST_MASK, FAST_VALUE, FP_ENV_WORD, IE } from './fp-env.ts';
import type { HelperEnv } from './helpers.ts';
import { FMA_EVEN, FMA_NEGATE_PRODUCT, FMA_NEGATE_SUM, FMA_ODD } from './ops-fp.ts';
import type { SlotFn } from './slot-fn.ts';
import { deliver, finish, forms, type Lane, load, R, rounding, X } from './slot-fp-slow.ts';
import { fmaNum } from './softfloat/fma.ts';
import { fusedF32, fusedF64 } from './softfloat/fused.ts';
import { flagDenormals, nanFma } from './softfloat/nan.ts';
import { type Num, newNum, SIGN } from './softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags } from './softfloat/round.ts';

const Y: Num = newNum();
const Z: Num = newNum();

/** Whether c is subtracted in lane i. */
function subtracts(imm: number, i: number): boolean {
  return (imm & (FMA_NEGATE_SUM | (i & 1 ? FMA_ODD : FMA_EVEN))) !== 0;
}

/** As many as a vector has at most. */
const RESULTS = new Float64Array(8);

type FastLanes = (env: HelperEnv, at: readonly number[], count: number, imm: number) => boolean;

/**
 * @param at words of the result and of a, b, c
 * @returns whether it was done; PE, which an inexact result would set, is set already
 */
const fastF64: FastLanes = ({ F64 }, [d = 0, a = 0, b = 0, c = 0], count, imm) => {
  const sign = imm & FMA_NEGATE_PRODUCT ? -1 : 1;
  for (let i = 0; i < count; i++) {
    const z = F64[(c >> 1) + i]!;
    const r = fusedF64(sign * F64[(a >> 1) + i]!, F64[(b >> 1) + i]!, subtracts(imm, i) ? -z : z);
    if (Number.isNaN(r)) return false;
    RESULTS[i] = r;
  }
  for (let i = 0; i < count; i++) F64[(d >> 1) + i] = RESULTS[i]!;
  return true;
};

const fastF32: FastLanes = ({ F32 }, [d = 0, a = 0, b = 0, c = 0], count, imm) => {
  const sign = imm & FMA_NEGATE_PRODUCT ? -1 : 1;
  for (let i = 0; i < count; i++) {
    const z = F32[c + i]!;
    const r = fusedF32(sign * F32[a + i]!, F32[b + i]!, subtracts(imm, i) ? -z : z);
    if (Number.isNaN(r)) return false;
    RESULTS[i] = r;
  }
  for (let i = 0; i < count; i++) F32[d + i] = RESULTS[i]!;
  return true;
};

function fmaLanes(lane: Lane, words: number): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  const fastLanes = lane === 'f32' ? fastF32 : fastF64;
  return (env, d, a, b, c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
    const fast = (mx & FAST_MASK) === FAST_VALUE;
    if (fast && fastLanes(env, [d, a, b, c], words / step, imm)) return 0;
    let flags = 0;
    for (let k = 0; k < words; k += step) {
      clearFlags();
      load(I32, a + k, lane, X, mx);
      load(I32, b + k, lane, Y, mx);
      load(I32, c + k, lane, Z, mx);
      if (!nanFma(X, Y, Z, R)) {
        if (imm & FMA_NEGATE_PRODUCT) X[SIGN]! ^= 1;
        if (subtracts(imm, k / step)) Z[SIGN]! ^= 1;
        fmaNum(X, Y, Z, R, rounding(mx));
        // An invalid operation is all that is reported of a lane.
        if ((fpFlags & IE) === 0) {
          flagDenormals(X, Y);
          flagDenormals(Z, Z);
        }
      }
      finish(lane, mx, k);
      flags |= fpFlags;
    }
    clearFlags();
    raiseFlags(flags);
    return deliver(env, d, words);
  };
}

export const FMA_FNS: ReturnType<typeof forms<'ffma'>> = forms('ffma', fmaLanes);
