/**
 * Removes what nobody needs, in one backward walk: temps that are not read, writes of integer variables that
 * are overwritten before anybody (a fault included) can see them. Operations of which only the low
 * half is needed become their 32-bit forms.
 */

import type { IrBlock } from '../block.ts';
import {
  EFFECT_CALL,
  EFFECT_CC,
  EFFECT_MARK,
  EFFECT_PURE,
  EFFECT_TERM,
  EFFECTS,
  F_I32,
  F_NONE,
  F_RAW,
  FAULTS,
  FIELDS,
  WRITES_D,
} from '../fields.ts';
import type { HelperRow } from '../helpers.ts';
import { OP, OPS, type OpName, STRIDE } from '../ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../refs.ts';
import { isIntType, type StateLayout } from '../types.ts';
import { atLeast, compact, REMOVED } from './rewrite.ts';

const LOW = 1;
const WHOLE = 3;
/** Halves of each temp that are read later. */
let temps: Int32Array = new Int32Array(256);
/** For each variable: `now`, if it is overwritten before anybody can see it; a fault, at which all are seen, changes `now`. */
let dead: Int32Array = new Int32Array(256);
let now = 0;

/** Operations whose low half depends on low halves only, and the 32-bit operation that it is. */
const NARROW = new Int32Array(OPS.length).fill(-1);
const PAIRS: readonly (readonly [OpName, OpName])[] = [
  ['mov.i64', 'mov.i32'],
  ['add.i64', 'add.i32'],
  ['sub.i64', 'sub.i32'],
  ['mul.i64', 'mul.i32'],
  ['and.i64', 'and.i32'],
  ['or.i64', 'or.i32'],
  ['xor.i64', 'xor.i32'],
  ['neg.i64', 'neg.i32'],
  ['not.i64', 'not.i32'],
  ['select.i64', 'select.i32'],
  ['sext.i64', 'mov.i32'],
];
for (const [wide, narrow] of PAIRS) NARROW[OP[wide]] = OP[narrow];

export function deadCode(block: IrBlock, layout: StateLayout, helpers: readonly HelperRow[]): void {
  const { code, length } = block;
  temps = atLeast(temps, block.tempTypes.length);
  dead = atLeast(dead, layout.vars.length);
  temps.fill(0, 0, block.tempTypes.length);
  allSeen();
  let removed = false;
  for (let i = length - STRIDE; i >= 0; i -= STRIDE) {
    const effect = EFFECTS[code[i]!];
    if (effect === EFFECT_MARK) continue;
    if (isDead(block, i, layout, helpers)) {
      code[i] = REMOVED;
      removed = true;
      continue;
    }
    if (effect === EFFECT_PURE) narrow(block, i);
    kill(block, i, layout, helpers);
    needOperands(block, i);
  }
  if (removed) compact(block);
}

function isDead(
  block: IrBlock,
  i: number,
  layout: StateLayout,
  helpers: readonly HelperRow[],
): boolean {
  const { code } = block;
  const op = code[i]!;
  const d = code[i + 1]!;
  if (EFFECTS[op] === EFFECT_CALL) {
    const row = helpers[code[i + 5]!]!;
    if (row.mayFault || row.writes === 'all' || row.writes.length > 0 || row.result === null) {
      return false;
    }
  } else if (EFFECTS[op] !== EFFECT_PURE) return false;
  if (d === NONE) return true;
  if (isTemp(d)) return temps[refIndex(d)] === 0;
  return dead[refIndex(d)] === now && isIntType(layout.vars[refIndex(d)]!.type);
}

function allSeen(): void {
  now = (now + 1) | 0;
  if (now !== 0) return;
  dead.fill(0);
  now = 1;
}

function narrow(block: IrBlock, i: number): void {
  const { code } = block;
  const op = code[i]!;
  const d = code[i + 1]!;
  if (!isTemp(d) || temps[refIndex(d)] !== LOW) return;
  let to = NARROW[op]!;
  const b = code[i + 3]!;
  const smallShift = isConst(b) && (block.consts[refIndex(b) * 2]! & 63) < 32;
  if (op === OP['shl.i64'] && smallShift) to = OP['shl.i32'];
  if (to < 0 || !isIntType(block.tempTypes[refIndex(d)]!)) return;
  code[i] = to;
  block.tempTypes[refIndex(d)] = 'i32';
}

/** What the instruction overwrites was not needed before it. */
function kill(block: IrBlock, i: number, layout: StateLayout, helpers: readonly HelperRow[]): void {
  const { code } = block;
  const op = code[i]!;
  const d = code[i + 1]!;
  if (WRITES_D[op] === 1 && isVar(d) && isIntType(layout.vars[refIndex(d)]!.type)) {
    dead[refIndex(d)] = now;
  }
  if (EFFECTS[op] === EFFECT_CC) {
    dead[layout.ccKind] = now;
    if (code[i + 2] !== NONE) dead[layout.ccA] = now;
    if (code[i + 3] !== NONE) dead[layout.ccB] = now;
    if (code[i + 4] !== NONE) dead[layout.ccC] = now;
  }
  const call = EFFECTS[op] === EFFECT_CALL ? helpers[code[i + 5]!]! : null;
  const faults = call === null ? FAULTS[op] === 1 || EFFECTS[op] === EFFECT_TERM : call.mayFault;
  // A helper may leave alone what it is declared to write.
  if (faults || call?.reads === 'all' || call?.writes === 'all') allSeen();
  else if (call !== null) {
    for (const v of call.reads as readonly number[]) dead[v] = 0;
    for (const v of call.writes as readonly number[]) dead[v] = 0;
  }
}

function needOperands(block: IrBlock, i: number): void {
  const { code, pending, pendingCc } = block;
  const op = code[i]!;
  for (let k = WRITES_D[op] === 1 ? 1 : 0; k < 4; k++) {
    const field = FIELDS[op * 4 + k];
    if (field === F_NONE || field === F_RAW) continue;
    need(code[i + 1 + k]!, field === F_I32 ? LOW : WHOLE);
  }
  const record = pending === null ? 0 : pending[i / STRIDE]!;
  if (record !== 0) for (let k = 1; k < 4; k++) need(pendingCc[(record - 1) * 4 + k]!, WHOLE);
}

function need(ref: Ref, halves: number): void {
  if (ref === NONE) return;
  const n = refIndex(ref);
  if (isTemp(ref)) temps[n] = temps[n]! | halves;
  else if (isVar(ref)) dead[n] = 0;
}
