/**
 * Integer lane instructions of MMX, SSE2 and SSSE3. Most exist twice, without a prefix on MMX
 * registers and with 66 on XMM registers: one line makes both rows.
 */

import type { SlotOpName } from '../ir/ops.ts';
import {
  cvtpd2pi,
  cvtps2pi,
  liftCvtpi2pd,
  liftCvtpi2ps,
  liftEmms,
  liftMaskmovq,
  liftMovdFromMmx,
  liftMovdq2q,
  liftMovdToMmx,
  liftMovq2dq,
  liftMovqMmx,
  liftPalignrMmx,
  liftPextrwMmx,
  liftPinsrwMmx,
  liftPmovmskbMmx,
  liftPshufbMmx,
  liftPshufw,
  mmx,
  mmxJoined,
  mmxShiftImm,
  mmxUnary,
  mmxUnpackHigh,
} from './lift-mmx.ts';
import {
  binary,
  binaryImm,
  binaryZero,
  extract,
  insert,
  shiftImm,
  signMask,
  unary,
  unaryImm,
} from './lift-sse.ts';
import { type InsnRow, insn, type LiftFn } from './table-format.ts';

const SSE2 = { feature: 'sse2', aligned: true } as const;
const SSE = { feature: 'sse' };
const MMX = { feature: 'mmx' };
const AT_FAULT = { vendors: 'TOP at a fault' } as const;
const MMX_STORE = { ...MMX, ...AT_FAULT } as const;

/** opcode, mnemonic, IR op, feature of the MMX form. VEX forms (rows-vex-int.ts) come from the same lines. */
export type Line = readonly [opcode: string, name: string, op: SlotOpName, mmxFeature: string];

export const PLAIN: readonly Line[] = [
  ['64', 'pcmpgtb', 'vcmpgts.i8x16', 'mmx'],
  ['65', 'pcmpgtw', 'vcmpgts.i16x8', 'mmx'],
  ['66', 'pcmpgtd', 'vcmpgts.i32x4', 'mmx'],
  ['74', 'pcmpeqb', 'vcmpeq.i8x16', 'mmx'],
  ['75', 'pcmpeqw', 'vcmpeq.i16x8', 'mmx'],
  ['76', 'pcmpeqd', 'vcmpeq.i32x4', 'mmx'],
  ['D1', 'psrlw', 'vshr.i16x8', 'mmx'],
  ['D2', 'psrld', 'vshr.i32x4', 'mmx'],
  ['D3', 'psrlq', 'vshr.i64x2', 'mmx'],
  ['D4', 'paddq', 'vadd.i64x2', 'sse2'],
  ['D5', 'pmullw', 'vmullo.i16x8', 'mmx'],
  ['D8', 'psubusb', 'vsubus.i8x16', 'mmx'],
  ['D9', 'psubusw', 'vsubus.i16x8', 'mmx'],
  ['DA', 'pminub', 'vminu.i8x16', 'sse'],
  ['DB', 'pand', 'vand', 'mmx'],
  ['DC', 'paddusb', 'vaddus.i8x16', 'mmx'],
  ['DD', 'paddusw', 'vaddus.i16x8', 'mmx'],
  ['DE', 'pmaxub', 'vmaxu.i8x16', 'sse'],
  ['E0', 'pavgb', 'vavgu.i8x16', 'sse'],
  ['E1', 'psraw', 'vsar.i16x8', 'mmx'],
  ['E2', 'psrad', 'vsar.i32x4', 'mmx'],
  ['E3', 'pavgw', 'vavgu.i16x8', 'sse'],
  ['E4', 'pmulhuw', 'vmulhu.i16x8', 'sse'],
  ['E5', 'pmulhw', 'vmulhs.i16x8', 'mmx'],
  ['E8', 'psubsb', 'vsubss.i8x16', 'mmx'],
  ['E9', 'psubsw', 'vsubss.i16x8', 'mmx'],
  ['EA', 'pminsw', 'vmins.i16x8', 'sse'],
  ['EB', 'por', 'vor', 'mmx'],
  ['EC', 'paddsb', 'vaddss.i8x16', 'mmx'],
  ['ED', 'paddsw', 'vaddss.i16x8', 'mmx'],
  ['EE', 'pmaxsw', 'vmaxs.i16x8', 'sse'],
  ['F1', 'psllw', 'vshl.i16x8', 'mmx'],
  ['F2', 'pslld', 'vshl.i32x4', 'mmx'],
  ['F3', 'psllq', 'vshl.i64x2', 'mmx'],
  ['F4', 'pmuludq', 'vmulwu.i32x4', 'sse2'],
  ['F5', 'pmaddwd', 'vmadd.i16x8', 'mmx'],
  ['F6', 'psadbw', 'vsad.i8x16', 'sse'],
  ['FC', 'paddb', 'vadd.i8x16', 'mmx'],
  ['FD', 'paddw', 'vadd.i16x8', 'mmx'],
  ['FE', 'paddd', 'vadd.i32x4', 'mmx'],
];

