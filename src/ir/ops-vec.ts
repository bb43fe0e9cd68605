/**
 * Rows of the vector operations (semantics: slot-vec*.ts). Values are lanes in memory slots.
 *
 * A name is an operation and the lanes it works on: `vadd.i16x8`. Signedness is in the operation
 * (`vmins`, `vminu`), lane 0 is the lowest. All are pure. Integer results are zero-extended.
 */

import type { Field, OpRow } from './ops.ts';

type Lanes = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2';

const VV: readonly Field[] = ['v128', 'v128'];

function vec<N extends string>(
  name: N,
  args: readonly Field[] = VV,
  imm: string | null = null,
  d: Field = 'v128',
): OpRow<N> {
  const [a = null, b = null, c = null] = args;
  return { name, cls: 'slot', effect: 'pure', d, a, b, c, imm };
}

/** One row for each of the lane types. */
function lanes<P extends string, L extends Lanes>(
  prefix: P,
  types: readonly L[],
  args: readonly Field[] = VV,
  imm: string | null = null,
  d: Field = 'v128',
): OpRow<`${P}.${L}`>[] {
  return types.map((l) => vec(`${prefix}.${l}` as const, args, imm, d));
}

const BW = ['i8x16', 'i16x8'] as const;
const BWD = ['i8x16', 'i16x8', 'i32x4'] as const;
const WDQ = ['i16x8', 'i32x4', 'i64x2'] as const;
const WD = ['i16x8', 'i32x4'] as const;
const BWDQ = ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const;

