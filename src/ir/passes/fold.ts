/**
 * Constant folding, copy propagation and strength reduction, in one forward walk.
 *
 * A copy (mov into a temp) is replaced by what it copies, as long as that has not changed; constants are
 * followed through integer variables too. Variables of other types may overlap and are left
 * alone. An operand that only its low half is read of may be replaced by the source of a mov.i32.
 */

import type { IrBlock } from '../block.ts';
import { F_I32, F_I64, FIELDS, WRITES_D } from '../fields.ts';
import type { HelperRow } from '../helpers.ts';
import { JUMP, MEM_SCALE, OP, OPS, type OpRow, STRIDE } from '../ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../refs.ts';
import { isIntType, type StateLayout } from '../types.ts';
import { evaluate, evaluateLea, RESULT } from './eval.ts';
import { atLeast, constant, helperWrites } from './rewrite.ts';
import { simplify } from './simplify.ts';

/** For each temp: what it is a copy of (NONE: no copy), or has the low half of. */
let copyOf: Int32Array = new Int32Array(256);
let lowOf: Int32Array = new Int32Array(256);
/** If that is a variable: its version then. */
let versionThen: Int32Array = new Int32Array(256);
/** For each variable: number of writes so far, and the constant it holds or NONE. */
let version: Int32Array = new Int32Array(256);
let holds: Int32Array = new Int32Array(256);

const IS_INT = Uint8Array.from(OPS, (r: OpRow) => (r.cls === 'int' ? 1 : 0));
const LEA = OP['lea.i64'];
const MOV32 = OP['mov.i32'];
const MOV64 = OP['mov.i64'];

export function fold(block: IrBlock, layout: StateLayout, helpers: readonly HelperRow[]): void {
  const { code } = block;
  const vars = layout.vars.length;
  const temps = block.tempTypes.length;
  copyOf = atLeast(copyOf, temps);
  lowOf = atLeast(lowOf, temps);
  versionThen = atLeast(versionThen, temps);
  version = atLeast(version, vars);
  holds = atLeast(holds, vars);
  copyOf.fill(NONE, 0, temps);
  lowOf.fill(NONE, 0, temps);
  version.fill(0, 0, vars);
  holds.fill(NONE, 0, vars);
  for (let i = 0; i < block.length; i += STRIDE) {
    const op = code[i]!;
    if (op === OP.insn) continue;
    for (let k = 0; k < 4; k++) replaceOperand(block, i, k);
    if (IS_INT[op] === 1) foldInt(block, i);
    else if (IS_ADDRESSED[op] === 1) foldIndex(block, i);
    else if (op === OP.branch) foldBranch(block, i);
    note(block, i, layout, helpers);
  }
}

const IS_ADDRESSED = Uint8Array.from(OPS, (r: OpRow) => (r.cls === 'mem' ? 1 : 0));

function replaceOperand(block: IrBlock, i: number, k: number): void {
  const { code } = block;
  const op = code[i]!;
  const field = FIELDS[op * 4 + k];
  if ((field !== F_I32 && field !== F_I64) || (k === 0 && WRITES_D[op] === 1)) return;
  const ref = code[i + 1 + k]!;
  if (ref === NONE || isConst(ref)) return;
  const n = refIndex(ref);
  if (isVar(ref)) {
    if (holds[n] !== NONE) code[i + 1 + k] = holds[n]!;
    return;
  }
  const from = copyOf[n] !== NONE || field === F_I64 ? copyOf[n]! : lowOf[n]!;
  if (from === NONE || (isVar(from) && version[refIndex(from)] !== versionThen[n])) return;
  code[i + 1 + k] = from;
}

// Folding.

function lo(block: IrBlock, ref: Ref): number {
  return ref === NONE ? 0 : block.consts[refIndex(ref) * 2]!;
}

function hi(block: IrBlock, ref: Ref): number {
  return ref === NONE ? 0 : block.consts[refIndex(ref) * 2 + 1]!;
}

function known(ref: Ref): boolean {
  return ref === NONE || isConst(ref);
}

function foldInt(block: IrBlock, i: number): void {
  const { code } = block;
  const op = code[i]!;
  const a = code[i + 2]!;
  const b = code[i + 3]!;
  const c = op === LEA ? NONE : code[i + 4]!;
  if (known(a) && known(b) && known(c)) {
    if (op === MOV64) return;
    if (op === LEA) {
      const disp = code[i + 5]!;
      const scale = code[i + 4]! & MEM_SCALE;
      evaluateLea(lo(block, a), hi(block, a), lo(block, b), hi(block, b), scale, disp);
    } else {
      const imm = code[i + 5]!;
      evaluate(op, imm, lo(block, a), hi(block, a), lo(block, b), hi(block, b), lo(block, c));
    }
    setInstruction(block, i, MOV64, constant(block, RESULT[0]!, RESULT[1]!));
    // An i32 temp stays one: its high half is 0 anyway.
    if (FIELDS[op * 4] === F_I32) code[i] = MOV32;
    return;
  }
  if (op === LEA) foldIndex(block, i);
  simplify(block, i);
}

