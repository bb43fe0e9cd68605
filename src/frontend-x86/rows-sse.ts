/** SSE, SSE2 and SSE3 instructions (integer lane operations: rows-simd-int.ts). */

import type { SlotOpName } from '../ir/ops.ts';
import {
  binary,
  binaryImm,
  binaryZero,
  compareFlags,
  compareScalar,
  liftCvtsd2ss,
  liftCvtsi2sd,
  liftCvtsi2ss,
  liftCvtss2sd,
  scalar32,
  scalar64,
  scalarUnary,
  signMask,
  toInteger,
  unary,
  unaryLow,
} from './lift-sse.ts';
import {
  liftFxrstor,
  liftFxsave,
  liftLdmxcsr,
  liftMaskmovdqu,
  liftMovddup,
  liftMovdFromXmm,
  liftMovdToXmm,
  liftMovhlps,
  liftMovhps,
  liftMovlhps,
  liftMovlps,
  liftMovnti,
  liftMovq,
  liftMovsd,
  liftMovshdup,
  liftMovsldup,
  liftMovss,
  liftStmxcsr,
  move128,
} from './lift-sse-move.ts';
import { SIMD_INT_ROWS } from './rows-simd-int.ts';
import { SSE4_ROWS } from './rows-sse4.ts';
import { type InsnRow, insn } from './table-format.ts';

const SSE = { feature: 'sse' };
const SSE2 = { feature: 'sse2' };
const SSE3 = { feature: 'sse3' };
const SSE_ALIGNED = { feature: 'sse', aligned: true } as const;
const SSE2_ALIGNED = { feature: 'sse2', aligned: true } as const;
const SSE3_ALIGNED = { feature: 'sse3', aligned: true } as const;
const COMPARES = { flags: 'w:oszapc' };

/** Mnemonic, opcode, IR op: arithmetic with four forms, here and with VEX (rows-vex-fp.ts). */
export const ARITH = [
  ['add', '58', 'fadd'],
  ['mul', '59', 'fmul'],
  ['sub', '5C', 'fsub'],
  ['min', '5D', 'fmin'],
  ['div', '5E', 'fdiv'],
  ['max', '5F', 'fmax'],
] as const;

/** Mnemonic, opcode, IR op, whether it is zero for equal operands. */
export const BITWISE = [
  ['and', '54', 'vand', false],
  ['andn', '55', 'vandn', true],
  ['or', '56', 'vor', false],
  ['xor', '57', 'vxor', true],
] as const;

/** The four forms of an arithmetic instruction. */
function arith(name: string, opcode: string, op: string): InsnRow[] {
  const o = (form: string): SlotOpName => form as SlotOpName;
  return [
    insn(`${name}ps Vps,Wps`, `NP 0F ${opcode} /r`, binary(o(`v${op}.f32x4`)), SSE_ALIGNED),
    insn(`${name}pd Vpd,Wpd`, `66 0F ${opcode} /r`, binary(o(`v${op}.f64x2`)), SSE2_ALIGNED),
    insn(`${name}ss Vss,Wss`, `F3 0F ${opcode} /r`, scalar32(o(`${op}.f32`)), SSE),
    insn(`${name}sd Vsd,Wsd`, `F2 0F ${opcode} /r`, scalar64(o(`${op}.f64`)), SSE2),
  ];
}

/** A bitwise instruction in its single and double encodings. */
function bitwise(name: string, opcode: string, op: SlotOpName, zero: boolean): InsnRow[] {
  const lift = zero ? binaryZero(op) : binary(op);
  return [
    insn(`${name}ps Vps,Wps`, `NP 0F ${opcode} /r`, lift, SSE_ALIGNED),
    insn(`${name}pd Vpd,Wpd`, `66 0F ${opcode} /r`, lift, SSE2_ALIGNED),
  ];
}

export const APPROXIMATE = 'the SDM bounds the error; the bits depend on the CPU model';

