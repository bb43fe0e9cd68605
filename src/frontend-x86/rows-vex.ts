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
  [0x0c, 'vpermilps'],
  [0x0d, 'vpermilpd'],
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
  ['vblendvps Vx,Hx,Wx,Lx', 'Lx.66.0F3A.W0 4A /r is4'],
  ['vblendvpd Vx,Hx,Wx,Lx', 'Lx.66.0F3A.W0 4B /r is4'],
]);

const F16C = todo('f16c', [
  ['vcvtph2ps Vx,Wq', 'Lx.66.0F38.W0 13 /r'],
  ['vcvtps2ph Wq,Vx,Ib', 'Lx.66.0F3A.W0 1D /r ib'],
]);

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
  ...F16C,
];
