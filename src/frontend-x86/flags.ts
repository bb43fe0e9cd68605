/**
 * EFLAGS: the lazily evaluated condition-code state and its evaluation outside generated code.
 *
 * The state: common/condition-codes.ts. SDM vol. 1, section 3.4.3.
 */

import {
  CC_ADC,
  CC_ADD,
  CC_DEC,
  CC_EFLAGS,
  CC_INC,
  CC_LOGIC,
  CC_MUL,
  CC_SAR,
  CC_SBB,
  CC_SHL,
  CC_SHR,
  CC_SUB,
  type FlagsLayout,
  STATUS_FLAGS,
} from '../common/condition-codes.ts';
import { panic } from '../common/panic.ts';
import { stateWord } from './state.ts';

/** EFLAGS bits. */
export const EFLAGS = {
  CF: 1,
  R1: 2,
  PF: 4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x10000,
  AC: 0x40000,
  ID: 0x200000,
} as const;
export const W_KIND: number = stateWord('ccKind');
export const W_A: number = stateWord('ccA');
export const W_B: number = stateWord('ccB');
export const W_C: number = stateWord('ccC');
export const FLAGS_LAYOUT: FlagsLayout = {
  kind: W_KIND * 4,
  a: W_A * 4,
  b: W_B * 4,
};
const W_DF = stateWord('df');
const W_REST = stateWord('eflagsRest');

/** PF of the low byte: set if the number of ones is even. */
function parity(v: number): number {
  let x = v & 0xff;
  x ^= x >> 4;
  return ((0x9669 >> (x & 15)) & 1) << 2;
}

function ltu64(aLo: number, aHi: number, bLo: number, bHi: number): boolean {
  return aHi === bHi ? aLo >>> 0 < bLo >>> 0 : aHi >>> 0 < bHi >>> 0;
}

/** The six status flags, in EFLAGS positions. */
export function statusFlags(I32: Int32Array): number {
  const kind = I32[W_KIND] as number;
  if (kind < CC_ADD) {
    const flags = (I32[W_A] as number) & STATUS_FLAGS;
    return kind === CC_EFLAGS ? flags : (flags & ~1) | ((I32[W_B] as number) & 1);
  }
  return flagsOf(
    kind,
    I32[W_A] as number,
    I32[W_A + 1] as number,
    I32[W_B] as number,
    I32[W_B + 1] as number,
    I32[W_C] as number,
  );
}

/** Status flags of an operation kind (not CC_EFLAGS, CC_CARRY) over explicit operands. */
export function flagsOf(
  kind: number,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  c: number,
): number {
  return (kind & 3) === 3
    ? flags64(kind & ~3, aLo, aHi, bLo, bHi, c)
    : flags32(kind & ~3, 8 << (kind & 3), aLo, bLo, c);
}

/** Flags of an operation of up to 32 bits: operands are moved to the top of the word. */
function flags32(op: number, bits: number, aLo: number, bLo: number, C: number): number {
  const up = 32 - bits;
  const A = aLo << up;
  const B = bLo << up;
  const one = 1 << up;
  let r = A;
  let a = 0;
  let cf = 0;
  let of = 0;
  let af = 0;
  switch (op) {
    case CC_ADD:
    case CC_ADC: {
      const c = op === CC_ADC ? C & 1 : 0;
      a = c ? r - B - one : r - B;
      cf = +(c ? r >>> 0 <= B >>> 0 : r >>> 0 < B >>> 0);
      of = (a ^ r) & (B ^ r);
      af = a ^ B ^ r;
      break;
    }
    case CC_SUB:
    case CC_SBB: {
      const c = op === CC_SBB ? C & 1 : 0;
      a = A;
      r = (c ? a - B - one : a - B) | 0;
      cf = +(c ? a >>> 0 <= B >>> 0 : a >>> 0 < B >>> 0);
      of = (a ^ B) & (a ^ r);
      af = a ^ B ^ r;
      break;
    }
    case CC_LOGIC:
      break;
    case CC_INC:
      cf = bLo & 1;
      of = r === -0x80000000 ? -1 : 0;
      af = ((r >>> up) & 15) === 0 ? 16 << up : 0;
      break;
    case CC_DEC:
      cf = bLo & 1;
      of = r >>> up === 0x7fffffff >>> up ? -1 : 0;
      af = ((r >>> up) & 15) === 15 ? 16 << up : 0;
      break;
    case CC_SHL:
      cf = C <= bits ? ((B >>> up) >>> (bits - C)) & 1 : 0;
      of = r ^ (cf << 31);
      break;
    case CC_SHR:
      cf = C <= bits ? ((B >>> up) >>> (C - 1)) & 1 : 0;
      of = r ^ B;
      break;
    case CC_SAR:
      cf = ((B >> up) >> Math.min(C - 1, 31)) & 1;
      break;
    case CC_MUL:
      cf = bLo & 1;
      of = -cf;
      break;
    default:
      panic(`cc operation ${op}`);
  }
  return (
    cf |
    parity(r >>> up) |
    ((af >>> up) & 16) |
    (r === 0 ? 0x40 : 0) |
    ((r >>> 24) & 0x80) |
    ((of >>> 20) & 0x800)
  );
}

