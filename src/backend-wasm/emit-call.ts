/** Calls of helpers and of slot operations: operands go to memory, results come from there. */

import { ENG_BUDGET } from '../common/layout.ts';
import { EFFECT_FP, EFFECTS, F_RAW, FIELDS } from '../ir/fields.ts';
import { NONE } from '../ir/refs.ts';
import type { EmitContext } from './context.ts';
import { W } from './opcodes.ts';

export function emitHelperCall(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const { f } = e;
  const number = code[at + 5]!;
  const row = e.options.helpers[number]!;
  const d = code[at + 1]!;
  const args = [0, 1, 2].map((k) => e.toMemory(code[at + 2 + k]!, k) >> 2);
  // A helper that fails leaves what it writes as it was: in the state page, so that must be current.
  e.registers.spill(row.reads);
  if (row.writes !== row.reads) e.registers.spill(row.writes);
  if (row.integersOnly !== true) e.registers.spillUnits();
  const result = e.resultPlace(d) >> 2;
  storeBudget(e);
  for (const word of [result, ...args]) f.i32(word);
  f.callImport(e.imports.helper(number));
  const failed = f.takeLocal('i32');
  f.set(failed);
  loadBudget(e);
  e.loadGeneration();
  e.registers.reload(row.writes);
  if (row.integersOnly !== true) e.registers.reloadUnits();
  const { fpEnv } = e.options.layout;
  if (row.writes === 'all' || row.writes.includes(fpEnv)) e.loadEnvironment();
  if (row.mayFault) {
    f.get(failed);
    f.openIf(false);
    e.faultBy(at, failed);
    f.close();
  }
  f.giveLocal('i32', failed);
  if (d !== NONE) e.fromMemory(d);
}

/** The budget as it is before the current instruction's block has been charged. */
function storeBudget(e: EmitContext): void {
  const { f } = e;
  f.i32(0);
  f.get(e.n);
  f.i32(e.carry);
  f.op(W.i32Sub);
  f.memory(W.i32Store, ENG_BUDGET * 4);
}

function loadBudget(e: EmitContext): void {
  const { f } = e;
  f.i32(0);
  f.memory(W.i32Load, ENG_BUDGET * 4);
  f.i32(e.carry);
  f.op(W.i32Add);
  f.set(e.n);
}

/** Calls the function of a slot operation. */
export function emitSlotCall(e: EmitContext, at: number): void {
  const { code } = e.ir;
  const { f } = e;
  const op = code[at]!;
  const d = code[at + 1]!;
  const args = [0, 1, 2].map((k) => {
    const ref = code[at + 2 + k]!;
    return FIELDS[op * 4 + 1 + k] === F_RAW ? ref : e.toMemory(ref, k) >> 2;
  });
  const result = e.resultPlace(d) >> 2;
  for (const word of [result, ...args, code[at + 5]!]) f.i32(word);
  f.callImport(e.imports.slot(op));
  if (EFFECTS[op] === EFFECT_FP) {
    f.openIf(false);
    e.fault(at);
    f.close();
    e.loadEnvironment();
  } else f.op(W.drop);
  e.fromMemory(d);
}
