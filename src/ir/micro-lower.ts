/**
 * Lowers an IrBlock to micro code: resolves refs to word indices, strips marks, and writes the side
 * table (micro.ts).
 */

import { CONST_POOL_BASE, CONST_POOL_END, TEMP_BASE, TEMP_SIZE } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from './block.ts';
import {
  M_BRANCH,
  M_BRCMP32,
  M_BRCMP64,
  M_CALL,
  M_CCSET,
  M_EXIT,
  M_HEAD,
  M_JUMP,
  M_JUMPIND,
  M_SET32,
  M_SET64,
  MICRO_OF,
  PENDING_WORDS,
  pairOf,
  RECENT_WORDS,
  SIDE_COMPLETED_MASK,
  SIDE_COMPLETED_SHIFT,
  SIDE_OFFSET_MASK,
  SIDE_PENDING_SHIFT,
} from './micro.ts';
import { OP, OPS, type OpRow, STRIDE } from './ops.ts';
import { isConst, isTemp, NONE, type Ref, refIndex } from './refs.ts';
import type { StateLayout } from './types.ts';

/** Constants of all translations, each once, as memory slots. Slot 0 is always zero. */
export class ConstPool {
  private readonly I32: Int32Array;
  private readonly table: Int32Array = new Int32Array(1 << 19);
  private next: number = CONST_POOL_BASE >> 2;

  constructor(I32: Int32Array) {
    this.I32 = I32;
    this.clear();
  }

  clear(): void {
    this.table.fill(0);
    this.next = CONST_POOL_BASE >> 2;
    this.word(0, 0);
  }

  get full(): boolean {
    return this.next > (CONST_POOL_END >> 2) - 4096;
  }

  /** Word index of the slot that holds hi:lo. */
  word(lo: number, hi: number): number {
    const { I32, table } = this;
    const mask = table.length - 1;
    let i = (Math.imul(lo, 0x9e3779b1) ^ Math.imul(hi, 0x85ebca6b)) >>> 13;
    for (;;) {
      i &= mask;
      const w = table[i] as number;
      if (w === 0) break;
      if (I32[w] === lo && I32[w + 1] === hi) return w;
      i++;
    }
    const w = this.next;
    if (w + 2 > CONST_POOL_END >> 2) panic('constant pool overflow');
    this.next = w + 2;
    I32[w] = lo;
    I32[w + 1] = hi;
    table[i] = w;
    return w;
  }
}

const ZERO_WORD = CONST_POOL_BASE >> 2;
/** Where results that nobody wants go: the last temp slot. */
const SINK_WORD = (TEMP_BASE >> 2) - 4;

export class MicroLowering {
  private readonly varWords: Int32Array;
  private readonly pool: ConstPool;
  private readonly ccWords: readonly number[];
  private block: IrBlock | null = null;
  /** The side table of the block being lowered. */
  private side: Int32Array = new Int32Array(4096);
  /** Of the last block: its micro operations, and the index behind them. */
  microCount = 0;
  microEnd = 0;

  constructor(layout: StateLayout, pool: ConstPool) {
    this.varWords = Int32Array.from(layout.vars, (v) => v.offset >> 2);
    this.pool = pool;
    this.ccWords = [layout.ccA, layout.ccB, layout.ccC].map((v) => this.varWords[v] as number);
  }

  /** Word index of a ref's slot, in the block being lowered. */
  private word(ref: Ref): number {
    if (ref === NONE) return ZERO_WORD;
    if (isTemp(ref)) return (TEMP_BASE >> 2) + refIndex(ref) * (TEMP_SIZE >> 2);
    if (isConst(ref)) {
      const block = this.block as IrBlock;
      const i = refIndex(ref) * 2;
      return this.pool.word(block.consts[i] as number, block.consts[i + 1] as number);
    }
    return this.varWords[refIndex(ref)] as number;
  }

  /** Writes the side table at out[p…], the records with words of slots for refs. @returns the index after it */
  private writeSide(block: IrBlock, out: Int32Array, p: number): number {
    const { side, microCount } = this;
    for (let i = 0; i < microCount; i++) out[p + i] = side[i]!;
    const { pendingCc } = block;
    const q = p + microCount;
    for (let i = 0; i < pendingCc.length; i++) {
      const v = pendingCc[i] as number;
      out[q + i] = i % PENDING_WORDS === 0 || v === NONE ? v : this.word(v);
    }
    return q + pendingCc.length;
  }

