/** With PE clear, exact results take the fast path: the same bits and flags as soft-float's. */

import { createLinearMemory } from '../../src/common/memory.ts';
import { FP_ENV_WORD } from '../../src/ir/fp-env.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { FP_FNS } from '../../src/ir/slot-fp.ts';
import { SLOW_ARITH } from '../../src/ir/slot-fp-slow.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('exact floating-point results');

/** Numbers with few significand bits, so that many results are exact, and some just not. */
function short(rng: Random): number {
  const m = rng.below(2 ** (1 + rng.below(30))) - rng.below(3);
  return m * 2 ** (rng.below(80) - 40) * (rng.chance(5) ? 2 ** (rng.below(1600) - 800) : 1);
}

for (const op of ['fadd', 'fsub', 'fmul', 'fdiv'] as const) {
  for (const type of ['f32', 'f64'] as const) {
    test(`${op}.${type}`, () => {
      const env = {
        ...createLinearMemory(65536),
        mem: { raise: () => -1 },
      } as unknown as HelperEnv;
      const { I32, F32, F64 } = env;
      const rng = new Random(11);
      for (let i = 0; i < 20_000; i++) {
        for (const at of [64, 68]) {
          if (type === 'f32') F32[at] = short(rng);
          else F64[at >> 1] = short(rng);
        }
        I32[FP_ENV_WORD] = 0x1f80;
        SLOW_ARITH[`${op}.${type}`](env, 72, 64, 68, -1, 0);
        const want = [I32[72], type === 'f64' ? I32[73] : 0, I32[FP_ENV_WORD]];
        I32[FP_ENV_WORD] = 0x1f80;
        FP_FNS[`${op}.${type}`](env, 72, 64, 68, -1, 0);
        const got = [I32[72], type === 'f64' ? I32[73] : 0, I32[FP_ENV_WORD]];
        if (got.join() !== want.join()) assert.equal(got, want, `case ${i}`);
      }
    });
  }
}
