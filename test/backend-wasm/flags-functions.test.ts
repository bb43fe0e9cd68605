/** Status flags as WebAssembly evaluates them are those of the helpers, for every operation, size and condition. */

import { WasmCompiler } from '../../src/backend-wasm/compile.ts';
import {
  CC_CARRY,
  CC_EFLAGS,
  CC_MUL,
  CC_SAR,
  CC_SHL,
  CC_SHR,
} from '../../src/common/condition-codes.ts';
import { TEMP_BASE } from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import { W_A, W_B, W_C, W_KIND } from '../../src/frontend-x86/flags.ts';
import { HELPER, HELPER_LAYOUTS, HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import type { HelperEnv } from '../../src/ir/helpers.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('flags in WebAssembly');

const access = new Proxy({}, { get: () => () => 0 });
const env = { ...createLinearMemory(1 << 20), mem: access } as unknown as HelperEnv;
const compiler = new WasmCompiler(env, HELPERS, SLOT_FNS, HELPER_LAYOUTS);
const { I32 } = env;

const D = TEMP_BASE >> 2;
const A = D + 4;
const B = D + 8;
const C = D + 12;

type Native = (d: number, a: number, b: number, c: number) => number;

function native(name: string): Native {
  return compiler.imported([{ kind: 'helper', number: HELPER[name]! }])[0] as Native;
}

const KINDS = [CC_EFLAGS, CC_CARRY, ...Array.from({ length: CC_MUL }, (_, i) => i + 4)];
const EDGES = [0, 1, -1, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, -0x80000000];

/** Random operands; the carry and the count of shifts are what they can be. */
function setState(rng: Random, kind: number): void {
  const word = (): number =>
    rng.chance(50) ? EDGES[rng.below(EDGES.length)]! : Number(rng.value() & 0xffffffffn) | 0;
  I32[W_KIND] = kind;
  for (const w of [W_A, W_A + 1, W_B, W_B + 1]) I32[w] = word();
  if (rng.chance(30)) [I32[W_B], I32[W_B + 1]] = [I32[W_A]!, I32[W_A + 1]!];
  I32[W_C] = kind >= 32 && kind < 44 ? 1 + rng.below(kind & 3 ? 31 : 8) : rng.below(2);
}

function compare(name: string, what: string): void {
  const { fn } = HELPERS[HELPER[name]!]!;
  I32.fill(-1, D, D + 2);
  assert.is(fn(env, D, A, B, C), 0);
  const expected = [I32[D], I32[D + 1]];
  I32.fill(-1, D, D + 2);
  assert.is(native(name)(D, A, B, C), 0);
  assert.equal([I32[D], I32[D + 1]], expected, what);
}

test('eflags and condition', () => {
  const rng = new Random(Date.now() >>> 0);
  for (const kind of KINDS) {
    for (let i = 0; i < 400; i++) {
      setState(rng, kind);
      const state = [kind, I32[W_A], I32[W_A + 1], I32[W_B], I32[W_B + 1], I32[W_C]].join(' ');
      compare('eflags', state);
      for (let cc = 0; cc < 16; cc++) {
        I32[A] = cc;
        compare('condition', `${state}, condition ${cc}`);
      }
    }
  }
});

test('rotateFlags', () => {
  const rng = new Random(Date.now() >>> 0);
  for (const kind of KINDS) {
    for (let i = 0; i < 400; i++) {
      setState(rng, kind);
      const size = 1 << rng.below(4);
      const count = rng.chance(20) ? 0 : 1 + rng.below(size === 8 ? 63 : 31);
      I32[B] = count | (size << 11) | (rng.below(2) << 16);
      for (const w of [A, A + 1])
        I32[w] = rng.chance(30)
          ? EDGES[rng.below(EDGES.length)]!
          : Number(rng.value() & 0xffffffffn) | 0;
      if (size < 8) I32[A + 1] = 0;
      if (size < 4) I32[A]! &= (1 << (size * 8)) - 1;
      compare('rotateFlags', `kind ${kind}, ${I32[A]} ${I32[A + 1]}, how ${I32[B]!.toString(16)}`);
    }
  }
});

test('shiftFlags', () => {
  const rng = new Random(Date.now() >>> 0);
  const word = (): number =>
    rng.chance(30) ? EDGES[rng.below(EDGES.length)]! : Number(rng.value() & 0xffffffffn) | 0;
  for (const kind of KINDS) {
    for (let i = 0; i < 400; i++) {
      setState(rng, kind);
      const size = rng.below(4);
      const count = rng.chance(20) ? 0 : 1 + rng.below(size === 3 ? 63 : 31);
      const shift = [CC_SHL, CC_SHR, CC_SAR][rng.below(3)]!;
      for (const w of [A, A + 1, B, B + 1]) I32[w] = word();
      I32[C] = count | ((shift + size) << 8);
      const operands = [A, A + 1, B, B + 1, C].map((w) => I32[w]!.toString(16)).join(' ');
      compare('shiftFlags', `kind ${kind}, operands ${operands}`);
    }
  }
});