const MOVES: readonly InsnRow[] = [
  insn('movups Vps,Wps', 'NP 0F 10 /r', move128(false), SSE),
  insn('movups Wps,Vps', 'NP 0F 11 /r', move128(false), SSE),
  insn('movupd Vpd,Wpd', '66 0F 10 /r', move128(false), SSE2),
  insn('movupd Wpd,Vpd', '66 0F 11 /r', move128(false), SSE2),
  insn('movss Vss,Wss', 'F3 0F 10 /r', liftMovss, SSE),
  insn('movss Wss,Vss', 'F3 0F 11 /r', liftMovss, SSE),
  insn('movsd Vsd,Wsd', 'F2 0F 10 /r', liftMovsd, SSE2),
  insn('movsd Wsd,Vsd', 'F2 0F 11 /r', liftMovsd, SSE2),
  insn('movlps Vq,Mq', 'NP 0F 12 /r', liftMovlps, SSE),
  insn('movhlps Vq,Uq', 'NP 0F 12 /r', liftMovhlps, SSE),
  insn('movlps Mq,Vq', 'NP 0F 13 /r', liftMovlps, SSE),
  insn('movlpd Vq,Mq', '66 0F 12 /r', liftMovlps, SSE2),
  insn('movlpd Mq,Vq', '66 0F 13 /r', liftMovlps, SSE2),
  insn('movhps Vq,Mq', 'NP 0F 16 /r', liftMovhps, SSE),
  insn('movlhps Vq,Uq', 'NP 0F 16 /r', liftMovlhps, SSE),
  insn('movhps Mq,Vq', 'NP 0F 17 /r', liftMovhps, SSE),
  insn('movhpd Vq,Mq', '66 0F 16 /r', liftMovhps, SSE2),
  insn('movhpd Mq,Vq', '66 0F 17 /r', liftMovhps, SSE2),
  insn('movddup Vdq,Wq', 'F2 0F 12 /r', liftMovddup, SSE3),
  insn('movsldup Vps,Wps', 'F3 0F 12 /r', liftMovsldup, SSE3_ALIGNED),
  insn('movshdup Vps,Wps', 'F3 0F 16 /r', liftMovshdup, SSE3_ALIGNED),
  insn('movaps Vps,Wps', 'NP 0F 28 /r', move128(true), SSE_ALIGNED),
  insn('movaps Wps,Vps', 'NP 0F 29 /r', move128(true), SSE_ALIGNED),
  insn('movapd Vpd,Wpd', '66 0F 28 /r', move128(true), SSE2_ALIGNED),
  insn('movapd Wpd,Vpd', '66 0F 29 /r', move128(true), SSE2_ALIGNED),
  insn('movntps Mdq,Vps', 'NP 0F 2B /r', move128(true), SSE_ALIGNED),
  insn('movntpd Mdq,Vpd', '66 0F 2B /r', move128(true), SSE2_ALIGNED),
  insn('movdqa Vdq,Wdq', '66 0F 6F /r', move128(true), SSE2_ALIGNED),
  insn('movdqa Wdq,Vdq', '66 0F 7F /r', move128(true), SSE2_ALIGNED),
  insn('movdqu Vdq,Wdq', 'F3 0F 6F /r', move128(false), SSE2),
  insn('movdqu Wdq,Vdq', 'F3 0F 7F /r', move128(false), SSE2),
  insn('lddqu Vdq,Mdq', 'F2 0F F0 /r', move128(false), SSE3),
  insn('movntdq Mdq,Vdq', '66 0F E7 /r', move128(true), SSE2_ALIGNED),
  insn('movnti My,Gy', 'NP 0F C3 /r', liftMovnti, SSE2),
  insn('movd Vdq,Ey', '66 0F 6E /r', liftMovdToXmm, SSE2),
  insn('movd Ey,Vdq', '66 0F 7E /r', liftMovdFromXmm, SSE2),
  insn('movq Vq,Wq', 'F3 0F 7E /r', liftMovq, SSE2),
  insn('movq Wq,Vq', '66 0F D6 /r', liftMovq, SSE2),
  insn('maskmovdqu Vdq,Udq', '66 0F F7 /r', liftMaskmovdqu, {
    feature: 'sse2',
  }),
  insn('movmskps Gd,Ups', 'NP 0F 50 /r', signMask('vmsk.i32x4'), SSE),
  insn('movmskpd Gd,Upd', '66 0F 50 /r', signMask('vmsk.i64x2'), SSE2),
];

