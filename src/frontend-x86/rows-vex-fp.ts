/** VEX-encoded floating-point instructions: AVX, FMA3, F16C. `Lx` stands for both vector lengths, LIG for either. */

import type { SlotOpName } from '../ir/ops.ts';
import { FMA_EVEN, FMA_NEGATE_PRODUCT, FMA_NEGATE_SUM, FMA_ODD } from '../ir/ops-fp.ts';
import { compareFlags, toInteger } from './lift-sse.ts';
import { liftLdmxcsr, liftStmxcsr } from './lift-sse-move.ts';
import {
  vexBinary,
  vexBinaryImm,
  vexBinaryZero,
  vexBlendv,
  vexUnary,
  vexUnaryImm,
} from './lift-vex.ts';
import {
  type FmaOrder,
  fromInteger,
  liftVcvtps2ph,
  type Pair,
  packedBinary,
  packedBinaryImm,
  packedFma,
  packedNarrow,
  packedUnary,
  packedWiden,
  scalarBinary,
  scalarFma,
  scalarUnaryOf,
  vexSignMask,
  vexTestSigns,
} from './lift-vex-fp.ts';
import { APPROXIMATE, ARITH, BITWISE } from './rows-sse.ts';
import { type InsnRow, insn, type LiftFn } from './table-format.ts';

const AVX = { feature: 'avx' } as const;
const COMPARES = { feature: 'avx', flags: 'w:oszapc' } as const;
const TO_HALF = { feature: 'f16c', vendors: 'MXCSR at a fault' } as const;
const DOT = { feature: 'avx', vendors: 'NaN' } as const;
const ROUGH = { feature: 'avx', approximate: APPROXIMATE } as const;

const op = (name: string): SlotOpName => name as SlotOpName;
const single = (name: string): Pair => [op(`v${name}.f32x4`), op(`v${name}.f32x8`)];
const double = (name: string): Pair => [op(`v${name}.f64x2`), op(`v${name}.f64x4`)];

/** ps, pd, ss and sd of an operation on two operands, `mask` of imm8 if it has one. */
function binaryForms(name: string, opcode: string, ir: string, imm?: number): InsnRow[] {
  const packed = (pair: Pair): LiftFn =>
    imm === undefined ? packedBinary(pair) : packedBinaryImm(pair, imm);
  const [more, ib] = imm === undefined ? ['', ''] : [',Ib', ' ib'];
  const at = (pp: string, l: string): string => `VEX.${l}.${pp}.0F.WIG ${opcode} /r${ib}`;
  return [
    insn(`v${name}ps Vx,Hx,Wx${more}`, at('NP', 'Lx'), packed(single(ir)), AVX),
    insn(`v${name}pd Vx,Hx,Wx${more}`, at('66', 'Lx'), packed(double(ir)), AVX),
    insn(
      `v${name}ss Vx,Hx,Wss${more}`,
      at('F3', 'LIG'),
      scalarBinary(op(`${ir}.f32`), 4, imm),
      AVX,
    ),
    insn(
      `v${name}sd Vx,Hx,Wsd${more}`,
      at('F2', 'LIG'),
      scalarBinary(op(`${ir}.f64`), 8, imm),
      AVX,
    ),
  ];
}

