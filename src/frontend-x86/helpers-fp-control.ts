/**
 * Helpers that manage floating-point state: x87 control instructions and environments, MMX entry,
 * MXCSR, FXSAVE (SDM vol. 1, 8.1, 8.3.9, 9.5, 10.5).
 *
 *   FNSTENV, 32-bit form            FNSAVE: the environment, then ST(0) to ST(7), 10 bytes each
 *    0 control word   4 status word   8 tag word   12 FIP   16 FCS, FOP   20 FDP   24 FDS
 *   16-bit form: seven words, the same order.
 */

import { SCRATCH_BASE } from '../common/layout.ts';
import { C1 } from '../common/x87.ts';
import type { HelperEnv, HelperFn } from '../ir/helpers.ts';
import { fxrstor, fxsave, MXCSR_MASK } from './fxsave.ts';
import { stateWord, X87_BASE } from './state.ts';
import {
  begin,
  CW,
  pop,
  push,
  SW,
  setCodes,
  setControl,
  setTag,
  TAGS,
  TOP,
  updateSummary,
} from './x87-state.ts';

const MXCSR = stateWord('mxcsr');
const OPCODE = stateWord('fpOpcode');
const IP = stateWord('fpIp');
const DP = stateWord('fpDp');
const VECTOR_GP = 13;
/** Images are assembled here: the last KiB of the scratch area. */
const IMAGE = SCRATCH_BASE + 0xc00;

/** x87Check(): FWAIT, and the first thing MMX instructions with other faults do. */
export const x87Check: HelperFn = (env) => begin(env);

function enterMmx(I32: Int32Array): void {
  I32[TOP] = 0;
  I32[TAGS] = 0xff;
}

export const mmxEnter: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  enterMmx(env.I32);
  return 0;
};

/** mmxWrite(value, n): MMn = value. */
export const mmxWrite: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  enterMmx(I32);
  const w = (X87_BASE >> 2) + 4 * I32[b]!;
  I32[w] = I32[a]!;
  I32[w + 1] = I32[a + 1]!;
  I32[w + 2] = 0xffff;
  return 0;
};

/** EMMS: all registers empty. */
export const emms: HelperFn = (env) => {
  if (begin(env) < 0) return -1;
  env.I32[TOP] = 0;
  env.I32[TAGS] = 0;
  return 0;
};

/** x87Ldcw(value) */
export const x87Ldcw: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  setControl(env.I32, env.I32[a]!);
  return 0;
};

function statusWord(I32: Int32Array): number {
  return (I32[SW]! & 0xffff) | (I32[TOP]! << 11);
}

/** x87Sw(): the status word with TOP. */
export const x87Sw: HelperFn = ({ I32 }, d) => {
  I32[d] = statusWord(I32);
  I32[d + 1] = 0;
  return 0;
};

export const x87Clex: HelperFn = ({ I32 }) => {
  I32[SW] = I32[SW]! & 0x7f00;
  return 0;
};

function init(I32: Int32Array): void {
  I32[CW] = 0x37f;
  I32[SW] = 0;
  I32[TOP] = 0;
  I32[TAGS] = 0;
  I32[OPCODE] = 0;
  I32.fill(0, IP, IP + 2);
  I32.fill(0, DP, DP + 2);
}

export const x87Init: HelperFn = ({ I32 }) => {
  init(I32);
  return 0;
};

/** x87Free(i): FFREE. */
export const x87Free: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  setCodes(env.I32, C1, 0);
  setTag(env.I32, env.I32[a]!, false);
  return 0;
};

/** FFREEP: FFREE ST(i), then pop. */
export const x87FreePop: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  setCodes(env.I32, C1, 0);
  setTag(env.I32, env.I32[a]!, false);
  pop(env.I32);
  return 0;
};

