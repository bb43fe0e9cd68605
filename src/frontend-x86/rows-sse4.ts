/** SSE4.1, SSE4.2 and SHA instructions (CRC32 and POPCNT are with the integer instructions). */

import type { SlotOpName } from '../ir/ops.ts';
import {
  binary,
  binaryImm,
  extendWord,
  extract,
  insert,
  liftInsertps,
  liftPextrd,
  liftPinsrd,
  liftPtest,
  scalarUnary,
  stringCompare,
  unary,
  unaryImm,
  unaryLow,
  withXmm0,
} from './lift-sse.ts';
import { move128 } from './lift-sse-move.ts';
import { type InsnRow, insn } from './table-format.ts';

const SSE41 = { feature: 'sse4.1' };
const ALIGNED = { feature: 'sse4.1', aligned: true } as const;
const DOT = { ...ALIGNED, vendors: 'NaN' } as const;
const SHA = { feature: 'sha', aligned: true, vendors: 'alignment' } as const;
const SSE42 = { feature: 'sse4.2', flags: 'w:oszapc' };

export const SSE41_BINARY: readonly (readonly [string, string, SlotOpName])[] = [
  ['28', 'pmuldq', 'vmulws.i32x4'],
  ['29', 'pcmpeqq', 'vcmpeq.i64x2'],
  ['2B', 'packusdw', 'vpackus.i32x4'],
  ['38', 'pminsb', 'vmins.i8x16'],
  ['39', 'pminsd', 'vmins.i32x4'],
  ['3A', 'pminuw', 'vminu.i16x8'],
  ['3B', 'pminud', 'vminu.i32x4'],
  ['3C', 'pmaxsb', 'vmaxs.i8x16'],
  ['3D', 'pmaxsd', 'vmaxs.i32x4'],
  ['3E', 'pmaxuw', 'vmaxu.i16x8'],
  ['3F', 'pmaxud', 'vmaxu.i32x4'],
  ['40', 'pmulld', 'vmullo.i32x4'],
];

/** opcode (PMOVSX; PMOVZX is 0x10 higher), suffix, lanes, bytes read. */
export const EXTENSIONS = [
  ['0', 'bw', 'i8.i16', 8],
  ['1', 'bd', 'i8.i32', 4],
  ['2', 'bq', 'i8.i64', 2],
  ['3', 'wd', 'i16.i32', 8],
  ['4', 'wq', 'i16.i64', 4],
  ['5', 'dq', 'i32.i64', 8],
] as const;
const OPERAND = { 2: 'Ww', 4: 'Wd', 8: 'Wq' } as const;

function extensions(): InsnRow[] {
  return EXTENSIONS.flatMap(([digit, suffix, lanes, bytes]) => {
    const lift = (op: SlotOpName) => (bytes === 2 ? extendWord(op) : unaryLow(op, bytes));
    const operands = `Vdq,${OPERAND[bytes]}`;
    return [
      insn(`pmovsx${suffix} ${operands}`, `66 0F 38 2${digit} /r`, lift(`vsx.${lanes}`), SSE41),
      insn(`pmovzx${suffix} ${operands}`, `66 0F 38 3${digit} /r`, lift(`vzx.${lanes}`), SSE41),
    ];
  });
}

