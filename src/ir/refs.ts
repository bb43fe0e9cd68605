/**
 * Operands of the IR.
 *
 * A ref is one int32: what kind of value it names, and which.
 *
 *   -1                     NONE
 *   0x0000_0000 | n        temp n of the block: assigned exactly once, before it is read
 *   0x1000_0000 | n        state variable n (a guest register): mutable, lives across blocks
 *   0x2000_0000 | n        constant n of the block's constant list (64 bits)
 *
 * Integers are always held zero-extended to 64 bits. So an i32 operation may read an i64 value
 * (it reads the low half), an i64 operation may read an i32 value (zero-extended), and an i32
 * result may be assigned to an i64 variable (which zero-extends it, as x86-64 itself does): no
 * truncations and no zero extensions appear in the IR. Likewise f32 and f64 operations read the
 * lowest lane of a wider value, and floats are plain bits in an integer slot: bitcasts are free.
 */

export type Ref = number;

export const NONE: Ref = -1;
export const KIND_VAR = 0x10000000;
export const KIND_CONST = 0x20000000;
const KIND_MASK = 0x70000000;
const INDEX_MASK = 0x0fffffff;

export function refIndex(ref: Ref): number {
  return ref & INDEX_MASK;
}

export function isTemp(ref: Ref): boolean {
  return ref >= 0 && ref < KIND_VAR;
}

export function isVar(ref: Ref): boolean {
  return (ref & KIND_MASK) === KIND_VAR && ref >= 0;
}

export function isConst(ref: Ref): boolean {
  return (ref & KIND_MASK) === KIND_CONST && ref >= 0;
}

export function varRef(index: number): Ref {
  return KIND_VAR | index;
}
