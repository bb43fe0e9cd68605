/** In-line texts of slot operations do what their functions do. */

import { createLinearMemory } from '../../src/common/memory.ts';
import { FAST_MASK, FAST_VALUE, FP_ENV_WORD } from '../../src/ir/fp-env.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { OPS, type OpRow, type SlotOpName } from '../../src/ir/ops.ts';
import { SLOT_FNS, SLOT_INLINE, type SlotFn } from '../../src/ir/slot-ops.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('in-line slot operations');

/** A function made from the text, with `$SLOW` as a backend would expand it. */
function compileInline(op: SlotOpName, imm: number): SlotFn {
  const text = SLOT_INLINE[op]!('d', 'a', 'b', 'c', imm);
  const body = text.replaceAll('$SLOW', '{ if (slow(env, d, a, b, c, imm) !== 0) return -1; }');
  const environment = `_f = 0, _q = (I32[${FP_ENV_WORD}] & ${FAST_MASK}) === ${FAST_VALUE} ? 0 : -1`;
  const source = `return (env, d, a, b, c, imm) => { const { I32, F32, F64 } = env, ${environment}; ${body} return 0; }`;
  return new Function('slow', source)(SLOT_FNS[op]) as SlotFn;
}

const IMM_MASK: Record<string, number> = { truncate: 1, signal: 1, lane: 1, select: 255 };
const RESULT_WORDS: Record<string, number> = { i32: 2, i64: 2, f32: 1, f64: 2, v128: 4 };

for (const op of Object.keys(SLOT_INLINE) as SlotOpName[]) {
  test(op, () => {
    const row = OPS.find((r) => r.name === op) as OpRow;
    const words = RESULT_WORDS[row.d as string]!;
    const env = { ...createLinearMemory(65536), mem: { raise: () => -1 } } as unknown as HelperEnv;
    const { I32, D } = env;
    const rng = new Random(42);
    for (let i = 0; i < 400; i++) {
      const imm = row.imm === null ? 0 : i & (IMM_MASK[row.imm] ?? 0);
      const inline = compileInline(op, imm);
      const mode = rng.pick([0x1fa0, 0x1f80, 0x7fa0, 0xffe0, 0x0fa0, 0x1fbf]);
      const d = rng.pick([64, 68, 80]);
      for (let at = 64; at < 84; at += 2) rng.lane(D, at * 4);
      const input = I32.slice(64, 84);
      I32[FP_ENV_WORD] = mode;
      const status = SLOT_FNS[op](env, d, 64, 68, 72, imm);
      const want = [...I32.slice(d, d + words), I32[FP_ENV_WORD], status];
      I32.set(input, 64);
      I32[FP_ENV_WORD] = mode;
      const got = [inline(env, d, 64, 68, 72, imm)];
      got.unshift(...I32.slice(d, d + words), I32[FP_ENV_WORD]!);
      if (status === 0 || words === 0) assert.equal(got, want);
      else assert.equal(got.slice(words), want.slice(words));
    }
  });
}
