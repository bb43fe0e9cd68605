/** Selectors of the x87 helpers: their last argument, which the lifter packs. */

/**
 * Operation in bits 0..3, destination ST(i) in 4..6, source ST(i) in 8..10, number of pops in 12..13, operand kind in
 * 16..19, truncation (FISTTP) in bit 20.
 */
export const SEL = { dst: 4, src: 8, pops: 12, kind: 16, truncate: 0x100000 } as const;

/** Arithmetic, in the order of ModRM.reg of D8 (2 and 3 are FCOM and FCOMP). */
export const ARITH = { add: 0, mul: 1, sub: 4, subr: 5, div: 6, divr: 7 } as const;
export const KIND = { f32: 0, f64: 1, f80: 2, i16: 3, i32: 4, i64: 5, bcd: 6 } as const;
/** Comparisons. */
export const COM = { ordered: 0, unordered: 1 } as const;

/** Status word: condition codes. */
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;

/** Where the registers are: byte offsets of the first register (16 bytes each) and of int32 variables. */
export interface X87Layout {
  readonly registers: number;
  readonly control: number;
  /** Without TOP. */
  readonly status: number;
  readonly top: number;
  /** A bit for each physical register, set: not empty. */
  readonly tags: number;
}