export const VEC_OPS = [
  // Moves. vmov.64 and vmov.32 write just that lane, vzx.* zero the rest of the register.
  vec('vzero', []),
  vec('vmov', ['v128']),
  vec('vmov.64', ['f64'], null, 'f64'),
  vec('vmov.32', ['f32'], null, 'f32'),
  vec('vzx.64', ['f64']),
  vec('vzx.32', ['f32']),
  vec('vget.64', ['v128'], 'lane', 'i64'),
  vec('vget.32', ['v128'], 'lane', 'i32'),
  vec('vget.16', ['v128'], 'lane', 'i32'),
  vec('vget.8', ['v128'], 'lane', 'i32'),
  /** a with lane imm replaced by b. */
  vec('vset.64', ['v128', 'i64'], 'lane'),
  vec('vset.32', ['v128', 'i32'], 'lane'),
  vec('vset.16', ['v128', 'i32'], 'lane'),
  vec('vset.8', ['v128', 'i32'], 'lane'),
  /** The low lane of an f64 slot, and an f32 slot, as integers. */
  vec('vbits.64', ['f64'], null, 'i64'),
  vec('vbits.32', ['f32'], null, 'i32'),

  vec('vand'),
  vec('vor'),
  vec('vxor'),
  /** ~a & b */
  vec('vandn'),

  ...lanes('vadd', BWDQ),
  ...lanes('vsub', BWDQ),
  ...lanes('vaddss', BW),
  ...lanes('vaddus', BW),
  ...lanes('vsubss', BW),
  ...lanes('vsubus', BW),
  ...lanes('vavgu', BW),
  ...lanes('vmins', BWD),
  ...lanes('vminu', BWD),
  ...lanes('vmaxs', BWD),
  ...lanes('vmaxu', BWD),
  ...lanes('vabs', BWD, ['v128']),
  /** a negated, zeroed or kept by the sign of b. */
  ...lanes('vsign', BWD),
  ...lanes('vcmpeq', BWDQ),
  ...lanes('vcmpgts', BWDQ),

  ...lanes('vmullo', WD),
  vec('vmulhs.i16x8'),
  vec('vmulhu.i16x8'),
  /** High half of the product, rounded (PMULHRSW). */
  vec('vmulhrs.i16x8'),
  /** Even lanes, 32 x 32 = 64. */
  vec('vmulwu.i32x4'),
  vec('vmulws.i32x4'),
  /** Products of neighbours summed to i32 (PMADDWD); unsigned a times signed b, saturated (PMADDUBSW). */
  vec('vmadd.i16x8'),
  vec('vmaddus.i8x16'),
  /** Sums of absolute differences (PSADBW), and in sliding windows (MPSADBW). */
  vec('vsad.i8x16'),
  vec('vmpsad.i8x16', VV, 'select'),

  // Shift by imm, and by the low 64 bits of b; counts from the lane width up give 0 (or the sign).
  ...lanes('vshli', WDQ, ['v128'], 'count'),
  ...lanes('vshri', WDQ, ['v128'], 'count'),
  ...lanes('vsari', WD, ['v128'], 'count'),
  ...lanes('vshl', WDQ),
  ...lanes('vshr', WDQ),
  ...lanes('vsar', WD),
  /** Each lane by the same lane of b (VPSLLV and the like). */
  ...lanes('vshlv', ['i32x4', 'i64x2']),
  ...lanes('vshrv', ['i32x4', 'i64x2']),
  vec('vsarv.i32x4'),
  /** Whole register by imm bytes. */
  vec('vshlb', ['v128'], 'bytes'),
  vec('vshrb', ['v128'], 'bytes'),
  /** The 32 bytes a:b shifted right by imm bytes (PALIGNR). */
  vec('valign', VV, 'bytes'),

  vec('vshuf.i32x4', ['v128'], 'select'),
  vec('vshuflo.i16x8', ['v128'], 'select'),
  vec('vshufhi.i16x8', ['v128'], 'select'),
  /** Low half of the result from a, high half from b (SHUFPS, SHUFPD). */
  vec('vshuf2.i32x4', VV, 'select'),
  vec('vshuf2.i64x2', VV, 'select'),
  vec('vshufb'),
  /** Lanes of a by the control lanes of b (VPERMILPS, VPERMILPD); by imm. */
  vec('vpermil.i32x4'),
  vec('vpermil.i64x2'),
  vec('vshuf.i64x2', ['v128'], 'select'),
  /** Lanes of the eight in b:a by the low bits of c's lanes (VPERMD). */
  vec('vperm2.i32x4', ['v128', 'v128', 'v128']),
  ...lanes('vunpcklo', BWDQ),
  ...lanes('vunpckhi', BWDQ),
  ...lanes('vpackss', WD),
  ...lanes('vpackus', WD),
  /** The signs of all lanes. */
  ...lanes('vmsk', ['i8x16', 'i32x4', 'i64x2'], ['v128'], null, 'i32'),
  ...lanes('vblend', WDQ, VV, 'select'),
  /** Lanes of b where c's lane is negative, else of a. */
  ...lanes('vblendv', ['i8x16', 'i32x4', 'i64x2'], ['v128', 'v128', 'v128']),
  /** INSERTPS: lane select and zero mask in imm. */
  vec('vinsertps', VV, 'select'),

  // Extensions of the lowest lanes.
  vec('vsx.i8.i16', ['v128']),
  vec('vsx.i8.i32', ['v128']),
  vec('vsx.i8.i64', ['v128']),
  vec('vsx.i16.i32', ['v128']),
  vec('vsx.i16.i64', ['v128']),
  vec('vsx.i32.i64', ['v128']),
  vec('vzx.i8.i16', ['v128']),
  vec('vzx.i8.i32', ['v128']),
  vec('vzx.i8.i64', ['v128']),
  vec('vzx.i16.i32', ['v128']),
  vec('vzx.i16.i64', ['v128']),
  vec('vzx.i32.i64', ['v128']),

  // Neighbours added or subtracted: pairs of a, then pairs of b.
  ...lanes('vhadd', WD),
  ...lanes('vhsub', WD),
  vec('vhaddss.i16x8'),
  vec('vhsubss.i16x8'),
  /** Minimum and its index (PHMINPOSUW). */
  vec('vhminpos.i16x8', ['v128']),
  /** (a & b) == 0; (~a & b) == 0. */
  vec('vtestz', VV, null, 'i32'),
  vec('vtestc', VV, null, 'i32'),

  // SHA extensions (slot-sha.ts).
  vec('vsha256rnds2', ['v128', 'v128', 'v128']),
  vec('vsha256msg1'),
  vec('vsha256msg2'),
  vec('vsha1nexte'),
  vec('vsha1msg1'),
  vec('vsha1msg2'),
  vec('vsha1rnds4', VV, 'select'),

  // AES rounds of state a with round key b, and carry-less multiplication (slot-aes.ts).
  vec('vaesenc'),
  vec('vaesenclast'),
  vec('vaesdec'),
  vec('vaesdeclast'),
  vec('vaesimc', ['v128']),
  vec('vaeskeygen', ['v128'], 'round constant'),
  /** 64 by 64 bits: bit 0 of imm chooses the quadword of a, bit 4 that of b. */
  vec('vclmul', VV, 'select'),
] as const satisfies readonly OpRow[];
