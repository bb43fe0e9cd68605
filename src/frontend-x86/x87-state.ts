/**
 * The x87 register stack and status word, for the x87 helpers.
 *
 * Physical register i is four words at X87_BASE: significand low, high, then sign and exponent in
 * the low 16 bits of the third. fpTags has a bit per physical register, set if it is not empty.
 * fpSw keeps ES and B (bits 7 and 15) up to date, and leaves TOP out.
 *
 * An instruction: `begin` (pending exceptions), operands, one of the operations of soft-float,
 * `complete`. Unmasked invalid, denormal and divide-by-zero exceptions leave registers, stack and
 * memory as they were; the exception itself is raised by the next waiting instruction.
 */

import { C1, type X87Layout } from '../common/x87.ts';
import { DE, IE, OE, PE, UE, ZE } from '../ir/fp-env.ts';
import type { HelperEnv } from '../ir/helpers.ts';
import {
  F80,
  F80_24,
  F80_53,
  type Format,
  loadF80,
  type Num,
  packF80,
  setDefaultNan,
} from '../ir/softfloat/num.ts';
import { clearFlags, fpFlags, raiseFlags, round, roundedUp } from '../ir/softfloat/round.ts';
import { stateVar, stateWord, X87_BASE } from './state.ts';

export const CW: number = stateWord('fpCw');
export const SW: number = stateWord('fpSw');
export const TOP: number = stateWord('fpTop');
export const TAGS: number = stateWord('fpTags');
/** What x87 helpers read and write besides the registers themselves. */
export const X87_VARS: readonly number[] = ['fpCw', 'fpSw', 'fpTop', 'fpTags'].map(stateVar);

export const X87_LAYOUT: X87Layout = {
  registers: X87_BASE,
  control: CW * 4,
  status: SW * 4,
  top: TOP * 4,
  tags: TAGS * 4,
};

/** Status word: stack fault, error summary and busy. */
export const SF = 0x40;
const ES_B = 0x8080;
/** Exceptions that prevent the operation if unmasked. */
const PRE = IE | DE | ZE;
const VECTOR_MF = 16;

/** @returns 0, or -1: an unmasked exception of an earlier instruction is raised now (#MF) */
export function begin(env: HelperEnv): number {
  if (env.I32[SW]! & 0x80) return env.mem.raise(VECTOR_MF, 0);
  clearFlags();
  return 0;
}

/** Word index of ST(i). */
export function stWord(I32: Int32Array, i: number): number {
  return (X87_BASE >> 2) + 4 * ((I32[TOP]! + i) & 7);
}

export function isEmpty(I32: Int32Array, i: number): boolean {
  return ((I32[TAGS]! >> ((I32[TOP]! + i) & 7)) & 1) === 0;
}

export function setTag(I32: Int32Array, i: number, valid: boolean): void {
  const bit = 1 << ((I32[TOP]! + i) & 7);
  I32[TAGS] = valid ? I32[TAGS]! | bit : I32[TAGS]! & ~bit;
}

export function loadSt(I32: Int32Array, i: number, r: Num): void {
  const w = stWord(I32, i);
  loadF80(I32[w]!, I32[w + 1]!, I32[w + 2]!, r);
}

export function storeSt(I32: Int32Array, i: number, r: Num): void {
  packF80(r, I32, stWord(I32, i));
  setTag(I32, i, true);
}

export function copySt(I32: Int32Array, from: number, to: number): void {
  const f = stWord(I32, from);
  const t = stWord(I32, to);
  I32[t] = I32[f]!;
  I32[t + 1] = I32[f + 1]!;
  I32[t + 2] = I32[f + 2]!;
  setTag(I32, to, true);
}

export function pop(I32: Int32Array): void {
  setTag(I32, 0, false);
  I32[TOP] = (I32[TOP]! + 1) & 7;
}

/** Makes room for a new ST(0), which the caller then writes. */
export function push(I32: Int32Array): void {
  I32[TOP] = (I32[TOP]! - 1) & 7;
}

/** Adds exceptions to the status word, and ES and B if one is unmasked. */
export function setExceptions(I32: Int32Array, flags: number): void {
  const sw = I32[SW]! | flags;
  I32[SW] = flags & 0x3f & ~I32[CW]! ? sw | ES_B : sw;
}

/** After a change of the control word or the flags: ES and B say whether one is unmasked. */
export function updateSummary(I32: Int32Array): void {
  const sw = I32[SW]! & ~ES_B;
  I32[SW] = sw & 0x3f & ~I32[CW]! ? sw | ES_B : sw;
}

/** The control word's reserved bits: bit 6 reads as 1, bits 13 to 15 and 7 as 0. */
export function setControl(I32: Int32Array, cw: number): void {
  I32[CW] = (cw & 0x1f3f) | 0x40;
  updateSummary(I32);
}

/** Replaces condition codes: `mask` which, `bits` their values. */
export function setCodes(I32: Int32Array, mask: number, bits: number): void {
  I32[SW] = (I32[SW]! & ~mask) | bits;
}

/** Whether the exceptions raised so far in this instruction prevent its result. */
export function blocked(I32: Int32Array): boolean {
  return (fpFlags & PRE & ~I32[CW]!) !== 0;
}

export function rounding(I32: Int32Array): number {
  return (I32[CW]! >> 10) & 3;
}

/** The format that precision control selects. */
export function precision(I32: Int32Array): Format {
  const pc = (I32[CW]! >> 8) & 3;
  return pc === 0 ? F80_24 : pc === 2 ? F80_53 : F80;
}

/** Rounds to a register format; unmasked overflow and underflow give wrapped exponents. */
export function roundTo(I32: Int32Array, r: Num, f: Format): void {
  round(r, f, rounding(I32), ~I32[CW]! & (OE | UE), false);
}

/** Records the flags of a finished operation, and C1: an inexact result was rounded up. */
export function complete(I32: Int32Array): void {
  setCodes(I32, C1, fpFlags & PE && roundedUp ? C1 : 0);
  setExceptions(I32, fpFlags);
}

/**
 * Stack underflow of an instruction with a result.
 * @returns whether the masked response (the indefinite, in `r`) is to be delivered
 */
export function underflow(I32: Int32Array, r: Num): boolean {
  raiseFlags(IE);
  setCodes(I32, C1, 0);
  setExceptions(I32, IE | SF);
  setDefaultNan(r);
  return (I32[CW]! & IE) !== 0;
}

/** Stack overflow: the same for a push. */
export function overflow(I32: Int32Array, r: Num): boolean {
  raiseFlags(IE);
  setExceptions(I32, IE | SF);
  setCodes(I32, C1, C1);
  setDefaultNan(r);
  return (I32[CW]! & IE) !== 0;
}

/**
 * Pushes `r`, or (masked stack overflow) the indefinite. Flags raised so far are recorded.
 * @param preventing exceptions that prevent it if unmasked
 */
export function pushResult(I32: Int32Array, r: Num, preventing: number = PRE): void {
  if (!isEmpty(I32, -1)) {
    if (!overflow(I32, r)) return;
  } else {
    complete(I32);
    if (fpFlags & preventing & ~I32[CW]!) return;
  }
  push(I32);
  storeSt(I32, 0, r);
}
