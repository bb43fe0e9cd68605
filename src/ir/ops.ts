/**
 * The op table: one row per IR operation. Builder, verifier, printer and parser derive from it;
 * the semantics are in semantics.ts (integer), slot-fp.ts and slot-vec.ts (everything that lives
 * in memory slots), each a Record over the names here, so an op without semantics does not compile.
 *
 * An instruction is six int32 words in a flat array:
 *
 *     op | d | a | b | c | imm
 *
 * `d` is the result ref (or the value operand of a store, or NONE), `a b c` are refs, or raw
 * integers where the row says 'int', and `imm` is always a raw int32.
 */

import { FP_OPS } from './ops-fp.ts';
import { VEC_OPS } from './ops-vec.ts';
import type { IrType } from './types.ts';

export const STRIDE = 6;

/**
 * pure   no effect but its result
 * load   reads guest memory, may fault
 * store  writes guest memory, may fault
 * fp     reads and writes the floating-point environment, may fault (an unmasked exception)
 * cc     writes the condition-code state
 * call   calls a helper (its row says what it reads, writes and whether it may fault)
 * term   ends a block
 * mark   no semantics
 */
export type Effect = 'pure' | 'load' | 'store' | 'fp' | 'cc' | 'call' | 'term' | 'mark';

/** How an op executes: from an integer template, or by a function over memory slots. */
export type OpClass = 'int' | 'mem' | 'slot' | 'control';

/** What a field holds: a typed ref, an optional ref (may be NONE), or a raw integer. */
export type Field = IrType | `${IrType}?` | 'int' | null;

export interface OpRow<N extends string = string> {
  readonly name: N;
  readonly cls: OpClass;
  readonly effect: Effect;
  /** Result type; for a store the type of the value read from `d`. */
  readonly d: Field;
  readonly a: Field;
  readonly b: Field;
  readonly c: Field;
  /** What imm means, or null. */
  readonly imm: string | null;
}

export function row<N extends string>(
  name: N,
  cls: OpClass,
  effect: Effect,
  d: Field,
  args: readonly Field[] = [],
  imm: string | null = null,
): OpRow<N> {
  return { name, cls, effect, d, a: args[0] ?? null, b: args[1] ?? null, c: args[2] ?? null, imm };
}

function int<N extends string>(
  name: N,
  d: IrType,
  args: readonly Field[],
  imm: string | null = null,
): OpRow<N> {
  return row(name, 'int', 'pure', d, args, imm);
}

/** Conditions of set, brcmp and select-by-compare. */
export const COND = {
  eq: 0,
  ne: 1,
  ltu: 2,
  geu: 3,
  leu: 4,
  gtu: 5,
  lts: 6,
  ges: 7,
  les: 8,
  gts: 9,
} as const;
export const COND_NAMES: readonly string[] = Object.keys(COND);

/** Bits of the `c` field of memory ops and lea. */
export const MEM_SCALE = 3;
/** Fault with #GP(0) if the address is not a multiple of the access size. */
export const MEM_ALIGN = 4;

/** Kinds of jump, in imm of jump and jumpind: hints for region building and return prediction. */
export const JUMP = { jump: 0, call: 1, ret: 2, next: 3 } as const;

const INT_OPS = [
  int('mov.i32', 'i32', ['i32']),
  int('add.i32', 'i32', ['i32', 'i32']),
  int('sub.i32', 'i32', ['i32', 'i32']),
  int('mul.i32', 'i32', ['i32', 'i32']),
  int('and.i32', 'i32', ['i32', 'i32']),
  int('or.i32', 'i32', ['i32', 'i32']),
  int('xor.i32', 'i32', ['i32', 'i32']),
  // Shift and rotate counts are taken modulo the width.
  int('shl.i32', 'i32', ['i32', 'i32']),
  int('shr.i32', 'i32', ['i32', 'i32']),
  int('sar.i32', 'i32', ['i32', 'i32']),
  int('rotl.i32', 'i32', ['i32', 'i32']),
  int('neg.i32', 'i32', ['i32']),
  int('not.i32', 'i32', ['i32']),
  // Zero counts the full width.
  int('clz.i32', 'i32', ['i32']),
  int('ctz.i32', 'i32', ['i32']),
  int('popcnt.i32', 'i32', ['i32']),
  int('bswap.i32', 'i32', ['i32']),
  int('ext8u.i32', 'i32', ['i32']),
  int('ext8s.i32', 'i32', ['i32']),
  /** Bits 8 to 15 (AH, BH, CH, DH). */
  int('ext8h.i32', 'i32', ['i32']),
  int('ext16u.i32', 'i32', ['i32']),
  int('ext16s.i32', 'i32', ['i32']),
  /** The high half of an i64. */
  int('hi.i32', 'i32', ['i64']),
  int('set.i32', 'i32', ['i32', 'i32'], 'cond'),
  int('set.i64', 'i32', ['i64', 'i64'], 'cond'),
  /** d = c != 0 ? a : b */
  int('select.i32', 'i32', ['i32', 'i32', 'i32']),
  int('select.i64', 'i64', ['i64', 'i64', 'i32']),

  int('mov.i64', 'i64', ['i64']),
  int('add.i64', 'i64', ['i64', 'i64']),
  int('sub.i64', 'i64', ['i64', 'i64']),
  int('mul.i64', 'i64', ['i64', 'i64']),
  int('mulhu.i64', 'i64', ['i64', 'i64']),
  int('mulhs.i64', 'i64', ['i64', 'i64']),
  int('and.i64', 'i64', ['i64', 'i64']),
  int('or.i64', 'i64', ['i64', 'i64']),
  int('xor.i64', 'i64', ['i64', 'i64']),
  int('shl.i64', 'i64', ['i64', 'i32']),
  int('shr.i64', 'i64', ['i64', 'i32']),
  int('sar.i64', 'i64', ['i64', 'i32']),
  int('rotl.i64', 'i64', ['i64', 'i32']),
  int('neg.i64', 'i64', ['i64']),
  int('not.i64', 'i64', ['i64']),
  int('clz.i64', 'i32', ['i64']),
  int('ctz.i64', 'i32', ['i64']),
  int('popcnt.i64', 'i32', ['i64']),
  int('bswap.i64', 'i64', ['i64']),
  int('sext.i64', 'i64', ['i32']),
  /** low half a, high half b */
  int('concat.i64', 'i64', ['i32', 'i32']),
  /** a with its low 8 bits, bits 8 to 15, or low 16 bits replaced by b's low bits. */
  int('ins8.i64', 'i64', ['i64', 'i32']),
  int('ins8h.i64', 'i64', ['i64', 'i32']),
  int('ins16.i64', 'i64', ['i64', 'i32']),
  /** a + (b << (c & 3)) + imm; b may be NONE (and a too). */
  int('lea.i64', 'i64', ['i64?', 'i64?', 'int'], 'disp'),
] as const;

