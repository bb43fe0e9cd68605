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

const TYPES = ['f32', 'f64'] as const;
const PACKED = ['f32x4', 'f64x2', 'f32x8', 'f64x4'] as const;

/** The packed forms of an operation: single and double, 128 and 256 bits. */
function packed<P extends string>(
  op: P,
  arity: number,
  imm: string | null = null,
  effect: Effect = 'fp',
): OpRow<`v${P}.${(typeof PACKED)[number]}`>[] {
  return PACKED.map((type, i) => {
    const t: Field = i < 2 ? 'v128' : 'v256';
    return fp(`v${op}.${type}` as const, t, Array<Field>(arity).fill(t), imm, effect);
  });
}

/** All forms of an operation: of one value too. */
function forms<P extends string>(
  op: P,
  arity: number,
  imm: string | null = null,
): OpRow<`${P}.${(typeof TYPES)[number]}` | `v${P}.${(typeof PACKED)[number]}`>[] {
  return [
    ...TYPES.map((t) => fp(`${op}.${t}` as const, t, Array<Field>(arity).fill(t), imm)),
    ...packed(op, arity, imm),
  ];
}

/** imm of ffma: the product negated; c negated; c negated in odd lanes only, in even lanes only. */
export const FMA_NEGATE_PRODUCT = 1;
export const FMA_NEGATE_SUM = 2;
export const FMA_ODD = 4;
export const FMA_EVEN = 8;

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
  /** a * b + c, rounded once; imm is made of FMA_ bits. */
  ...forms('ffma', 3, 'signs'),
  ...packed('faddsub', 2),
  ...packed('fhadd', 2),
  ...packed('fhsub', 2),
  /** Dot product, in each half of 256 bits; imm selects factors and destinations (DPPS, DPPD). */
  fp('vfdot.f32x4', 'v128', ['v128', 'v128'], 'select'),
  fp('vfdot.f32x8', 'v256', ['v256', 'v256'], 'select'),
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
  fp('vcvt.f32x8.i32x8', 'v256', ['v256']),
  fp('vcvt.i32x8.f32x8', 'v256', ['v256'], 'truncate'),
  fp('vcvt.f64x4.i32x4', 'v256', ['v128'], null, 'pure'),
  fp('vcvt.i32x4.f64x4', 'v128', ['v256'], 'truncate'),
  fp('vcvt.f32x4.f64x4', 'v128', ['v256']),
  fp('vcvt.f64x4.f32x4', 'v256', ['v128']),
  // Half precision, two to a word (VCVTPH2PS, VCVTPS2PH); imm is the latter's.
  fp('vcvt.f32x4.f16x4', 'v128', ['v128']),
  fp('vcvt.f32x8.f16x8', 'v256', ['v128']),
  fp('vcvt.f16x4.f32x4', 'v128', ['v128'], 'rounding'),
  fp('vcvt.f16x8.f32x8', 'v128', ['v256'], 'rounding'),
] as const satisfies readonly OpRow[];
