/**
 * A translation block in IR: the flat instruction array of one guest basic block, its constants
 * and temps. One terminator, at the end. See ops.ts for the instruction layout.
 */

import type { IrType } from './types.ts';

export interface IrBlock {
  /** Guest address of the first instruction: low and high half. */
  pcLo: number;
  pcHi: number;
  /** Bytes of guest code covered, and number of guest instructions. */
  byteLength: number;
  insnCount: number;
  /** STRIDE words per instruction; `length` words are in use. */
  code: Int32Array;
  length: number;
  /** Constants: lo, hi pairs; `constCount` of them. */
  consts: Int32Array;
  constCount: number;
  /** Type of each temp. */
  tempTypes: IrType[];
  /**
   * Filled by the passes: for the instruction at word index i, `pending[i / STRIDE]` is 0, or k + 1
   * where record k of `pendingCc` (kind, a, b, c) is the ccset that a pass removed and that must
   * still be applied if this instruction faults. Null: nothing was removed.
   */
  pending: Int32Array | null;
  pendingCc: number[];
}