export const SSE4_ROWS: readonly InsnRow[] = [
  ...SSE41_BINARY.map(([code, name, op]) =>
    insn(`${name} Vdq,Wdq`, `66 0F 38 ${code} /r`, binary(op), ALIGNED),
  ),
  ...extensions(),
  insn('pblendvb Vdq,Wdq', '66 0F 38 10 /r', withXmm0('vblendv.i8x16'), ALIGNED),
  insn('blendvps Vps,Wps', '66 0F 38 14 /r', withXmm0('vblendv.i32x4'), ALIGNED),
  insn('blendvpd Vpd,Wpd', '66 0F 38 15 /r', withXmm0('vblendv.i64x2'), ALIGNED),
  insn('ptest Vdq,Wdq', '66 0F 38 17 /r', liftPtest, { ...ALIGNED, flags: 'w:oszapc' }),
  insn('movntdqa Vdq,Mdq', '66 0F 38 2A /r', move128(true), ALIGNED),
  insn('phminposuw Vdq,Wdq', '66 0F 38 41 /r', unary('vhminpos.i16x8'), ALIGNED),
  insn('roundps Vps,Wps,Ib', '66 0F 3A 08 /r ib', unaryImm('vfround.f32x4'), ALIGNED),
  insn('roundpd Vpd,Wpd,Ib', '66 0F 3A 09 /r ib', unaryImm('vfround.f64x2'), ALIGNED),
  insn('roundss Vss,Wss,Ib', '66 0F 3A 0A /r ib', scalarUnary('fround.f32', 4, true), SSE41),
  insn('roundsd Vsd,Wsd,Ib', '66 0F 3A 0B /r ib', scalarUnary('fround.f64', 8, true), SSE41),
  insn('blendps Vps,Wps,Ib', '66 0F 3A 0C /r ib', binaryImm('vblend.i32x4'), ALIGNED),
  insn('blendpd Vpd,Wpd,Ib', '66 0F 3A 0D /r ib', binaryImm('vblend.i64x2'), ALIGNED),
  insn('pblendw Vdq,Wdq,Ib', '66 0F 3A 0E /r ib', binaryImm('vblend.i16x8'), ALIGNED),
  insn('pextrb Eb,Vdq,Ib', '66 0F 3A 14 /r ib', extract('vget.8', 16), SSE41),
  insn('pextrw Ew,Vdq,Ib', '66 0F 3A 15 /r ib', extract('vget.16', 8), SSE41),
  insn('pextrd Ey,Vdq,Ib', '66 0F 3A 16 /r ib', liftPextrd, SSE41),
  insn('extractps Ed,Vdq,Ib', '66 0F 3A 17 /r ib', extract('vget.32', 4), SSE41),
  insn('pinsrb Vdq,Eb,Ib', '66 0F 3A 20 /r ib', insert('vset.8', 16), SSE41),
  insn('insertps Vdq,Wss,Ib', '66 0F 3A 21 /r ib', liftInsertps, SSE41),
  insn('pinsrd Vdq,Ey,Ib', '66 0F 3A 22 /r ib', liftPinsrd, SSE41),
  insn('dpps Vps,Wps,Ib', '66 0F 3A 40 /r ib', binaryImm('vfdot.f32x4'), DOT),
  insn('dppd Vpd,Wpd,Ib', '66 0F 3A 41 /r ib', binaryImm('vfdot.f64x2'), DOT),
  insn('mpsadbw Vdq,Wdq,Ib', '66 0F 3A 42 /r ib', binaryImm('vmpsad.i8x16', 7), ALIGNED),

  insn('pcmpgtq Vdq,Wdq', '66 0F 38 37 /r', binary('vcmpgts.i64x2'), {
    feature: 'sse4.2',
    aligned: true,
  }),
  insn('pcmpestrm Vdq,Wdq,Ib', '66 0F 3A 60 /r ib', stringCompare(true, true), SSE42),
  insn('pcmpestri Vdq,Wdq,Ib', '66 0F 3A 61 /r ib', stringCompare(true, false), SSE42),
  insn('pcmpistrm Vdq,Wdq,Ib', '66 0F 3A 62 /r ib', stringCompare(false, true), SSE42),
  insn('pcmpistri Vdq,Wdq,Ib', '66 0F 3A 63 /r ib', stringCompare(false, false), SSE42),

  insn('sha1nexte Vdq,Wdq', 'NP 0F 38 C8 /r', binary('vsha1nexte'), SHA),
  insn('sha1msg1 Vdq,Wdq', 'NP 0F 38 C9 /r', binary('vsha1msg1'), SHA),
  insn('sha1msg2 Vdq,Wdq', 'NP 0F 38 CA /r', binary('vsha1msg2'), SHA),
  insn('sha256rnds2 Vdq,Wdq', 'NP 0F 38 CB /r', withXmm0('vsha256rnds2'), SHA),
  insn('sha256msg1 Vdq,Wdq', 'NP 0F 38 CC /r', binary('vsha256msg1'), SHA),
  insn('sha256msg2 Vdq,Wdq', 'NP 0F 38 CD /r', binary('vsha256msg2'), SHA),
  insn('sha1rnds4 Vdq,Wdq,Ib', 'NP 0F 3A CC /r ib', binaryImm('vsha1rnds4', 3), SHA),
];
