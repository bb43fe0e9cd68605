/**
 * Translates one basic block of guest code to IR.
 *
 * A block ends at a control transfer, after `maxInsns` instructions, at the end of the page it starts in
 * (an instruction that crosses it belongs to the block that it starts in), and before an instruction
 * that cannot be fetched. If that is the first one, the block consists of its page fault and has
 * byteLength 0: it must not be kept. It also ends before a breakpoint; a block that begins at one raises
 * VECTOR.BREAKPOINT and does nothing else.
 */

import { ENG_ERROR, PAGE_SIZE } from '../common/layout.ts';
import type { IrBlock } from '../ir/block.ts';
import { pcNumber } from '../ir/cfg/region.ts';
import { EXIT, JUMP, OP } from '../ir/ops.ts';
import { NONE } from '../ir/refs.ts';
import { type CpuLevel, LEVEL_3_FEATURES } from './cpuid.ts';
import { DECODE, decode, MAX_INSN_LENGTH } from './decode.ts';
import type { Decoded } from './decoded.ts';
import { Lift, VECTOR } from './lift-context.ts';
import { ROWS } from './rows.ts';
import { type InsnRow, MAP } from './table-format.ts';

/** Guest code as the caller sees it. */
export interface CodeSource {
  readonly U8: Uint8Array;
  readonly I32: Int32Array;
  /**
   * Host offset of the code byte at hi:lo (valid up to the end of its page), or -1: not executable, and
   * the engine words hold the fault.
   */
  fetch(lo: number, hi: number): number;
  /** Instructions of higher levels raise #UD; default 3. */
  readonly level?: CpuLevel;
}

export interface TranslateOptions {
  /** At most this many instructions (default 64). */
  maxInsns?: number;
  /** The cc kind that is known to hold on entry, or -1. */
  ccIn?: number;
  /** One instruction, then #DB (EFLAGS.TF). */
  singleStep?: boolean;
  /** Addresses at which the machine stops before the instruction is executed. */
  breakpoints?: ReadonlySet<number> | null;
  /** The block is done with before the next one is translated: see BlockBuilder.finish. */
  borrowed?: boolean;
}

/** Instructions that a CPU of level 2 does not have. */
const LEVEL_3_ROWS: ReadonlySet<InsnRow> = new Set(
  ROWS.filter((row) => row.features.some((f) => LEVEL_3_FEATURES.has(f))),
);

export const MAX_BLOCK_INSNS = 64;

const cx = new Lift();
/** Bytes of an instruction that crosses a page. */
const crossing = new Uint8Array(2 * MAX_INSN_LENGTH);

/** Set by `decodeAt` when fetching failed: address and error code. */
const fault = { lo: 0, hi: 0, error: 0 };
const FETCH_FAULT = 4;

/** Decodes at hi:lo (offset `at` in host memory). @returns a DECODE value or FETCH_FAULT */
function decodeAt(code: CodeSource, d: Decoded, lo: number, hi: number, at: number): number {
  d.pcLo = lo;
  d.pcHi = hi;
  const left = PAGE_SIZE - (lo & (PAGE_SIZE - 1));
  const status = decode(d, code.U8, at, left);
  if (status !== DECODE.truncated || left >= MAX_INSN_LENGTH) return status;
  return decodeCrossing(code, d, lo, hi, at, left);
}

function decodeCrossing(
  code: CodeSource,
  d: Decoded,
  lo: number,
  hi: number,
  at: number,
  left: number,
): number {
  const nextLo = (lo + left) | 0;
  const nextHi = nextLo === 0 ? (hi + 1) | 0 : hi;
  const next = code.fetch(nextLo, nextHi);
  if (next < 0) {
    setFault(code, nextLo, nextHi);
    return FETCH_FAULT;
  }
  for (let i = 0; i < left; i++) crossing[i] = code.U8[at + i] as number;
  for (let i = 0; i < MAX_INSN_LENGTH; i++) crossing[left + i] = code.U8[next + i] as number;
  return decode(d, crossing, 0, left + MAX_INSN_LENGTH);
}

