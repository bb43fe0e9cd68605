/**
 * Sequences of floating-point and vector operations on a few registers: doubles that are known in locals
 * beside their slots must never be stale, whatever writes the slot or a part of it.
 */

import { STATE_BASE } from '../../src/common/layout.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import {
  GPR,
  GUEST_STATE_SIZE,
  stateVar,
  stateWord,
  X86_STATE,
} from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { BlockBuilder } from '../../src/ir/builder.ts';
import { EXIT, OP, OPS, type OpName, type OpRow } from '../../src/ir/ops.ts';
import { runPasses } from '../../src/ir/passes/index.ts';
import { NONE, type Ref, varRef } from '../../src/ir/refs.ts';
import { formatBlock, parseBlock } from '../../src/ir/text.ts';
import { assert, suite } from '../lib/suite.ts';
import { differences, Engines, regionOf } from './engines.ts';
import { Random } from './random.ts';
import { GUEST_HI, GUEST_LO, GUEST_PAGES } from './toy-machine.ts';

const test = suite('backend-js doubles in locals');
const engines = new Engines();
const rng = new Random(1234);
const b = new BlockBuilder();

const F64S = [1.5, -2.25, 0, -0, 1e300, -1e-300, 5e-324, Infinity, NaN, 3, 7.125, 1e10];
const SCALAR: readonly OpName[] = [
  'fadd.f64',
  'fsub.f64',
  'fmul.f64',
  'fdiv.f64',
  'fmin.f64',
  'fmax.f64',
  'fsqrt.f64',
  'vmov.64',
  'cvt.f64.i32',
  'cvt.f64.i64',
  'fadd.f32',
  'vmov.32',
  'vxor',
  'vadd.i32x4',
  'vmov',
  'vzx.64',
  'vzx.32',
  'vfadd.f64x2',
  'cvt.f64.f32',
  'cvt.f32.f64',
  'vset.64',
  'cvt.i64.f64',
  'fcom.f64',
  'vget.64',
  'vbits.64',
];

const reg = (view: string): Ref => varRef(stateVar(`xmm${rng.below(3)}${view}`));
const VIEWS: Record<string, () => Ref> = {
  f64: () =>
    loaded.length > 0 && rng.below(2) === 0 ? loaded[rng.below(loaded.length)]! : reg('.q0'),
  f32: () => reg('.d0'),
  v128: () => reg(''),
  i64: () => GPR[rng.below(4)]!,
  i32: () => GPR[rng.below(4)]!,
};
let loaded: Ref[] = [];

function sequence(): IrBlock {
  b.reset(0x1000, 0);
  loaded = [];
  let insns = 0;
  // An instruction has one effect: what leaves within it starts it again.
  const mark = (): void => b.emit(OP.insn, NONE, NONE, NONE, 4, insns++ * 4);
  const at = (): number => 8 * rng.below(64);
  for (let left = 4 + rng.below(8); left > 0; left--) {
    if (rng.below(3) === 0) {
      mark();
      loaded.push(b.op('ld64', GPR[13]!, NONE, NONE, at()));
    }
    if (rng.below(6) === 0) {
      mark();
      b.opTo(reg('.q0'), 'ld64', GPR[13]!, NONE, NONE, at());
    }
    if (rng.below(3) === 0) {
      // movsd
      mark();
      b.opTo(reg(''), 'vzx.64', b.op('ld64', GPR[13]!, NONE, NONE, at()));
    }
    if (rng.below(6) === 0) {
      mark();
      b.opTo(reg(''), 'ld128', GPR[13]!, NONE, NONE, at());
    }
    if (rng.below(8) === 0) {
      mark();
      b.opTo(reg('.q0'), 'st64', GPR[13]!, NONE, NONE, at());
    }
    mark();
    const name = SCALAR[rng.below(SCALAR.length)]!;
    const row = OPS[OP[name]] as OpRow;
    const operand = (f: string | null): Ref => (f === null ? NONE : VIEWS[f]!());
    const imm = row.imm === null ? 0 : rng.below(2);
    const d = row.d === 'f64' ? reg('.q0') : VIEWS[row.d as string]!();
    b.emit(OP[name], d, operand(row.a), operand(row.b), operand(row.c), imm);
  }
  b.emit(OP.exit, NONE, b.const64(0x2000, 0), NONE, NONE, EXIT.syscall);
  return b.finish(insns * 4, insns);
}

test('sequences agree with the interpreter', () => {
  const ram = new Uint8Array(GUEST_PAGES * 4096);
  const doubles = new Float64Array(ram.buffer);
  const state = new Uint8Array(GUEST_STATE_SIZE);
  const words = new Int32Array(state.buffer);
  const lanes = new Float64Array(state.buffer);
  const at = (name: string): number => stateWord(name) - STATE_BASE / 4;
  let completed = 0;
  let slow = 0;
  for (let k = 0; k < 600; k++) {
    for (let i = 0; i < 64; i++) doubles[i] = F64S[rng.below(F64S.length)]! * (1 + rng.below(3));
    for (let i = 0; i < 8; i++) words[i] = rng.value32();
    for (let i = 0; i < 3; i++) lanes[at(`xmm${i}`) / 2] = F64S[rng.below(F64S.length)]!;
    words[at('r13')] = GUEST_LO;
    words[at('r13') + 1] = GUEST_HI;
    words[at('mxcsr')] = [0x1f80, 0x1fa0, 0x1fa0, 0x1d80][rng.below(4)]!;
    const block = sequence();
    engines.restore(state, ram, 1000);
    const want = engines.outcome(engines.interpret([block], block));
    const text = formatBlock(block, X86_STATE);
    if (k % 2 === 1) runPasses(block, X86_STATE, HELPERS);
    engines.restore(state, ram, 1000);
    const got = engines.outcome(engines.compiled([block], block, true));
    if (got.reason === EXIT.syscall) completed++;
    const diff = differences(want, got);
    if (diff.length > 0) throw new Error(`${diff.join('\n')}\n${text}`);
    const region = regionOf([block], new Map([[0x1000, 0]]), 0x1000);
    const start = (): void => engines.restoreState(state, ram, 1000);
    const raw = parseBlock(text, X86_STATE);
    const result = engines.lean(region, raw, start, engines.compile(region, true, true));
    if (result.diff.length > 0) throw new Error(`lean: ${result.diff.join('\n')}\n${text}`);
    if (result.slow) slow++;
  }
  // Unmasked exceptions end some of them early.
  assert.ok(completed > 300);
  assert.ok(slow > 300 && slow < 590, `${slow} lean regions lacked a slow path`);
});