const ARITHMETIC: readonly InsnRow[] = [
  ...ARITH.flatMap(([name, opcode, ir]) => binaryForms(name, opcode, ir)),
  ...binaryForms('cmp', 'C2', 'fcmp', 31),
  ...BITWISE.flatMap(([name, opcode, ir, zero]) => {
    const lift = zero ? vexBinaryZero(ir) : vexBinary(ir);
    return [
      insn(`v${name}ps Vx,Hx,Wx`, `VEX.Lx.NP.0F.WIG ${opcode} /r`, lift, AVX),
      insn(`v${name}pd Vx,Hx,Wx`, `VEX.Lx.66.0F.WIG ${opcode} /r`, lift, AVX),
    ];
  }),
  insn('vsqrtps Vx,Wx', 'VEX.Lx.NP.0F.WIG 51 /r', packedUnary(single('fsqrt')), AVX),
  insn('vsqrtpd Vx,Wx', 'VEX.Lx.66.0F.WIG 51 /r', packedUnary(double('fsqrt')), AVX),
  insn('vsqrtss Vx,Hx,Wss', 'VEX.LIG.F3.0F.WIG 51 /r', scalarUnaryOf('fsqrt.f32', 4), AVX),
  insn('vsqrtsd Vx,Hx,Wsd', 'VEX.LIG.F2.0F.WIG 51 /r', scalarUnaryOf('fsqrt.f64', 8), AVX),
  insn('vrsqrtps Vx,Wx', 'VEX.Lx.NP.0F.WIG 52 /r', vexUnary('vfrsqrt.f32x4'), ROUGH),
  insn('vrsqrtss Vx,Hx,Wss', 'VEX.LIG.F3.0F.WIG 52 /r', scalarUnaryOf('frsqrt.f32', 4), ROUGH),
  insn('vrcpps Vx,Wx', 'VEX.Lx.NP.0F.WIG 53 /r', vexUnary('vfrcp.f32x4'), ROUGH),
  insn('vrcpss Vx,Hx,Wss', 'VEX.LIG.F3.0F.WIG 53 /r', scalarUnaryOf('frcp.f32', 4), ROUGH),
  insn('vaddsubps Vx,Hx,Wx', 'VEX.Lx.F2.0F.WIG D0 /r', packedBinary(single('faddsub')), AVX),
  insn('vaddsubpd Vx,Hx,Wx', 'VEX.Lx.66.0F.WIG D0 /r', packedBinary(double('faddsub')), AVX),
  insn('vhaddps Vx,Hx,Wx', 'VEX.Lx.F2.0F.WIG 7C /r', packedBinary(single('fhadd')), AVX),
  insn('vhaddpd Vx,Hx,Wx', 'VEX.Lx.66.0F.WIG 7C /r', packedBinary(double('fhadd')), AVX),
  insn('vhsubps Vx,Hx,Wx', 'VEX.Lx.F2.0F.WIG 7D /r', packedBinary(single('fhsub')), AVX),
  insn('vhsubpd Vx,Hx,Wx', 'VEX.Lx.66.0F.WIG 7D /r', packedBinary(double('fhsub')), AVX),
  insn('vdpps Vx,Hx,Wx,Ib', 'VEX.Lx.66.0F3A.WIG 40 /r ib', packedBinaryImm(single('fdot')), DOT),
  insn('vdppd Vx,Hx,Wx,Ib', 'VEX.128.66.0F3A.WIG 41 /r ib', packedBinaryImm(double('fdot')), DOT),
  insn(
    'vroundps Vx,Wx,Ib',
    'VEX.Lx.66.0F3A.WIG 08 /r ib',
    packedUnary(single('fround'), 'imm8'),
    AVX,
  ),
  insn(
    'vroundpd Vx,Wx,Ib',
    'VEX.Lx.66.0F3A.WIG 09 /r ib',
    packedUnary(double('fround'), 'imm8'),
    AVX,
  ),
  insn(
    'vroundss Vx,Hx,Wss,Ib',
    'VEX.LIG.66.0F3A.WIG 0A /r ib',
    scalarUnaryOf('fround.f32', 4, 4, 0xff),
    AVX,
  ),
  insn(
    'vroundsd Vx,Hx,Wsd,Ib',
    'VEX.LIG.66.0F3A.WIG 0B /r ib',
    scalarUnaryOf('fround.f64', 8, 8, 0xff),
    AVX,
  ),
  insn('vucomiss Vss,Wss', 'VEX.LIG.NP.0F.WIG 2E /r', compareFlags(4, 0), COMPARES),
  insn('vucomisd Vsd,Wsd', 'VEX.LIG.66.0F.WIG 2E /r', compareFlags(8, 0), COMPARES),
  insn('vcomiss Vss,Wss', 'VEX.LIG.NP.0F.WIG 2F /r', compareFlags(4, 1), COMPARES),
  insn('vcomisd Vsd,Wsd', 'VEX.LIG.66.0F.WIG 2F /r', compareFlags(8, 1), COMPARES),
  insn('vtestps Vx,Wx', 'VEX.Lx.66.0F38.W0 0E /r', vexTestSigns('vmsk.i32x4'), COMPARES),
  insn('vtestpd Vx,Wx', 'VEX.Lx.66.0F38.W0 0F /r', vexTestSigns('vmsk.i64x2'), COMPARES),
];

/** What of imm8 is for a half: `bits` of it, or all. */
const bitsOf =
  (bits: number) =>
  (imm: number, half: 0 | 1): number =>
    (imm >> (bits * half)) & ((1 << bits) - 1);

