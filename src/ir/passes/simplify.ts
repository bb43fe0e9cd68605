/**
 * Algebra on one integer instruction with some constant or equal operands: identities, and
 * multiplications by powers of two become shifts. Constants move to the right first.
 */

import type { IrBlock } from '../block.ts';
import { F_I32, FIELDS } from '../fields.ts';
import { COND, MEM_SCALE, OP, OPS, type OpRow } from '../ops.ts';
import { isConst, NONE, type Ref, refIndex } from '../refs.ts';
import { constant } from './rewrite.ts';

type Rule = (block: IrBlock, i: number) => void;

function turnInto(block: IrBlock, i: number, op: number, a: Ref, b: Ref): void {
  const { code } = block;
  code[i] = op;
  code[i + 2] = a;
  code[i + 3] = b;
  code[i + 4] = NONE;
  code[i + 5] = 0;
}

/** d = a, in the width of the operation. */
function move(block: IrBlock, i: number, a: Ref): void {
  const is32 = FIELDS[block.code[i]! * 4] === F_I32;
  turnInto(block, i, is32 ? OP['mov.i32'] : OP['mov.i64'], a, NONE);
}

/** Is b the constant v, sign-extended to the width of the operation? */
function isValue(block: IrBlock, i: number, v: number): boolean {
  const b = block.code[i + 3]!;
  if (!isConst(b)) return false;
  const n = refIndex(b) * 2;
  if (block.consts[n] !== v) return false;
  return FIELDS[block.code[i]! * 4] === F_I32 || block.consts[n + 1] === v >> 31;
}

function sameOperands(block: IrBlock, i: number): boolean {
  return block.code[i + 2] === block.code[i + 3];
}

function swapConstant(block: IrBlock, i: number): void {
  const { code } = block;
  const a = code[i + 2]!;
  if (!isConst(a) || isConst(code[i + 3]!)) return;
  code[i + 2] = code[i + 3]!;
  code[i + 3] = a;
}

const zeroIsIdentity: Rule = (block, i) => {
  if (isValue(block, i, 0)) move(block, i, block.code[i + 2]!);
};

const add: Rule = (block, i) => {
  swapConstant(block, i);
  zeroIsIdentity(block, i);
};

const sub: Rule = (block, i) => {
  if (sameOperands(block, i)) move(block, i, constant(block, 0, 0));
  else zeroIsIdentity(block, i);
};

const and: Rule = (block, i) => {
  swapConstant(block, i);
  if (isValue(block, i, 0)) move(block, i, constant(block, 0, 0));
  else if (isValue(block, i, -1) || sameOperands(block, i)) move(block, i, block.code[i + 2]!);
};

const or: Rule = (block, i) => {
  swapConstant(block, i);
  if (sameOperands(block, i)) move(block, i, block.code[i + 2]!);
  else zeroIsIdentity(block, i);
};

const xor: Rule = (block, i) => {
  swapConstant(block, i);
  sub(block, i);
};

/** Shift and rotate counts are taken modulo the width. */
const shift: Rule = (block, i) => {
  const b = block.code[i + 3]!;
  if (!isConst(b)) return;
  const mask = FIELDS[block.code[i]! * 4] === F_I32 ? 31 : 63;
  if ((block.consts[refIndex(b) * 2]! & mask) === 0) move(block, i, block.code[i + 2]!);
};

const mul: Rule = (block, i) => {
  swapConstant(block, i);
  const { code } = block;
  const b = code[i + 3]!;
  if (!isConst(b)) return;
  if (isValue(block, i, 0)) move(block, i, constant(block, 0, 0));
  else if (isValue(block, i, 1)) move(block, i, code[i + 2]!);
  else {
    const is32 = FIELDS[code[i]! * 4] === F_I32;
    const n = refIndex(b) * 2;
    const k = log2(block.consts[n]!, is32 ? 0 : block.consts[n + 1]!);
    if (k < 0) return;
    turnInto(block, i, is32 ? OP['shl.i32'] : OP['shl.i64'], code[i + 2]!, constant(block, k, 0));
  }
};

/** Exponent of a power of two, or -1. */
function log2(lo: number, hi: number): number {
  if (hi === 0 && lo !== 0 && (lo & (lo - 1)) === 0) return 31 - Math.clz32(lo);
  if (lo === 0 && hi !== 0 && (hi & (hi - 1)) === 0) return 63 - Math.clz32(hi);
  return -1;
}

const select: Rule = (block, i) => {
  const { code } = block;
  const c = code[i + 4]!;
  if (isConst(c)) {
    move(block, i, block.consts[refIndex(c) * 2] !== 0 ? code[i + 2]! : code[i + 3]!);
  } else if (sameOperands(block, i)) move(block, i, code[i + 2]!);
};

const REFLEXIVE: readonly number[] = [COND.eq, COND.geu, COND.leu, COND.ges, COND.les];

const set: Rule = (block, i) => {
  if (!sameOperands(block, i)) return;
  const truth = REFLEXIVE.includes(block.code[i + 5]!) ? 1 : 0;
  turnInto(block, i, OP['mov.i32'], constant(block, truth, 0), NONE);
};

const lea: Rule = (block, i) => {
  const { code } = block;
  if (code[i + 2] === NONE && (code[i + 4]! & MEM_SCALE) === 0) {
    code[i + 2] = code[i + 3]!;
    code[i + 3] = NONE;
  }
  if (code[i + 3] === NONE && code[i + 5] === 0) move(block, i, code[i + 2]!);
};

const RULES: Readonly<Record<string, Rule>> = {
  add,
  sub,
  mul,
  and,
  or,
  xor,
  shl: shift,
  shr: shift,
  sar: shift,
  rotl: shift,
  select,
  set,
  lea,
};

const BY_OP: readonly (Rule | undefined)[] = OPS.map((r: OpRow) =>
  r.cls === 'int' ? RULES[r.name.replace(/\..*/, '')] : undefined,
);

/** Simplifies the integer instruction at word index i. */
export function simplify(block: IrBlock, i: number): void {
  BY_OP[block.code[i]!]?.(block, i);
}