/** Bit n of hi:lo. */
function bit64(lo: number, hi: number, n: number): number {
  return (n < 32 ? lo >>> n : hi >>> (n - 32)) & 1;
}

function flags64(
  op: number,
  aLo: number,
  aHi: number,
  bLo: number,
  bHi: number,
  C: number,
): number {
  let lo = aLo;
  let hi = aHi;
  let cf = 0;
  let of = 0;
  let af = 0;
  switch (op) {
    case CC_ADD:
    case CC_ADC: {
      const c = op === CC_ADC ? C & 1 : 0;
      const borrow = +((lo >>> 0) - (bLo >>> 0) - c < 0);
      const xHi = hi - bHi - borrow;
      cf = +(c ? !ltu64(bLo, bHi, lo, hi) : ltu64(lo, hi, bLo, bHi));
      of = (xHi ^ hi) & (bHi ^ hi);
      af = (lo - bLo - c) ^ bLo ^ lo;
      break;
    }
    case CC_SUB:
    case CC_SBB: {
      const c = op === CC_SBB ? C & 1 : 0;
      lo = (aLo - bLo - c) | 0;
      hi = (aHi - bHi - +((aLo >>> 0) - (bLo >>> 0) - c < 0)) | 0;
      cf = +(c ? !ltu64(bLo, bHi, aLo, aHi) : ltu64(aLo, aHi, bLo, bHi));
      of = (aHi ^ bHi) & (aHi ^ hi);
      af = aLo ^ bLo ^ lo;
      break;
    }
    case CC_LOGIC:
      break;
    case CC_INC:
      cf = bLo & 1;
      of = hi === -0x80000000 && lo === 0 ? -1 : 0;
      af = (lo & 15) === 0 ? 16 : 0;
      break;
    case CC_DEC:
      cf = bLo & 1;
      of = hi === 0x7fffffff && lo === -1 ? -1 : 0;
      af = (lo & 15) === 15 ? 16 : 0;
      break;
    case CC_SHL:
      cf = bit64(bLo, bHi, 64 - C);
      of = hi ^ (cf << 31);
      break;
    case CC_SHR:
      cf = bit64(bLo, bHi, C - 1);
      of = hi ^ bHi;
      break;
    case CC_SAR:
      cf = bit64(bLo, bHi, C - 1);
      break;
    case CC_MUL:
      cf = bLo & 1;
      of = -cf;
      break;
    default:
      panic(`cc operation ${op}`);
  }
  return (
    cf |
    parity(lo) |
    (af & 16) |
    ((lo | hi) === 0 ? 0x40 : 0) |
    ((hi >>> 24) & 0x80) |
    ((of >>> 20) & 0x800)
  );
}

/** Condition `cc` (low four opcode bits of Jcc) over status flags in EFLAGS positions: 0 or 1. */
export function conditionOf(flags: number, cc: number): number {
  let v = 0;
  switch (cc >> 1) {
    case 0:
      v = flags >> 11;
      break;
    case 1:
      v = flags;
      break;
    case 2:
      v = flags >> 6;
      break;
    case 3:
      v = flags | (flags >> 6);
      break;
    case 4:
      v = flags >> 7;
      break;
    case 5:
      v = flags >> 2;
      break;
    case 6:
      v = (flags >> 7) ^ (flags >> 11);
      break;
    default:
      v = (flags >> 6) | ((flags >> 7) ^ (flags >> 11));
      break;
  }
  return (v ^ cc) & 1;
}

/** EFLAGS (RFLAGS; the upper half is 0) of the current state. IF and bit 1 read as set. */
export function readEflags(I32: Int32Array): number {
  return (
    statusFlags(I32) |
    ((I32[W_DF] as number) << 10) |
    (I32[W_REST] as number) |
    EFLAGS.IF |
    EFLAGS.R1
  );
}

/** What user mode can change besides the status flags and DF. */
const WRITABLE_REST = EFLAGS.TF | EFLAGS.NT | EFLAGS.AC | EFLAGS.ID;

/** Sets EFLAGS as POPF or sigreturn in user mode would: IF and IOPL stay. */
export function writeEflags(I32: Int32Array, v: number): void {
  setStatusFlags(I32, v);
  I32[W_DF] = (v >> 10) & 1;
  I32[W_REST] = v & WRITABLE_REST;
}

export function setStatusFlags(I32: Int32Array, v: number): void {
  I32[W_KIND] = CC_EFLAGS;
  I32[W_A] = v & STATUS_FLAGS;
  I32[W_A + 1] = 0;
}