/** x87Rotate(by): FINCSTP (1), FDECSTP (0): TOP only. */
export const x87Rotate: HelperFn = (env, _d, a) => {
  if (begin(env) < 0) return -1;
  const { I32 } = env;
  setCodes(I32, C1, 0);
  if (I32[a] === 1) I32[TOP] = (I32[TOP]! + 1) & 7;
  else push(I32);
  return 0;
};

/** Tag word of two bits per physical register: valid, zero, special, empty. */
function fullTags(I32: Int32Array): number {
  let tags = 0;
  for (let i = 0; i < 8; i++) {
    const w = (X87_BASE >> 2) + 4 * i;
    const e = I32[w + 2]! & 0x7fff;
    let tag = 0;
    if (((I32[TAGS]! >> i) & 1) === 0) tag = 3;
    else if (e === 0 && (I32[w]! | I32[w + 1]!) === 0) tag = 1;
    else if (e === 0 || e === 0x7fff || I32[w + 1]! >= 0) tag = 2;
    tags |= tag << (2 * i);
  }
  return tags;
}

/** Assembles the environment at IMAGE. @returns its size */
function storeEnv(env: HelperEnv, wide: boolean): number {
  const { D, I32 } = env;
  const words = [
    I32[CW]!,
    statusWord(I32),
    fullTags(I32),
    I32[IP]!,
    I32[OPCODE]! << 16,
    I32[DP]!,
    0,
  ];
  words.forEach((w, i) => {
    if (!wide) D.setInt16(IMAGE + 2 * i, w, true);
    // The upper halves of control, status and tag words are stored as ones.
    else D.setInt32(IMAGE + 4 * i, i < 3 || i === 6 ? w | 0xffff0000 : w, true);
  });
  return wide ? 28 : 14;
}

/** x87Stenv(address, operand size): FNSTENV, which then masks all exceptions. */
export const x87Stenv: HelperFn = (env, _d, a, b) => {
  const { I32 } = env;
  const size = storeEnv(env, I32[b] !== 2);
  const status = env.mem.writeBytes(I32[a]!, I32[a + 1]!, IMAGE, size);
  if (status < 0) return status;
  I32[CW] = I32[CW]! | 0x3f;
  updateSummary(I32);
  return 0;
};

/** x87Save(address, operand size): FNSAVE, which then initialises. */
export const x87Save: HelperFn = (env, _d, a, b) => {
  const { I32, U8 } = env;
  let at = storeEnv(env, I32[b] !== 2);
  for (let i = 0; i < 8; i++) {
    const from = X87_BASE + 16 * ((I32[TOP]! + i) & 7);
    U8.copyWithin(IMAGE + at, from, from + 10);
    at += 10;
  }
  const status = env.mem.writeBytes(I32[a]!, I32[a + 1]!, IMAGE, at);
  if (status < 0) return status;
  init(I32);
  return 0;
};

/** Copies `size` bytes of guest memory to IMAGE, 64 at a time. */
function fetch(env: HelperEnv, lo: number, hi: number, size: number): boolean {
  for (let done = 0; done < size; done += 64) {
    const part = Math.min(64, size - done);
    const sum = (lo >>> 0) + done;
    const from = env.mem.read(sum | 0, hi + (sum > 0xffffffff ? 1 : 0), part);
    if (from < 0) return false;
    env.U8.copyWithin(IMAGE + done, from, from + part);
  }
  return true;
}

/** Loads control, status and tag words from IMAGE. @returns the environment's size */
function loadEnv(env: HelperEnv, wide: boolean): number {
  const { D, I32 } = env;
  const step = wide ? 4 : 2;
  const word = (i: number): number => D.getUint16(IMAGE + step * i, true);
  const sw = word(1);
  const tags = word(2);
  I32[TOP] = (sw >> 11) & 7;
  I32[SW] = sw & 0x47ff;
  let valid = 0;
  for (let i = 0; i < 8; i++) if (((tags >> (2 * i)) & 3) !== 3) valid |= 1 << i;
  I32[TAGS] = valid;
  I32[IP] = wide ? D.getInt32(IMAGE + 12, true) : word(3);
  I32[IP + 1] = 0;
  I32[DP] = wide ? D.getInt32(IMAGE + 20, true) : word(5);
  I32[DP + 1] = 0;
  I32[OPCODE] = wide ? D.getUint16(IMAGE + 18, true) & 0x7ff : 0;
  setControl(I32, word(0));
  return 7 * step;
}

