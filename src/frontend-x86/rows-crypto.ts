/**
 * AES and carry-less multiplication: the SSE forms, the VEX forms of 128 bits (with AVX), and those of 256 bits,
 * which do the same to both halves (VAES, VPCLMULQDQ). SDM vol. 1, 12.13 and 14.7.
 */

import type { SlotOpName } from '../ir/ops.ts';
import { binary, binaryImm, unary, unaryImm } from './lift-sse.ts';
import { vexBinary, vexBinaryImm, vexUnary, vexUnaryImm } from './lift-vex.ts';
import { type InsnRow, insn } from './table-format.ts';

const AES = { feature: 'aes', aligned: true } as const;
const AES_VEX = { feature: 'aes avx' } as const;
const PCLMUL = { feature: 'pclmulqdq', aligned: true } as const;

const ROUNDS: readonly (readonly [opcode: string, name: string, op: SlotOpName])[] = [
  ['DC', 'aesenc', 'vaesenc'],
  ['DD', 'aesenclast', 'vaesenclast'],
  ['DE', 'aesdec', 'vaesdec'],
  ['DF', 'aesdeclast', 'vaesdeclast'],
];

export const CRYPTO_ROWS: readonly InsnRow[] = [
  ...ROUNDS.flatMap(([opcode, name, op]) => [
    insn(`${name} Vdq,Wdq`, `66 0F 38 ${opcode} /r`, binary(op), AES),
    insn(`v${name} Vdq,Hdq,Wdq`, `VEX.128.66.0F38.WIG ${opcode} /r`, vexBinary(op), AES_VEX),
    insn(`v${name} Vqq,Hqq,Wqq`, `VEX.256.66.0F38.WIG ${opcode} /r`, vexBinary(op), {
      feature: 'vaes',
    }),
  ]),
  insn('aesimc Vdq,Wdq', '66 0F 38 DB /r', unary('vaesimc'), AES),
  insn('vaesimc Vdq,Wdq', 'VEX.128.66.0F38.WIG DB /r', vexUnary('vaesimc'), AES_VEX),
  insn('aeskeygenassist Vdq,Wdq,Ib', '66 0F 3A DF /r ib', unaryImm('vaeskeygen'), AES),
  insn(
    'vaeskeygenassist Vdq,Wdq,Ib',
    'VEX.128.66.0F3A.WIG DF /r ib',
    vexUnaryImm('vaeskeygen'),
    AES_VEX,
  ),
  insn('pclmulqdq Vdq,Wdq,Ib', '66 0F 3A 44 /r ib', binaryImm('vclmul'), PCLMUL),
  insn('vpclmulqdq Vdq,Hdq,Wdq,Ib', 'VEX.128.66.0F3A.WIG 44 /r ib', vexBinaryImm('vclmul'), {
    feature: 'pclmulqdq avx',
  }),
  insn('vpclmulqdq Vqq,Hqq,Wqq,Ib', 'VEX.256.66.0F3A.WIG 44 /r ib', vexBinaryImm('vclmul'), {
    feature: 'vpclmulqdq',
  }),
];