  /** Writes micro code and its side table at out[p…]. @returns the index after them */
  lower(block: IrBlock, blockId: number, out: Int32Array, p: number): number {
    this.block = block;
    const { code, length } = block;
    const need = length / STRIDE + 4;
    if (this.side.length < need) this.side = new Int32Array(need * 2);
    out[p] = M_HEAD;
    out[p + 1] = blockId;
    out[p + 2] = block.insnCount;
    out[p + 3] = block.pcLo;
    out[p + 4] = block.pcHi;
    let q = p + STRIDE;
    let n = 1;
    let insn = 0;
    let index = -1;
    // The micro operation before, unless it is the second of a pair.
    let first = -1;
    for (let i = 0; i < length; i += STRIDE) {
      const op = code[i] as number;
      if (op === OP.insn) {
        index++;
        insn = sideWord(code[i + 5] as number, index);
        continue;
      }
      const pending = block.pending === null ? 0 : (block.pending[i / STRIDE] as number);
      this.side[n++] = insn | (pending << SIDE_PENDING_SHIFT);
      const fused = i + 2 * STRIDE === length && this.fuseCompare(i, out, q);
      const end = fused ? q + 2 * STRIDE : this.one(i, op, out, q);
      const pair = first < 0 ? -1 : pairOf(out[first] as number, out[q] as number);
      if (pair >= 0) out[first] = pair;
      first = pair >= 0 ? -1 : q;
      q = end;
      if (fused) break;
    }
    this.microCount = n;
    this.microEnd = q;
    return this.writeSide(block, out, q);
  }

  /** `set` + `branch` on its result, as the last two instructions: one compare-and-branch. */
  private fuseCompare(i: number, out: Int32Array, q: number): boolean {
    const { code } = this.block as IrBlock;
    const op = code[i] as number;
    if (op !== OP['set.i32'] && op !== OP['set.i64']) return false;
    const t = i + STRIDE;
    if (code[t] !== OP.branch || code[t + 4] !== code[i + 1] || !isTemp(code[i + 1] as number))
      return false;
    const base = op === OP['set.i32'] ? M_BRCMP32 : M_BRCMP64;
    out[q] = base + (code[i + 5] as number);
    out[q + 1] = this.word(code[i + 2] as number);
    out[q + 2] = this.word(code[i + 3] as number);
    this.branchTail(t, out, q + STRIDE);
    return true;
  }

  private branchTail(i: number, out: Int32Array, q: number): void {
    const { code } = this.block as IrBlock;
    out[q] = 0;
    out[q + 1] = 0;
    out[q + 2] = this.word(code[i + 2] as number);
    out[q + 3] = 0;
    out[q + 4] = 0;
    out[q + 5] = this.word(code[i + 3] as number);
  }

  private one(i: number, op: number, out: Int32Array, q: number): number {
    const { code } = this.block as IrBlock;
    const d = code[i + 1] as number;
    const a = code[i + 2] as number;
    const b = code[i + 3] as number;
    const c = code[i + 4] as number;
    const imm = code[i + 5] as number;
    out[q + 1] = d === NONE ? SINK_WORD : this.word(d);
    out[q + 2] = this.word(a);
    out[q + 3] = this.word(b);
    out[q + 5] = imm;
    switch (op) {
      case OP.ccset:
        out[q] = M_CCSET + (c !== NONE ? 2 : b !== NONE ? 1 : 0);
        out[q + 1] = imm;
        out[q + 2] = a === NONE ? (this.ccWords[0] as number) : this.word(a);
        out[q + 3] = b === NONE ? (this.ccWords[1] as number) : this.word(b);
        out[q + 4] = c === NONE ? (this.ccWords[2] as number) : this.word(c);
        return q + STRIDE;
      case OP.call:
        out[q] = M_CALL;
        out[q + 4] = this.word(c);
        return q + STRIDE;
      case OP.jump:
        out[q] = M_JUMP;
        this.branchTail(i, out, q + STRIDE);
        return q + 2 * STRIDE;
      case OP.branch:
        out[q] = M_BRANCH;
        out[q + 1] = this.word(c);
        this.branchTail(i, out, q + STRIDE);
        return q + 2 * STRIDE;
      case OP.jumpind:
        out[q] = M_JUMPIND;
        out[q + 1] = this.word(a);
        out.fill(0, q + 2, q + STRIDE + RECENT_WORDS);
        return q + STRIDE + RECENT_WORDS;
      case OP.exit:
        out[q] = M_EXIT;
        out[q + 1] = this.word(a);
        out[q + 2] = imm;
        return q + STRIDE;
      case OP['set.i32']:
        out[q] = M_SET32 + imm;
        return q + STRIDE;
      case OP['set.i64']:
        out[q] = M_SET64 + imm;
        return q + STRIDE;
      default:
        return this.plain(op, b, c, out, q);
    }
  }

  /** Integer, memory and slot operations: d, a, b and imm are in place already. */
  private plain(op: number, b: Ref, c: number, out: Int32Array, q: number): number {
    const first = MICRO_OF[op] as number;
    if (first < 0) panic(`no micro op for IR op ${op}`);
    if (isAddressed(op)) {
      out[q] = b === NONE ? first : first + 1;
      out[q + 4] = c;
    } else {
      out[q] = first;
      out[q + 4] = RAW_C[op] === 1 ? c : this.word(c);
    }
    return q + STRIDE;
  }
}

function sideWord(offset: number, completed: number): number {
  if (offset > SIDE_OFFSET_MASK || completed > SIDE_COMPLETED_MASK) panic('block too long');
  return offset | (completed << SIDE_COMPLETED_SHIFT);
}

/** Ops whose `c` field is a raw integer. */
const RAW_C = Uint8Array.from(OPS, (r: OpRow) => (r.c === 'int' ? 1 : 0));

const LEA = OP['lea.i64'];
function isAddressed(op: number): boolean {
  return op === LEA || (op >= OP.ld8u && op <= OP.st256);
}
