/**
 * Micro code: IR with its refs resolved to word indices of memory slots, in one Int32Array arena.
 * This is what the interpreter executes. Here: the numbering of micro operations (an IR op, or a
 * variant of it for a common operand shape), and their layout.
 *
 * A micro operation is STRIDE words like an IR instruction; terminators with links take two.
 *
 *     head     HEAD  block-id  insn-count  pc-lo   pc-hi   -
 *     int, mem op    d         a           b       c|raw   imm
 *     branch   op    a         b           -       -       -  | linkT genT pcT linkF genF pcF
 *     jump     op    -         -           -       -       -  | link  gen  pc  -     -    -
 *     jumpind  op    a         next        -       -       -   | RECENT_TARGETS pairs pc-lo pc-hi
 *     exit     op    a         reason      -       -       -
 *
 * A jumpind writes down where it goes, in turn (`next`: where the next pair goes), for regions.
 *
 * Behind a block's micro operations is its side table, which faults need: a word for each micro operation, in which are
 * the offset of its guest instruction, how many instructions were completed before it, and which of the block's pending
 * records applies (0: none, or its number and 1); then these records, of four words each: the kind of condition codes,
 * and three words of slots or -1.
 *
 * Links hold arena indices of other blocks' heads (0: none) and are valid while `gen` is the current
 * code generation. A dead block's head is overwritten, so a stale link can only reach a live head.
 */

import { panic } from '../common/panic.ts';
import { F_RAW, FIELDS } from './fields.ts';
import { COND_NAMES, OPS, type OpRow, STRIDE } from './ops.ts';

/** Where a jumpind went the last times: a power of two. */
export const RECENT_TARGETS = 16;
/** Words that they take, whole strides. */
export const RECENT_WORDS: number = Math.ceil((2 * RECENT_TARGETS) / STRIDE) * STRIDE;

/** Of a word of the side table: where the count of completed instructions, and where the pending record begins. */
export const SIDE_COMPLETED_SHIFT = 10;
export const SIDE_PENDING_SHIFT = 17;
export const SIDE_OFFSET_MASK: number = (1 << SIDE_COMPLETED_SHIFT) - 1;
export const SIDE_COMPLETED_MASK: number = (1 << (SIDE_PENDING_SHIFT - SIDE_COMPLETED_SHIFT)) - 1;
export const PENDING_WORDS = 4;

export type MicroKind =
  | 'head'
  | 'dead'
  | 'region'
  | 'int'
  | 'load'
  | 'store'
  | 'slot'
  | 'ccset'
  | 'call'
  | 'jump'
  | 'brcmp32'
  | 'brcmp64'
  | 'branch'
  | 'jumpind'
  | 'exit';

export interface MicroOp {
  readonly kind: MicroKind;
  /** The IR op it executes, or -1. */
  readonly op: number;
  /** Memory ops and lea: whether an index takes part. */
  readonly hasIndex: boolean;
  /** brcmp and set: the condition. ccset: how many operands it sets. */
  readonly cond: number;
  /** The micro op that follows it, which is executed with it; -1: none, see pairOf. */
  readonly second: number;
}

const micro: MicroOp[] = [];

function add(kind: MicroKind, op = -1, hasIndex = false, cond = 0): number {
  return micro.push({ kind, op, hasIndex, cond, second: -1 }) - 1;
}

export const M_HEAD: number = add('head');
export const M_DEAD: number = add('dead');
export const M_REGION: number = add('region');
export const M_JUMP: number = add('jump');
export const M_BRANCH: number = add('branch');
export const M_JUMPIND: number = add('jumpind');
export const M_EXIT: number = add('exit');
/** First of three, by the number of operands, less one. */
export const M_CCSET: number = micro.length;
for (let n = 1; n <= 3; n++) add('ccset', -1, false, n);
export const M_CALL: number = add('call');
/** First of ten (by condition) compare-and-branch operations. */
export const M_BRCMP32: number = micro.length;
for (let c = 0; c < COND_NAMES.length; c++) add('brcmp32', -1, false, c);
export const M_BRCMP64: number = micro.length;
for (let c = 0; c < COND_NAMES.length; c++) add('brcmp64', -1, false, c);
/** First of ten (by condition) set operations; the condition is in the micro op, not in imm. */
export const M_SET32: number = micro.length;
const set32 = OPS.findIndex((r) => r.name === 'set.i32');
const set64 = OPS.findIndex((r) => r.name === 'set.i64');
for (let c = 0; c < COND_NAMES.length; c++) add('int', set32, false, c);
export const M_SET64: number = micro.length;
for (let c = 0; c < COND_NAMES.length; c++) add('int', set64, false, c);

/**
 * First micro op of each IR op; -1 for ops that have none. Memory ops and lea have two: base only,
 * then base + index (the scale is in the c field).
 */
