/**
 * Random IR programs drawn from the op table do the same whichever passes have run on them, interpreted and as
 * emitted code: exits, faults, budget, registers and memory. An op added to the table is drawn like the others.
 */

import { STATE_BASE } from '../../src/common/layout.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import {
  GPR,
  GUEST_STATE_SIZE,
  stateWord,
  X86_STATE,
  XMM,
  XMM_D0,
  XMM_Q0,
  YMM,
} from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { BlockBuilder } from '../../src/ir/builder.ts';
import { COND_NAMES, EXIT, type Field, OP, OPS, type OpRow } from '../../src/ir/ops.ts';
import { PASSES, runPasses } from '../../src/ir/passes/index.ts';
import { NONE, type Ref } from '../../src/ir/refs.ts';
import { formatBlock } from '../../src/ir/text.ts';
import type { IrType } from '../../src/ir/types.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { differences, Engines } from '../backend-js/engines.ts';
import { Random } from '../backend-js/random.ts';
import { GUEST_HI, GUEST_LO, GUEST_PAGES } from '../backend-js/toy-machine.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('random IR programs', { timeout: 120_000 });
const PROGRAMS = Number(process.env['KEVLAR_IR_PROGRAMS'] ?? 700);
const SEED = Number(process.env['KEVLAR_IR_SEED'] ?? 41);
const RAM_BYTES = GUEST_PAGES * 4096;
/** Holds the address of guest RAM, and is not written. */
const BASE = GPR[13]!;

const DRAWN: readonly number[] = OPS.map((r: OpRow, op) => (r.cls === 'control' ? -1 : op)).filter(
  (op) => op >= 0,
);

/** Values of imm by what it means; the lanes are those that all lane sizes have. */
const IMM_RANGE: Readonly<Record<string, number>> = {
  cond: COND_NAMES.length,
  predicate: 32,
  rounding: 16,
  signs: 16,
  select: 256,
  signal: 2,
  truncate: 2,
  lane: 2,
  count: 256,
  bytes: 32,
  'round constant': 256,
};

const VARIABLES: Readonly<Record<IrType, readonly Ref[]>> = {
  i32: GPR.slice(0, 6),
  i64: GPR.slice(0, 6),
  f32: XMM_D0.slice(0, 6),
  f64: XMM_Q0.slice(0, 6),
  f80: [],
  v128: XMM.slice(0, 6),
  v256: YMM.slice(0, 6),
};
/** Types of temps that may be read where another one is asked for: 128 bits have a double in them. */
const WIDER: Readonly<Record<IrType, readonly IrType[]>> = {
  i32: ['i32', 'i64'],
  i64: ['i64', 'i32'],
  f32: ['f32', 'f64', 'v128'],
  f64: ['f64', 'v128'],
  f80: [],
  v128: ['v128', 'v256'],
  v256: ['v256'],
};

class Generator {
  readonly counts: number[] = Array(OPS.length).fill(0);
  private readonly rng: Random;
  private readonly b = new BlockBuilder();
  private temps: { ref: Ref; type: IrType }[] = [];

  constructor(rng: Random) {
    this.rng = rng;
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.rng.below(list.length)]!;
  }

  private operand(field: Field): Ref {
    const { rng, b } = this;
    if (field === null) return NONE;
    if (field === 'int') return rng.below(4);
    const type = field.replace('?', '') as IrType;
    const temps = this.temps.filter((t) => WIDER[type].includes(t.type));
    if (temps.length > 0 && rng.below(2) === 0) return this.pick(temps).ref;
    const constant = (type === 'i32' || type === 'i64') && rng.below(3) === 0;
    if (constant) return b.const64(rng.value32(), rng.below(2) === 0 ? 0 : rng.value32());
    return this.pick(VARIABLES[type]);
  }

  /** An operand or a result in a variable or, every other time, a new temp. */
  private result(type: IrType): { d: Ref; temp: boolean } {
    if (this.rng.below(2) === 0) return { d: this.pick(VARIABLES[type]), temp: false };
    return { d: this.b.temp(type), temp: true };
  }

  /** Memory ops are near guest RAM's end or anywhere in it: across pages, and now and then beyond. */
  private address(): readonly [Ref, Ref, number, number] {
    const disp = this.rng.below(RAM_BYTES + (this.rng.below(8) === 0 ? 3000 : -40));
    return [BASE, NONE, 0, disp];
  }

  private op(op: number): void {
    const { rng, b } = this;
    const row = OPS[op] as OpRow;
    const type = row.d as IrType;
    if (row.effect === 'store') {
      b.emit(op, this.operand(type), ...this.address());
      return;
    }
    const { d, temp } = this.result(type);
    if (row.effect === 'load') b.emit(op, d, ...this.address());
    else {
      const imm =
        row.imm === null ? 0 : row.imm === 'disp' ? rng.value32() : rng.below(IMM_RANGE[row.imm]!);
      b.emit(op, d, this.operand(row.a), this.operand(row.b), this.operand(row.c), imm);
    }
    if (temp) this.temps.push({ ref: d, type });
  }

  block(): IrBlock {
    const { rng, b } = this;
    b.reset(0x1000, 0);
    this.temps = [];
    const insns = 3 + rng.below(8);
    for (let i = 0; i < insns; i++) {
      b.emit(OP.insn, NONE, NONE, NONE, 4, i * 4);
      for (let k = 1 + rng.below(3); k > 0; k--) {
        const op = this.pick(DRAWN);
        this.counts[op]!++;
        this.op(op);
      }
      const cc = (): Ref => this.operand('i64');
      if (rng.below(3) === 0) b.emit(OP.ccset, NONE, cc(), cc(), cc(), rng.below(40));
    }
    b.emit(OP.exit, NONE, b.const64(0x2000, 0), NONE, NONE, EXIT.syscall);
    return b.finish(insns * 4, insns);
  }
}

