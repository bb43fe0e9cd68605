/**
 * VEX-encoded instructions (AVX, AVX2, FMA, F16C, BMI1, BMI2): known to the decoder, not implemented,
 * and not reported by CPUID. Each raises #UD. `Lx` stands for both vector lengths.
 */

import { type InsnRow, insn } from './table-format.ts';

function todo(feature: string, list: readonly (readonly [string, string])[]): InsnRow[] {
  return list.map(([text, encoding]) => insn(text, `VEX.${encoding}`, 'todo', { feature }));
}

/** The usual shape: destination, first source in vvvv, second in ModRM. */
function threeOperand(
  pp: string,
  map: string,
  list: readonly (readonly [number, string])[],
): InsnRow[] {
  return list.map(([opcode, name]) =>
    insn(
      `${name} Vx,Hx,Wx`,
      `VEX.Lx.${pp}.${map}.WIG ${opcode.toString(16).toUpperCase().padStart(2, '0')} /r`,
      'todo',
      { feature: 'avx' },
    ),
  );
}

/** Arithmetic that exists for ps, pd, ss and sd. */
const ARITH: readonly (readonly [number, string])[] = [
  [0x58, 'vadd'],
  [0x59, 'vmul'],
  [0x5c, 'vsub'],
  [0x5d, 'vmin'],
  [0x5e, 'vdiv'],
  [0x5f, 'vmax'],
];
const SUFFIXES: readonly (readonly [string, string])[] = [
  ['NP', 'ps'],
  ['66', 'pd'],
  ['F3', 'ss'],
  ['F2', 'sd'],
];

const PACKED_66_0F: readonly (readonly [number, string])[] = [
  [0x60, 'vpunpcklbw'],
  [0x61, 'vpunpcklwd'],
  [0x62, 'vpunpckldq'],
  [0x63, 'vpacksswb'],
  [0x64, 'vpcmpgtb'],
  [0x65, 'vpcmpgtw'],
  [0x66, 'vpcmpgtd'],
  [0x67, 'vpackuswb'],
  [0x68, 'vpunpckhbw'],
  [0x69, 'vpunpckhwd'],
  [0x6a, 'vpunpckhdq'],
  [0x6b, 'vpackssdw'],
  [0x6c, 'vpunpcklqdq'],
  [0x6d, 'vpunpckhqdq'],
  [0x74, 'vpcmpeqb'],
  [0x75, 'vpcmpeqw'],
  [0x76, 'vpcmpeqd'],
  [0xd1, 'vpsrlw'],
  [0xd2, 'vpsrld'],
  [0xd3, 'vpsrlq'],
  [0xd4, 'vpaddq'],
  [0xd5, 'vpmullw'],
  [0xd8, 'vpsubusb'],
  [0xd9, 'vpsubusw'],
  [0xda, 'vpminub'],
  [0xdb, 'vpand'],
  [0xdc, 'vpaddusb'],
  [0xdd, 'vpaddusw'],
  [0xde, 'vpmaxub'],
  [0xdf, 'vpandn'],
  [0xe0, 'vpavgb'],
  [0xe1, 'vpsraw'],
  [0xe2, 'vpsrad'],
  [0xe3, 'vpavgw'],
  [0xe4, 'vpmulhuw'],
  [0xe5, 'vpmulhw'],
  [0xe8, 'vpsubsb'],
  [0xe9, 'vpsubsw'],
  [0xea, 'vpminsw'],
  [0xeb, 'vpor'],
  [0xec, 'vpaddsb'],
  [0xed, 'vpaddsw'],
  [0xee, 'vpmaxsw'],
  [0xef, 'vpxor'],
  [0xf1, 'vpsllw'],
  [0xf2, 'vpslld'],
  [0xf3, 'vpsllq'],
  [0xf4, 'vpmuludq'],
  [0xf5, 'vpmaddwd'],
  [0xf6, 'vpsadbw'],
  [0xf8, 'vpsubb'],
  [0xf9, 'vpsubw'],
  [0xfa, 'vpsubd'],
  [0xfb, 'vpsubq'],
  [0xfc, 'vpaddb'],
  [0xfd, 'vpaddw'],
  [0xfe, 'vpaddd'],
  [0x14, 'vunpcklpd'],
  [0x15, 'vunpckhpd'],
  [0x54, 'vandpd'],
  [0x55, 'vandnpd'],
  [0x56, 'vorpd'],
  [0x57, 'vxorpd'],
  [0x7c, 'vhaddpd'],
  [0x7d, 'vhsubpd'],
  [0xd0, 'vaddsubpd'],
];
const PACKED_NP_0F: readonly (readonly [number, string])[] = [
  [0x14, 'vunpcklps'],
  [0x15, 'vunpckhps'],
  [0x54, 'vandps'],
  [0x55, 'vandnps'],
  [0x56, 'vorps'],
  [0x57, 'vxorps'],
];
const PACKED_66_0F38: readonly (readonly [number, string])[] = [
  [0x00, 'vpshufb'],
  [0x01, 'vphaddw'],
  [0x02, 'vphaddd'],
  [0x03, 'vphaddsw'],
  [0x04, 'vpmaddubsw'],
  [0x05, 'vphsubw'],
  [0x06, 'vphsubd'],
  [0x07, 'vphsubsw'],
  [0x08, 'vpsignb'],
  [0x09, 'vpsignw'],
  [0x0a, 'vpsignd'],
  [0x0b, 'vpmulhrsw'],
  [0x0c, 'vpermilps'],
  [0x0d, 'vpermilpd'],
  [0x28, 'vpmuldq'],
  [0x29, 'vpcmpeqq'],
  [0x2b, 'vpackusdw'],
  [0x37, 'vpcmpgtq'],
  [0x38, 'vpminsb'],
  [0x39, 'vpminsd'],
  [0x3a, 'vpminuw'],
  [0x3b, 'vpminud'],
  [0x3c, 'vpmaxsb'],
  [0x3d, 'vpmaxsd'],
  [0x3e, 'vpmaxuw'],
  [0x3f, 'vpmaxud'],
  [0x40, 'vpmulld'],
  [0x46, 'vpsravd'],
];

