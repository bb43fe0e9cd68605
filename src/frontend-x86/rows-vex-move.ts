/** VEX-encoded moves, broadcasts and permutes. `Lx` stands for both vector lengths. */

import { liftMaskmovdqu, liftMovdFromXmm, liftMovq } from './lift-sse-move.ts';
import { vexUnaryImm } from './lift-vex.ts';
import { vexGather, vexMaskLoad, vexMaskStore } from './lift-vex-memory.ts';
import {
  liftVmovdToXmm,
  liftVmovhlps,
  liftVmovhps,
  liftVmovhpsStore,
  liftVmovlhps,
  liftVmovlps,
  vexLoadLow,
  vexMerge,
  vexMove,
  vexStoreLow,
  zeroingUpper,
} from './lift-vex-move.ts';
import {
  liftVextract128,
  liftVinsert128,
  liftVmovddup,
  liftVperm2x128,
  liftVpermd,
  liftVpermq,
  liftVzero,
  vexBroadcast,
} from './lift-vex-permute.ts';
import { type InsnRow, insn } from './table-format.ts';

const AVX = { feature: 'avx' } as const;
const AVX2 = { feature: 'avx2' } as const;
const ALIGNED = { feature: 'avx', aligned: true } as const;

/** Load and store opcodes, mandatory prefix, name, whether memory must be aligned. */
const WHOLE = [
  ['10', '11', 'NP', 'vmovups', false],
  ['10', '11', '66', 'vmovupd', false],
  ['28', '29', 'NP', 'vmovaps', true],
  ['28', '29', '66', 'vmovapd', true],
  ['6F', '7F', '66', 'vmovdqa', true],
  ['6F', '7F', 'F3', 'vmovdqu', false],
] as const;

function wholeMoves(): InsnRow[] {
  return WHOLE.flatMap(([load, store, pp, name, aligned]) => [
    insn(
      `${name} Vx,Wx`,
      `VEX.Lx.${pp}.0F.WIG ${load} /r`,
      vexMove(aligned),
      aligned ? ALIGNED : AVX,
    ),
    insn(
      `${name} Wx,Vx`,
      `VEX.Lx.${pp}.0F.WIG ${store} /r`,
      vexMove(aligned),
      aligned ? ALIGNED : AVX,
    ),
  ]);
}

/** VMOVSS and VMOVSD: between registers they have a second source. */
function scalarMoves(): InsnRow[] {
  const kinds = [
    ['F3', 'vmovss', 4, 'Md'],
    ['F2', 'vmovsd', 8, 'Mq'],
  ] as const;
  return kinds.flatMap(([pp, name, size, memory]) => [
    insn(`${name} Vdq,${memory}`, `VEX.LIG.${pp}.0F.WIG 10 /r`, vexLoadLow(size), AVX),
    insn(`${name} ${memory},Vdq`, `VEX.LIG.${pp}.0F.WIG 11 /r`, vexStoreLow(size), AVX),
    insn(`${name} Vdq,Hdq,Udq`, `VEX.LIG.${pp}.0F.WIG 10 /r`, vexMerge(size), AVX),
    insn(`${name} Udq,Hdq,Vdq`, `VEX.LIG.${pp}.0F.WIG 11 /r`, vexMerge(size), AVX),
  ]);
}

function halfMoves(): InsnRow[] {
  return (['NP', '66'] as const).flatMap((pp) => {
    const s = pp === 'NP' ? 's' : 'd';
    return [
      insn(`vmovlp${s} Vdq,Hdq,Mq`, `VEX.128.${pp}.0F.WIG 12 /r`, liftVmovlps, AVX),
      insn(`vmovlp${s} Mq,Vdq`, `VEX.128.${pp}.0F.WIG 13 /r`, vexStoreLow(8), AVX),
      insn(`vmovhp${s} Vdq,Hdq,Mq`, `VEX.128.${pp}.0F.WIG 16 /r`, liftVmovhps, AVX),
      insn(`vmovhp${s} Mq,Vdq`, `VEX.128.${pp}.0F.WIG 17 /r`, liftVmovhpsStore, AVX),
    ];
  });
}

