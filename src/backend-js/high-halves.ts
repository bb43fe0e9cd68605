/**
 * Which values are known to have a high half of zero: 32-bit code on a 64-bit machine leaves most of
 * them so, and the emitter then folds a literal 0 instead of reading the half. A forward data-flow
 * problem over the region's blocks (all paths must agree), optimistic inside, pessimistic at the entry.
 */

import type { IrBlock } from '../ir/block.ts';
import type { RegionBlock } from '../ir/cfg/region.ts';
import { F_I32, F_I64, FIELDS, WRITES_D } from '../ir/fields.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { OP, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { isIntType, type StateLayout } from '../ir/types.ts';

/** State of one walk: known-zero bits by variable and by temp of the current block. */
export class HighHalves {
  /** 1: the variable's high half is zero. Variables of type i32 always are. */
  readonly vars: Uint8Array;
  private temps: Uint8Array = new Uint8Array(256);
  private readonly layout: StateLayout;
  private readonly helpers: readonly HelperRow[];
  private readonly isInt: Uint8Array;

  constructor(layout: StateLayout, helpers: readonly HelperRow[]) {
    this.layout = layout;
    this.helpers = helpers;
    this.vars = new Uint8Array(layout.vars.length);
    this.isInt = Uint8Array.from(layout.vars, (v) => (isIntType(v.type) ? 1 : 0));
  }

  startBlock(ir: IrBlock, known: Uint8Array | null): void {
    if (known === null) this.vars.fill(0);
    else this.vars.set(known);
    if (this.temps.length < ir.tempTypes.length)
      this.temps = new Uint8Array(ir.tempTypes.length * 2);
    this.temps.fill(0, 0, ir.tempTypes.length);
  }

  isZero(ir: IrBlock, ref: Ref): boolean {
    if (ref === NONE) return true;
    const i = refIndex(ref);
    if (isConst(ref)) return ir.consts[2 * i + 1] === 0;
    if (isTemp(ref)) return this.temps[i] === 1 || ir.tempTypes[i] === 'i32';
    return this.vars[i] === 1 || this.layout.vars[i]!.type === 'i32';
  }

  /** Accounts for the instruction at word index `at`. */
  step(ir: IrBlock, at: number): void {
    const { code } = ir;
    const op = code[at]!;
    if (op === OP.call) this.forget(this.helpers[code[at + 5]!]!.writes);
    if (op === OP.ccset) this.ccset(ir, at);
    const d = code[at + 1]!;
    if (WRITES_D[op] === 0 || d === NONE) return;
    const zero = this.resultIsZero(ir, at, op) ? 1 : 0;
    if (isTemp(d)) this.temps[refIndex(d)] = zero;
    else if (isVar(d) && this.isInt[refIndex(d)] === 1) this.vars[refIndex(d)] = zero;
  }

  private ccset(ir: IrBlock, at: number): void {
    const { ccA, ccB, ccC } = this.layout;
    [ccA, ccB, ccC].forEach((v, k) => {
      const ref = ir.code[at + 2 + k]!;
      if (ref !== NONE) this.vars[v] = this.isZero(ir, ref) ? 1 : 0;
    });
  }

  private forget(vars: readonly number[] | 'all'): void {
    if (vars === 'all') this.vars.fill(0);
    else for (const v of vars) this.vars[v] = 0;
  }

  private resultIsZero(ir: IrBlock, at: number, op: number): boolean {
    const { code } = ir;
    const a = code[at + 2]!;
    const b = code[at + 3]!;
    if (op === OP.call) return this.helpers[code[at + 5]!]!.result === 'i32';
    if (FIELDS[op * 4] === F_I32) return true;
    if (FIELDS[op * 4] !== F_I64) return false;
    switch (op) {
      case OP['mov.i64']:
      case OP['ins8.i64']:
      case OP['ins8h.i64']:
      case OP['ins16.i64']:
        return this.isZero(ir, a);
      case OP['and.i64']:
        return this.isZero(ir, a) || this.isZero(ir, b);
      case OP['or.i64']:
      case OP['xor.i64']:
      case OP['select.i64']:
        return this.isZero(ir, a) && this.isZero(ir, b);
      case OP['concat.i64']:
        return isConst(b) && ir.consts[2 * refIndex(b)] === 0;
      case OP['shr.i64']:
        return this.isZero(ir, a) || (isConst(b) && (ir.consts[2 * refIndex(b)]! & 63) >= 32);
      default:
        return false;
    }
  }
}

/** Known-zero variables on entry of each block of a region; null: nothing is known. */
export function knownZeroOnEntry(
  blocks: readonly RegionBlock[],
  walk: HighHalves,
): (Uint8Array | null)[] {
  const count = walk.vars.length;
  const known: (Uint8Array | null)[] = blocks.map(() => null);
  known[0] = new Uint8Array(count);
  const dirty = new Uint8Array(blocks.length);
  dirty[0] = 1;
  for (let again = true; again; ) {
    again = false;
    for (let i = 0; i < blocks.length; i++) {
      if (dirty[i] === 0) continue;
      dirty[i] = 0;
      const { ir, succ } = blocks[i]!;
      walk.startBlock(ir, known[i]!);
      for (let at = 0; at < ir.length; at += STRIDE) walk.step(ir, at);
      for (const s of succ) {
        if (s < 0 || !meet(known, s, walk.vars)) continue;
        dirty[s] = 1;
        again = true;
      }
    }
  }
  return known;
}

/** known[s] ∩= out. @returns whether it changed */
function meet(known: (Uint8Array | null)[], s: number, out: Uint8Array): boolean {
  const old = known[s]!;
  if (old === null) {
    known[s] = out.slice();
    return true;
  }
  let changed = false;
  for (let v = 0; v < out.length; v++) {
    if (old[v] === 1 && out[v] === 0) {
      old[v] = 0;
      changed = true;
    }
  }
  return changed;
}
