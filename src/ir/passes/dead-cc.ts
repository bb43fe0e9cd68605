/**
 * Removes condition-code settings that the next one overwrites before anybody reads them. An instruction in
 * between that may fault must still find them: it gets a `pending` record (see block.ts), which an
 * engine applies only if the fault happens.
 *
 * What a kind of condition codes does not use of its operands is unspecified, so a ccset overwrites all
 * of the earlier one even where it leaves operands as they are. A record names operands as they were
 * at the removed ccset: one whose variables change before the last fault is kept.
 */

import type { IrBlock } from '../block.ts';
import { EFFECT_CALL, EFFECT_CC, EFFECT_MARK, EFFECTS, FAULTS, WRITES_D } from '../fields.ts';
import type { HelperRow } from '../helpers.ts';
import { STRIDE } from '../ops.ts';
import { isVar, type Ref, refIndex, varRef } from '../refs.ts';
import type { StateLayout } from '../types.ts';
import { compact, helperReads, helperWrites, REMOVED } from './rewrite.ts';

export function deadCc(block: IrBlock, layout: StateLayout, helpers: readonly HelperRow[]): void {
  const { code, length } = block;
  let open = -1;
  let removed = false;
  for (let i = 0; i < length; i += STRIDE) {
    const effect = EFFECTS[code[i]!];
    if (effect === EFFECT_MARK) continue;
    if (open >= 0 && readsCc(block, i, layout, helpers)) open = -1;
    if (effect !== EFFECT_CC) continue;
    if (open >= 0 && remove(block, open, i, helpers)) removed = true;
    open = i;
  }
  if (removed) compact(block);
}

function readsCc(
  block: IrBlock,
  i: number,
  layout: StateLayout,
  helpers: readonly HelperRow[],
): boolean {
  const { code } = block;
  const op = code[i]!;
  for (let k = WRITES_D[op] === 1 ? 2 : 1; k < 5; k++) if (isCc(code[i + k]!, layout)) return true;
  // Writing one of them directly is as good as reading: the setting must be there before.
  if (WRITES_D[op] === 1 && isCc(code[i + 1]!, layout)) return true;
  if (EFFECTS[op] !== EFFECT_CALL) return false;
  const row = helpers[code[i + 5]!]!;
  const { ccKind, ccA, ccB, ccC } = layout;
  if (row.reads === 'all' || row.writes === 'all') return true;
  const touches = (v: number): boolean => helperReads(row, v) || helperWrites(row, v);
  return touches(ccKind) || touches(ccA) || touches(ccB) || touches(ccC);
}

function isCc(ref: Ref, layout: StateLayout): boolean {
  return (
    ref === varRef(layout.ccA) ||
    ref === varRef(layout.ccB) ||
    ref === varRef(layout.ccC) ||
    ref === varRef(layout.ccKind)
  );
}

/** Removes the ccset at `from`, which the one at `to` overwrites, if its operands last that long. */
function remove(block: IrBlock, from: number, to: number, helpers: readonly HelperRow[]): boolean {
  const { code } = block;
  let lastFault = -1;
  for (let i = from + STRIDE; i < to; i += STRIDE) if (mayFault(block, i, helpers)) lastFault = i;
  if (lastFault >= 0) {
    for (let i = from + STRIDE; i < lastFault; i += STRIDE) {
      if (overwritesOperand(block, i, from, helpers)) return false;
    }
    defer(block, from, lastFault, helpers);
  }
  code[from] = REMOVED;
  return true;
}

function mayFault(block: IrBlock, i: number, helpers: readonly HelperRow[]): boolean {
  const op = block.code[i]!;
  if (EFFECTS[op] === EFFECT_CALL) return helpers[block.code[i + 5]!]!.mayFault;
  return FAULTS[op] === 1;
}

function overwritesOperand(
  block: IrBlock,
  i: number,
  from: number,
  helpers: readonly HelperRow[],
): boolean {
  const { code } = block;
  const op = code[i]!;
  if (EFFECTS[op] === EFFECT_MARK) return false;
  for (let k = 2; k < 5; k++) {
    const ref = code[from + k]!;
    if (!isVar(ref)) continue;
    if (WRITES_D[op] === 1 && code[i + 1] === ref) return true;
    if (EFFECTS[op] === EFFECT_CALL && helperWrites(helpers[code[i + 5]!]!, refIndex(ref))) {
      return true;
    }
  }
  return false;
}

function defer(
  block: IrBlock,
  from: number,
  lastFault: number,
  helpers: readonly HelperRow[],
): void {
  const { code, length } = block;
  const pending = (block.pending ??= new Int32Array(length / STRIDE));
  block.pendingCc.push(code[from + 5]!, code[from + 2]!, code[from + 3]!, code[from + 4]!);
  const record = block.pendingCc.length / 4;
  for (let i = from + STRIDE; i <= lastFault; i += STRIDE) {
    if (mayFault(block, i, helpers)) pending[i / STRIDE] = record;
  }
}