const SHUFFLES: readonly InsnRow[] = [
  insn('vunpcklps Vx,Hx,Wx', 'VEX.Lx.NP.0F.WIG 14 /r', vexBinary('vunpcklo.i32x4'), AVX),
  insn('vunpcklpd Vx,Hx,Wx', 'VEX.Lx.66.0F.WIG 14 /r', vexBinary('vunpcklo.i64x2'), AVX),
  insn('vunpckhps Vx,Hx,Wx', 'VEX.Lx.NP.0F.WIG 15 /r', vexBinary('vunpckhi.i32x4'), AVX),
  insn('vunpckhpd Vx,Hx,Wx', 'VEX.Lx.66.0F.WIG 15 /r', vexBinary('vunpckhi.i64x2'), AVX),
  insn('vshufps Vx,Hx,Wx,Ib', 'VEX.Lx.NP.0F.WIG C6 /r ib', vexBinaryImm('vshuf2.i32x4'), AVX),
  insn(
    'vshufpd Vx,Hx,Wx,Ib',
    'VEX.Lx.66.0F.WIG C6 /r ib',
    vexBinaryImm('vshuf2.i64x2', bitsOf(2)),
    AVX,
  ),
  insn(
    'vblendps Vx,Hx,Wx,Ib',
    'VEX.Lx.66.0F3A.WIG 0C /r ib',
    vexBinaryImm('vblend.i32x4', bitsOf(4)),
    AVX,
  ),
  insn(
    'vblendpd Vx,Hx,Wx,Ib',
    'VEX.Lx.66.0F3A.WIG 0D /r ib',
    vexBinaryImm('vblend.i64x2', bitsOf(2)),
    AVX,
  ),
  insn('vblendvps Vx,Hx,Wx,Lx', 'VEX.Lx.66.0F3A.W0 4A /r is4', vexBlendv('vblendv.i32x4'), AVX),
  insn('vblendvpd Vx,Hx,Wx,Lx', 'VEX.Lx.66.0F3A.W0 4B /r is4', vexBlendv('vblendv.i64x2'), AVX),
  insn('vpermilps Vx,Hx,Wx', 'VEX.Lx.66.0F38.W0 0C /r', vexBinary('vpermil.i32x4'), AVX),
  insn('vpermilpd Vx,Hx,Wx', 'VEX.Lx.66.0F38.W0 0D /r', vexBinary('vpermil.i64x2'), AVX),
  insn('vpermilps Vx,Wx,Ib', 'VEX.Lx.66.0F3A.W0 04 /r ib', vexUnaryImm('vshuf.i32x4'), AVX),
  insn(
    'vpermilpd Vx,Wx,Ib',
    'VEX.Lx.66.0F3A.W0 05 /r ib',
    vexUnaryImm('vshuf.i64x2', bitsOf(2)),
    AVX,
  ),
  insn('vmovmskps Gd,Ux', 'VEX.Lx.NP.0F.WIG 50 /r', vexSignMask('vmsk.i32x4', 4), AVX),
  insn('vmovmskpd Gd,Ux', 'VEX.Lx.66.0F.WIG 50 /r', vexSignMask('vmsk.i64x2', 2), AVX),
];

/** The source of the widening forms is 8 bytes with VEX.128, 16 with VEX.256. */
function widening(name: string, encoding: string, pair: Pair, feature: string): InsnRow[] {
  return [
    insn(`${name} Vdq,Wq`, `VEX.128.${encoding} /r`, packedWiden(pair), { feature }),
    insn(`${name} Vqq,Wdq`, `VEX.256.${encoding} /r`, packedWiden(pair), { feature }),
  ];
}

const TO_DOUBLE: Pair = ['vcvt.f64x2.f32x2', 'vcvt.f64x4.f32x4'];
const TO_SINGLE: Pair = ['vcvt.f32x2.f64x2', 'vcvt.f32x4.f64x4'];
const INT_TO_SINGLE: Pair = ['vcvt.f32x4.i32x4', 'vcvt.f32x8.i32x8'];
const SINGLE_TO_INT: Pair = ['vcvt.i32x4.f32x4', 'vcvt.i32x8.f32x8'];
const INT_TO_DOUBLE: Pair = ['vcvt.f64x2.i32x2', 'vcvt.f64x4.i32x4'];
const DOUBLE_TO_INT: Pair = ['vcvt.i32x2.f64x2', 'vcvt.i32x4.f64x4'];
const HALF_TO_SINGLE: Pair = ['vcvt.f32x4.f16x4', 'vcvt.f32x8.f16x8'];

