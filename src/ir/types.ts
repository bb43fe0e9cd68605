/** Types of IR values. Narrower integers exist in memory operations and extensions only. */

export type IrType = 'i32' | 'i64' | 'f32' | 'f64' | 'f80' | 'v128' | 'v256';

/** Bytes a value of the type occupies in its slot (f80: 64-bit significand, then sign and exponent). */
export const TYPE_SIZE: Record<IrType, number> = {
  i32: 4,
  i64: 8,
  f32: 4,
  f64: 8,
  f80: 16,
  v128: 16,
  v256: 32,
};

/** Integers live in JavaScript locals in compiled code; everything else in memory slots. */
export function isIntType(t: IrType): boolean {
  return t === 'i32' || t === 'i64';
}

/** A state variable, as the frontend declares it. */
export interface StateVar {
  readonly name: string;
  readonly type: IrType;
  /** Byte offset in the linear memory (inside the CPU state page). */
  readonly offset: number;
}

/**
 * The frontend's description of guest state. Integer variables do not overlap each other.
 * Others (vector registers and their lanes) may: passes never forward or drop accesses to them.
 */
export interface StateLayout {
  readonly vars: readonly StateVar[];
  /** The condition-code state that `ccset` writes: kind (i32) and three i64 operands. */
  readonly ccKind: number;
  readonly ccA: number;
  readonly ccB: number;
  readonly ccC: number;
  /** The program counter: written by terminators only. */
  readonly pc: number;
  /** i32: the floating-point environment (rounding, masks, sticky flags), see fp-env.ts. */
  readonly fpEnv: number;
}