function copy(block: IrBlock): IrBlock {
  return {
    ...block,
    code: block.code.slice(),
    consts: block.consts.slice(),
    tempTypes: block.tempTypes.slice(),
    pendingCc: [],
  };
}

const MXCSR_VALUES = [0x1f80, 0x1fa0, 0x1fa0, 0x7fa0, 0xffe0, 0x1d80, 0xfa0];

function randomState(rng: Random): Uint8Array {
  const state = new Uint8Array(GUEST_STATE_SIZE);
  const words = new Int32Array(state.buffer);
  const at = (name: string): number => stateWord(name) - STATE_BASE / 4;
  for (let i = 0; i < 32; i++) words[i] = rng.value32();
  for (let i = 0; i < 16 * 8; i++) words[at('ymm0') + i] = rng.value32();
  words[at('r13')] = GUEST_LO;
  words[at('r13') + 1] = GUEST_HI;
  words[at('mxcsr')] = MXCSR_VALUES[rng.below(MXCSR_VALUES.length)]!;
  return state;
}

test('passes off, on, each alone and each left out, in all engines', () => {
  const rng = new Random(SEED);
  const generator = new Generator(rng);
  const js = new Engines('js');
  const wasm = new Engines('wasm');
  const ram = new Uint8Array(RAM_BYTES).map(() => rng.below(256));
  const names = Object.keys(PASSES);
  const variants = [
    names,
    [],
    ...names.map((n) => names.filter((m) => m !== n)),
    ...names.map((n) => [n]),
  ].map((without) => new Set(without));
  let faults = 0;
  for (let k = 0; k < PROGRAMS; k++) {
    const state = randomState(rng);
    const block = generator.block();
    assert.equal(verifyBlock(block, X86_STATE, HELPERS.length), [], formatBlock(block, X86_STATE));
    js.restore(state, ram, 1000);
    const want = js.outcome(js.interpret([block], block));
    if (want.reason === EXIT.exception) faults++;
    const without = variants[k % variants.length]!;
    const changed = copy(block);
    runPasses(changed, X86_STATE, HELPERS, without);
    assert.equal(verifyBlock(changed, X86_STATE, HELPERS.length), []);
    for (const [how, engine, engines] of [
      ['interpreted', 'interpret', js],
      ['JavaScript', 'compiled', js],
      ['WebAssembly', 'compiled', wasm],
    ] as const) {
      engines.restore(state, ram, 1000);
      const got = engines.outcome(engines[engine]([changed], changed, false));
      const diff = differences(want, got);
      if (diff.length === 0) continue;
      const text = `${formatBlock(block, X86_STATE)}\n---\n${formatBlock(changed, X86_STATE)}`;
      const what = `program ${k} of seed ${SEED}, ${how}, passes without ${[...without]}`;
      throw new Error(`${what}: ${diff.join('\n')}\n${text}`);
    }
  }
  const never = DRAWN.filter((op) => generator.counts[op] === 0).map((op) => OPS[op]!.name);
  assert.equal(never, []);
  assert.ok(faults > PROGRAMS / 100 && faults < PROGRAMS / 2, `${faults} programs faulted`);
});