const CONVERSIONS: readonly InsnRow[] = [
  insn('vcvtsi2ss Vx,Hx,Ey', 'VEX.LIG.F3.0F 2A /r', fromInteger(4), AVX),
  insn('vcvtsi2sd Vx,Hx,Ey', 'VEX.LIG.F2.0F 2A /r', fromInteger(8), AVX),
  insn('vcvttss2si Gy,Wss', 'VEX.LIG.F3.0F 2C /r', toInteger(4, 1), AVX),
  insn('vcvttsd2si Gy,Wsd', 'VEX.LIG.F2.0F 2C /r', toInteger(8, 1), AVX),
  insn('vcvtss2si Gy,Wss', 'VEX.LIG.F3.0F 2D /r', toInteger(4, 0), AVX),
  insn('vcvtsd2si Gy,Wsd', 'VEX.LIG.F2.0F 2D /r', toInteger(8, 0), AVX),
  insn('vcvtss2sd Vx,Hx,Wss', 'VEX.LIG.F3.0F.WIG 5A /r', scalarUnaryOf('cvt.f64.f32', 8, 4), AVX),
  insn('vcvtsd2ss Vx,Hx,Wsd', 'VEX.LIG.F2.0F.WIG 5A /r', scalarUnaryOf('cvt.f32.f64', 4, 8), AVX),
  ...widening('vcvtps2pd', 'NP.0F.WIG 5A', TO_DOUBLE, 'avx'),
  insn('vcvtpd2ps Vdq,Wx', 'VEX.Lx.66.0F.WIG 5A /r', packedNarrow(TO_SINGLE), AVX),
  insn('vcvtdq2ps Vx,Wx', 'VEX.Lx.NP.0F.WIG 5B /r', packedUnary(INT_TO_SINGLE), AVX),
  insn('vcvtps2dq Vx,Wx', 'VEX.Lx.66.0F.WIG 5B /r', packedUnary(SINGLE_TO_INT), AVX),
  insn('vcvttps2dq Vx,Wx', 'VEX.Lx.F3.0F.WIG 5B /r', packedUnary(SINGLE_TO_INT, 1), AVX),
  ...widening('vcvtdq2pd', 'F3.0F.WIG E6', INT_TO_DOUBLE, 'avx'),
  insn('vcvtpd2dq Vdq,Wx', 'VEX.Lx.F2.0F.WIG E6 /r', packedNarrow(DOUBLE_TO_INT), AVX),
  insn('vcvttpd2dq Vdq,Wx', 'VEX.Lx.66.0F.WIG E6 /r', packedNarrow(DOUBLE_TO_INT, 1), AVX),
  ...widening('vcvtph2ps', '66.0F38.W0 13', HALF_TO_SINGLE, 'f16c'),
  insn('vcvtps2ph Wq,Vdq,Ib', 'VEX.128.66.0F3A.W0 1D /r ib', liftVcvtps2ph, TO_HALF),
  insn('vcvtps2ph Wdq,Vqq,Ib', 'VEX.256.66.0F3A.W0 1D /r ib', liftVcvtps2ph, TO_HALF),
  insn('vldmxcsr Md', 'VEX.LZ.NP.0F.WIG AE /2', liftLdmxcsr, {
    feature: 'avx',
  }),
  insn('vstmxcsr Md', 'VEX.LZ.NP.0F.WIG AE /3', liftStmxcsr, AVX),
];

/** Low opcode digit of packed and scalar forms (0: there is none), name, signs. */
const FMA = [
  [6, 0, 'fmaddsub', FMA_EVEN],
  [7, 0, 'fmsubadd', FMA_ODD],
  [8, 9, 'fmadd', 0],
  [10, 11, 'fmsub', FMA_NEGATE_SUM],
  [12, 13, 'fnmadd', FMA_NEGATE_PRODUCT],
  [14, 15, 'fnmsub', FMA_NEGATE_PRODUCT | FMA_NEGATE_SUM],
] as const;

function fmaRows(): InsnRow[] {
  const orders: readonly (readonly [number, FmaOrder])[] = [
    [0x90, '132'],
    [0xa0, '213'],
    [0xb0, '231'],
  ];
  const feature = { feature: 'fma' } as const;
  return orders.flatMap(([base, order]) =>
    FMA.flatMap(([packed, scalar, name, imm]) =>
      ([4, 8] as const).flatMap((size) => {
        const [w, letter, type] = size === 4 ? ['W0', 's', 'f32'] : ['W1', 'd', 'f64'];
        const at = (digit: number): string => (base + digit).toString(16).toUpperCase();
        const pair = size === 4 ? single('ffma') : double('ffma');
        const rows = [
          insn(
            `v${name}${order}p${letter} Vx,Hx,Wx`,
            `VEX.Lx.66.0F38.${w} ${at(packed)} /r`,
            packedFma(pair, order, imm),
            feature,
          ),
        ];
        if (scalar === 0) return rows;
        const lift = scalarFma(op(`ffma.${type}`), size, order, imm);
        const text = `v${name}${order}s${letter} Vx,Hx,Ws${letter}`;
        return [...rows, insn(text, `VEX.LIG.66.0F38.${w} ${at(scalar)} /r`, lift, feature)];
      }),
    ),
  );
}

export const VEX_FP_ROWS: readonly InsnRow[] = [
  ...ARITHMETIC,
  ...SHUFFLES,
  ...CONVERSIONS,
  ...fmaRows(),
];
