/** Lifters of VEX-encoded moves (SDM vol. 1, 14.1). */

import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { isWide, loadLow, zeroUpper } from './lift-vex.ts';
import { GPR, XMM, XMM_D0, XMM_Q0, XMM_Q1, YMM, YMM_HI } from './state.ts';
import type { LiftFn } from './table-format.ts';

/** A whole register to or from memory, or between registers. */
export function vexMove(aligned: boolean): LiftFn {
  return (cx) => {
    const wide = isWide(cx);
    if (cx.isMem(0)) {
      const n = cx.regNo(1);
      if (wide) cx.store(32, YMM[n] as Ref, aligned);
      else cx.store(16, XMM[n] as Ref, aligned);
      return;
    }
    const d = cx.regNo(0);
    if (cx.isMem(1)) cx.loadVector((wide ? YMM : XMM)[d] as Ref, wide, aligned);
    else copyRegister(cx, d, cx.regNo(1), wide);
    if (!wide) zeroUpper(cx);
  };
}

function copyRegister(cx: Lift, d: number, from: number, wide: boolean): void {
  if (d === from) return;
  cx.b.opTo(XMM[d] as Ref, 'vmov', XMM[from] as Ref);
  if (wide) cx.b.opTo(YMM_HI[d] as Ref, 'vmov', YMM_HI[from] as Ref);
}

/** A legacy lifter whose destination is operand 0: with VEX, a register's upper half is zeroed. */
export function zeroingUpper(lift: LiftFn): LiftFn {
  return (cx) => {
    lift(cx);
    if (!cx.isMem(0)) zeroUpper(cx);
  };
}

/** VMOVSS, VMOVSD between registers: the low lane from src2, the rest of the low half from src1. */
export function vexMerge(size: 4 | 8): LiftFn {
  return (cx) => {
    const op = size === 8 ? 'vblend.i64x2' : 'vblend.i32x4';
    cx.b.opTo(cx.xmm(0), op, cx.xmm(1), cx.xmm(2), NONE, 1);
    zeroUpper(cx);
  };
}

/** VMOVSS, VMOVSD from memory; to memory. */
export function vexLoadLow(size: 4 | 8): LiftFn {
  return (cx) => {
    cx.b.opTo(cx.xmm(0), size === 8 ? 'vzx.64' : 'vzx.32', cx.load(size));
    zeroUpper(cx);
  };
}

export function vexStoreLow(size: 4 | 8): LiftFn {
  return (cx) => cx.store(size, (size === 8 ? XMM_Q0 : XMM_D0)[cx.regNo(1)] as Ref);
}

/** VMOVHPS to memory: the high quadword of the low half. */
export const liftVmovhpsStore: LiftFn = (cx) => cx.store(8, XMM_Q1[cx.regNo(1)] as Ref);

/** VMOVLPS, VMOVHPS from memory: one quadword, the other from src1. */
export const liftVmovlps: LiftFn = (cx) => {
  cx.b.opTo(cx.xmm(0), 'vblend.i64x2', loadLow(cx, 8), cx.xmm(1), NONE, 2);
  zeroUpper(cx);
};

export const liftVmovhps: LiftFn = (cx) => {
  cx.b.opTo(cx.xmm(0), 'vunpcklo.i64x2', cx.xmm(1), loadLow(cx, 8));
  zeroUpper(cx);
};

export const liftVmovhlps: LiftFn = (cx) => {
  cx.b.opTo(cx.xmm(0), 'vunpckhi.i64x2', cx.xmm(2), cx.xmm(1));
  zeroUpper(cx);
};

export const liftVmovlhps: LiftFn = (cx) => {
  cx.b.opTo(cx.xmm(0), 'vunpcklo.i64x2', cx.xmm(1), cx.xmm(2));
  zeroUpper(cx);
};

/** VMOVD, VMOVQ from a general register or memory. */
export const liftVmovdToXmm: LiftFn = (cx) => {
  const size = cx.size(1);
  const v = cx.isMem(1) ? cx.load(size) : (GPR[cx.regNo(1)] as Ref);
  cx.b.opTo(cx.xmm(0), size === 8 ? 'vzx.64' : 'vzx.32', v);
  zeroUpper(cx);
};