const ARITHMETIC: readonly InsnRow[] = [
  ...ARITH.flatMap(([name, opcode, op]) => arith(name, opcode, op)),
  ...BITWISE.flatMap(([name, opcode, op, zero]) => bitwise(name, opcode, op, zero)),
  insn('sqrtps Vps,Wps', 'NP 0F 51 /r', unary('vfsqrt.f32x4'), SSE_ALIGNED),
  insn('sqrtpd Vpd,Wpd', '66 0F 51 /r', unary('vfsqrt.f64x2'), SSE2_ALIGNED),
  insn('sqrtss Vss,Wss', 'F3 0F 51 /r', scalarUnary('fsqrt.f32', 4), SSE),
  insn('sqrtsd Vsd,Wsd', 'F2 0F 51 /r', scalarUnary('fsqrt.f64', 8), SSE2),
  insn('rsqrtps Vps,Wps', 'NP 0F 52 /r', unary('vfrsqrt.f32x4'), {
    ...SSE_ALIGNED,
    approximate: APPROXIMATE,
  }),
  insn('rsqrtss Vss,Wss', 'F3 0F 52 /r', scalarUnary('frsqrt.f32', 4), {
    ...SSE,
    approximate: APPROXIMATE,
  }),
  insn('rcpps Vps,Wps', 'NP 0F 53 /r', unary('vfrcp.f32x4'), {
    ...SSE_ALIGNED,
    approximate: APPROXIMATE,
  }),
  insn('rcpss Vss,Wss', 'F3 0F 53 /r', scalarUnary('frcp.f32', 4), {
    ...SSE,
    approximate: APPROXIMATE,
  }),
  insn('haddps Vps,Wps', 'F2 0F 7C /r', binary('vfhadd.f32x4'), SSE3_ALIGNED),
  insn('haddpd Vpd,Wpd', '66 0F 7C /r', binary('vfhadd.f64x2'), SSE3_ALIGNED),
  insn('hsubps Vps,Wps', 'F2 0F 7D /r', binary('vfhsub.f32x4'), SSE3_ALIGNED),
  insn('hsubpd Vpd,Wpd', '66 0F 7D /r', binary('vfhsub.f64x2'), SSE3_ALIGNED),
  insn('addsubps Vps,Wps', 'F2 0F D0 /r', binary('vfaddsub.f32x4'), SSE3_ALIGNED),
  insn('addsubpd Vpd,Wpd', '66 0F D0 /r', binary('vfaddsub.f64x2'), SSE3_ALIGNED),
  insn('cmpps Vps,Wps,Ib', 'NP 0F C2 /r ib', binaryImm('vfcmp.f32x4', 7), SSE_ALIGNED),
  insn('cmppd Vpd,Wpd,Ib', '66 0F C2 /r ib', binaryImm('vfcmp.f64x2', 7), SSE2_ALIGNED),
  insn('cmpss Vss,Wss,Ib', 'F3 0F C2 /r ib', compareScalar('fcmp.f32', 4), SSE),
  insn('cmpsd Vsd,Wsd,Ib', 'F2 0F C2 /r ib', compareScalar('fcmp.f64', 8), SSE2),
  insn('ucomiss Vss,Wss', 'NP 0F 2E /r', compareFlags(4, 0), { ...COMPARES, ...SSE }),
  insn('ucomisd Vsd,Wsd', '66 0F 2E /r', compareFlags(8, 0), { ...COMPARES, ...SSE2 }),
  insn('comiss Vss,Wss', 'NP 0F 2F /r', compareFlags(4, 1), { ...COMPARES, ...SSE }),
  insn('comisd Vsd,Wsd', '66 0F 2F /r', compareFlags(8, 1), { ...COMPARES, ...SSE2 }),
  insn('unpcklps Vps,Wps', 'NP 0F 14 /r', binary('vunpcklo.i32x4'), SSE_ALIGNED),
  insn('unpcklpd Vpd,Wpd', '66 0F 14 /r', binary('vunpcklo.i64x2'), SSE2_ALIGNED),
  insn('unpckhps Vps,Wps', 'NP 0F 15 /r', binary('vunpckhi.i32x4'), SSE_ALIGNED),
  insn('unpckhpd Vpd,Wpd', '66 0F 15 /r', binary('vunpckhi.i64x2'), SSE2_ALIGNED),
  insn('shufps Vps,Wps,Ib', 'NP 0F C6 /r ib', binaryImm('vshuf2.i32x4'), SSE_ALIGNED),
  insn('shufpd Vpd,Wpd,Ib', '66 0F C6 /r ib', binaryImm('vshuf2.i64x2'), SSE2_ALIGNED),
];

