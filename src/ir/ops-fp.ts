/**
 * Rows of the floating-point operations (semantics: slot-fp*.ts). Values are bits in memory slots.
 *
 * `fadd.f64` works on one value and writes just that lane, `vfadd.f64x2` on a whole register.
 * Effect 'fp': obeys and updates the floating-point environment (fp-env.ts) and may raise an
 * exception. NaNs, infinities and denormals follow SDM vol. 1, 4.8.3 and 11.5.
 */

import type { Effect, Field, OpRow } from './ops.ts';

function fp<N extends string>(
  name: N,
  d: Field,
  args: readonly Field[],
  imm: string | null = null,
  effect: Effect = 'fp',
): OpRow<N> {
  const [a = null, b = null, c = null] = args;
  return { name, cls: 'slot', effect, d, a, b, c, imm };
}

/** The four forms of an operation: one value and packed, single and double. */
function forms<P extends string>(
  op: P,
  arity: number,
  imm: string | null = null,
): OpRow<`${P}.f32` | `${P}.f64` | `v${P}.f32x4` | `v${P}.f64x2`>[] {
  const args = (t: Field): Field[] => Array<Field>(arity).fill(t);
  return [
    fp(`${op}.f32` as const, 'f32', args('f32'), imm),
    fp(`${op}.f64` as const, 'f64', args('f64'), imm),
    fp(`v${op}.f32x4` as const, 'v128', args('v128'), imm),
    fp(`v${op}.f64x2` as const, 'v128', args('v128'), imm),
  ];
}

export const FP_OPS = [
  ...forms('fadd', 2),
  ...forms('fsub', 2),
  ...forms('fmul', 2),
  ...forms('fdiv', 2),
  ...forms('fsqrt', 1),
  /** MINPS and MAXPS rules: b if either is a NaN or both are zeros. */
  ...forms('fmin', 2),
  ...forms('fmax', 2),
  /** All ones or all zeros; imm is the predicate of CMPPS (0..31). */
  ...forms('fcmp', 2, 'predicate'),
  /** To an integral value; imm is that of ROUNDPS. */
  ...forms('fround', 1, 'rounding'),
  fp('vfaddsub.f32x4', 'v128', ['v128', 'v128']),
  fp('vfaddsub.f64x2', 'v128', ['v128', 'v128']),
  fp('vfhadd.f32x4', 'v128', ['v128', 'v128']),
  fp('vfhadd.f64x2', 'v128', ['v128', 'v128']),
  fp('vfhsub.f32x4', 'v128', ['v128', 'v128']),
  fp('vfhsub.f64x2', 'v128', ['v128', 'v128']),
  /** Dot product; imm selects factors and destinations (DPPS, DPPD). */
  fp('vfdot.f32x4', 'v128', ['v128', 'v128'], 'select'),
  fp('vfdot.f64x2', 'v128', ['v128', 'v128'], 'select'),
  // Approximations: no exceptions.
  fp('frcp.f32', 'f32', ['f32'], null, 'pure'),
  fp('frsqrt.f32', 'f32', ['f32'], null, 'pure'),
  fp('vfrcp.f32x4', 'v128', ['v128'], null, 'pure'),
  fp('vfrsqrt.f32x4', 'v128', ['v128'], null, 'pure'),

  /** ZF PF CF as in EFLAGS (0x40, 4, 1); imm 1: a quiet NaN is invalid too (COMISD). */
  fp('fcom.f32', 'i32', ['f32', 'f32'], 'signal'),
  fp('fcom.f64', 'i32', ['f64', 'f64'], 'signal'),

  // Conversions, result type first. To an integer: imm 1 truncates, 0 rounds as the environment says.
  fp('cvt.f32.f64', 'f32', ['f64']),
  fp('cvt.f64.f32', 'f64', ['f32']),
  fp('cvt.f64.i32', 'f64', ['i32'], null, 'pure'),
  fp('cvt.f64.i64', 'f64', ['i64']),
  fp('cvt.f32.i32', 'f32', ['i32']),
  fp('cvt.f32.i64', 'f32', ['i64']),
  fp('cvt.i32.f64', 'i32', ['f64'], 'truncate'),
  fp('cvt.i32.f32', 'i32', ['f32'], 'truncate'),
  fp('cvt.i64.f64', 'i64', ['f64'], 'truncate'),
  fp('cvt.i64.f32', 'i64', ['f32'], 'truncate'),
  // Two lanes to or from the low half; a narrower result zeroes the high half.
  fp('vcvt.f32x4.i32x4', 'v128', ['v128']),
  fp('vcvt.i32x4.f32x4', 'v128', ['v128'], 'truncate'),
  fp('vcvt.f64x2.i32x2', 'v128', ['v128'], null, 'pure'),
  fp('vcvt.i32x2.f64x2', 'v128', ['v128'], 'truncate'),
  fp('vcvt.f32x2.f64x2', 'v128', ['v128']),
  fp('vcvt.f64x2.f32x2', 'v128', ['v128']),
] as const satisfies readonly OpRow[];
