/**
 * Lifters of VEX-encoded floating-point instructions. One of 256 bits is one operation on the whole register,
 * because its exceptions are those of all lanes, and nothing is written if one is raised.
 */

import type { SlotOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { source32, source64, toGpr } from './lift-sse.ts';
import { isWide, loadLow, register, source, zeroUpper } from './lift-vex.ts';
import { XMM, XMM_D0, XMM_Q0, YMM } from './state.ts';
import type { LiftFn } from './table-format.ts';

/** The 128-bit and the 256-bit form of a packed operation: `vfadd.f32x4` and `vfadd.f32x8`. */
export type Pair = readonly [narrow: SlotOpName, wide: SlotOpName];

const opOf = (cx: Lift, pair: Pair): SlotOpName => pair[isWide(cx) ? 1 : 0];

/** Register operand i as a whole: v128 or v256. */
function whole(cx: Lift, i: number): Ref {
  return (isWide(cx) ? YMM : XMM)[cx.regNo(i)] as Ref;
}

/** Operand i as a whole, from a register or memory. */
function wholeSource(cx: Lift, i: number): Ref {
  return cx.isMem(i) ? cx.load(isWide(cx) ? 32 : 16) : whole(cx, i);
}

/** Writes operand 0: op(a, b, c, imm). */
function write(cx: Lift, op: SlotOpName, a: Ref, b: Ref, c: Ref, imm: number): void {
  cx.b.opTo(whole(cx, 0), op, a, b, c, imm);
  if (!isWide(cx)) zeroUpper(cx);
}

/** dst = op(src1, src2) */
export function packedBinary(pair: Pair): LiftFn {
  return (cx) => write(cx, opOf(cx, pair), whole(cx, 1), wholeSource(cx, 2), NONE, 0);
}

/** dst = op(src1, src2, imm8 & mask) */
export function packedBinaryImm(pair: Pair, mask = 0xff): LiftFn {
  return (cx) => {
    const b = wholeSource(cx, 2);
    write(cx, opOf(cx, pair), whole(cx, 1), b, NONE, cx.imm8 & mask);
  };
}

/** dst = op(src) with imm8, or with `imm`. */
export function packedUnary(pair: Pair, imm: number | 'imm8' = 0): LiftFn {
  return (cx) =>
    write(cx, opOf(cx, pair), wholeSource(cx, 1), NONE, NONE, imm === 'imm8' ? cx.imm8 : imm);
}

/** Conversion to lanes of twice the size: the source is half a register. */
export function packedWiden(pair: Pair, imm = 0): LiftFn {
  return (cx) => {
    const wide = isWide(cx);
    const src = cx.isMem(1) ? loadLow(cx, wide ? 16 : 8) : cx.xmm(1);
    write(cx, opOf(cx, pair), src, NONE, NONE, imm);
  };
}

/** Conversion to lanes of half the size: the destination is an XMM register. */
export function packedNarrow(pair: Pair, imm = 0): LiftFn {
  return (cx) => {
    cx.b.opTo(cx.xmm(0), opOf(cx, pair), wholeSource(cx, 1), NONE, NONE, imm);
    zeroUpper(cx);
  };
}

/** VCVTPS2PH: to a register or memory of half the size. */
export const liftVcvtps2ph: LiftFn = (cx) => {
  const wide = isWide(cx);
  const op: SlotOpName = wide ? 'vcvt.f16x8.f32x8' : 'vcvt.f16x4.f32x4';
  if (!cx.isMem(0)) {
    cx.b.opTo(cx.xmm(0), op, whole(cx, 1), NONE, NONE, cx.imm8);
    zeroUpper(cx);
    return;
  }
  // A store that faults leaves the exception flags alone.
  cx.call('probeWrite', NONE, cx.address(), cx.k(wide ? 16 : 8));
  const halves = cx.op(op, whole(cx, 1), NONE, NONE, cx.imm8);
  cx.store(wide ? 16 : 8, wide ? halves : cx.op('vget.64', halves, NONE, NONE, 0));
};

const lanesOf = (size: 4 | 8): readonly Ref[] => (size === 8 ? XMM_Q0 : XMM_D0);

function scalarSource(cx: Lift, i: number, size: 4 | 8): Ref {
  return size === 8 ? source64(cx, i) : source32(cx, i);
}

/** Operand 0 = `value` in the low lane, the rest of the low half from operand 1, zeros above. */
function writeScalar(cx: Lift, size: 4 | 8, op: SlotOpName, a: Ref, b: Ref, imm: number): void {
  const [d, from] = [cx.regNo(0), cx.regNo(1)];
  const lane = lanesOf(size)[d] as Ref;
  if (d === from) cx.b.opTo(lane, op, a, b, NONE, imm);
  else {
    const value = cx.op(op, a, b, NONE, imm);
    cx.b.opTo(XMM[d] as Ref, 'vmov', XMM[from] as Ref);
    cx.b.opTo(lane, size === 8 ? 'vmov.64' : 'vmov.32', value);
  }
  zeroUpper(cx);
}

/** Low lane = op(src1, src2), with imm8 & mask. */
export function scalarBinary(op: SlotOpName, size: 4 | 8, mask = 0): LiftFn {
  return (cx) => {
    const b = scalarSource(cx, 2, size);
    writeScalar(cx, size, op, lanesOf(size)[cx.regNo(1)] as Ref, b, cx.imm8 & mask);
  };
}

/** Low lane = op(src2), with imm8 & mask; `from`: bytes of the source. */
export function scalarUnaryOf(op: SlotOpName, size: 4 | 8, from: 4 | 8 = size, mask = 0): LiftFn {
  return (cx) => writeScalar(cx, size, op, scalarSource(cx, 2, from), NONE, cx.imm8 & mask);
}

/** VCVTSI2SS, VCVTSI2SD. */
export function fromInteger(size: 4 | 8): LiftFn {
  const to = size === 8 ? 'f64' : 'f32';
  return (cx) => {
    const op: SlotOpName = cx.size(2) === 8 ? `cvt.${to}.i64` : `cvt.${to}.i32`;
    writeScalar(cx, size, op, cx.get(2), NONE, 0);
  };
}

/** VMOVMSKPS, VMOVMSKPD. */
export function vexSignMask(op: SlotOpName, lanes: 2 | 4): LiftFn {
  return (cx) => {
    const { lo, hi } = register(cx, 1);
    if (hi === NONE) {
      toGpr(cx, 0, op, lo);
      return;
    }
    const high = cx.op('shl.i32', cx.op(op, hi), cx.k(lanes));
    cx.setGpr(cx.regNo(0), 4, cx.op('or.i32', cx.op(op, lo), high));
  };
}

/** VTESTPS, VTESTPD: like VPTEST, over the signs. */
export function vexTestSigns(op: SlotOpName): LiftFn {
  return (cx) => {
    const b = source(cx, 1);
    const a = register(cx, 0);
    const both = (combine: SlotOpName): Ref => {
      const low = cx.op(op, cx.op(combine, a.lo, b.lo));
      if (a.hi === NONE) return low;
      return cx.op('or.i32', low, cx.op(op, cx.op(combine, a.hi, b.hi)));
    };
    const none = (combine: SlotOpName): Ref =>
      cx.op('set.i32', both(combine), cx.k(0), NONE, 0 /* eq */);
    const zf = cx.op('shl.i32', none('vand'), cx.k(6));
    cx.flags.setEflags(cx.op('or.i32', zf, none('vandn')));
  };
}

/** The operands of a * b + c by the digits in the name: 1 is the destination, 2 VEX.vvvv, 3 ModRM.rm. */
export type FmaOrder = '132' | '213' | '231';

/** a, b, c among [operand 1, 2, 3]. */
function arranged(order: FmaOrder, operands: readonly [Ref, Ref, Ref]): [Ref, Ref, Ref] {
  const [first, second, third] = operands;
  if (order === '132') return [first, third, second];
  return order === '213' ? [second, first, third] : [second, third, first];
}

export function packedFma(pair: Pair, order: FmaOrder, imm: number): LiftFn {
  return (cx) => {
    const src = wholeSource(cx, 2);
    const [a, b, c] = arranged(order, [whole(cx, 0), whole(cx, 1), src]);
    write(cx, opOf(cx, pair), a, b, c, imm);
  };
}

/** The rest of the destination's low half stays. */
export function scalarFma(op: SlotOpName, size: 4 | 8, order: FmaOrder, imm: number): LiftFn {
  return (cx) => {
    const src = scalarSource(cx, 2, size);
    const lane = (i: number): Ref => lanesOf(size)[cx.regNo(i)] as Ref;
    const [a, b, c] = arranged(order, [lane(0), lane(1), src]);
    cx.b.opTo(lane(0), op, a, b, c, imm);
    zeroUpper(cx);
  };
}
