/**
 * VEX-encoded integer vector instructions: 128 bits with AVX, 256 with AVX2. Most are the three-operand forms
 * of SSE rows and made from the same lines. `Lx` stands for both vector lengths.
 */

import type { SlotOpName } from '../ir/ops.ts';
import { extract, liftPextrd, stringCompare, unary } from './lift-sse.ts';
import {
  liftVinsertps,
  liftVpinsrd,
  liftVpmovmskb,
  liftVptest,
  vexBinary,
  vexBinaryImm,
  vexBinaryZero,
  vexBlendv,
  vexExtend,
  vexInsert,
  vexShiftCount,
  vexShiftImm,
  vexUnary,
  vexUnaryImm,
} from './lift-vex.ts';
import { zeroingUpper } from './lift-vex-move.ts';
import {
  IMMEDIATE_SHIFTS,
  JOINED,
  type Line,
  PLAIN,
  SSSE3,
  SSSE3_JOINED,
  SSSE3_UNARY,
  UNPACKS,
  ZEROING,
} from './rows-simd-int.ts';
import { EXTENSIONS, SSE41_BINARY } from './rows-sse4.ts';
import { type InsnRow, insn, type LiftFn } from './table-format.ts';

const AVX = { feature: 'avx' } as const;
/** Rows of both lengths: the one of 256 bits needs AVX2. */
const AVX2 = { feature: 'avx2' } as const;
const COMPARES = { feature: 'avx', flags: 'w:oszapc' } as const;

const isShift = ([, , op]: Line): boolean => /^v(shl|shr|sar)\./.test(op);

/** `vNAME Vx,Hx,Wx` from lines of SSE rows. */
function threeOperand(
  lines: readonly (readonly [string, string, SlotOpName, ...unknown[]])[],
  map: string,
  make: (op: SlotOpName) => LiftFn,
): InsnRow[] {
  return lines.map(([opcode, name, op]) =>
    insn(`v${name} Vx,Hx,Wx`, `VEX.Lx.66.${map}.WIG ${opcode} /r`, make(op), AVX2),
  );
}

function shifts(): InsnRow[] {
  return [
    ...PLAIN.filter(isShift).map(([opcode, name, op]) =>
      insn(`v${name} Vx,Hx,Wdq`, `VEX.Lx.66.0F.WIG ${opcode} /r`, vexShiftCount(op), AVX2),
    ),
    ...[
      ...IMMEDIATE_SHIFTS,
      ['73 /3', 'psrldq', 'vshrb'] as const,
      ['73 /7', 'pslldq', 'vshlb'] as const,
    ].map(([code, name, op]) =>
      insn(`v${name} Hx,Ux,Ib`, `VEX.Lx.66.0F.WIG ${code} ib`, vexShiftImm(op), AVX2),
    ),
    insn('vpsrlvd Vx,Hx,Wx', 'VEX.Lx.66.0F38.W0 45 /r', vexBinary('vshrv.i32x4'), AVX2),
    insn('vpsrlvq Vx,Hx,Wx', 'VEX.Lx.66.0F38.W1 45 /r', vexBinary('vshrv.i64x2'), AVX2),
    insn('vpsravd Vx,Hx,Wx', 'VEX.Lx.66.0F38.W0 46 /r', vexBinary('vsarv.i32x4'), AVX2),
    insn('vpsllvd Vx,Hx,Wx', 'VEX.Lx.66.0F38.W0 47 /r', vexBinary('vshlv.i32x4'), AVX2),
    insn('vpsllvq Vx,Hx,Wx', 'VEX.Lx.66.0F38.W1 47 /r', vexBinary('vshlv.i64x2'), AVX2),
  ];
}

function unpacks(): InsnRow[] {
  return UNPACKS.flatMap(([lo, hi, name, lanes]) =>
    threeOperand(
      [
        [lo, `punpckl${name}`, `vunpcklo.${lanes}`],
        [hi, `punpckh${name}`, `vunpckhi.${lanes}`],
      ],
      '0F',
      vexBinary,
    ),
  );
}

const BYTES = { 2: 'Ww', 4: 'Wd', 8: 'Wq', 16: 'Wdq' } as const;

/** The source of the 256-bit forms has twice the bytes. */
function extensions(): InsnRow[] {
  return EXTENSIONS.flatMap(([digit, suffix, lanes, bytes]) =>
    (['s', 'z'] as const).flatMap((kind) => {
      const opcode = `${kind === 's' ? 2 : 3}${digit}`;
      const lift = vexExtend(`v${kind}x.${lanes}`, bytes);
      const twice = (2 * bytes) as 4 | 8 | 16;
      const name = `vpmov${kind}x${suffix}`;
      return [
        insn(`${name} Vdq,${BYTES[bytes]}`, `VEX.128.66.0F38.WIG ${opcode} /r`, lift, AVX),
        insn(`${name} Vqq,${BYTES[twice]}`, `VEX.256.66.0F38.WIG ${opcode} /r`, lift, AVX2),
      ];
    }),
  );
}

