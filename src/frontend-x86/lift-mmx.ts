/**
 * MMX lifters: the lane operations of SSE on 64 bits. Operands are widened to a temp register with
 * a zero upper half, and the low half of the result goes to the MMX register.
 *
 * Every MMX instruction but EMMS first takes a pending x87 exception, then marks all x87 registers
 * valid and sets TOP to 0; a written register gets an exponent of all ones (SDM vol. 1, 9.5).
 */

import type { SlotOpName } from '../ir/ops.ts';
import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { source64, source128, toGpr } from './lift-sse.ts';
import { destinationIndex } from './lift-sse-move.ts';
import { GPR, XMM_Q0 } from './state.ts';
import type { LiftFn } from './table-format.ts';

/**
 * Operand i as a whole register with zeros above. A pending exception comes before a fault of the
 * operand, except where memory operands have nothing to do with x87.
 */
function wide(cx: Lift, i: number, check = true): Ref {
  if (!cx.isMem(i)) return cx.op('vzx.64', cx.mm(i));
  if (check) cx.call('x87Check');
  const size = cx.size(i);
  return cx.op(size === 8 ? 'vzx.64' : 'vzx.32', cx.load(size));
}

/** The end of an instruction with an MMX result: operand 0 = low half of `v`. */
function write(cx: Lift, v: Ref): void {
  cx.call('mmxWrite', NONE, v, cx.k(cx.regNo(0)));
}

function enter(cx: Lift): void {
  cx.call('mmxEnter');
}

export function mmx(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = wide(cx, 1);
    write(cx, cx.op(op, wide(cx, 0), src));
  };
}

/** Operations over all lanes of both operands: packs and horizontal sums see them as one register. */
export function mmxJoined(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = wide(cx, 1);
    const both = cx.op('vunpcklo.i64x2', wide(cx, 0), src);
    write(cx, cx.op(op, both, both));
  };
}

/** PUNPCKHxx: the upper half of what PUNPCKLxx gives on a whole register. */
export function mmxUnpackHigh(op: SlotOpName): LiftFn {
  return (cx) => {
    const src = wide(cx, 1);
    write(cx, cx.op('vshrb', cx.op(op, wide(cx, 0), src), NONE, NONE, 8));
  };
}

export function mmxUnary(op: SlotOpName): LiftFn {
  return (cx) => write(cx, cx.op(op, wide(cx, 1)));
}

export function mmxShiftImm(op: SlotOpName): LiftFn {
  return (cx) => write(cx, cx.op(op, wide(cx, 0), NONE, NONE, cx.imm8));
}

export const liftPshufw: LiftFn = (cx) =>
  write(cx, cx.op('vshuflo.i16x8', wide(cx, 1), NONE, NONE, cx.imm8));

/** PSHUFB on 8 bytes: bit 3 of an index does not count. */
export const liftPshufbMmx: LiftFn = (cx) => {
  const src = wide(cx, 1);
  const keep = cx.op('vzx.64', cx.b.const64(0x87878787, 0x87878787));
  write(cx, cx.op('vshufb', wide(cx, 0), cx.op('vand', src, keep)));
};

/** PALIGNR: a shift of dst:src, 16 bytes. */
export const liftPalignrMmx: LiftFn = (cx) => {
  const src = wide(cx, 1);
  const both = cx.op('vunpcklo.i64x2', src, wide(cx, 0));
  write(cx, cx.op('vshrb', both, NONE, NONE, cx.imm8));
};

export const liftPinsrwMmx: LiftFn = (cx) => {
  const v = cx.isMem(1) ? cx.get(1) : (GPR[cx.regNo(1)] as Ref);
  write(cx, cx.op('vset.16', wide(cx, 0), v, NONE, cx.imm8 & 3));
};

export const liftPextrwMmx: LiftFn = (cx) => {
  enter(cx);
  toGpr(cx, 0, 'vget.16', wide(cx, 1), cx.imm8 & 3);
};

export const liftPmovmskbMmx: LiftFn = (cx) => {
  enter(cx);
  toGpr(cx, 0, 'vmsk.i8x16', wide(cx, 1));
};

/** MOVD, MOVQ to MMX from a general register or memory. */
export const liftMovdToMmx: LiftFn = (cx) => {
  if (cx.isMem(1)) cx.call('x87Check');
  write(cx, cx.op(cx.size(1) === 8 ? 'vzx.64' : 'vzx.32', cx.get(1)));
};

export const liftMovdFromMmx: LiftFn = (cx) => {
  const size = cx.size(0);
  if (cx.isMem(0)) {
    cx.call('x87Check');
    cx.store(size, cx.mm(1));
    enter(cx);
  } else {
    enter(cx);
    toGpr(cx, 0, size === 8 ? 'vbits.64' : 'vbits.32', cx.mm(1));
  }
};

/** MOVQ between MMX registers, or with memory; MOVNTQ. */
export const liftMovqMmx: LiftFn = (cx) => {
  if (cx.isMem(0)) {
    cx.call('x87Check');
    cx.store(8, cx.mm(1));
    enter(cx);
  } else write(cx, wide(cx, 1));
};

export const liftMovq2dq: LiftFn = (cx) => {
  enter(cx);
  cx.b.opTo(cx.xmm(0), 'vzx.64', cx.mm(1));
};

export const liftMovdq2q: LiftFn = (cx) => write(cx, cx.op('vzx.64', XMM_Q0[cx.regNo(1)] as Ref));

export const liftMaskmovq: LiftFn = (cx) => {
  cx.call('x87Check');
  cx.call('maskmov', NONE, destinationIndex(cx), wide(cx, 0), wide(cx, 1));
  enter(cx);
};

/** CVTPI2PS: two lanes, the upper half kept. From memory it does not touch x87 state. */
export const liftCvtpi2ps: LiftFn = (cx) => {
  const src = wide(cx, 1, false);
  if (!cx.isMem(1)) enter(cx);
  const v = cx.op('vcvt.f32x4.i32x4', src);
  cx.b.opTo(XMM_Q0[cx.regNo(0)] as Ref, 'vmov.64', v);
};

export const liftCvtpi2pd: LiftFn = (cx) => {
  const v = cx.op('vcvt.f64x2.i32x2', wide(cx, 1, false));
  if (!cx.isMem(1)) enter(cx);
  cx.b.opTo(cx.xmm(0), 'vmov', v);
};

/** Conversions to MMX change x87 state before they may raise #XM, as CPUs do: it is idempotent. */
export function cvtps2pi(truncate: 0 | 1): LiftFn {
  return (cx) => {
    if (cx.isMem(1)) cx.call('x87Check');
    const src = cx.op('vzx.64', source64(cx, 1));
    enter(cx);
    write(cx, cx.op('vcvt.i32x4.f32x4', src, NONE, NONE, truncate));
  };
}

export function cvtpd2pi(truncate: 0 | 1): LiftFn {
  return (cx) => {
    if (cx.isMem(1)) cx.call('x87Check');
    const src = source128(cx, 1);
    enter(cx);
    write(cx, cx.op('vcvt.i32x2.f64x2', src, NONE, NONE, truncate));
  };
}

export const liftEmms: LiftFn = (cx) => cx.call('emms');