/** FMA: three orders of the operands, ten operations; W chooses double. */
const FMA: readonly (readonly [number, string])[] = [
  [6, 'vfmaddsub'],
  [7, 'vfmsubadd'],
  [8, 'vfmadd'],
  [9, 'vfmadd'],
  [10, 'vfmsub'],
  [11, 'vfmsub'],
  [12, 'vfnmadd'],
  [13, 'vfnmadd'],
  [14, 'vfnmsub'],
  [15, 'vfnmsub'],
];

function fmaRows(): InsnRow[] {
  const scalar = new Set([9, 11, 13, 15]);
  return [
    [0x90, '132'],
    [0xa0, '213'],
    [0xb0, '231'],
  ].flatMap(([base, order]) =>
    FMA.flatMap(([n, name]) =>
      (['W0', 'W1'] as const).map((w) => {
        const kind = `${scalar.has(n) ? 's' : 'p'}${w === 'W0' ? 's' : 'd'}`;
        const opcode = ((base as number) + n).toString(16).toUpperCase();
        const l = scalar.has(n) ? 'LIG' : 'Lx';
        const operand = scalar.has(n) ? `W${kind}` : 'Wx';
        return insn(
          `${name}${order}${kind} Vx,Hx,${operand}`,
          `VEX.${l}.66.0F38.${w} ${opcode} /r`,
          'todo',
          {
            feature: 'fma',
          },
        );
      }),
    ),
  );
}

const AVX = todo('avx', [
  ['vmovups Vx,Wx', 'Lx.NP.0F.WIG 10 /r'],
  ['vmovups Wx,Vx', 'Lx.NP.0F.WIG 11 /r'],
  ['vmovupd Vx,Wx', 'Lx.66.0F.WIG 10 /r'],
  ['vmovupd Wx,Vx', 'Lx.66.0F.WIG 11 /r'],
  ['vmovss Vx,Hx,Wss', 'LIG.F3.0F.WIG 10 /r'],
  ['vmovss Wss,Hx,Vx', 'LIG.F3.0F.WIG 11 /r'],
  ['vmovsd Vx,Hx,Wsd', 'LIG.F2.0F.WIG 10 /r'],
  ['vmovsd Wsd,Hx,Vx', 'LIG.F2.0F.WIG 11 /r'],
  ['vmovaps Vx,Wx', 'Lx.NP.0F.WIG 28 /r'],
  ['vmovaps Wx,Vx', 'Lx.NP.0F.WIG 29 /r'],
  ['vmovapd Vx,Wx', 'Lx.66.0F.WIG 28 /r'],
  ['vmovapd Wx,Vx', 'Lx.66.0F.WIG 29 /r'],
  ['vmovdqa Vx,Wx', 'Lx.66.0F.WIG 6F /r'],
  ['vmovdqa Wx,Vx', 'Lx.66.0F.WIG 7F /r'],
  ['vmovdqu Vx,Wx', 'Lx.F3.0F.WIG 6F /r'],
  ['vmovdqu Wx,Vx', 'Lx.F3.0F.WIG 7F /r'],
  ['vmovd Vdq,Ey', '128.66.0F 6E /r'],
  ['vmovd Ey,Vdq', '128.66.0F 7E /r'],
  ['vmovq Vdq,Wq', '128.F3.0F.WIG 7E /r'],
  ['vmovq Wq,Vdq', '128.66.0F.WIG D6 /r'],
  ['vpshufd Vx,Wx,Ib', 'Lx.66.0F.WIG 70 /r ib'],
  ['vpmovmskb Gy,Ux', 'Lx.66.0F.WIG D7 /r'],
  ['vzeroupper', '128.NP.0F.WIG 77'],
  ['vzeroall', '256.NP.0F.WIG 77'],
  ['vbroadcastss Vx,Wss', 'Lx.66.0F38.W0 18 /r'],
  ['vbroadcastsd Vx,Wsd', '256.66.0F38.W0 19 /r'],
  ['vinsertf128 Vx,Hx,Wdq,Ib', '256.66.0F3A.W0 18 /r ib'],
  ['vextractf128 Wdq,Vx,Ib', '256.66.0F3A.W0 19 /r ib'],
  ['vperm2f128 Vx,Hx,Wx,Ib', '256.66.0F3A.W0 06 /r ib'],
  ['vblendvps Vx,Hx,Wx,Lx', 'Lx.66.0F3A.W0 4A /r is4'],
  ['vblendvpd Vx,Hx,Wx,Lx', 'Lx.66.0F3A.W0 4B /r is4'],
  ['vptest Vx,Wx', 'Lx.66.0F38.WIG 17 /r'],
]);

