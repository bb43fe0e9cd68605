/**
 * Lifters of VEX-encoded integer vector instructions (SDM vol. 1, 14.2.7 and 14.6.1).
 *
 * A YMM register is two 128-bit variables, and nearly every operation of 256 bits is two independent ones of
 * 128. VEX.128 zeroes the upper half of the destination. A memory operand need not be aligned, and is loaded
 * as a whole before anything is written.
 */

import type { SlotOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { toGpr } from './lift-sse.ts';
import { GPR, XMM, YMM_HI } from './state.ts';
import type { LiftFn } from './table-format.ts';

/** A vector operand; `hi` is NONE with VEX.128. */
export interface Halves {
  readonly lo: Ref;
  readonly hi: Ref;
}

export function isWide(cx: Lift): boolean {
  return cx.d.vexL === 1;
}

/** Vector register operand i. */
export function register(cx: Lift, i: number): Halves {
  const n = cx.regNo(i);
  return { lo: XMM[n] as Ref, hi: isWide(cx) ? (YMM_HI[n] as Ref) : NONE };
}

/** Operand i: a vector register, or memory of the same size. */
export function source(cx: Lift, i: number): Halves {
  if (!cx.isMem(i)) return register(cx, i);
  const lo = cx.load(16);
  return { lo, hi: isWide(cx) ? cx.loadAs('ld128', 16) : NONE };
}

/** Operand i: an XMM register or 16 bytes of memory, whatever the vector length. */
export function source128(cx: Lift, i: number): Ref {
  return cx.isMem(i) ? cx.load(16) : cx.xmm(i);
}

export function zeroUpper(cx: Lift, i = 0): void {
  cx.b.opTo(YMM_HI[cx.regNo(i)] as Ref, 'vzero');
}

/** What a 128-bit operation does to one half, 0 or 1; it writes the variable d. */
type HalfFn = (half: 0 | 1, d: Ref) => void;

/** Does both halves of the destination, operand i, or the low one and zeroes the other. */
export function eachHalf(cx: Lift, one: HalfFn, i = 0): void {
  const n = cx.regNo(i);
  one(0, XMM[n] as Ref);
  if (isWide(cx)) one(1, YMM_HI[n] as Ref);
  else zeroUpper(cx, i);
}

export const halfOf = (v: Halves, half: 0 | 1): Ref => (half === 0 ? v.lo : v.hi);

/** Writes values that were computed from both halves of the operands. */
export function setHalves(cx: Lift, lo: Ref, hi: Ref): void {
  eachHalf(cx, (half, d) => cx.b.opTo(d, 'vmov', half === 0 ? lo : hi));
}

/** dst = op(src1, src2) */
export function vexBinary(op: SlotOpName): LiftFn {
  return (cx) => {
    const b = source(cx, 2);
    const a = register(cx, 1);
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half), halfOf(b, half)));
  };
}

/** dst = op(src1, src2), known to be zero when both are one register. */
export function vexBinaryZero(op: SlotOpName): LiftFn {
  const general = vexBinary(op);
  return (cx) => {
    if (cx.isMem(2) || cx.regNo(1) !== cx.regNo(2)) general(cx);
    else eachHalf(cx, (_half, d) => cx.b.opTo(d, 'vzero'));
  };
}

/** dst = op(src1, src2, imm); `immOf` picks what of imm8 is for a half. */
export function vexBinaryImm(
  op: SlotOpName,
  immOf: (imm: number, half: 0 | 1) => number = (imm) => imm,
): LiftFn {
  return (cx) => {
    const b = source(cx, 2);
    const a = register(cx, 1);
    eachHalf(cx, (half, d) =>
      cx.b.opTo(d, op, halfOf(a, half), halfOf(b, half), NONE, immOf(cx.imm8, half)),
    );
  };
}

/** dst = op(src) */
export function vexUnary(op: SlotOpName): LiftFn {
  return (cx) => {
    const a = source(cx, 1);
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half)));
  };
}

/** dst = op(src, imm); `immOf` picks what of imm8 is for a half. */
export function vexUnaryImm(
  op: SlotOpName,
  immOf: (imm: number, half: 0 | 1) => number = (imm) => imm,
): LiftFn {
  return (cx) => {
    const a = source(cx, 1);
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half), NONE, NONE, immOf(cx.imm8, half)));
  };
}

