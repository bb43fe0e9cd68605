/**
 * The semantics of all operations of class 'slot', by name: what the interpreter calls, and what
 * backends call or emit in line.
 */

import type { SlotOpName } from './ops.ts';
import { AES_FNS } from './slot-aes.ts';
import type { SlotFn } from './slot-fn.ts';
import { FP_FNS, FP_INLINE } from './slot-fp.ts';
import { SHA_FNS } from './slot-sha.ts';
import { type InlineText, LANE_FNS, WORD_INLINE } from './slot-vec.ts';
import { MOVE_FNS } from './slot-vec-move.ts';
import { SHIFT_FNS } from './slot-vec-shift.ts';
import { WIDE_FNS } from './slot-vec-wide.ts';

export type { SlotFn } from './slot-fn.ts';
export type { InlineText } from './slot-vec.ts';

export const SLOT_FNS: Record<SlotOpName, SlotFn> = {
  ...LANE_FNS,
  ...MOVE_FNS,
  ...SHIFT_FNS,
  ...WIDE_FNS,
  ...SHA_FNS,
  ...AES_FNS,
  ...FP_FNS,
};

/** All four words are read before one is written. */
function four(d: string, w0: string, w1: string, w2: string, w3: string): string {
  return `{ const w0 = ${w0}, w1 = ${w1}, w2 = ${w2}, w3 = ${w3}; I32[${d}] = w0; I32[${d} + 1] = w1; I32[${d} + 2] = w2; I32[${d} + 3] = w3; }`;
}

const vmov: InlineText = (d, a) =>
  `{ const w0 = I32[${a}], w1 = I32[${a} + 1], w2 = I32[${a} + 2], w3 = I32[${a} + 3]; I32[${d}] = w0; I32[${d} + 1] = w1; I32[${d} + 2] = w2; I32[${d} + 3] = w3; }`;
const two: InlineText = (d, a) =>
  `{ const w0 = I32[${a}], w1 = I32[${a} + 1]; I32[${d}] = w0; I32[${d} + 1] = w1; }`;

/**
 * Operations worth emitting in line: JavaScript statements (one block) over `I32`, `F32`, `F64`
 * with word-index expressions. `$SLOW` in it stands for a statement that calls the operation's
 * function (SLOT_FNS) with the same operands and leaves on -1; `_q` and `_f` are
 * explained in slot-fp.ts; `Math` is the only global named.
 */
export const SLOT_INLINE: Partial<Record<SlotOpName, InlineText>> = {
  ...FP_INLINE,
  ...WORD_INLINE,
  vzero: (d) => `{ F64[${d} >> 1] = 0; F64[(${d} >> 1) + 1] = 0; }`,
  vmov,
  'vmov.64': two,
  'vbits.64': two,
  'vmov.32': (d, a) => `{ I32[${d}] = I32[${a}]; }`,
  'vbits.32': (d, a) => `{ I32[${d}] = I32[${a}]; I32[${d} + 1] = 0; }`,
  'vget.32': (d, a, _b, _c, imm) => `{ I32[${d}] = I32[${a} + ${imm}]; I32[${d} + 1] = 0; }`,
  'vget.64': (d, a, _b, _c, imm) => two(d, `${a} + ${2 * imm}`, '', '', 0),
  'vzx.32': (d, a) =>
    `{ I32[${d}] = I32[${a}]; I32[${d} + 1] = 0; I32[${d} + 2] = 0; I32[${d} + 3] = 0; }`,
  'vzx.64': (d, a) =>
    `{ const w0 = I32[${a}], w1 = I32[${a} + 1]; I32[${d}] = w0; I32[${d} + 1] = w1; I32[${d} + 2] = 0; I32[${d} + 3] = 0; }`,
  'vshuf.i32x4': (d, a, _b, _c, imm) => {
    const w = (i: number): string => `I32[${a} + ${(imm >> (2 * i)) & 3}]`;
    return four(d, w(0), w(1), w(2), w(3));
  },
  'vunpcklo.i32x4': (d, a, b) =>
    four(d, `I32[${a}]`, `I32[${b}]`, `I32[${a} + 1]`, `I32[${b} + 1]`),
  'vunpcklo.i64x2': (d, a, b) =>
    four(d, `I32[${a}]`, `I32[${a} + 1]`, `I32[${b}]`, `I32[${b} + 1]`),
  'vunpckhi.i64x2': (d, a, b) =>
    four(d, `I32[${a} + 2]`, `I32[${a} + 3]`, `I32[${b} + 2]`, `I32[${b} + 3]`),
};
