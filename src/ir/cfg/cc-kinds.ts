/**
 * Which kind of condition codes each block of a region sees on entry: a forward data-flow problem
 * over "the kind that the last ccset set". With it a block can be translated to compute its flags
 * from the recorded operands directly, without asking for the kind at run time.
 */

import type { IrBlock } from '../block.ts';
import type { HelperRow } from '../helpers.ts';
import { OP, STRIDE } from '../ops.ts';
import { varRef } from '../refs.ts';
import type { StateLayout } from '../types.ts';

/** Not known at all, and not yet reached by the iteration. */
const UNKNOWN = -1;
const UNREACHED = -2;
/** The block leaves the kind as it found it. */
const TRANSPARENT = -3;

export interface CcBlock {
  readonly ir: IrBlock;
  readonly succ: readonly number[];
}

/** Kind on entry of each block, -1 where it is not known. Block 0 is entered from outside. */
export function ccKindsOnEntry(
  blocks: readonly CcBlock[],
  layout: StateLayout,
  helpers: readonly HelperRow[],
): Int32Array {
  const effect = blocks.map((b) => ccEffect(b.ir, layout, helpers));
  const kinds = new Int32Array(blocks.length).fill(UNREACHED);
  kinds[0] = UNKNOWN;
  for (let changed = true; changed; ) {
    changed = false;
    blocks.forEach((b, i) => {
      if (kinds[i] === UNREACHED) return;
      const out = effect[i] === TRANSPARENT ? kinds[i]! : effect[i]!;
      for (const s of b.succ) {
        if (s < 0) continue;
        const old = kinds[s]!;
        const met = old === UNREACHED || old === out ? out : UNKNOWN;
        if (met === old) continue;
        kinds[s] = met;
        changed = true;
      }
    });
  }
  return kinds;
}

/** Kind a block leaves behind: a kind, UNKNOWN or TRANSPARENT. */
function ccEffect(ir: IrBlock, layout: StateLayout, helpers: readonly HelperRow[]): number {
  const cc = varRef(layout.ccKind);
  for (let i = ir.length - STRIDE; i >= 0; i -= STRIDE) {
    const op = ir.code[i];
    if (op === OP.ccset) return ir.code[i + 5]!;
    if (ir.code[i + 1] === cc) return UNKNOWN;
    if (op !== OP.call) continue;
    const { writes } = helpers[ir.code[i + 5]!]!;
    if (writes === 'all' || writes.includes(layout.ccKind)) return UNKNOWN;
  }
  return TRANSPARENT;
}

/** Does the block look at the condition codes before it sets them? */
export function readsIncomingCc(
  ir: IrBlock,
  layout: StateLayout,
  helpers: readonly HelperRow[],
): boolean {
  const { ccKind, ccA, ccB, ccC } = layout;
  const refs = [ccKind, ccA, ccB, ccC].map(varRef);
  for (let i = 0; i < ir.length; i += STRIDE) {
    const { code } = ir;
    if (code[i] === OP.ccset) return false;
    for (let k = 2; k < 5; k++) if (refs.includes(code[i + k]!)) return true;
    if (code[i] !== OP.call) continue;
    const { reads } = helpers[code[i + 5]!]!;
    if (reads === 'all' || reads.includes(ccKind)) return true;
  }
  return false;
}
