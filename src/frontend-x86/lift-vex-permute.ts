/** Lifters of AVX and AVX2 instructions that move lanes across the halves: broadcasts, permutes, 128-bit lanes. */

import { NONE, type Ref } from '../ir/refs.ts';
import type { Lift } from './lift-context.ts';
import {
  eachHalf,
  isWide,
  loadLow,
  register,
  setHalves,
  source,
  source128,
  zeroUpper,
} from './lift-vex.ts';
import { XMM, YMM_HI } from './state.ts';
import type { LiftFn } from './table-format.ts';

/** All lanes of `bytes` each = the lowest one of src; 16: both halves are. */
function repeat(cx: Lift, src: Ref, bytes: number): Ref {
  switch (bytes) {
    case 1: {
      const words = cx.op('vunpcklo.i8x16', src, src);
      return repeat(cx, words, 2);
    }
    case 2:
      return repeat(cx, cx.op('vshuflo.i16x8', src, NONE, NONE, 0), 4);
    case 4:
      return cx.op('vshuf.i32x4', src, NONE, NONE, 0);
    case 8:
      return cx.op('vunpcklo.i64x2', src, src);
    default:
      return src;
  }
}

/** VBROADCASTx and VPBROADCASTx from an XMM register or memory. */
export function vexBroadcast(bytes: 1 | 2 | 4 | 8 | 16): LiftFn {
  return (cx) => {
    const src = cx.isMem(1) ? loadLow(cx, bytes) : cx.xmm(1);
    const all = repeat(cx, src, bytes);
    setHalves(cx, all, all);
  };
}

/** VINSERTF128, VINSERTI128. */
export const liftVinsert128: LiftFn = (cx) => {
  const part = source128(cx, 2);
  const { lo, hi } = register(cx, 1);
  // The part may be the destination's low half.
  const copy = cx.isMem(2) ? part : cx.op('vmov', part);
  if (cx.imm8 & 1) setHalves(cx, lo, copy);
  else {
    cx.b.opTo(YMM_HI[cx.regNo(0)] as Ref, 'vmov', hi);
    cx.b.opTo(cx.xmm(0), 'vmov', copy);
  }
};

/** VEXTRACTF128, VEXTRACTI128. */
export const liftVextract128: LiftFn = (cx) => {
  const from = (cx.imm8 & 1 ? YMM_HI : XMM)[cx.regNo(1)] as Ref;
  if (cx.isMem(0)) {
    cx.store(16, from);
    return;
  }
  cx.b.opTo(cx.xmm(0), 'vmov', from);
  zeroUpper(cx);
};

/** VPERM2F128, VPERM2I128: imm8 picks a half of src1 or src2, or zero, for each half. */
export const liftVperm2x128: LiftFn = (cx) => {
  const b = source(cx, 2);
  const a = register(cx, 1);
  const choices = [a.lo, a.hi, b.lo, b.hi];
  const pick = (control: number): Ref =>
    control & 8 ? cx.op('vzero') : cx.op('vmov', choices[control & 3]);
  const lo = pick(cx.imm8);
  setHalves(cx, lo, pick(cx.imm8 >> 4));
};

/** VPERMQ, VPERMPD: imm8 picks a quadword for each. */
export const liftVpermq: LiftFn = (cx) => {
  const { lo, hi } = source(cx, 1);
  const half = (control: number): Ref => {
    const first = control & 3;
    const second = (control >> 2) & 3;
    const select = (first & 1) | ((second & 1) << 1);
    return cx.op('vshuf2.i64x2', first & 2 ? hi : lo, second & 2 ? hi : lo, NONE, select);
  };
  const low = half(cx.imm8);
  setHalves(cx, low, half(cx.imm8 >> 4));
};

/** VPERMD, VPERMPS: lanes of src2 by the indices in src1. */
export const liftVpermd: LiftFn = (cx) => {
  const b = source(cx, 2);
  const index = register(cx, 1);
  const low = cx.op('vperm2.i32x4', b.lo, b.hi, index.lo);
  setHalves(cx, low, cx.op('vperm2.i32x4', b.lo, b.hi, index.hi));
};

/** VZEROUPPER and VZEROALL. */
export const liftVzero: LiftFn = (cx) => {
  for (let n = 0; n < 16; n++) {
    if (isWide(cx)) cx.b.opTo(XMM[n] as Ref, 'vzero');
    cx.b.opTo(YMM_HI[n] as Ref, 'vzero');
  }
};

/** VMOVDDUP: the even quadwords twice; with VEX.128 from 8 bytes of memory. */
export const liftVmovddup: LiftFn = (cx) => {
  if (!isWide(cx)) {
    const src = cx.isMem(1) ? loadLow(cx, 8) : cx.xmm(1);
    cx.b.opTo(cx.xmm(0), 'vunpcklo.i64x2', src, src);
    zeroUpper(cx);
    return;
  }
  const { lo, hi } = source(cx, 1);
  eachHalf(cx, (half, d) => {
    const v = half === 0 ? lo : hi;
    cx.b.opTo(d, 'vunpcklo.i64x2', v, v);
  });
};
