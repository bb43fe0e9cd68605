/**
 * Lifters of SSE to SSE4.2 that compute: lane operations, floating point, conversions, compares.
 * Most are made from the IR op's name; the instruction table says which.
 *
 * Memory operands of 16 bytes must be aligned in these encodings (#GP(0) otherwise); scalar
 * operands need not. An operation that may raise #XM is the last of its instruction.
 */

import type { SlotOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { GPR, XMM, XMM_D0, XMM_Q0, YMM_HI } from './state.ts';
import type { LiftFn } from './table-format.ts';

/** XMM register or aligned memory. */
export function source128(cx: Lift, i: number, aligned = true): Ref {
  return cx.isMem(i) ? cx.load(16, aligned) : cx.xmm(i);
}

/** Low 64 bits of a register, or 8 bytes of memory. */
export function source64(cx: Lift, i: number): Ref {
  return cx.isMem(i) ? cx.load(8) : (XMM_Q0[cx.regNo(i)] as Ref);
}

export function source32(cx: Lift, i: number): Ref {
  return cx.isMem(i) ? cx.load(4) : (XMM_D0[cx.regNo(i)] as Ref);
}

/** The lowest `size` bytes of operand i as a whole register; the rest is not looked at. */
function sourceLow(cx: Lift, i: number, size: number): Ref {
  if (!cx.isMem(i)) return cx.xmm(i);
  return cx.op(size === 8 ? 'vzx.64' : 'vzx.32', cx.load(size));
}

/** dst = op(dst, src) */
export function binary(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = source128(cx, 1);
    cx.b.opTo(cx.xmm(0), op, cx.xmm(0), src);
  };
}

/** dst = op(dst, src), with all bits zero known when both are one register (PXOR and the like). */
export function binaryZero(op: SlotOpName): LiftFn {
  const general = binary(op);
  return (cx) => {
    if (!cx.isMem(1) && cx.regNo(0) === cx.regNo(1)) cx.b.opTo(cx.xmm(0), 'vzero');
    else general(cx);
  };
}

/** dst = op(dst, src, imm8) */
export function binaryImm(op: SlotOpName, mask = 0xff): LiftFn {
  return (cx) => {
    const src = source128(cx, 1);
    cx.b.opTo(cx.xmm(0), op, cx.xmm(0), src, NONE, cx.imm8 & mask);
  };
}

/** dst = op(src) */
export function unary(op: SlotOpName, imm = 0, aligned = true): LiftFn {
  return (cx) => cx.b.opTo(cx.xmm(0), op, source128(cx, 1, aligned), NONE, NONE, imm);
}

/** dst = op(src, imm8) */
export function unaryImm(op: SlotOpName): LiftFn {
  return (cx) => cx.b.opTo(cx.xmm(0), op, source128(cx, 1), NONE, NONE, cx.imm8);
}

/** dst = op(low `size` bytes of src) */
export function unaryLow(op: SlotOpName, size: number, imm = 0): LiftFn {
  return (cx) => cx.b.opTo(cx.xmm(0), op, sourceLow(cx, 1, size), NONE, NONE, imm);
}

/** PMOVSX and PMOVZX from 2 bytes. */
export function extendWord(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = cx.isMem(1) ? cx.op('vzx.32', cx.load(2)) : cx.xmm(1);
    cx.b.opTo(cx.xmm(0), op, src);
  };
}

/** Shift of register 0 by an immediate. */
export function shiftImm(op: SlotOpName): LiftFn {
  return (cx) => cx.b.opTo(cx.xmm(0), op, cx.xmm(0), NONE, NONE, cx.imm8);
}

/** dst = op(dst, src, XMM0) */
export function withXmm0(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = source128(cx, 1);
    cx.b.opTo(cx.xmm(0), op, cx.xmm(0), src, XMM[0]);
  };
}

/** Scalar operations write one lane of register 0. */
export function scalar64(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = source64(cx, 1);
    const d = XMM_Q0[cx.regNo(0)] as Ref;
    cx.b.opTo(d, op, d, src, NONE, 0);
  };
}

export function scalar32(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = source32(cx, 1);
    const d = XMM_D0[cx.regNo(0)] as Ref;
    cx.b.opTo(d, op, d, src, NONE, 0);
  };
}

/** One operand, and an immediate or 0. */
export function scalarUnary(op: SlotOpName, size: 4 | 8, withImm = false): LiftFn {
  return (cx) => {
    const src = size === 8 ? source64(cx, 1) : source32(cx, 1);
    const d = (size === 8 ? XMM_Q0 : XMM_D0)[cx.regNo(0)] as Ref;
    cx.b.opTo(d, op, src, NONE, NONE, withImm ? cx.imm8 : 0);
  };
}

/** CMPSS and CMPSD: a legacy encoding has predicates 0 to 7. */
export function compareScalar(op: SlotOpName, size: 4 | 8): LiftFn {
  return (cx) => {
    const src = size === 8 ? source64(cx, 1) : source32(cx, 1);
    const d = (size === 8 ? XMM_Q0 : XMM_D0)[cx.regNo(0)] as Ref;
    cx.b.opTo(d, op, d, src, NONE, cx.imm8 & 7);
  };
}

