/** Helpers for exceptions, EFLAGS, CPUID, the time-stamp counter and random numbers. */

import { ENG_CPU_LEVEL, ENG_FAULT_HI, ENG_FAULT_LO } from '../common/layout.ts';
import type { HelperEnv, HelperRow } from '../ir/helpers.ts';
import type { Field } from '../ir/ops.ts';
import { cpuid } from './cpuid.ts';
import { conditionOf, flagsOf, readEflags, statusFlags, writeEflags } from './flags.ts';
import { stateVar, stateWord } from './state.ts';

/** The condition-code state. */
export const CC_VARS: readonly number[] = ['ccKind', 'ccA', 'ccB', 'ccC'].map(stateVar);
export const EFLAGS_VARS: readonly number[] = [...CC_VARS, stateVar('df'), stateVar('eflagsRest')];

const RAX = stateWord('rax');
const RBX = stateWord('rbx');
const RCX = stateWord('rcx');
const RDX = stateWord('rdx');
const EFLAGS_REST = stateWord('eflagsRest');

/** A helper without effects: removable when its result is not used. */
export function pureHelper(
  name: string,
  result: Field,
  args: readonly Field[],
  reads: readonly number[],
  fn: HelperRow['fn'],
): HelperRow {
  return { name, result, args, reads, writes: [], mayFault: false, fn };
}

function setWord(I32: Int32Array, at: number, v: number): void {
  I32[at] = v;
  I32[at + 1] = 0;
}

/** raise(vector, error): an exception with the state before this instruction. */
function raise(env: HelperEnv, _d: number, a: number, b: number): number {
  env.mem.raise(env.I32[a] as number, env.I32[b] as number);
  return -1;
}

/** trap(vector): sets the engine words; the block then exits with the next pc. */
function trap(env: HelperEnv, _d: number, a: number): number {
  env.mem.raise(env.I32[a] as number, 0);
  return 0;
}

/** fetchFault(address, error): #PF of an instruction fetch. */
function fetchFault(env: HelperEnv, _d: number, a: number, b: number): number {
  const { I32 } = env;
  I32[ENG_FAULT_LO] = I32[a] as number;
  I32[ENG_FAULT_HI] = I32[a + 1] as number;
  env.mem.raise(14, I32[b] as number);
  return -1;
}

function eflags(env: HelperEnv, d: number): number {
  setWord(env.I32, d, statusFlags(env.I32));
  return 0;
}

function condition(env: HelperEnv, d: number, a: number): number {
  setWord(env.I32, d, conditionOf(statusFlags(env.I32), env.I32[a] as number));
  return 0;
}

/**
 * shiftFlags(r, a, count | kind << 8): status flags after a shift of a by count with result r; count 0
 * leaves the flags of the state.
 */
function shiftFlags(env: HelperEnv, d: number, a: number, b: number, c: number): number {
  const { I32 } = env;
  const count = (I32[c] as number) & 0xff;
  const kind = (I32[c] as number) >> 8;
  const flags =
    count === 0
      ? statusFlags(I32)
      : flagsOf(
          kind,
          I32[a] as number,
          I32[a + 1] as number,
          I32[b] as number,
          I32[b + 1] as number,
          count,
        );
  setWord(I32, d, flags);
  return 0;
}

/** loadSelector(value, segment): user mode may load null selectors into data segments, and the flat data segment. */
function loadSelector(env: HelperEnv, _d: number, a: number, b: number): number {
  const v = (env.I32[a] as number) & 0xffff;
  const isNull = v < 4 && env.I32[b] !== 2;
  return isNull || v === 0x2b ? 0 : env.mem.raise(13, v & ~3);
}

/** checkCanonical(address): #GP(0) unless bits 63 to 47 are equal. */
function checkCanonical(env: HelperEnv, _d: number, a: number): number {
  const top = (env.I32[a + 1] as number) >> 15;
  return top === 0 || top === -1 ? 0 : env.mem.raise(13, 0);
}