export const MICRO_OF: Int32Array = new Int32Array(OPS.length).fill(-1);
OPS.forEach((r: OpRow, op) => {
  if (op === set32 || op === set64) return;
  if (r.cls === 'int' && r.name !== 'lea.i64') MICRO_OF[op] = add('int', op);
  else if (r.cls === 'slot') MICRO_OF[op] = add('slot', op);
  else if (r.cls === 'mem' || r.name === 'lea.i64') {
    const kind = r.effect === 'load' ? 'load' : r.effect === 'store' ? 'store' : 'int';
    MICRO_OF[op] = add(kind, op);
    add(kind, op, true);
  }
});

/**
 * Pairs of micro ops that often follow each other: a number for the first one that says that it is followed by the second.
 * Both stay where they are, so an interpreter may do the same as without, or execute both at once. The pairs are those
 * that were executed most often in CPython (its start, a loop, sqlite) and in BusyBox's sh, gzip and tar.
 */
const PAIRS: readonly (readonly [first: string, second: string])[] = [
  ['ld64', 'lea.i64'],
  ['st64', 'lea.i64'],
  ['lea.i64', 'ld64'],
  ['ext8u.i32', 'brcmp32:1'],
  ['ext8u.i32', 'brcmp32:0'],
  ['add.i64', 'ccset:2'],
  ['ld64', 'ld64'],
  ['ccset:1', 'ext8u.i32'],
  ['ccset:2', 'ext8u.i32'],
  ['and.i32', 'ccset:1'],
  ['ccset:1', 'brcmp64:0'],
  ['ccset:1', 'brcmp64:1'],
  ['lea.i64', 'jumpind'],
  ['lea.i64', 'st64'],
  ['mov.i64', 'st64'],
  ['ld8u+x', 'ccset:2'],
  ['lea.i64', 'jump'],
  ['ccset:2', 'brcmp32:1'],
  ['ccset:2', 'brcmp32:0'],
  ['lea.i64', 'mov.i64'],
  ['ccset:2', 'sub.i64'],
  ['mov.i64', 'mov.i64'],
  ['ld64', 'ccset:1'],
  ['ld64', 'ccset:2'],
  ['mov.i64', 'ld64'],
  ['mov.i32', 'and.i32'],
  ['ccset:1', 'brcmp32:0'],
  ['ccset:1', 'brcmp32:1'],
  ['ccset:2', 'brcmp64:0'],
  ['ccset:2', 'brcmp64:1'],
  ['ld32', 'ccset:2'],
  ['sub.i32', 'ccset:2'],
  ['mov.i64', 'ccset:1'],
  ['add.i32', 'ccset:2'],
  ['ld64', 'st64'],
  ['mov.i32', 'mov.i32'],
  ['mov.i64', 'mov.i32'],
  ['sext.i64', 'mov.i64'],
];

/** A micro op by the name of an IR op (`+x`: with an index), or by kind (`:n`: with that `cond`). */
function named(name: string): number {
  const [base, variant] = name.split(/:|(?=\+x)/);
  const first = MICRO_OF[OPS.findIndex((r) => r.name === base)] ?? -1;
  if (first >= 0) return first + (variant === undefined ? 0 : 1);
  const found = micro.findIndex((m) => m.kind === base && m.cond === Number(variant ?? 0));
  return found >= 0 ? found : panic(`no micro op is named ${name}`);
}

const SINGLE_OPS: number = micro.length;
const pairs = new Int16Array(SINGLE_OPS * SINGLE_OPS).fill(-1);
for (const [first, second] of PAIRS) {
  const a = named(first);
  const b = named(second);
  pairs[a * SINGLE_OPS + b] = micro.push({ ...micro[a]!, second: b }) - 1;
}

/** The number for micro op `a` in front of `b`; -1: none. */
export function pairOf(a: number, b: number): number {
  return pairs[a * SINGLE_OPS + b]!;
}

export const MICRO_OPS: readonly MicroOp[] = micro;

/** Fields that hold words of memory slots, constants among them: bit n for field n (1: d … 4: c). */
function slotFields({ kind, op }: MicroOp): number {
  switch (kind) {
    case 'head':
    case 'dead':
    case 'region':
      return 0;
    case 'ccset':
    case 'call':
      return 0b11100;
    case 'jumpind':
    case 'exit':
      return 0b10;
    case 'jump':
    case 'branch':
    case 'brcmp32':
    case 'brcmp64':
      return 0b1110;
    default:
      return FIELDS[op * 4 + 3] === F_RAW ? 0b1110 : 0b11110;
  }
}

/** By micro op. */
export const SLOT_FIELDS: Uint8Array = Uint8Array.from(MICRO_OPS, slotFields);

/** Terminators of two strides: the second half holds links. */
export const LINKING: ReadonlySet<MicroKind | undefined> = new Set<MicroKind>([
  'jump',
  'branch',
  'brcmp32',
  'brcmp64',
]);

/** SLOT_FIELDS of their second half: the pcs; the rest is links. */
export const TAIL_SLOT_FIELDS = 0b100100;