function setInstruction(block: IrBlock, i: number, op: number, a: Ref): void {
  const { code } = block;
  code[i] = op;
  code[i + 2] = a;
  code[i + 3] = NONE;
  code[i + 4] = NONE;
  code[i + 5] = 0;
}

/**
 * Address operands: a constant index goes into the displacement if the sum stays one, and a displacement
 * into a constant base.
 */
function foldIndex(block: IrBlock, i: number): void {
  const { code } = block;
  const a = code[i + 2]!;
  const b = code[i + 3]!;
  if (b !== NONE && isConst(b)) {
    evaluateLea(0, 0, lo(block, b), hi(block, b), code[i + 4]! & MEM_SCALE, code[i + 5]!);
    if (RESULT[1] === RESULT[0]! >> 31) {
      code[i + 3] = NONE;
      code[i + 4] = code[i + 4]! & ~MEM_SCALE;
      code[i + 5] = RESULT[0]!;
    }
  }
  if (a === NONE || !isConst(a) || code[i + 5] === 0) return;
  evaluateLea(lo(block, a), hi(block, a), 0, 0, 0, code[i + 5]!);
  code[i + 2] = constant(block, RESULT[0]!, RESULT[1]!);
  code[i + 5] = 0;
}

function foldBranch(block: IrBlock, i: number): void {
  const { code } = block;
  const c = code[i + 4]!;
  if (!isConst(c)) return;
  const to = lo(block, c) !== 0 ? code[i + 2]! : code[i + 3]!;
  setInstruction(block, i, OP.jump, to);
  code[i + 5] = JUMP.jump;
}

// Knowledge.

/** Records what the instruction makes known, and forgets what it overwrites. */
function note(block: IrBlock, i: number, layout: StateLayout, helpers: readonly HelperRow[]): void {
  const { code } = block;
  const op = code[i]!;
  if (op === OP.call) forgetWritten(helpers[code[i + 5]!]!, layout);
  if (op === OP.ccset) {
    forget(layout.ccKind);
    forget(layout.ccA);
    forget(layout.ccB);
    forget(layout.ccC);
  }
  const d = code[i + 1]!;
  if (d === NONE || WRITES_D[op] === 0) return;
  const n = refIndex(d);
  const isMove = op === MOV64 || op === MOV32;
  const a = code[i + 2]!;
  if (isTemp(d)) {
    if (isMove && isIntRef(block, a, layout)) noteCopy(block, n, a, op, layout);
    return;
  }
  forget(n);
  if (!isMove || !isConst(a) || !isIntType(layout.vars[n]!.type)) return;
  const high = op === MOV32 || layout.vars[n]!.type === 'i32' ? 0 : hi(block, a);
  holds[n] = high === hi(block, a) ? a : constant(block, lo(block, a), high);
}

function noteCopy(block: IrBlock, t: number, a: Ref, op: number, layout: StateLayout): void {
  if (isVar(a)) versionThen[t] = version[refIndex(a)]!;
  if (op === MOV64 || highIsZero(block, a, layout)) copyOf[t] = a;
  else if (isConst(a)) copyOf[t] = constant(block, lo(block, a), 0);
  else lowOf[t] = a;
}

function forget(v: number): void {
  version[v] = version[v]! + 1;
  holds[v] = NONE;
}

function forgetWritten(row: HelperRow, layout: StateLayout): void {
  if (Array.isArray(row.writes)) {
    for (const v of row.writes as readonly number[]) forget(v);
    return;
  }
  for (let v = 0; v < layout.vars.length; v++) if (helperWrites(row, v)) forget(v);
}

function isIntRef(block: IrBlock, ref: Ref, layout: StateLayout): boolean {
  if (isConst(ref)) return true;
  const n = refIndex(ref);
  return isIntType(isTemp(ref) ? block.tempTypes[n]! : layout.vars[n]!.type);
}

function highIsZero(block: IrBlock, ref: Ref, layout: StateLayout): boolean {
  const n = refIndex(ref);
  if (isConst(ref)) return block.consts[2 * n + 1] === 0;
  return (isTemp(ref) ? block.tempTypes[n] : layout.vars[n]!.type) === 'i32';
}
