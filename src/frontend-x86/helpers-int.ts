/** Helpers of integer instructions: division, rotates through carry, flags of rotates, CRC32. */

import type { DivisionLayout } from '../common/division.ts';
import type { HelperEnv, HelperRow } from '../ir/helpers.ts';
import { divide128, divideSigned128, quotient } from './divide.ts';
import { statusFlags } from './flags.ts';
import { CC_VARS, pureHelper } from './helpers-system.ts';
import { stateVar, stateWord } from './state.ts';

const RAX = stateWord('rax');
const RDX = stateWord('rdx');
const DE = 0;

export const DIVISION_LAYOUT: DivisionLayout = { rax: RAX * 4, rdx: RDX * 4 };

/** div8(src): AX / src. */
function div8(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const n = (I32[RAX] as number) & 0xffff;
  const by = (I32[a] as number) & 0xff;
  const q = Math.floor(n / by);
  if (by === 0 || q > 0xff) return env.mem.raise(DE, 0);
  I32[RAX] = ((I32[RAX] as number) & ~0xffff) | q | ((n % by) << 8);
  return 0;
}

function idiv8(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const n = ((I32[RAX] as number) << 16) >> 16;
  const by = ((I32[a] as number) << 24) >> 24;
  const q = Math.trunc(n / by);
  if (by === 0 || q > 0x7f || q < -0x80) return env.mem.raise(DE, 0);
  I32[RAX] = ((I32[RAX] as number) & ~0xffff) | (q & 0xff) | (((n % by) & 0xff) << 8);
  return 0;
}

function div16(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const ax = (I32[RAX] as number) & 0xffff;
  const n = (((I32[RDX] as number) << 16) | ax) >>> 0;
  const by = (I32[a] as number) & 0xffff;
  const q = Math.floor(n / by);
  if (by === 0 || q > 0xffff) return env.mem.raise(DE, 0);
  I32[RAX] = ((I32[RAX] as number) & ~0xffff) | q;
  I32[RDX] = ((I32[RDX] as number) & ~0xffff) | (n % by);
  return 0;
}

function idiv16(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const ax = (I32[RAX] as number) & 0xffff;
  const n = ((I32[RDX] as number) << 16) | ax;
  const by = ((I32[a] as number) << 16) >> 16;
  const q = Math.trunc(n / by);
  if (by === 0 || q > 0x7fff || q < -0x8000) return env.mem.raise(DE, 0);
  I32[RAX] = ((I32[RAX] as number) & ~0xffff) | (q & 0xffff);
  I32[RDX] = ((I32[RDX] as number) & ~0xffff) | ((n % by) & 0xffff);
  return 0;
}

/** EAX and EDX, clearing the upper halves. */
function setPair32(I32: Int32Array, rax: number, rdx: number): number {
  I32[RAX] = rax;
  I32[RAX + 1] = 0;
  I32[RDX] = rdx;
  I32[RDX + 1] = 0;
  return 0;
}

function div32(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const lo = I32[RAX] as number;
  const hi = I32[RDX] as number;
  const by = I32[a] as number;
  if (by >>> 0 <= hi >>> 0) return env.mem.raise(DE, 0);
  divide128(lo, hi, 0, 0, by, 0);
  return setPair32(I32, quotient.qLo, quotient.rLo);
}

function idiv32(env: HelperEnv, _d: number, a: number): number {
  const { I32 } = env;
  const hi = I32[RDX] as number;
  const by = I32[a] as number;
  const sign = hi >> 31;
  if (!divideSigned128(I32[RAX] as number, hi, sign, sign, by, by >> 31))
    return env.mem.raise(DE, 0);
  if (quotient.qHi !== quotient.qLo >> 31) return env.mem.raise(DE, 0);
  return setPair32(I32, quotient.qLo, quotient.rLo);
}

function setPair64(I32: Int32Array): number {
  I32[RAX] = quotient.qLo;
  I32[RAX + 1] = quotient.qHi;
  I32[RDX] = quotient.rLo;
  I32[RDX + 1] = quotient.rHi;
  return 0;
}

type Divide = typeof divide128;

function longDivision(how: Divide): HelperRow['fn'] {
  return (env, _d, a) => {
    const I = env.I32;
    const done = how(
      I[RAX] as number,
      I[RAX + 1] as number,
      I[RDX] as number,
      I[RDX + 1] as number,
      I[a] as number,
      I[a + 1] as number,
    );
    return done ? setPair64(I) : env.mem.raise(DE, 0);
  };
}

const OF = 0x800;

/** Bit `bits - 1` of the value at word `at`. */
function signBit(I32: Int32Array, at: number, bits: number): number {
  return bits === 64 ? (I32[at + 1] as number) >>> 31 : ((I32[at] as number) >>> (bits - 1)) & 1;
}

/**
 * rotateFlags(r, count | bits << 8 | right << 16): status flags after ROL or ROR with result r: CF and
 * OF change, unless the masked count is 0.
 */
function rotateFlags(env: HelperEnv, d: number, a: number, b: number): number {
  const { I32 } = env;
  const how = I32[b] as number;
  const bits = (how >> 8) & 0xff;
  let flags = statusFlags(I32);
  if ((how & 0xff) !== 0) {
    const top = signBit(I32, a, bits);
    const right = how >> 16;
    const next =
      bits === 64 ? ((I32[a + 1] as number) >>> 30) & 1 : ((I32[a] as number) >>> (bits - 2)) & 1;
    const cf = right ? top : (I32[a] as number) & 1;
    const of = right ? top ^ next : top ^ cf;
    flags = (flags & ~(OF | 1)) | cf | (of ? OF : 0);
  }
  I32[d] = flags;
  I32[d + 1] = 0;
  return 0;
}