const AVX2 = todo('avx2', [
  ['vpbroadcastb Vx,Wb', 'Lx.66.0F38.W0 78 /r'],
  ['vpbroadcastw Vx,Ww', 'Lx.66.0F38.W0 79 /r'],
  ['vpbroadcastd Vx,Wd', 'Lx.66.0F38.W0 58 /r'],
  ['vpbroadcastq Vx,Wq', 'Lx.66.0F38.W0 59 /r'],
  ['vinserti128 Vx,Hx,Wdq,Ib', '256.66.0F3A.W0 38 /r ib'],
  ['vextracti128 Wdq,Vx,Ib', '256.66.0F3A.W0 39 /r ib'],
  ['vperm2i128 Vx,Hx,Wx,Ib', '256.66.0F3A.W0 46 /r ib'],
  ['vpermq Vx,Wx,Ib', '256.66.0F3A.W1 00 /r ib'],
  ['vpermd Vx,Hx,Wx', '256.66.0F38.W0 36 /r'],
  ['vpsrlvd Vx,Hx,Wx', 'Lx.66.0F38.W0 45 /r'],
  ['vpsrlvq Vx,Hx,Wx', 'Lx.66.0F38.W1 45 /r'],
  ['vpsllvd Vx,Hx,Wx', 'Lx.66.0F38.W0 47 /r'],
  ['vpsllvq Vx,Hx,Wx', 'Lx.66.0F38.W1 47 /r'],
]);

const BMI = [
  ...todo('bmi1', [
    ['andn Gy,By,Ey', 'LZ.NP.0F38 F2 /r'],
    ['bextr Gy,Ey,By', 'LZ.NP.0F38 F7 /r'],
    ['blsr By,Ey', 'LZ.NP.0F38 F3 /1'],
    ['blsmsk By,Ey', 'LZ.NP.0F38 F3 /2'],
    ['blsi By,Ey', 'LZ.NP.0F38 F3 /3'],
  ]),
  ...todo('bmi2', [
    ['bzhi Gy,Ey,By', 'LZ.NP.0F38 F5 /r'],
    ['pdep Gy,By,Ey', 'LZ.F2.0F38 F5 /r'],
    ['pext Gy,By,Ey', 'LZ.F3.0F38 F5 /r'],
    ['mulx Gy,By,Ey', 'LZ.F2.0F38 F6 /r'],
    ['shlx Gy,Ey,By', 'LZ.66.0F38 F7 /r'],
    ['sarx Gy,Ey,By', 'LZ.F3.0F38 F7 /r'],
    ['shrx Gy,Ey,By', 'LZ.F2.0F38 F7 /r'],
    ['rorx Gy,Ey,Ib', 'LZ.F2.0F3A F0 /r ib'],
  ]),
  ...todo('f16c', [
    ['vcvtph2ps Vx,Wq', 'Lx.66.0F38.W0 13 /r'],
    ['vcvtps2ph Wq,Vx,Ib', 'Lx.66.0F3A.W0 1D /r ib'],
  ]),
];

export const VEX_ROWS: readonly InsnRow[] = [
  ...ARITH.flatMap(([opcode, name]) =>
    SUFFIXES.map(([pp, suffix]) => {
      const packed = suffix.startsWith('p');
      const at = opcode.toString(16).toUpperCase();
      return insn(
        `${name}${suffix} Vx,Hx,${packed ? 'Wx' : `W${suffix}`}`,
        `VEX.${packed ? 'Lx' : 'LIG'}.${pp}.0F.WIG ${at} /r`,
        'todo',
        { feature: 'avx' },
      );
    }),
  ),
  ...threeOperand('66', '0F', PACKED_66_0F),
  ...threeOperand('NP', '0F', PACKED_NP_0F),
  ...threeOperand('66', '0F38', PACKED_66_0F38),
  ...fmaRows(),
  ...AVX,
  ...AVX2,
  ...BMI,
];
