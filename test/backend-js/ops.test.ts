/** Every operation of the table, compiled and interpreted on random operands, with and without passes. */

import { STATE_BASE } from '../../src/common/layout.ts';
import { HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { GPR, GUEST_STATE_SIZE, stateVar, X86_STATE, YMM } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { BlockBuilder } from '../../src/ir/builder.ts';
import { COND_NAMES, EXIT, type Field, MEM_ALIGN, OP, OPS, type OpRow } from '../../src/ir/ops.ts';
import { runPasses } from '../../src/ir/passes/index.ts';
import { NONE, type Ref, varRef } from '../../src/ir/refs.ts';
import { formatBlock } from '../../src/ir/text.ts';
import { type IrType, isIntType } from '../../src/ir/types.ts';
import { verifyBlock } from '../../src/ir/verify.ts';
import { suite } from '../lib/suite.ts';
import { BACKENDS, differences, Engines } from './engines.ts';
import { Random } from './random.ts';
import { GUEST_HI, GUEST_LO, GUEST_PAGES } from './toy-machine.ts';

const test = suite('backends: operations');
const rng = new Random(0x5eed);
const b = new BlockBuilder();

const MXCSR = X86_STATE.vars[X86_STATE.fpEnv]!.offset - STATE_BASE;

function randomState(): Uint8Array {
  const state = new Uint8Array(GUEST_STATE_SIZE);
  const words = new Int32Array(state.buffer);
  for (let i = 0; i < words.length; i++) words[i] = rng.value32();
  for (const v of X86_STATE.vars) {
    if (v.type === 'i32')
      words.fill(0, (v.offset - STATE_BASE) / 4, (v.offset - STATE_BASE) / 4 + 2);
  }
  words[MXCSR / 4] = rng.below(4) === 0 ? 0x1f80 : 0x1fa0;
  return state;
}

const VECTOR_FIELDS: Partial<Record<IrType, (i: number) => Ref>> = {
  v256: (i) => YMM[i]!,
  v128: (i) => varRef(stateVar(`xmm${i}`)),
  f64: (i) => varRef(stateVar(`xmm${i}.q${rng.below(2)}`)),
  f32: (i) => varRef(stateVar(`xmm${i}.d0`)),
  f80: (i) => varRef(stateVar(`fpr${i & 7}`)),
};

/** A random source for a field: register, constant, or a temp computed from registers. */
function source(field: Field): Ref {
  if (field === null) return NONE;
  if (field === 'int') return rng.below(8);
  const type = field.replace('?', '') as IrType;
  if (!isIntType(type)) return VECTOR_FIELDS[type]!(rng.below(16));
  switch (rng.below(4)) {
    case 0:
      return type === 'i32' ? b.const32(rng.value32()) : b.const64(rng.value32(), rng.value32());
    case 1:
      return b.op(
        rng.below(2) === 0 ? 'xor.i64' : 'add.i64',
        GPR[rng.below(16)]!,
        GPR[rng.below(16)]!,
      );
    case 2:
      return b.op('xor.i32', GPR[rng.below(16)]!, GPR[rng.below(16)]!);
    default:
      return GPR[rng.below(16)]!;
  }
}

function immediate(row: OpRow): number {
  switch (row.imm) {
    case 'cond':
      return rng.below(COND_NAMES.length);
    case 'disp':
      return rng.below(2) === 0 ? 0 : rng.below(64) - 32;
    case 'truncate':
    case 'signal':
      return rng.below(2);
    case 'lane':
      return rng.below(2);
    case null:
      return 0;
    default:
      return rng.below(4);
  }
}

/** An address near the start, the end or a page boundary of guest RAM, or anywhere. */
function address(): Ref {
  const at = [
    0,
    GUEST_PAGES * 4096 - 8,
    4096 * rng.below(GUEST_PAGES),
    rng.below(GUEST_PAGES * 4096),
  ];
  const lo = GUEST_LO + at[rng.below(4)]! + (rng.below(3) === 0 ? 0 : rng.below(80) - 40);
  if (rng.below(16) === 0) return b.const64(rng.value32(), rng.value32());
  const c = b.const64(lo | 0, GUEST_HI);
  if (rng.below(3) === 0) return c;
  const reg = GPR[rng.below(8)]!;
  b.opTo(reg, 'mov.i64', c);
  return reg;
}

function emitMem(row: OpRow, op: number): void {
  const a = address();
  const withIndex = rng.below(3) === 0;
  let index: Ref = NONE;
  if (withIndex) {
    index = GPR[8 + rng.below(8)]!;
    b.opTo(index, 'mov.i64', b.constS(rng.below(32) - 16));
  }
  const c = (withIndex ? rng.below(4) : 0) | (rng.below(4) === 0 ? MEM_ALIGN : 0);
  const isInt = isIntType(row.d as IrType);
  const d =
    row.effect === 'store'
      ? source(row.d)
      : isInt
        ? GPR[rng.below(16)]!
        : VECTOR_FIELDS[row.d as IrType]!(rng.below(16));
  b.emit(op, d, a, index, c, immediate(row));
}

/** Some instructions around one `op`; ends with an exit. */
function blockWith(op: number): IrBlock {
  const row = OPS[op] as OpRow;
  b.reset(0x1000, 0);
  b.emit(OP.insn, NONE, NONE, NONE, 4, 0);
  b.opTo(GPR[rng.below(16)]!, 'add.i64', GPR[rng.below(16)]!, b.constS(rng.below(100) - 50));
  b.emit(OP.insn, NONE, NONE, NONE, 4, 4);
  if (row.cls === 'mem') emitMem(row, op);
  else {
    const a = source(row.a);
    const second = rng.below(6) === 0 && row.a === row.b ? a : source(row.b);
    const c = row.c === 'int' ? rng.below(4) : source(row.c);
    emitResult(row, op, a, second, c);
  }
  b.emit(OP.insn, NONE, NONE, NONE, 4, 8);
  b.emit(OP.exit, NONE, b.const64(0x2000, 0x55), NONE, NONE, EXIT.syscall);
  return b.finish(12, 3);
}

function emitResult(row: OpRow, op: number, a: Ref, second: Ref, c: Ref): void {
  const imm = immediate(row);
  const type = row.d as IrType;
  if (!isIntType(type)) {
    b.emit(op, VECTOR_FIELDS[type]!(rng.below(16)), a, second, c, imm);
    return;
  }
  if (rng.below(2) === 0) {
    b.emit(op, GPR[rng.below(16)]!, a, second, c, imm);
    return;
  }
  const t = b.temp(type);
  b.emit(op, t, a, second, c, imm);
  // Used twice, in both widths.
  b.opTo(GPR[rng.below(16)]!, 'mov.i64', t);
  b.opTo(GPR[rng.below(16)]!, 'add.i32', t, GPR[rng.below(16)]!);
}

const RAM = new Uint8Array(GUEST_PAGES * 4096);
for (let i = 0; i < RAM.length; i++) RAM[i] = rng.below(256);

function compare(engines: Engines, block: IrBlock, state: Uint8Array, optimize: boolean): void {
  const text = formatBlock(block, X86_STATE);
  engines.restore(state, RAM, 1000);
  const want = engines.outcome(engines.interpret([block], block));
  if (optimize) {
    runPasses(block, X86_STATE, HELPERS);
    const errors = verifyBlock(block, X86_STATE, HELPERS.length);
    if (errors.length > 0) throw new Error(`${errors.join('\n')}\n${text}`);
  }
  engines.restore(state, RAM, 1000);
  const got = engines.outcome(engines.compiled([block], block, true));
  const diff = differences(want, got);
  if (diff.length > 0) {
    throw new Error(`${diff.join('\n')}\n${text}\n---\n${formatBlock(block, X86_STATE)}`);
  }
}

for (const backend of BACKENDS) {
  const engines = new Engines(backend);
  OPS.forEach((row: OpRow, op) => {
    if (row.cls === 'control') return;
    test(`${row.name}, ${backend}`, () => {
      for (let n = 0; n < 24; n++) compare(engines, blockWith(op), randomState(), n % 2 === 1);
    });
  });
}