/** Result of a rotate through carry: value and CF. */
const rc = { lo: 0, hi: 0, cf: 0 };

/** Rotates (cf:value), bits + 1 wide, left by one, `n` times. */
function rotateCarryLeft(lo: number, hi: number, cf: number, bits: number, n: number): void {
  let [l, h, c] = [lo, hi, cf];
  for (let i = 0; i < n; i++) {
    const top = bits === 64 ? h >>> 31 : (l >>> (bits - 1)) & 1;
    h = (h << 1) | (l >>> 31);
    l = (l << 1) | c;
    c = top;
  }
  rc.lo = bits >= 32 ? l : l & ((1 << bits) - 1);
  rc.hi = bits === 64 ? h : 0;
  rc.cf = c;
}

/** Runs RCL or RCR as `count | bits << 8 | right << 16` says, from the CF of the state. */
function rotateCarry(I32: Int32Array, a: number, how: number): void {
  const bits = (how >> 8) & 0xff;
  const n = (how & 0xff) % (bits + 1);
  // Right by n is left by bits + 1 - n.
  const left = how >> 16 && n !== 0 ? bits + 1 - n : n;
  rotateCarryLeft(I32[a] as number, I32[a + 1] as number, statusFlags(I32) & 1, bits, left);
}

/** rotateCarry(value, how): the rotated value. */
function rotateCarryValue(env: HelperEnv, d: number, a: number, b: number): number {
  const { I32 } = env;
  rotateCarry(I32, a, I32[b] as number);
  I32[d] = rc.lo;
  I32[d + 1] = rc.hi;
  return 0;
}

/** rotateCarryFlags(value, how): RCL: OF = top ^ CF after; RCR: the two top bits after, xored. */
function rotateCarryFlags(env: HelperEnv, d: number, a: number, b: number): number {
  const { I32 } = env;
  const how = I32[b] as number;
  const bits = (how >> 8) & 0xff;
  let flags = statusFlags(I32);
  if ((how & 0xff) !== 0) {
    rotateCarry(I32, a, how);
    const top = bits === 64 ? rc.hi >>> 31 : (rc.lo >>> (bits - 1)) & 1;
    const next = bits === 64 ? (rc.hi >>> 30) & 1 : (rc.lo >>> (bits - 2)) & 1;
    const of = how >> 16 ? top ^ next : top ^ rc.cf;
    flags = (flags & ~(OF | 1)) | rc.cf | (of ? OF : 0);
  }
  I32[d] = flags;
  I32[d + 1] = 0;
  return 0;
}

/** CRC-32C (polynomial 0x11EDC6F41, reflected), a byte at a time. */
const CRC32C = new Int32Array(256).map((_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c;
});

/** crc32(crc, data, bytes) */
function crc32(env: HelperEnv, d: number, a: number, b: number, c: number): number {
  const { I32 } = env;
  let crc = I32[a] as number;
  for (let i = 0; i < (I32[c] as number); i++) {
    const byte = (I32[b + (i >> 2)] as number) >>> ((i & 3) * 8);
    crc = (crc >>> 8) ^ (CRC32C[(crc ^ byte) & 0xff] as number);
  }
  I32[d] = crc;
  I32[d + 1] = 0;
  return 0;
}

const gathered: Int32Array = new Int32Array(2);

/** pdep(source, mask): the source's low bits, where the mask has ones. */
function pdep(env: HelperEnv, d: number, a: number, b: number): number {
  const { I32 } = env;
  gathered.fill(0);
  let taken = 0;
  for (let i = 0; i < 64; i++) {
    if (((I32[b + (i >> 5)]! >>> (i & 31)) & 1) === 0) continue;
    gathered[i >> 5]! |= ((I32[a + (taken >> 5)]! >>> (taken & 31)) & 1) << (i & 31);
    taken++;
  }
  I32[d] = gathered[0]!;
  I32[d + 1] = gathered[1]!;
  return 0;
}

/** pext(source, mask): the source's bits where the mask has ones, together at the low end. */
function pext(env: HelperEnv, d: number, a: number, b: number): number {
  const { I32 } = env;
  gathered.fill(0);
  let put = 0;
  for (let i = 0; i < 64; i++) {
    if (((I32[b + (i >> 5)]! >>> (i & 31)) & 1) === 0) continue;
    gathered[put >> 5]! |= ((I32[a + (i >> 5)]! >>> (i & 31)) & 1) << (put & 31);
    put++;
  }
  I32[d] = gathered[0]!;
  I32[d + 1] = gathered[1]!;
  return 0;
}

const RAX_RDX = ['rax', 'rdx'].map(stateVar);

function division(name: string, fn: HelperRow['fn']): HelperRow {
  return { name, result: null, args: ['i64'], reads: RAX_RDX, writes: RAX_RDX, mayFault: true, fn };
}

export const INT_HELPERS: readonly HelperRow[] = [
  division('div8', div8),
  division('div16', div16),
  division('div32', div32),
  division('div64', longDivision(divide128)),
  division('idiv8', idiv8),
  division('idiv16', idiv16),
  division('idiv32', idiv32),
  division('idiv64', longDivision(divideSigned128)),
  pureHelper('rotateFlags', 'i32', ['i64', 'i32'], CC_VARS, rotateFlags),
  pureHelper('rotateCarry', 'i64', ['i64', 'i32'], CC_VARS, rotateCarryValue),
  pureHelper('rotateCarryFlags', 'i32', ['i64', 'i32'], CC_VARS, rotateCarryFlags),
  pureHelper('pdep', 'i64', ['i64', 'i64'], [], pdep),
  pureHelper('pext', 'i64', ['i64', 'i64'], [], pext),
  pureHelper('crc32', 'i32', ['i32', 'i64', 'i32'], [], crc32),
];
