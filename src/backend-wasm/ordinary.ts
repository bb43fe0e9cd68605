/**
 * Which scalars of the current block are known to be ordinary (normal, infinite or zero): arithmetic need not test them.
 *
 * Invariant: while the local `slow` of the function (context.ts) is 0 they are; what may break that, the arms with calls,
 * sets NOT_ORDINARY in `slow`. A block with such arithmetic clears that bit at its start; one that is a loop by itself
 * begins with what lasts from one time to the next, and looks at that only where the bit is set.
 */

import type { IrBlock } from '../ir/block.ts';
import { WRITES_D } from '../ir/fields.ts';
import { OP, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { TYPE_SIZE } from '../ir/types.ts';
import type { Registers } from './registers.ts';

export type ScalarType = 'f32' | 'f64';

/** In `slow`: something that is not ordinary may be taken for it. */
export const NOT_ORDINARY = 0x40000000;

/** A variable, by one of its refs. */
export interface Scalar {
  readonly ref: Ref;
  readonly type: ScalarType;
}

const COPIES: ReadonlySet<number> = new Set(
  (['vmov', 'vmov.64', 'vmov.32', 'vzx.64', 'vzx.32'] as const).map((name) => OP[name]),
);
/** By op, the type of what is computed. Of these the results are ordinary, and so are the operands. */
const ARITHMETIC: ReadonlyMap<number, ScalarType> = new Map(
  (['f32', 'f64'] as const).flatMap((type) =>
    (['fadd', 'fsub', 'fmul', 'fdiv'] as const).map((op) => [OP[`${op}.${type}`], type] as const),
  ),
);
/** Conversions whose results always are. */
const CONVERSIONS: ReadonlyMap<number, ScalarType> = new Map([
  [OP['cvt.f64.i32'], 'f64'],
  [OP['cvt.f64.i64'], 'f64'],
  [OP['cvt.f32.i32'], 'f32'],
]);

export function hasScalarArithmetic({ code, length }: IrBlock): boolean {
  for (let at = 0; at < length; at += STRIDE) if (ARITHMETIC.has(code[at]!)) return true;
  return false;
}

export class OrdinaryScalars {
  private readonly registers: Registers;
  /** By byte offset of the variable, or for temps by number below zero. */
  private readonly known: Map<number, ScalarType> = new Map();

  constructor(registers: Registers) {
    this.registers = registers;
  }

  /** A block begins. */
  start(lasting: readonly Scalar[]): void {
    this.known.clear();
    for (const { ref, type } of lasting) this.known.set(this.key(ref), type);
  }

  is(ref: Ref, type: ScalarType): boolean {
    return ref !== NONE && !isConst(ref) && this.known.get(this.key(ref)) === type;
  }

  /** Goes beyond the operation at `at`. */
  step({ code }: IrBlock, at: number): void {
    const op = code[at]!;
    if (op === OP.call) {
      this.known.clear();
      return;
    }
    const d = code[at + 1]!;
    if (d === NONE || WRITES_D[op] !== 1) return;
    const [a, b] = [code[at + 2]!, code[at + 3]!];
    const type = ARITHMETIC.get(op);
    const copied = COPIES.has(op) && !isConst(a) ? this.known.get(this.key(a)) : undefined;
    if (type !== undefined) for (const ref of [a, b]) if (isVar(ref)) this.add(ref, type);
    this.forget(d);
    const result = type ?? CONVERSIONS.get(op) ?? copied;
    if (result !== undefined) this.add(d, result);
  }

  /** What arithmetic of a block finds in variables, and is ordinary at the block's end if it is at its start. */
  lasting(ir: IrBlock): Scalar[] {
    let scalars = this.exposed(ir);
    for (;;) {
      this.start(scalars);
      for (let at = 0; at < ir.length; at += STRIDE) this.step(ir, at);
      const kept = scalars.filter(({ ref, type }) => this.is(ref, type));
      if (kept.length === scalars.length) return kept;
      scalars = kept;
    }
  }

  /** The variables that arithmetic of a block reads as they are at its start. */
  private exposed({ code, length }: IrBlock): Scalar[] {
    const found = new Map<number, Scalar>();
    const written = new Set<number>();
    for (let at = 0; at < length; at += STRIDE) {
      const op = code[at]!;
      if (op === OP.call) break;
      const type = ARITHMETIC.get(op);
      for (const ref of [code[at + 2]!, code[at + 3]!]) {
        if (type === undefined || !isVar(ref) || written.has(this.key(ref))) continue;
        found.set(this.key(ref), { ref, type });
      }
      const d = code[at + 1]!;
      if (d === NONE || WRITES_D[op] !== 1 || isTemp(d)) continue;
      const from = this.key(d);
      const size = TYPE_SIZE[this.registers.typeOf(refIndex(d))];
      for (let i = from; i < from + size; i += 4) written.add(i);
    }
    return [...found.values()];
  }

  private add(ref: Ref, type: ScalarType): void {
    this.known.set(this.key(ref), type);
  }

  private forget(d: Ref): void {
    const at = this.key(d);
    if (isTemp(d)) {
      this.known.delete(at);
      return;
    }
    const end = at + TYPE_SIZE[this.registers.typeOf(refIndex(d))];
    for (const [from, type] of this.known) {
      if (from >= 0 && from < end && at < from + TYPE_SIZE[type]) this.known.delete(from);
    }
  }

  private key(ref: Ref): number {
    return isTemp(ref) ? -1 - refIndex(ref) : this.registers.offsetOf(refIndex(ref));
  }
}