/** dst = op(src1, src2, src3): lanes of src2 where src3 says so. */
export function vexBlendv(op: SlotOpName): LiftFn {
  return (cx) => {
    const b = source(cx, 2);
    const a = register(cx, 1);
    const c = register(cx, 3);
    // The mask may be the destination, of which each half is read before it is written.
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half), halfOf(b, half), halfOf(c, half)));
  };
}

/** Shift of all lanes by the low 64 bits of an XMM register or 16 bytes of memory. */
export function vexShiftCount(op: SlotOpName): LiftFn {
  return (cx) => {
    let count = source128(cx, 2);
    // The first half must not overwrite the count that the second one needs.
    if (isWide(cx) && !cx.isMem(2)) count = cx.op('vmov', count);
    const a = register(cx, 1);
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half), count));
  };
}

/** Shift by imm8: the destination is in VEX.vvvv. */
export function vexShiftImm(op: SlotOpName): LiftFn {
  return (cx) => {
    const a = register(cx, 1);
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, halfOf(a, half), NONE, NONE, cx.imm8));
  };
}

/** VPMOVSX and VPMOVZX: `bytes` of the source for each half. */
export function vexExtend(op: SlotOpName, bytes: 2 | 4 | 8): LiftFn {
  return (cx) => {
    const wide = isWide(cx);
    const size = wide ? 2 * bytes : bytes;
    const src = cx.isMem(1) ? loadLow(cx, size) : cx.xmm(1);
    const next = wide ? cx.op('vshrb', src, NONE, NONE, bytes) : NONE;
    eachHalf(cx, (half, d) => cx.b.opTo(d, op, half === 0 ? src : next));
  };
}

/** `size` bytes of memory as a vector. */
export function loadLow(cx: Lift, size: number): Ref {
  if (size === 16) return cx.load(16);
  return cx.op(size === 8 ? 'vzx.64' : 'vzx.32', cx.load(size));
}

/** VPINSRx: src1 with lane imm8 from a general register or memory. */
export function vexInsert(op: SlotOpName, lanes: number): LiftFn {
  return (cx) => {
    const v = cx.isMem(2) ? cx.get(2) : (GPR[cx.regNo(2)] as Ref);
    cx.b.opTo(cx.xmm(0), op, cx.xmm(1), v, NONE, cx.imm8 & (lanes - 1));
    zeroUpper(cx);
  };
}

export const liftVpinsrd: LiftFn = (cx) =>
  cx.size(2) === 8 ? vexInsert('vset.64', 2)(cx) : vexInsert('vset.32', 4)(cx);

/** VINSERTPS: from memory the source lane is the loaded one. */
export const liftVinsertps: LiftFn = (cx) => {
  const mem = cx.isMem(2);
  const src = mem ? loadLow(cx, 4) : cx.xmm(2);
  const imm = mem ? cx.imm8 & 0x3f : cx.imm8;
  cx.b.opTo(cx.xmm(0), 'vinsertps', cx.xmm(1), src, NONE, imm);
  zeroUpper(cx);
};

/** VPMOVMSKB. */
export const liftVpmovmskb: LiftFn = (cx) => {
  const { lo, hi } = register(cx, 1);
  if (hi === NONE) {
    toGpr(cx, 0, 'vmsk.i8x16', lo);
    return;
  }
  const high = cx.op('shl.i32', cx.op('vmsk.i8x16', hi), cx.k(16));
  cx.setGpr(cx.regNo(0), 4, cx.op('or.i32', cx.op('vmsk.i8x16', lo), high));
};

/** VPTEST: ZF and CF over all bits. */
export const liftVptest: LiftFn = (cx) => {
  const b = source(cx, 1);
  const a = register(cx, 0);
  const both = (op: SlotOpName): Ref => {
    const low = cx.op(op, a.lo, b.lo);
    return a.hi === NONE ? low : cx.op('and.i32', low, cx.op(op, a.hi, b.hi));
  };
  const zf = cx.op('shl.i32', both('vtestz'), cx.k(6));
  cx.flags.setEflags(cx.op('or.i32', zf, both('vtestc')));
};
