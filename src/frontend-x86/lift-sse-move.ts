/**
 * Lifters of SSE moves, MXCSR and FXSAVE (SDM vol. 1, 10.4.1, 10.5, 11.4.1).
 * Values never pass through a JavaScript number as floats: moves are lane copies.
 */

import { NONE, type Ref, varRef } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import { source128, toGpr } from './lift-sse.ts';
import { stateVar, XMM_D0, XMM_Q0, XMM_Q1 } from './state.ts';
import type { LiftFn } from './table-format.ts';

const RDI = 7;
const MXCSR: Ref = varRef(stateVar('mxcsr'));

function moveRegister(cx: Lift, d: Ref, a: Ref): void {
  if (d !== a) cx.b.opTo(d, 'vmov', a);
}

/** Register or memory to register, or register to memory; 16 bytes. */
export function move128(aligned: boolean): LiftFn {
  return (cx) => {
    if (cx.isMem(0)) cx.store(16, cx.xmm(1), aligned);
    else moveRegister(cx, cx.xmm(0), cx.isMem(1) ? cx.load(16, aligned) : cx.xmm(1));
  };
}

/** MOVSS, MOVSD: between registers one lane; from memory the rest is zeroed. */
function moveScalar(size: 4 | 8, lanes: readonly Ref[]): LiftFn {
  return (cx) => {
    if (cx.isMem(0)) cx.store(size, lanes[cx.regNo(1)] as Ref);
    else if (cx.isMem(1)) cx.b.opTo(cx.xmm(0), size === 8 ? 'vzx.64' : 'vzx.32', cx.load(size));
    else {
      const d = lanes[cx.regNo(0)] as Ref;
      cx.b.opTo(d, size === 8 ? 'vmov.64' : 'vmov.32', lanes[cx.regNo(1)] as Ref);
    }
  };
}

export const liftMovss: LiftFn = moveScalar(4, XMM_D0);
export const liftMovsd: LiftFn = moveScalar(8, XMM_Q0);

/** MOVLPS, MOVHPS and their register forms: one half, the other kept. */
function moveHalf(to: readonly Ref[], from: readonly Ref[]): LiftFn {
  return (cx) => {
    if (cx.isMem(0)) cx.store(8, from[cx.regNo(1)] as Ref);
    else {
      const src = cx.isMem(1) ? cx.load(8) : (from[cx.regNo(1)] as Ref);
      cx.b.opTo(to[cx.regNo(0)] as Ref, 'vmov.64', src);
    }
  };
}

export const liftMovlps: LiftFn = moveHalf(XMM_Q0, XMM_Q0);
export const liftMovhps: LiftFn = moveHalf(XMM_Q1, XMM_Q1);
export const liftMovhlps: LiftFn = moveHalf(XMM_Q0, XMM_Q1);
export const liftMovlhps: LiftFn = moveHalf(XMM_Q1, XMM_Q0);

export const liftMovddup: LiftFn = (cx) => {
  const src = cx.isMem(1) ? cx.op('vzx.64', cx.load(8)) : cx.xmm(1);
  cx.b.opTo(cx.xmm(0), 'vunpcklo.i64x2', src, src);
};

export const liftMovsldup: LiftFn = (cx) =>
  cx.b.opTo(cx.xmm(0), 'vshuf.i32x4', source128(cx, 1), NONE, NONE, 0xa0);
export const liftMovshdup: LiftFn = (cx) =>
  cx.b.opTo(cx.xmm(0), 'vshuf.i32x4', source128(cx, 1), NONE, NONE, 0xf5);

/** MOVD, MOVQ from a general register or memory. */
export const liftMovdToXmm: LiftFn = (cx) => {
  cx.b.opTo(cx.xmm(0), cx.size(1) === 8 ? 'vzx.64' : 'vzx.32', cx.get(1));
};

export const liftMovdFromXmm: LiftFn = (cx) => {
  const size = cx.size(0);
  const src = (size === 8 ? XMM_Q0 : XMM_D0)[cx.regNo(1)] as Ref;
  if (cx.isMem(0)) cx.store(size, src);
  else toGpr(cx, 0, size === 8 ? 'vbits.64' : 'vbits.32', src);
};

/** MOVQ between XMM registers, or with memory. */
export const liftMovq: LiftFn = (cx) => {
  if (cx.isMem(0)) cx.store(8, XMM_Q0[cx.regNo(1)] as Ref);
  else cx.b.opTo(cx.xmm(0), 'vzx.64', cx.isMem(1) ? cx.load(8) : (XMM_Q0[cx.regNo(1)] as Ref));
};

export const liftMovnti: LiftFn = (cx) => cx.set(0, cx.raw(1));

/** MASKMOVDQU: bytes of operand 0 whose mask byte is negative go to [rDI]. */
export const liftMaskmovdqu: LiftFn = (cx) => {
  cx.call('maskmov', NONE, destinationIndex(cx), cx.xmm(0), cx.xmm(1));
};

/** [rDI] with segment override and address size. */
export function destinationIndex(cx: Lift): Ref {
  const { d } = cx;
  d.base = RDI;
  d.index = -1;
  d.disp = 0;
  return cx.address();
}

export const liftLdmxcsr: LiftFn = (cx) => cx.call('ldmxcsr', NONE, cx.load(4));
export const liftStmxcsr: LiftFn = (cx) => cx.store(4, MXCSR);

/** FXSAVE and FXRSTOR; REX.W keeps 64-bit instruction and data pointers. */
export const liftFxsave: LiftFn = (cx) => cx.call('fxsave', NONE, cx.address(), cx.k(cx.d.rex & 8));
export const liftFxrstor: LiftFn = (cx) =>
  cx.call('fxrstor', NONE, cx.address(), cx.k(cx.d.rex & 8));