const CONVERSIONS: readonly InsnRow[] = [
  insn('cvtsi2ss Vss,Ey', 'F3 0F 2A /r', liftCvtsi2ss, SSE),
  insn('cvtsi2sd Vsd,Ey', 'F2 0F 2A /r', liftCvtsi2sd, SSE2),
  insn('cvttss2si Gy,Wss', 'F3 0F 2C /r', toInteger(4, 1), SSE),
  insn('cvttsd2si Gy,Wsd', 'F2 0F 2C /r', toInteger(8, 1), SSE2),
  insn('cvtss2si Gy,Wss', 'F3 0F 2D /r', toInteger(4, 0), SSE),
  insn('cvtsd2si Gy,Wsd', 'F2 0F 2D /r', toInteger(8, 0), SSE2),
  insn('cvtss2sd Vsd,Wss', 'F3 0F 5A /r', liftCvtss2sd, SSE2),
  insn('cvtsd2ss Vss,Wsd', 'F2 0F 5A /r', liftCvtsd2ss, SSE2),
  insn('cvtps2pd Vpd,Wq', 'NP 0F 5A /r', unaryLow('vcvt.f64x2.f32x2', 8), SSE2),
  insn('cvtpd2ps Vps,Wpd', '66 0F 5A /r', unary('vcvt.f32x2.f64x2'), SSE2_ALIGNED),
  insn('cvtdq2ps Vps,Wdq', 'NP 0F 5B /r', unary('vcvt.f32x4.i32x4'), SSE2_ALIGNED),
  insn('cvtps2dq Vdq,Wps', '66 0F 5B /r', unary('vcvt.i32x4.f32x4'), SSE2_ALIGNED),
  insn('cvttps2dq Vdq,Wps', 'F3 0F 5B /r', unary('vcvt.i32x4.f32x4', 1), SSE2_ALIGNED),
  insn('cvtdq2pd Vpd,Wq', 'F3 0F E6 /r', unaryLow('vcvt.f64x2.i32x2', 8), SSE2),
  insn('cvtpd2dq Vdq,Wpd', 'F2 0F E6 /r', unary('vcvt.i32x2.f64x2'), SSE2_ALIGNED),
  insn('cvttpd2dq Vdq,Wpd', '66 0F E6 /r', unary('vcvt.i32x2.f64x2', 1), SSE2_ALIGNED),
];

const STATE: readonly InsnRow[] = [
  insn('fxsave M512', 'NP 0F AE /0', liftFxsave, {
    feature: 'fxsr',
    aligned: true,
  }),
  insn('fxrstor M512', 'NP 0F AE /1', liftFxrstor, {
    feature: 'fxsr',
    aligned: true,
  }),
  insn('ldmxcsr Md', 'NP 0F AE /2', liftLdmxcsr, {
    feature: 'sse',
  }),
  insn('stmxcsr Md', 'NP 0F AE /3', liftStmxcsr, SSE),
];

export const SSE_ROWS: readonly InsnRow[] = [
  ...MOVES,
  ...ARITHMETIC,
  ...CONVERSIONS,
  ...STATE,
  ...SIMD_INT_ROWS,
  ...SSE4_ROWS,
];