/** COMISx (signal 1) and UCOMISx (0): ZF, PF, CF; the other status flags are cleared. */
export function compareFlags(size: 4 | 8, signal: 0 | 1): LiftFn {
  return (cx) => {
    const src = size === 8 ? source64(cx, 1) : source32(cx, 1);
    const d = (size === 8 ? XMM_Q0 : XMM_D0)[cx.regNo(0)] as Ref;
    cx.flags.setEflags(cx.op(size === 8 ? 'fcom.f64' : 'fcom.f32', d, src, NONE, signal));
  };
}

/** PTEST: ZF and CF. */
export const liftPtest: LiftFn = (cx) => {
  const src = source128(cx, 1);
  const zf = cx.op('shl.i32', cx.op('vtestz', cx.xmm(0), src), cx.k(6));
  cx.flags.setEflags(cx.op('or.i32', zf, cx.op('vtestc', cx.xmm(0), src)));
};

/** CVTSS2SD and CVTSD2SS. */
export const liftCvtss2sd: LiftFn = (cx) => {
  cx.b.opTo(XMM_Q0[cx.regNo(0)] as Ref, 'cvt.f64.f32', source32(cx, 1));
};

export const liftCvtsd2ss: LiftFn = (cx) => {
  cx.b.opTo(XMM_D0[cx.regNo(0)] as Ref, 'cvt.f32.f64', source64(cx, 1));
};

/** CVTSI2SD and CVTSI2SS from a general register or memory. */
export const liftCvtsi2sd: LiftFn = (cx) => {
  const op = cx.size(1) === 8 ? 'cvt.f64.i64' : 'cvt.f64.i32';
  cx.b.opTo(XMM_Q0[cx.regNo(0)] as Ref, op, cx.get(1));
};

export const liftCvtsi2ss: LiftFn = (cx) => {
  const op = cx.size(1) === 8 ? 'cvt.f32.i64' : 'cvt.f32.i32';
  cx.b.opTo(XMM_D0[cx.regNo(0)] as Ref, op, cx.get(1));
};

/** CVT(T)SD2SI and CVT(T)SS2SI. */
export function toInteger(size: 4 | 8, truncate: 0 | 1): LiftFn {
  return (cx) => {
    const src = size === 8 ? source64(cx, 1) : source32(cx, 1);
    const from = size === 8 ? 'f64' : 'f32';
    const op: SlotOpName = cx.size(0) === 8 ? `cvt.i64.${from}` : `cvt.i32.${from}`;
    toGpr(cx, 0, op, src, truncate);
  };
}

/** Operand i (a general register of 4 or 8 bytes) = op(src). */
export function toGpr(cx: Lift, i: number, op: SlotOpName, src: Ref, imm = 0): void {
  const n = cx.regNo(i);
  cx.b.opTo(GPR[n] as Ref, op, src, NONE, NONE, imm);
  cx.wroteGpr(n);
}

/** MOVMSKPS, PMOVMSKB … */
export function signMask(op: SlotOpName): LiftFn {
  return (cx) => toGpr(cx, 0, op, cx.xmm(1));
}

/** PEXTRx, EXTRACTPS: lane imm8 to a register (zero-extended) or to memory. */
export function extract(op: SlotOpName, lanes: number): LiftFn {
  return (cx) => {
    const lane = cx.imm8 & (lanes - 1);
    if (cx.isMem(0)) cx.set(0, cx.op(op, cx.xmm(1), NONE, NONE, lane));
    else toGpr(cx, 0, op, cx.xmm(1), lane);
  };
}

/** PEXTRD and PEXTRQ. */
export const liftPextrd: LiftFn = (cx) =>
  cx.size(0) === 8 ? extract('vget.64', 2)(cx) : extract('vget.32', 4)(cx);

/** PINSRx: lane imm8 from the low bits of a register, or from memory. */
export function insert(op: SlotOpName, lanes: number): LiftFn {
  return (cx) => {
    const v = cx.isMem(1) ? cx.get(1) : (GPR[cx.regNo(1)] as Ref);
    cx.b.opTo(cx.xmm(0), op, cx.xmm(0), v, NONE, cx.imm8 & (lanes - 1));
  };
}

export const liftPinsrd: LiftFn = (cx) =>
  cx.size(1) === 8 ? insert('vset.64', 2)(cx) : insert('vset.32', 4)(cx);

/** INSERTPS: from memory the source lane is the loaded one. */
export const liftInsertps: LiftFn = (cx) => {
  const mem = cx.isMem(1);
  const src = mem ? cx.op('vzx.32', cx.load(4)) : cx.xmm(1);
  cx.b.opTo(cx.xmm(0), 'vinsertps', cx.xmm(0), src, NONE, mem ? cx.imm8 & 0x3f : cx.imm8);
};

/** PCMPxSTRI: index to ECX, flags. `how` also says explicit lengths and their size; VEX zeroes the rest of YMM0. */
export function stringCompare(explicit: boolean, mask: boolean, vex = false): LiftFn {
  return (cx) => {
    const src = cx.isMem(1) ? cx.load(16) : cx.xmm(1);
    const wide = cx.d.rex & 8 ? 0x200 : 0;
    const how = cx.k(cx.imm8 | (explicit ? 0x100 : 0) | wide | (mask ? 0x400 : 0));
    const r = cx.callValue('pcmpstr', 'i64', cx.xmm(0), src, how);
    if (mask) cx.call('pcmpstrMask', NONE, r, how);
    else cx.setGpr(1, 4, r);
    if (mask && vex) cx.b.opTo(YMM_HI[0] as Ref, 'vzero');
    cx.flags.setEflags(cx.op('hi.i32', r));
  };
}