/** Both operands the same register: zero. */
export const ZEROING: readonly Line[] = [
  ['DF', 'pandn', 'vandn', 'mmx'],
  ['EF', 'pxor', 'vxor', 'mmx'],
  ['F8', 'psubb', 'vsub.i8x16', 'mmx'],
  ['F9', 'psubw', 'vsub.i16x8', 'mmx'],
  ['FA', 'psubd', 'vsub.i32x4', 'mmx'],
  ['FB', 'psubq', 'vsub.i64x2', 'sse2'],
];

/** SSSE3: map 0F 38. */
export const SSSE3: readonly Line[] = [
  ['04', 'pmaddubsw', 'vmaddus.i8x16', 'ssse3'],
  ['08', 'psignb', 'vsign.i8x16', 'ssse3'],
  ['09', 'psignw', 'vsign.i16x8', 'ssse3'],
  ['0A', 'psignd', 'vsign.i32x4', 'ssse3'],
  ['0B', 'pmulhrsw', 'vmulhrs.i16x8', 'ssse3'],
];
export const SSSE3_JOINED: readonly Line[] = [
  ['01', 'phaddw', 'vhadd.i16x8', 'ssse3'],
  ['02', 'phaddd', 'vhadd.i32x4', 'ssse3'],
  ['03', 'phaddsw', 'vhaddss.i16x8', 'ssse3'],
  ['05', 'phsubw', 'vhsub.i16x8', 'ssse3'],
  ['06', 'phsubd', 'vhsub.i32x4', 'ssse3'],
  ['07', 'phsubsw', 'vhsubss.i16x8', 'ssse3'],
];
export const SSSE3_UNARY: readonly Line[] = [
  ['1C', 'pabsb', 'vabs.i8x16', 'ssse3'],
  ['1D', 'pabsw', 'vabs.i16x8', 'ssse3'],
  ['1E', 'pabsd', 'vabs.i32x4', 'ssse3'],
];

export const JOINED: readonly Line[] = [
  ['63', 'packsswb', 'vpackss.i16x8', 'mmx'],
  ['67', 'packuswb', 'vpackus.i16x8', 'mmx'],
  ['6B', 'packssdw', 'vpackss.i32x4', 'mmx'],
];

type Make = (op: SlotOpName) => LiftFn;

/** Rows on MMX and on XMM registers. `map` is '0F' or '0F 38'. */
function pairs(lines: readonly Line[], map: string, onXmm: Make, onMmx: Make): InsnRow[] {
  return lines.flatMap(([opcode, name, op, feature]) => [
    insn(`${name} Vdq,Wdq`, `66 ${map} ${opcode} /r`, onXmm(op), {
      feature: map === '0F' ? 'sse2' : 'ssse3',
      aligned: true,
    }),
    insn(`${name} Pq,Qq`, `NP ${map} ${opcode} /r`, onMmx(op), { feature }),
  ]);
}

/** Opcodes of the low and high interleaves, suffix, lanes. */
export const UNPACKS = [
  ['60', '68', 'bw', 'i8x16'],
  ['61', '69', 'wd', 'i16x8'],
  ['62', '6A', 'dq', 'i32x4'],
] as const;

/** Interleaves: the MMX low forms read 4 bytes of memory. */
function unpacks(): InsnRow[] {
  return UNPACKS.flatMap(([lo, hi, name, lanes]) => [
    insn(`punpckl${name} Vdq,Wdq`, `66 0F ${lo} /r`, binary(`vunpcklo.${lanes}`), SSE2),
    insn(`punpckh${name} Vdq,Wdq`, `66 0F ${hi} /r`, binary(`vunpckhi.${lanes}`), SSE2),
    insn(`punpckl${name} Pq,Qd`, `NP 0F ${lo} /r`, mmx(`vunpcklo.${lanes}`), MMX),
    insn(`punpckh${name} Pq,Qq`, `NP 0F ${hi} /r`, mmxUnpackHigh(`vunpcklo.${lanes}`), MMX),
  ]);
}

/** Shifts by an immediate: groups 12 to 14. */
export const IMMEDIATE_SHIFTS = [
  ['71 /2', 'psrlw', 'vshri.i16x8'],
  ['71 /4', 'psraw', 'vsari.i16x8'],
  ['71 /6', 'psllw', 'vshli.i16x8'],
  ['72 /2', 'psrld', 'vshri.i32x4'],
  ['72 /4', 'psrad', 'vsari.i32x4'],
  ['72 /6', 'pslld', 'vshli.i32x4'],
  ['73 /2', 'psrlq', 'vshri.i64x2'],
  ['73 /6', 'psllq', 'vshli.i64x2'],
] as const;

function immediateShifts(): InsnRow[] {
  return IMMEDIATE_SHIFTS.flatMap(([code, name, op]) => [
    insn(`${name} Udq,Ib`, `66 0F ${code} ib`, shiftImm(op), { feature: 'sse2' }),
    insn(`${name} Nq,Ib`, `NP 0F ${code} ib`, mmxShiftImm(op), MMX),
  ]);
}

