/**
 * x86-64 guest state: where each register lives in the CPU state page, and as which IR variable.
 *
 * Invariants: integer variables occupy 8 bytes each (an i32 variable's high word is 0) and do not
 * overlap; vector registers are 32-byte slots with variables for each view. EFLAGS is not stored as
 * such: the six status flags are the condition-code state (kind and operands, see flags.ts), DF
 * is a variable, and the rest (TF, AC, ID …) are the bits of `eflagsRest`.
 */

import { STATE_BASE } from '../common/layout.ts';
import { type Ref, varRef } from '../ir/refs.ts';
import type { IrType, StateLayout, StateVar } from '../ir/types.ts';

export const GPR_NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
] as const;

const INTS: readonly (readonly [string, IrType])[] = [
  ...GPR_NAMES.map((n) => [n, 'i64'] as const),
  ['rip', 'i64'],
  ['ccKind', 'i32'],
  ['ccA', 'i64'],
  ['ccB', 'i64'],
  ['ccC', 'i64'],
  ['fsBase', 'i64'],
  ['gsBase', 'i64'],
  /** 0 or 1. */
  ['df', 'i32'],
  /** EFLAGS bits other than CF PF AF ZF SF OF DF; bit 1 and IF always read as set. */
  ['eflagsRest', 'i32'],
  ['mxcsr', 'i32'],
  /** x87 control word, status word without TOP, TOP (0..7), abridged tag byte (bit set: valid). */
  ['fpCw', 'i32'],
  ['fpSw', 'i32'],
  ['fpTop', 'i32'],
  ['fpTags', 'i32'],
  ['fpOpcode', 'i32'],
  ['fpIp', 'i64'],
  ['fpDp', 'i64'],
];

/** Byte offset of R0 (physical x87 register 0): 16 bytes each, low 10 used, MMi in the low 8. */
export const X87_BASE: number = STATE_BASE + 0x200;
/** Byte offset of YMM0: 32 bytes each. */
export const YMM_BASE: number = STATE_BASE + 0x400;
/** Bytes of the state page that belong to the guest: saved and restored at a task switch. */
export const GUEST_STATE_SIZE = 0x600;

const vars: StateVar[] = INTS.map(([name, type], i) => ({
  name,
  type,
  offset: STATE_BASE + i * 8,
}));
const index: Record<string, number> = Object.fromEntries(vars.map((v, i) => [v.name, i]));

function add(name: string, type: IrType, offset: number): number {
  index[name] = vars.length;
  return vars.push({ name, type, offset }) - 1;
}

const xmm: number[] = [];
const xmmQ0: number[] = [];
const xmmQ1: number[] = [];
const xmmD0: number[] = [];
const ymm: number[] = [];
const ymmHi: number[] = [];
const mm: number[] = [];
const st: number[] = [];
for (let i = 0; i < 16; i++) {
  const at = YMM_BASE + i * 32;
  ymm.push(add(`ymm${i}`, 'v256', at));
  xmm.push(add(`xmm${i}`, 'v128', at));
  ymmHi.push(add(`ymm${i}.hi`, 'v128', at + 16));
  xmmQ0.push(add(`xmm${i}.q0`, 'f64', at));
  xmmQ1.push(add(`xmm${i}.q1`, 'f64', at + 8));
  xmmD0.push(add(`xmm${i}.d0`, 'f32', at));
}
for (let i = 0; i < 8; i++) {
  st.push(add(`fpr${i}`, 'f80', X87_BASE + i * 16));
  mm.push(add(`mm${i}`, 'f64', X87_BASE + i * 16));
}

export const X86_STATE: StateLayout = {
  vars,
  ccKind: index.ccKind as number,
  ccA: index.ccA as number,
  ccB: index.ccB as number,
  ccC: index.ccC as number,
  pc: index.rip as number,
  fpEnv: index.mxcsr as number,
};

/** Index of a variable by name. */
export function stateVar(name: string): number {
  const i = index[name];
  if (i === undefined) throw new Error(`no state variable ${name}`);
  return i;
}

/** Word index (int32) of a variable in the linear memory. */
export function stateWord(name: string): number {
  return (vars[stateVar(name)] as StateVar).offset >> 2;
}

/** Refs by register number. */
export const GPR: readonly Ref[] = GPR_NAMES.map((n) => varRef(stateVar(n)));
export const XMM: readonly Ref[] = xmm.map(varRef);
/** Low and high 64 bits, low 32 bits of an XMM register; the high 128 bits of a YMM register. */
export const XMM_Q0: readonly Ref[] = xmmQ0.map(varRef);
export const XMM_Q1: readonly Ref[] = xmmQ1.map(varRef);
export const XMM_D0: readonly Ref[] = xmmD0.map(varRef);
export const YMM: readonly Ref[] = ymm.map(varRef);
export const YMM_HI: readonly Ref[] = ymmHi.map(varRef);
/** Physical x87 registers (not relative to TOP) and the MMX registers that alias them. */
export const FPR: readonly Ref[] = st.map(varRef);
export const MM: readonly Ref[] = mm.map(varRef);
export const RIP: Ref = varRef(stateVar('rip'));
export const FS_BASE: Ref = varRef(stateVar('fsBase'));
export const GS_BASE: Ref = varRef(stateVar('gsBase'));
export const DF: Ref = varRef(stateVar('df'));
export const CC_KIND: Ref = varRef(stateVar('ccKind'));
export const CC_A: Ref = varRef(stateVar('ccA'));
export const CC_B: Ref = varRef(stateVar('ccB'));
export const CC_C: Ref = varRef(stateVar('ccC'));
