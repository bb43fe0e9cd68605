/**
 * The optimization passes over one block, in order. Each is a function on its own and can be left out,
 * which tests use to compare.
 */

import type { IrBlock } from '../block.ts';
import type { HelperRow } from '../helpers.ts';
import type { StateLayout } from '../types.ts';
import { deadCc } from './dead-cc.ts';
import { deadCode } from './dead-code.ts';
import { fold } from './fold.ts';

export type Pass = (block: IrBlock, layout: StateLayout, helpers: readonly HelperRow[]) => void;

export const PASSES: Readonly<Record<string, Pass>> = { fold, deadCc, deadCode };

/** Runs the passes, except those named in `without`. */
export function runPasses(
  block: IrBlock,
  layout: StateLayout,
  helpers: readonly HelperRow[],
  without: ReadonlySet<string> | null = null,
): void {
  for (const name in PASSES) {
    if (without?.has(name) !== true) PASSES[name]!(block, layout, helpers);
  }
}