export const SIMD_INT_ROWS: readonly InsnRow[] = [
  ...pairs(PLAIN, '0F', binary, mmx),
  ...pairs(ZEROING, '0F', binaryZero, mmx),
  ...pairs(JOINED, '0F', binary, mmxJoined),
  ...unpacks(),
  ...immediateShifts(),
  insn('punpcklqdq Vdq,Wdq', '66 0F 6C /r', binary('vunpcklo.i64x2'), SSE2),
  insn('punpckhqdq Vdq,Wdq', '66 0F 6D /r', binary('vunpckhi.i64x2'), SSE2),
  insn('psrldq Udq,Ib', '66 0F 73 /3 ib', shiftImm('vshrb'), { feature: 'sse2' }),
  insn('pslldq Udq,Ib', '66 0F 73 /7 ib', shiftImm('vshlb'), { feature: 'sse2' }),
  insn('pshufd Vdq,Wdq,Ib', '66 0F 70 /r ib', unaryImm('vshuf.i32x4'), SSE2),
  insn('pshufhw Vdq,Wdq,Ib', 'F3 0F 70 /r ib', unaryImm('vshufhi.i16x8'), SSE2),
  insn('pshuflw Vdq,Wdq,Ib', 'F2 0F 70 /r ib', unaryImm('vshuflo.i16x8'), SSE2),
  insn('pinsrw Vdq,Ew,Ib', '66 0F C4 /r ib', insert('vset.16', 8), { feature: 'sse2' }),
  insn('pextrw Gd,Udq,Ib', '66 0F C5 /r ib', extract('vget.16', 8), { feature: 'sse2' }),
  insn('pmovmskb Gd,Udq', '66 0F D7 /r', signMask('vmsk.i8x16'), { feature: 'sse2' }),

  ...pairs(SSSE3, '0F 38', binary, mmx),
  ...pairs(SSSE3_JOINED, '0F 38', binary, mmxJoined),
  ...pairs(SSSE3_UNARY, '0F 38', unary, mmxUnary),
  insn('pshufb Vdq,Wdq', '66 0F 38 00 /r', binary('vshufb'), { feature: 'ssse3', aligned: true }),
  insn('pshufb Pq,Qq', 'NP 0F 38 00 /r', liftPshufbMmx, { feature: 'ssse3' }),
  insn('palignr Vdq,Wdq,Ib', '66 0F 3A 0F /r ib', binaryImm('valign'), {
    feature: 'ssse3',
    aligned: true,
  }),
  insn('palignr Pq,Qq,Ib', 'NP 0F 3A 0F /r ib', liftPalignrMmx, { feature: 'ssse3' }),

  insn('movd Pq,Ey', 'NP 0F 6E /r', liftMovdToMmx, MMX),
  insn('movd Ey,Pq', 'NP 0F 7E /r', liftMovdFromMmx, MMX_STORE),
  insn('movq Pq,Qq', 'NP 0F 6F /r', liftMovqMmx, MMX),
  insn('movq Qq,Pq', 'NP 0F 7F /r', liftMovqMmx, MMX_STORE),
  insn('movntq Mq,Pq', 'NP 0F E7 /r', liftMovqMmx, { ...SSE, ...AT_FAULT }),
  insn('movq2dq Vdq,Nq', 'F3 0F D6 /r', liftMovq2dq, { feature: 'sse2' }),
  insn('movdq2q Pq,Uq', 'F2 0F D6 /r', liftMovdq2q, { feature: 'sse2' }),
  insn('pshufw Pq,Qq,Ib', 'NP 0F 70 /r ib', liftPshufw, SSE),
  insn('pinsrw Pq,Ew,Ib', 'NP 0F C4 /r ib', liftPinsrwMmx, SSE),
  insn('pextrw Gd,Nq,Ib', 'NP 0F C5 /r ib', liftPextrwMmx, SSE),
  insn('pmovmskb Gd,Nq', 'NP 0F D7 /r', liftPmovmskbMmx, SSE),
  insn('maskmovq Pq,Nq', 'NP 0F F7 /r', liftMaskmovq, {
    feature: 'sse',
  }),
  insn('cvtpi2ps Vps,Qq', 'NP 0F 2A /r', liftCvtpi2ps, SSE),
  insn('cvtpi2pd Vpd,Qq', '66 0F 2A /r', liftCvtpi2pd, { feature: 'sse2' }),
  insn('cvttps2pi Pq,Wq', 'NP 0F 2C /r', cvtps2pi(1), SSE),
  insn('cvttpd2pi Pq,Wpd', '66 0F 2C /r', cvtpd2pi(1), SSE2),
  insn('cvtps2pi Pq,Wq', 'NP 0F 2D /r', cvtps2pi(0), SSE),
  insn('cvtpd2pi Pq,Wpd', '66 0F 2D /r', cvtpd2pi(0), SSE2),
  insn('emms', 'NP 0F 77', liftEmms, MMX),
];
