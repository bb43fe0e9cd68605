/** Where the temps of a block are used last: how long backends keep a local for each. */

import type { IrBlock } from './block.ts';
import { F_NONE, F_RAW, FIELDS } from './fields.ts';
import { STRIDE } from './ops.ts';
import { isTemp, type Ref, refIndex } from './refs.ts';

/** Calls `visit` with every temp that the instruction at word index `at` names, deferred condition codes included. */
export function forEachTemp(ir: IrBlock, at: number, visit: (t: number) => void): void {
  const { code, pending, pendingCc } = ir;
  const fields = code[at]! * 4;
  for (let k = 0; k < 4; k++) {
    const ref = code[at + 1 + k]!;
    const field = FIELDS[fields + k];
    if (isTemp(ref) && field !== F_NONE && field !== F_RAW) visit(refIndex(ref));
  }
  const p = pending === null ? 0 : pending[at / STRIDE]!;
  if (p === 0) return;
  for (let k = 1; k < 4; k++) {
    const ref = pendingCc[(p - 1) * 4 + k]!;
    if (isTemp(ref)) visit(refIndex(ref));
  }
}

export class LastUses {
  private uses: Int32Array = new Int32Array(256);

  /** Looks through a block. */
  find(ir: IrBlock): void {
    const { length } = ir.tempTypes;
    if (this.uses.length < length) this.uses = new Int32Array(length * 2);
    const { uses } = this;
    uses.fill(-1, 0, length);
    for (let at = 0; at < ir.length; at += STRIDE) {
      forEachTemp(ir, at, (t) => {
        uses[t] = at;
      });
    }
  }

  /** Makes the instruction at `at` a use of a temp. */
  extend(ref: Ref, at: number): void {
    if (isTemp(ref)) this.uses[refIndex(ref)] = Math.max(this.uses[refIndex(ref)]!, at);
  }

  /** Whether temp t is not used behind the instruction at `at`. */
  isOver(t: number, at: number): boolean {
    return this.uses[t]! <= at;
  }
}
