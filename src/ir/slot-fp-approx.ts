/**
 * RCPPS and RSQRTPS. The architecture only bounds the relative error by 1.5 * 2^-12; the bits
 * differ between CPU models. Here the exact quotient is cut to 12 significand bits by rounding,
 * an error of at most 2^-13.
 *
 * Denormal operands count as zeros and denormal results become zero, whatever MXCSR says; there
 * are no exceptions (SDM vol. 2, RCPPS).
 */

import type { SlotFn } from './slot-fn.ts';

const F32_1: Float32Array = new Float32Array(1);
const I32_1: Int32Array = new Int32Array(F32_1.buffer);

/** Bits of a float with its significand rounded to 12 bits. */
function cut(v: number): number {
  F32_1[0] = v;
  return (I32_1[0]! + 0x400) & ~0x7ff;
}

function approximate(bits: number, root: boolean): number {
  const sign = bits & 0x80000000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return bits | 0x400000;
  if (magnitude < 0x800000) return sign | 0x7f800000;
  if (root && sign !== 0) return 0xffc00000 | 0;
  if (magnitude === 0x7f800000) return sign;
  I32_1[0] = magnitude;
  const x = F32_1[0]!;
  const result = cut(root ? 1 / Math.sqrt(x) : 1 / x);
  return result < 0x800000 ? sign : sign | result;
}

function lanes(root: boolean, n: number): SlotFn {
  return ({ I32 }, d, a) => {
    for (let k = 0; k < n; k++) I32[d + k] = approximate(I32[a + k]!, root);
    return 0;
  };
}

export const APPROX_FNS: Record<
  'frcp.f32' | 'frsqrt.f32' | 'vfrcp.f32x4' | 'vfrsqrt.f32x4',
  SlotFn
> = {
  'frcp.f32': lanes(false, 1),
  'frsqrt.f32': lanes(true, 1),
  'vfrcp.f32x4': lanes(false, 4),
  'vfrsqrt.f32x4': lanes(true, 4),
};