/** Decodes the instruction at hi:lo anew. @returns whether it could be fetched and exists */
export function decodeInsn(code: CodeSource, d: Decoded, lo: number, hi: number): boolean {
  const at = code.fetch(lo, hi);
  return at >= 0 && decodeAt(code, d, lo, hi, at) === DECODE.ok;
}

function setFault(code: CodeSource, lo: number, hi: number): void {
  fault.lo = lo;
  fault.hi = hi;
  fault.error = code.I32[ENG_ERROR] as number;
}

function markInsn(offset: number, length: number): void {
  cx.b.emit(OP.insn, NONE, NONE, NONE, length, offset);
}

function liftFetchFault(): void {
  markInsn(0, 0);
  cx.call('fetchFault', NONE, cx.b.const64(fault.lo, fault.hi), cx.k(fault.error));
  cx.exit(cx.pc(), EXIT.exception);
}

/** Lifts the decoded instruction, or the exception that decoding it means. */
function liftInsn(status: number, level: CpuLevel): void {
  const row = cx.d.row;
  if (status === DECODE.tooLong) cx.raise(VECTOR.GP);
  else if (status !== DECODE.ok || row === null || row.lift === null) cx.raise(VECTOR.UD);
  else if (level < 3 && LEVEL_3_ROWS.has(row)) cx.raise(VECTOR.UD);
  else {
    cx.startInsn(row);
    row.lift(cx);
  }
}

/** MOV to SS inhibits the trap of EFLAGS.TF behind it (SDM vol. 3, 6.8.3). */
function delaysTrap(d: Decoded): boolean {
  return d.row?.map === MAP.one && d.opcode === 0x8e && (d.reg & 7) === 2;
}

/** Ends a block that has no terminator: on to the next instruction. */
function fallThrough(): void {
  cx.jump(cx.nextPc(), JUMP.next);
}

export function translateBlock(
  code: CodeSource,
  pcLo: number,
  pcHi: number,
  options: TranslateOptions = {},
): IrBlock {
  const d = cx.d;
  const level = code.level ?? 3;
  let maxInsns = options.singleStep ? 1 : (options.maxInsns ?? MAX_BLOCK_INSNS);
  cx.startBlock(pcLo, pcHi, options.ccIn ?? -1, options.singleStep ?? false);
  const pageHost = code.fetch(pcLo, pcHi);
  d.pcLo = pcLo | 0;
  d.pcHi = pcHi | 0;
  if (pageHost < 0) {
    setFault(code, pcLo, pcHi);
    liftFetchFault();
    return cx.b.finish(0, 0);
  }
  const breakpoints = options.breakpoints ?? null;
  if (breakpoints?.has(pcNumber(pcLo, pcHi)) === true) {
    markInsn(0, 1);
    cx.raise(VECTOR.BREAKPOINT);
    return cx.b.finish(1, 1);
  }
  const inPage = PAGE_SIZE - (pcLo & (PAGE_SIZE - 1));
  let offset = 0;
  let count = 0;
  while (!cx.ended) {
    const status = decodeAt(code, d, (pcLo + offset) | 0, pcHi, pageHost + offset);
    if (status === FETCH_FAULT) {
      if (count > 0) {
        d.length = 0;
        fallThrough();
        break;
      }
      liftFetchFault();
      return cx.b.finish(0, 0);
    }
    markInsn(offset, d.length);
    liftInsn(status, level);
    offset += d.length;
    count++;
    if (options.singleStep && count === 1 && delaysTrap(d)) maxInsns = 2;
    if (cx.ended) break;
    if (count >= maxInsns || offset >= inPage) fallThrough();
    else if (breakpoints?.has(pcNumber(pcLo + offset, pcHi)) === true) fallThrough();
  }
  return cx.b.finish(offset, count, options.borrowed);
}