export const x87Ldenv: HelperFn = (env, _d, a, b) => {
  if (begin(env) < 0) return -1;
  const wide = env.I32[b] !== 2;
  if (!fetch(env, env.I32[a]!, env.I32[a + 1]!, wide ? 28 : 14)) return -1;
  loadEnv(env, wide);
  return 0;
};

export const x87Rstor: HelperFn = (env, _d, a, b) => {
  const { I32, U8 } = env;
  if (begin(env) < 0) return -1;
  const wide = I32[b] !== 2;
  if (!fetch(env, I32[a]!, I32[a + 1]!, wide ? 108 : 94)) return -1;
  let at = IMAGE + loadEnv(env, wide);
  for (let i = 0; i < 8; i++) {
    U8.copyWithin(X87_BASE + 16 * ((I32[TOP]! + i) & 7), at, at + 10);
    at += 10;
  }
  return 0;
};

/** ldmxcsr(value): reserved bits are #GP(0). */
export const ldmxcsr: HelperFn = (env, _d, a) => {
  const v = env.I32[a]!;
  if (v & ~MXCSR_MASK) return env.mem.raise(VECTOR_GP, 0);
  env.I32[MXCSR] = v;
  return 0;
};

/** fxsave(address): #GP(0) unless 16-byte aligned. Bytes from 416 on are not written. */
export const fxsaveHelper: HelperFn = (env, _d, a) => {
  const { I32 } = env;
  if (I32[a]! & 15) return env.mem.raise(VECTOR_GP, 0);
  // CPUs probe the last byte first.
  const last = (I32[a]! >>> 0) + 511;
  const end = env.mem.writable(last | 0, I32[a + 1]! + (last > 0xffffffff ? 1 : 0), 1);
  if (end < 0) return end;
  fxsave(env, IMAGE);
  // Sixteen bytes never cross a page; all must be writable before any is written.
  for (const write of [false, true]) {
    for (let at = 0; at < 416; at += 16) {
      const sum = (I32[a]! >>> 0) + at;
      const to = env.mem.writable(sum | 0, I32[a + 1]! + (sum > 0xffffffff ? 1 : 0), 16);
      if (to < 0) return to;
      if (write) env.U8.copyWithin(to, IMAGE + at, IMAGE + at + 16);
    }
  }
  return 0;
};

export const fxrstorHelper: HelperFn = (env, _d, a) => {
  const { I32 } = env;
  if (I32[a]! & 15) return env.mem.raise(VECTOR_GP, 0);
  if (!fetch(env, I32[a]!, I32[a + 1]!, 512)) return -1;
  return fxrstor(env, IMAGE) ? 0 : env.mem.raise(VECTOR_GP, 0);
};

/** maskmov(address, value, mask): bytes whose mask byte is negative. */
export const maskmov: HelperFn = (env, _d, a, b, c) => {
  const { I32 } = env;
  for (let i = 0; i < 16; i++) {
    const shift = (i & 3) << 3;
    if (((I32[c + (i >> 2)]! >> shift) & 0x80) === 0) continue;
    const sum = (I32[a]! >>> 0) + i;
    const hi = I32[a + 1]! + (sum > 0xffffffff ? 1 : 0);
    const status = env.mem.write8(sum | 0, hi, (I32[b + (i >> 2)]! >> shift) & 0xff);
    if (status < 0) return status;
  }
  return 0;
};