/** rflags(): as PUSHF and SYSCALL see it. */
function rflags(env: HelperEnv, d: number): number {
  setWord(env.I32, d, readEflags(env.I32));
  return 0;
}

/** popf(value, size): what user mode may change; a 16-bit operand leaves AC and ID. */
function popf(env: HelperEnv, _d: number, a: number, b: number): number {
  const { I32 } = env;
  const v = I32[a] as number;
  writeEflags(I32, I32[b] === 2 ? (v & 0xffff) | ((I32[EFLAGS_REST] as number) & ~0xffff) : v);
  return 0;
}

function cpuidHelper(env: HelperEnv): number {
  const { I32 } = env;
  const r = cpuid(I32[RAX] as number, I32[RCX] as number, I32[ENG_CPU_LEVEL] === 3 ? 3 : 2);
  setWord(I32, RAX, r.eax);
  setWord(I32, RBX, r.ebx);
  setWord(I32, RCX, r.ecx);
  setWord(I32, RDX, r.edx);
  return 0;
}

/** TSC ticks per millisecond: what CPUID leaf 0x15 announces (1 GHz). */
const TICKS_PER_MS = 1e6;
const tscStart = Date.now();
let tscLast = 0;

/** The counter advances with the host's clock and never stands still. */
function rdtsc(env: HelperEnv): number {
  const { I32 } = env;
  tscLast = Math.max(tscLast + 32, (Date.now() - tscStart) * TICKS_PER_MS);
  setWord(I32, RAX, tscLast | 0);
  setWord(I32, RDX, Math.floor(tscLast / 0x100000000));
  return 0;
}

/** random(): 64 bits. */
function random(env: HelperEnv, d: number): number {
  env.I32[d] = env.random();
  env.I32[d + 1] = env.random();
  return 0;
}

const vars = (...names: string[]): readonly number[] => names.map(stateVar);

export const SYSTEM_HELPERS: readonly HelperRow[] = [
  {
    name: 'raise',
    result: null,
    args: ['i32', 'i32'],
    reads: [],
    writes: [],
    mayFault: true,
    fn: raise,
  },
  { name: 'trap', result: null, args: ['i32'], reads: [], writes: [], mayFault: true, fn: trap },
  {
    name: 'fetchFault',
    result: null,
    args: ['i64', 'i32'],
    reads: [],
    writes: [],
    mayFault: true,
    fn: fetchFault,
  },
  {
    name: 'loadSelector',
    result: null,
    args: ['i32', 'i32'],
    reads: [],
    writes: [],
    mayFault: true,
    fn: loadSelector,
  },
  {
    name: 'checkCanonical',
    result: null,
    args: ['i64'],
    reads: [],
    writes: [],
    mayFault: true,
    fn: checkCanonical,
  },
  pureHelper('eflags', 'i32', [], CC_VARS, eflags),
  pureHelper('condition', 'i32', ['i32'], CC_VARS, condition),
  pureHelper('shiftFlags', 'i32', ['i64', 'i64', 'i32'], CC_VARS, shiftFlags),
  pureHelper('rflags', 'i32', [], EFLAGS_VARS, rflags),
  {
    name: 'popf',
    result: null,
    args: ['i32', 'i32'],
    reads: EFLAGS_VARS,
    writes: EFLAGS_VARS,
    mayFault: false,
    fn: popf,
  },
  {
    name: 'cpuid',
    result: null,
    args: [],
    reads: vars('rax', 'rcx'),
    writes: vars('rax', 'rbx', 'rcx', 'rdx'),
    mayFault: false,
    fn: cpuidHelper,
  },
  {
    name: 'rdtsc',
    result: null,
    args: [],
    reads: [],
    writes: vars('rax', 'rdx'),
    mayFault: false,
    varies: true,
    fn: rdtsc,
  },
  {
    name: 'random',
    result: 'i64',
    args: [],
    reads: [],
    writes: [],
    mayFault: false,
    varies: true,
    fn: random,
  },
];
