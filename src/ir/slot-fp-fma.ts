/** Fused multiply-add (SDM vol. 1, 14.5): lanes of a * b + c with one rounding, through soft-float. */

import { FP_ENV_WORD, IE } from './fp-env.ts';
import { FMA_EVEN, FMA_NEGATE_PRODUCT, FMA_NEGATE_SUM, FMA_ODD } from './ops-fp.ts';
import type { SlotFn } from './slot-fn.ts';
import { deliver, finish, forms, type Lane, load, R, rounding, X } from './slot-fp-slow.ts';
import { fmaNum } from './softfloat/fma.ts';
import { flagDenormals, nanFma } from './softfloat/nan.ts';
import { type Num, newNum, SIGN } from './softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags } from './softfloat/round.ts';

const Y: Num = newNum();
const Z: Num = newNum();

/** Whether c is subtracted in lane i. */
function subtracts(imm: number, i: number): boolean {
  return (imm & (FMA_NEGATE_SUM | (i & 1 ? FMA_ODD : FMA_EVEN))) !== 0;
}

function fmaLanes(lane: Lane, words: number): SlotFn {
  const step = lane === 'f32' ? 1 : 2;
  return (env, d, a, b, c, imm) => {
    const { I32 } = env;
    const mx = I32[FP_ENV_WORD]!;
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