const MASKED = { feature: 'avx', vendors: 'address of a fault' } as const;
const MASKED2 = { ...MASKED, feature: 'avx2' } as const;
const GATHER = { feature: 'avx2', vendors: 'gather fault' } as const;

/** Opcode, index and data letters: VPGATHERDD and VGATHERDPS with W0, VPGATHERDQ and VGATHERDPD with W1. */
function gathers(): InsnRow[] {
  const kinds = [
    ['90', 'vpgatherd', 4, 'd', 'q'],
    ['91', 'vpgatherq', 8, 'd', 'q'],
    ['92', 'vgatherd', 4, 'ps', 'pd'],
    ['93', 'vgatherq', 8, 'ps', 'pd'],
  ] as const;
  return kinds.flatMap(([opcode, name, index, narrow, wide]) => [
    insn(`${name}${narrow} Vx,M,Hx`, `VEX.Lx.66.0F38.W0 ${opcode} /r`, vexGather(4, index), GATHER),
    insn(`${name}${wide} Vx,M,Hx`, `VEX.Lx.66.0F38.W1 ${opcode} /r`, vexGather(8, index), GATHER),
  ]);
}

export const VEX_MOVE_ROWS: readonly InsnRow[] = [
  ...wholeMoves(),
  ...scalarMoves(),
  ...halfMoves(),
  insn('vmovhlps Vdq,Hdq,Udq', 'VEX.128.NP.0F.WIG 12 /r', liftVmovhlps, AVX),
  insn('vmovlhps Vdq,Hdq,Udq', 'VEX.128.NP.0F.WIG 16 /r', liftVmovlhps, AVX),
  insn('vmovddup Vx,Wx', 'VEX.256.F2.0F.WIG 12 /r', liftVmovddup, AVX),
  insn('vmovddup Vdq,Wq', 'VEX.128.F2.0F.WIG 12 /r', liftVmovddup, AVX),
  insn(
    'vmovsldup Vx,Wx',
    'VEX.Lx.F3.0F.WIG 12 /r',
    vexUnaryImm('vshuf.i32x4', () => 0xa0),
    AVX,
  ),
  insn(
    'vmovshdup Vx,Wx',
    'VEX.Lx.F3.0F.WIG 16 /r',
    vexUnaryImm('vshuf.i32x4', () => 0xf5),
    AVX,
  ),
  insn('vmovntps Mx,Vx', 'VEX.Lx.NP.0F.WIG 2B /r', vexMove(true), ALIGNED),
  insn('vmovntpd Mx,Vx', 'VEX.Lx.66.0F.WIG 2B /r', vexMove(true), ALIGNED),
  insn('vmovntdq Mx,Vx', 'VEX.Lx.66.0F.WIG E7 /r', vexMove(true), ALIGNED),
  insn('vmovntdqa Vx,Mx', 'VEX.Lx.66.0F38.WIG 2A /r', vexMove(true), {
    feature: 'avx2',
    aligned: true,
  }),
  insn('vlddqu Vx,Mx', 'VEX.Lx.F2.0F.WIG F0 /r', vexMove(false), AVX),
  insn('vmovd Vdq,Ey', 'VEX.128.66.0F 6E /r', liftVmovdToXmm, AVX),
  insn('vmovd Ey,Vdq', 'VEX.128.66.0F 7E /r', liftMovdFromXmm, AVX),
  insn('vmovq Vdq,Wq', 'VEX.128.F3.0F.WIG 7E /r', zeroingUpper(liftMovq), AVX),
  insn('vmovq Wq,Vdq', 'VEX.128.66.0F.WIG D6 /r', zeroingUpper(liftMovq), AVX),
  insn('vzeroupper', 'VEX.128.NP.0F.WIG 77', liftVzero, AVX),
  insn('vzeroall', 'VEX.256.NP.0F.WIG 77', liftVzero, AVX),

  insn('vbroadcastss Vx,Wss', 'VEX.Lx.66.0F38.W0 18 /r', vexBroadcast(4), AVX2),
  insn('vbroadcastsd Vx,Wsd', 'VEX.256.66.0F38.W0 19 /r', vexBroadcast(8), AVX2),
  insn('vbroadcastf128 Vx,Mdq', 'VEX.256.66.0F38.W0 1A /r', vexBroadcast(16), AVX),
  insn('vbroadcasti128 Vx,Mdq', 'VEX.256.66.0F38.W0 5A /r', vexBroadcast(16), AVX2),
  insn('vpbroadcastb Vx,Wb', 'VEX.Lx.66.0F38.W0 78 /r', vexBroadcast(1), AVX2),
  insn('vpbroadcastw Vx,Ww', 'VEX.Lx.66.0F38.W0 79 /r', vexBroadcast(2), AVX2),
  insn('vpbroadcastd Vx,Wd', 'VEX.Lx.66.0F38.W0 58 /r', vexBroadcast(4), AVX2),
  insn('vpbroadcastq Vx,Wq', 'VEX.Lx.66.0F38.W0 59 /r', vexBroadcast(8), AVX2),
  insn('vinsertf128 Vx,Hx,Wdq,Ib', 'VEX.256.66.0F3A.W0 18 /r ib', liftVinsert128, AVX),
  insn('vinserti128 Vx,Hx,Wdq,Ib', 'VEX.256.66.0F3A.W0 38 /r ib', liftVinsert128, AVX2),
  insn('vextractf128 Wdq,Vx,Ib', 'VEX.256.66.0F3A.W0 19 /r ib', liftVextract128, AVX),
  insn('vextracti128 Wdq,Vx,Ib', 'VEX.256.66.0F3A.W0 39 /r ib', liftVextract128, AVX2),
  insn('vperm2f128 Vx,Hx,Wx,Ib', 'VEX.256.66.0F3A.W0 06 /r ib', liftVperm2x128, AVX),
  insn('vperm2i128 Vx,Hx,Wx,Ib', 'VEX.256.66.0F3A.W0 46 /r ib', liftVperm2x128, AVX2),
  insn('vpermq Vx,Wx,Ib', 'VEX.256.66.0F3A.W1 00 /r ib', liftVpermq, AVX2),
  insn('vpermpd Vx,Wx,Ib', 'VEX.256.66.0F3A.W1 01 /r ib', liftVpermq, AVX2),
  insn('vpermd Vx,Hx,Wx', 'VEX.256.66.0F38.W0 36 /r', liftVpermd, AVX2),
  insn('vpermps Vx,Hx,Wx', 'VEX.256.66.0F38.W0 16 /r', liftVpermd, AVX2),

  insn('vmaskmovps Vx,Hx,Mx', 'VEX.Lx.66.0F38.W0 2C /r', vexMaskLoad(4), AVX),
  insn('vmaskmovpd Vx,Hx,Mx', 'VEX.Lx.66.0F38.W0 2D /r', vexMaskLoad(8), AVX),
  insn('vmaskmovps Mx,Hx,Vx', 'VEX.Lx.66.0F38.W0 2E /r', vexMaskStore(4), MASKED),
  insn('vmaskmovpd Mx,Hx,Vx', 'VEX.Lx.66.0F38.W0 2F /r', vexMaskStore(8), MASKED),
  insn('vpmaskmovd Vx,Hx,Mx', 'VEX.Lx.66.0F38.W0 8C /r', vexMaskLoad(4), AVX2),
  insn('vpmaskmovq Vx,Hx,Mx', 'VEX.Lx.66.0F38.W1 8C /r', vexMaskLoad(8), AVX2),
  insn('vpmaskmovd Mx,Hx,Vx', 'VEX.Lx.66.0F38.W0 8E /r', vexMaskStore(4), MASKED2),
  insn('vpmaskmovq Mx,Hx,Vx', 'VEX.Lx.66.0F38.W1 8E /r', vexMaskStore(8), MASKED2),
  insn('vmaskmovdqu Vdq,Udq', 'VEX.128.66.0F.WIG F7 /r', liftMaskmovdqu, {
    feature: 'avx',
  }),
  ...gathers(),
];