export const VEX_INT_ROWS: readonly InsnRow[] = [
  ...threeOperand(
    PLAIN.filter((l) => !isShift(l)),
    '0F',
    vexBinary,
  ),
  ...threeOperand(ZEROING, '0F', vexBinaryZero),
  ...threeOperand(JOINED, '0F', vexBinary),
  ...threeOperand([...SSSE3, ...SSSE3_JOINED, ['00', 'pshufb', 'vshufb']], '0F38', vexBinary),
  ...threeOperand([...SSE41_BINARY, ['37', 'pcmpgtq', 'vcmpgts.i64x2']], '0F38', vexBinary),
  ...threeOperand(
    [
      ['6C', 'punpcklqdq', 'vunpcklo.i64x2'],
      ['6D', 'punpckhqdq', 'vunpckhi.i64x2'],
    ],
    '0F',
    vexBinary,
  ),
  ...unpacks(),
  ...shifts(),
  ...extensions(),
  ...SSSE3_UNARY.map(([opcode, name, op]) =>
    insn(`v${name} Vx,Wx`, `VEX.Lx.66.0F38.WIG ${opcode} /r`, vexUnary(op), AVX2),
  ),
  insn('vpshufd Vx,Wx,Ib', 'VEX.Lx.66.0F.WIG 70 /r ib', vexUnaryImm('vshuf.i32x4'), AVX2),
  insn('vpshufhw Vx,Wx,Ib', 'VEX.Lx.F3.0F.WIG 70 /r ib', vexUnaryImm('vshufhi.i16x8'), AVX2),
  insn('vpshuflw Vx,Wx,Ib', 'VEX.Lx.F2.0F.WIG 70 /r ib', vexUnaryImm('vshuflo.i16x8'), AVX2),
  insn('vpalignr Vx,Hx,Wx,Ib', 'VEX.Lx.66.0F3A.WIG 0F /r ib', vexBinaryImm('valign'), AVX2),
  insn(
    'vmpsadbw Vx,Hx,Wx,Ib',
    'VEX.Lx.66.0F3A.WIG 42 /r ib',
    vexBinaryImm('vmpsad.i8x16', (imm, half) => (imm >> (3 * half)) & 7),
    AVX2,
  ),
  insn('vpblendw Vx,Hx,Wx,Ib', 'VEX.Lx.66.0F3A.WIG 0E /r ib', vexBinaryImm('vblend.i16x8'), AVX2),
  insn(
    'vpblendd Vx,Hx,Wx,Ib',
    'VEX.Lx.66.0F3A.W0 02 /r ib',
    vexBinaryImm('vblend.i32x4', (imm, half) => (imm >> (4 * half)) & 15),
    AVX2,
  ),
  insn('vpblendvb Vx,Hx,Wx,Lx', 'VEX.Lx.66.0F3A.W0 4C /r is4', vexBlendv('vblendv.i8x16'), AVX2),
  insn('vpmovmskb Gd,Ux', 'VEX.Lx.66.0F.WIG D7 /r', liftVpmovmskb, AVX2),
  insn('vptest Vx,Wx', 'VEX.Lx.66.0F38.WIG 17 /r', liftVptest, COMPARES),
  insn(
    'vphminposuw Vdq,Wdq',
    'VEX.128.66.0F38.WIG 41 /r',
    zeroingUpper(unary('vhminpos.i16x8', 0, false)),
    AVX,
  ),

  insn('vpinsrb Vdq,Hdq,Eb,Ib', 'VEX.128.66.0F3A.W0 20 /r ib', vexInsert('vset.8', 16), AVX),
  insn('vpinsrw Vdq,Hdq,Ew,Ib', 'VEX.128.66.0F.W0 C4 /r ib', vexInsert('vset.16', 8), AVX),
  insn('vpinsrd Vdq,Hdq,Ey,Ib', 'VEX.128.66.0F3A 22 /r ib', liftVpinsrd, AVX),
  insn('vinsertps Vdq,Hdq,Wss,Ib', 'VEX.128.66.0F3A.WIG 21 /r ib', liftVinsertps, AVX),
  insn('vpextrb Eb,Vdq,Ib', 'VEX.128.66.0F3A.W0 14 /r ib', extract('vget.8', 16), AVX),
  insn('vpextrw Ew,Vdq,Ib', 'VEX.128.66.0F3A.W0 15 /r ib', extract('vget.16', 8), AVX),
  insn('vpextrw Gd,Udq,Ib', 'VEX.128.66.0F.W0 C5 /r ib', extract('vget.16', 8), AVX),
  insn('vpextrd Ey,Vdq,Ib', 'VEX.128.66.0F3A 16 /r ib', liftPextrd, AVX),
  insn('vextractps Ed,Vdq,Ib', 'VEX.128.66.0F3A.WIG 17 /r ib', extract('vget.32', 4), AVX),

  ...(
    [
      ['60', 'vpcmpestrm', true, true],
      ['61', 'vpcmpestri', true, false],
      ['62', 'vpcmpistrm', false, true],
      ['63', 'vpcmpistri', false, false],
    ] as const
  ).map(([opcode, name, explicit, mask]) =>
    insn(
      `${name} Vdq,Wdq,Ib`,
      `VEX.128.66.0F3A ${opcode} /r ib`,
      stringCompare(explicit, mask, true),
      COMPARES,
    ),
  ),
];
