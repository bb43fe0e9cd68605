/** DIV and IDIV in WebAssembly do what the helpers do. */

import { WasmCompiler } from '../../src/backend-wasm/compile.ts';
import { TEMP_BASE } from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import { HELPER, HELPER_LAYOUTS, HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { stateWord } from '../../src/frontend-x86/state.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('division in WebAssembly');

const RAISED = -1;
const access = new Proxy({}, { get: () => () => RAISED });
const env = { ...createLinearMemory(1 << 20), mem: access } as unknown as HelperEnv;
const compiler = new WasmCompiler(env, HELPERS, SLOT_FNS, HELPER_LAYOUTS);
const { I32 } = env;

const [RAX, RDX] = [stateWord('rax'), stateWord('rdx')];
const BY = TEMP_BASE >> 2;
const WORDS = [RAX, RAX + 1, RDX, RDX + 1, BY, BY + 1];
const EDGES = [0, 1, 2, -1, -2, 10, 0x7fffffff, -0x80000000];

type Division = (d: number, a: number, b: number, c: number) => number;

function state(rng: Random): number[] {
  const edge = (): number => EDGES[rng.below(EDGES.length)]!;
  const word = (): number => (rng.chance(40) ? edge() : Number(rng.value() & 0xffffffffn) | 0);
  const words = WORDS.map(word);
  // As CDQ, CQO, XOR and small dividends have it.
  const kind = rng.below(4);
  if (kind === 0) words[2] = words[3] = words[1]! >> 31;
  if (kind === 1) words[2] = words[3] = 0;
  if (kind === 2) words[2] = words[0]! >> 31;
  if (rng.chance(50)) words[5] = words[4]! >> 31;
  return words;
}

function outcome(words: readonly number[], divide: () => number): number[] {
  words.forEach((v, i) => {
    I32[WORDS[i]!] = v;
  });
  const result = divide();
  return [result, ...WORDS.map((w) => I32[w]!)];
}

for (const name of ['div32', 'div64', 'idiv32', 'idiv64']) {
  test(name, () => {
    const rng = new Random(Date.now() >>> 0);
    const number = HELPER[name]!;
    const native = compiler.imported([{ kind: 'helper', number }])[0] as Division;
    const { fn } = HELPERS[number]!;
    let [divided, raised] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const words = state(rng);
      const expected = outcome(words, () => fn(env, 0, BY, 0, 0));
      if (expected[0] === 0) divided++;
      else raised++;
      assert.equal(
        outcome(words, () => native(0, BY, 0, 0)),
        expected,
        words.join(' '),
      );
    }
    assert.ok(divided > 2000 && raised > 2000, `${divided} divided, ${raised} raised`);
  });
}
