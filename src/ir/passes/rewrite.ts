/** What the passes share: removing instructions, adding constants, knowing what helpers write. */

import type { IrBlock } from '../block.ts';
import type { HelperRow } from '../helpers.ts';
import { STRIDE } from '../ops.ts';
import { KIND_CONST, type Ref } from '../refs.ts';

/** In place of the op of an instruction that `compact` is to remove. */
export const REMOVED = -1;

/** Closes the gaps left by removed instructions. */
export function compact(block: IrBlock): void {
  const { code, length, pending } = block;
  let to = 0;
  for (let i = 0; i < length; i += STRIDE) {
    if (code[i] === REMOVED) continue;
    if (to !== i) {
      for (let k = 0; k < STRIDE; k++) code[to + k] = code[i + k]!;
      if (pending !== null) pending[to / STRIDE] = pending[i / STRIDE]!;
    }
    to += STRIDE;
  }
  block.length = to;
}

/** The constant hi:lo of the block, added if it is new. */
export function constant(block: IrBlock, lo: number, hi: number): Ref {
  const { consts, constCount } = block;
  for (let i = 0; i < constCount; i++) {
    if (consts[2 * i] === lo && consts[2 * i + 1] === hi) return KIND_CONST | i;
  }
  if (2 * constCount + 2 > consts.length) {
    block.consts = new Int32Array(consts.length + 16);
    block.consts.set(consts);
  }
  block.consts[2 * constCount] = lo;
  block.consts[2 * constCount + 1] = hi;
  block.constCount = constCount + 1;
  return KIND_CONST | constCount;
}

/** Does the helper write variable v? */
export function helperWrites(row: HelperRow, v: number): boolean {
  return row.writes === 'all' || row.writes.includes(v);
}

export function helperReads(row: HelperRow, v: number): boolean {
  return row.reads === 'all' || row.reads.includes(v);
}

/** Scratch arrays of the passes, at least `n` long. */
export function atLeast(array: Int32Array, n: number): Int32Array {
  return array.length >= n ? array : new Int32Array(n * 2);
}
