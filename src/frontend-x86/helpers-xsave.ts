/** XSAVE, XSAVEOPT, XSAVEC and XRSTOR in guest memory (SDM vol. 1, chapter 13; images: xsave.ts). */

import { SCRATCH_BASE } from '../common/layout.ts';
import type { HelperEnv, HelperFn, HelperRow } from '../ir/helpers.ts';
import { stateVar, stateWord } from './state.ts';
import { X87_VARS } from './x87-state.ts';
import {
  componentRanges,
  inUse,
  SUPPORTED,
  writeImage,
  XSAVE_SIZE,
  XSTATE_BV,
  xrstor,
} from './xsave.ts';

const IMAGE = SCRATCH_BASE + 0xc00;
const RAX = stateWord('rax');
const VECTOR_GP = 13;

/** `how` of xsave: the compacted format (XSAVEC). */
export const XSAVE_COMPACTED = 1;

/** Host offset of `size` bytes (inside a 64-byte line) of the area, for reading or writing; or a fault. */
function line(env: HelperEnv, a: number, offset: number, size: number, write: boolean): number {
  const { I32, mem } = env;
  const sum = (I32[a]! >>> 0) + offset;
  const hi = (I32[a + 1]! + (sum > 0xffffffff ? 1 : 0)) | 0;
  return write ? mem.writable(sum | 0, hi, size) : mem.read(sum | 0, hi, size);
}

/** xsave(address, how): the components in EAX. #GP(0) unless the address is a multiple of 64. */
const xsave: HelperFn = (env, _d, a, b) => {
  const { I32, U8 } = env;
  if (I32[a]! & 63) return env.mem.raise(VECTOR_GP, 0);
  const components = I32[RAX]! & SUPPORTED;
  const compacted = (I32[b]! & XSAVE_COMPACTED) !== 0;
  const old = line(env, a, XSTATE_BV, 8, false);
  if (old < 0) return old;
  const before = env.D.getUint8(old);
  writeImage(env, IMAGE, components, compacted, before);
  // All must be writable before any is written.
  for (const write of [false, true]) {
    for (const [from, to] of componentRanges(components, compacted)) {
      for (let at = from; at < to; at += 8) {
        const host = line(env, a, at, 8, true);
        if (host < 0) return host;
        if (write) U8.copyWithin(host, IMAGE + at, IMAGE + at + 8);
      }
    }
  }
  return 0;
};

/** xrstor(address): the components in EAX, initial where the image has none. */
const xrstorHelper: HelperFn = (env, _d, a) => {
  const { I32, U8 } = env;
  if (I32[a]! & 63) return env.mem.raise(VECTOR_GP, 0);
  const components = I32[RAX]! & SUPPORTED;
  const size = components & 4 ? XSAVE_SIZE : XSTATE_BV + 64;
  for (let at = 0; at < size; at += 64) {
    const host = line(env, a, at, 64, false);
    if (host < 0) return host;
    U8.copyWithin(IMAGE + at, host, host + 64);
  }
  return xrstor(env, IMAGE, components) ? 0 : env.mem.raise(VECTOR_GP, 0);
};

const STATE = [...X87_VARS, ...['fpOpcode', 'fpIp', 'fpDp', 'mxcsr'].map(stateVar)];
const READS = [...STATE, stateVar('rax')];

/** xgetbv(number): XCR0 for 0, the components in use for 1, else #GP(0). */
const xgetbv: HelperFn = (env, d, a) => {
  const n = env.I32[a]!;
  if (n !== 0 && n !== 1) return env.mem.raise(VECTOR_GP, 0);
  env.I32[d] = n === 0 ? SUPPORTED : inUse(env);
  env.I32[d + 1] = 0;
  return 0;
};

export const XSAVE_HELPERS: readonly HelperRow[] = [
  {
    name: 'xgetbv',
    result: 'i32',
    args: ['i32'],
    reads: STATE,
    writes: [],
    mayFault: true,
    fn: xgetbv,
  },
  {
    name: 'xsave',
    result: null,
    args: ['i64', 'i32'],
    reads: READS,
    writes: [],
    mayFault: true,
    fn: xsave,
  },
  {
    name: 'xrstor',
    result: null,
    args: ['i64'],
    reads: 'all',
    writes: 'all',
    mayFault: true,
    fn: xrstorHelper,
  },
];