/** Address: a + (b << (c & MEM_SCALE)) + imm, a and b optional; c also holds MEM_ALIGN. */
const ADDR = ['i64?', 'i64?', 'int'] as const;
const MEM_OPS = [
  row('ld8u', 'mem', 'load', 'i32', ADDR, 'disp'),
  row('ld8s', 'mem', 'load', 'i32', ADDR, 'disp'),
  row('ld16u', 'mem', 'load', 'i32', ADDR, 'disp'),
  row('ld16s', 'mem', 'load', 'i32', ADDR, 'disp'),
  row('ld32', 'mem', 'load', 'i32', ADDR, 'disp'),
  row('ld8s.i64', 'mem', 'load', 'i64', ADDR, 'disp'),
  row('ld16s.i64', 'mem', 'load', 'i64', ADDR, 'disp'),
  row('ld32s.i64', 'mem', 'load', 'i64', ADDR, 'disp'),
  row('ld64', 'mem', 'load', 'i64', ADDR, 'disp'),
  row('ld128', 'mem', 'load', 'v128', ADDR, 'disp'),
  row('ld256', 'mem', 'load', 'v256', ADDR, 'disp'),
  row('st8', 'mem', 'store', 'i32', ADDR, 'disp'),
  row('st16', 'mem', 'store', 'i32', ADDR, 'disp'),
  row('st32', 'mem', 'store', 'i32', ADDR, 'disp'),
  row('st64', 'mem', 'store', 'i64', ADDR, 'disp'),
  row('st128', 'mem', 'store', 'v128', ADDR, 'disp'),
  row('st256', 'mem', 'store', 'v256', ADDR, 'disp'),
] as const;

const CONTROL_OPS = [
  /** Start of a guest instruction: imm = its offset from the block's pc, c = its length in bytes. */
  row('insn', 'control', 'mark', null, [null, null, 'int'], 'offset'),
  /** Condition codes from here on are kind imm over (a, b, c); NONE leaves an operand as it was. */
  row('ccset', 'control', 'cc', null, ['i64?', 'i64?', 'i64?'], 'cc kind'),
  /** Helper imm with up to three arguments; d is its result or NONE. */
  row('call', 'control', 'call', 'i64?', ['i64?', 'i64?', 'i64?'], 'helper'),
  /** To the constant pc `a`; imm = JUMP kind; for a call, b is the return pc (constant). */
  row('jump', 'control', 'term', null, ['i64', 'i64?'], 'jump kind'),
  /** To pc `a` if c != 0, else to pc `b` (both constants). */
  row('branch', 'control', 'term', null, ['i64', 'i64', 'i32'], null),
  /** To pc `a`; imm = JUMP kind; for a call, b is the return pc (constant). */
  row('jumpind', 'control', 'term', null, ['i64', 'i64?'], 'jump kind'),
  /** Leaves with pc = a and reason imm (EXIT below). */
  row('exit', 'control', 'term', null, ['i64'], 'exit reason'),
] as const;

/** Reasons of the `exit` terminator and of the engines' return to the dispatcher. */
export const EXIT = {
  /** Continue at pc: look it up. */
  next: 0,
  /** The guest executed a system call; pc is the next instruction. */
  syscall: 1,
  /** A fault or trap: the engine words hold vector, error code and address; pc is the instruction (or, for a trap, the next). */
  exception: 2,
  /** The instruction budget is used up, or a stop was asked for; pc is where to go on. */
  budget: 3,
  /** A store hit translated code: execute the one instruction at pc without translations in its way. */
  selfModify: 4,
  /** The block at pc has become hot. */
  hot: 5,
  /** A lean region met what it has no code for: the interpreter is to execute at least the instruction at pc. */
  slow: 6,
} as const;

export const OPS = [...INT_OPS, ...MEM_OPS, ...CONTROL_OPS, ...FP_OPS, ...VEC_OPS] as const;

export type IntOpName = (typeof INT_OPS)[number]['name'];
export type MemOpName = (typeof MEM_OPS)[number]['name'];
export type ControlOpName = (typeof CONTROL_OPS)[number]['name'];
export type SlotOpName = (typeof FP_OPS)[number]['name'] | (typeof VEC_OPS)[number]['name'];
export type OpName = IntOpName | MemOpName | ControlOpName | SlotOpName;

/** Op numbers by name: the position in the table. */
export const OP: Readonly<Record<OpName, number>> = Object.fromEntries(
  OPS.map((r, i) => [r.name, i]),
) as Record<OpName, number>;

export function isTerminator(op: number): boolean {
  return (OPS[op] as OpRow).effect === 'term';
}
