/**
 * PCMPISTRI, PCMPISTRM, PCMPESTRI, PCMPESTRM (SDM vol. 1, 12.10 "String/text processing"; vol. 2,
 * 4.1 for the immediate).
 */

import type { HelperFn } from '../ir/helpers.ts';
import { EFLAGS } from './flags.ts';
import { stateWord } from './state.ts';

const RAX = stateWord('rax');
const RDX = stateWord('rdx');
const XMM0 = stateWord('xmm0');

/** Bits of `how` above the immediate. */
const EXPLICIT = 0x100;
const WIDE_LENGTHS = 0x200;
const MASK = 0x400;

/** Elements of the two operands, and how many of them count. */
const A: Int32Array = new Int32Array(16);
const B: Int32Array = new Int32Array(16);

function unpack(I32: Int32Array, at: number, how: number, to: Int32Array): void {
  const words = how & 1;
  const n = words ? 8 : 16;
  for (let i = 0; i < n; i++) {
    const w = words
      ? I32[at + (i >> 1)]! >>> ((i & 1) << 4)
      : I32[at + (i >> 2)]! >>> ((i & 3) << 3);
    const drop = words ? 16 : 24;
    to[i] = how & 2 ? (w << drop) >> drop : (w << drop) >>> drop;
  }
}

function implicitLength(v: Int32Array, n: number): number {
  for (let i = 0; i < n; i++) if (v[i] === 0) return i;
  return n;
}

/** |EAX| or |RAX|, at most n. */
function explicitLength(I32: Int32Array, at: number, wide: boolean, n: number): number {
  const lo = I32[at]!;
  if (!wide) return Math.min(Math.abs(lo), n);
  const hi = I32[at + 1]!;
  if (hi === 0) return Math.min(lo >>> 0, n);
  return hi === -1 && lo !== 0 ? Math.min(-lo >>> 0, n) : n;
}

function equalAny(la: number, lb: number): number {
  let bits = 0;
  for (let j = 0; j < lb; j++) {
    for (let i = 0; i < la; i++) if (A[i] === B[j]) bits |= 1 << j;
  }
  return bits;
}

function ranges(la: number, lb: number): number {
  let bits = 0;
  for (let j = 0; j < lb; j++) {
    for (let i = 0; i + 1 < la; i += 2) if (A[i]! <= B[j]! && B[j]! <= A[i + 1]!) bits |= 1 << j;
  }
  return bits;
}

/** Elements beyond both ends are equal. */
function equalEach(la: number, lb: number, n: number): number {
  let bits = 0;
  for (let i = 0; i < n; i++) {
    if (i < la && i < lb ? A[i] === B[i] : i >= la && i >= lb) bits |= 1 << i;
  }
  return bits;
}

/** Where a occurs in b as a substring (its end may hang over the register's). */
function equalOrdered(la: number, lb: number, n: number): number {
  let bits = 0;
  for (let j = 0; j < n; j++) {
    let match = true;
    for (let i = 0; i < la && j + i < n; i++) match = match && j + i < lb && A[i] === B[j + i];
    if (match) bits |= 1 << j;
  }
  return bits;
}

function aggregate(how: number, la: number, lb: number, n: number): number {
  switch ((how >> 2) & 3) {
    case 0:
      return equalAny(la, lb);
    case 1:
      return ranges(la, lb);
    case 2:
      return equalEach(la, lb, n);
    default:
      return equalOrdered(la, lb, n);
  }
}

/** pcmpstr(a, b, how): low half the index or (MASK) the bits, high half the status flags. */
export const pcmpstr: HelperFn = ({ I32 }, d, a, b, c) => {
  const how = I32[c]!;
  const n = how & 1 ? 8 : 16;
  unpack(I32, a, how, A);
  unpack(I32, b, how, B);
  const wide = (how & WIDE_LENGTHS) !== 0;
  const explicit = (how & EXPLICIT) !== 0;
  const la = explicit ? explicitLength(I32, RAX, wide, n) : implicitLength(A, n);
  const lb = explicit ? explicitLength(I32, RDX, wide, n) : implicitLength(B, n);
  let bits = aggregate(how, la, lb, n);
  const all = (1 << n) - 1;
  if ((how & 0x30) === 0x10) bits ^= all;
  else if ((how & 0x30) === 0x30) bits ^= (1 << lb) - 1;
  const index = bits === 0 ? n : how & 0x40 ? 31 - Math.clz32(bits) : 31 - Math.clz32(bits & -bits);
  I32[d] = how & MASK ? bits : index;
  I32[d + 1] =
    (bits !== 0 ? EFLAGS.CF : 0) |
    (lb < n ? EFLAGS.ZF : 0) |
    (la < n ? EFLAGS.SF : 0) |
    (bits & 1 ? EFLAGS.OF : 0);
  return 0;
};

/** pcmpstrMask(bits, how): XMM0 = the bits, or (imm8[6]) an element of ones for each. */
export const pcmpstrMask: HelperFn = ({ I32 }, _d, a, b) => {
  const bits = I32[a]!;
  const how = I32[b]!;
  I32.fill(0, XMM0, XMM0 + 4);
  if ((how & 0x40) === 0) I32[XMM0] = bits;
  else if (how & 1) {
    for (let i = 0; i < 8; i++)
      if ((bits >> i) & 1) I32[XMM0 + (i >> 1)]! |= 0xffff << ((i & 1) << 4);
  } else {
    for (let i = 0; i < 16; i++)
      if ((bits >> i) & 1) I32[XMM0 + (i >> 2)]! |= 0xff << ((i & 3) << 3);
  }
  return 0;
};
