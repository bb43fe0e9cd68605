/**
 * State of emitting one region: the text written so far, which guest instruction each line is for,
 * the exits, and where every value of the current block is (a local, a literal, a memory slot).
 *
 * Values. An integer is two int32 halves. State variables of integer type that the region uses live in
 * locals `rax_l`, `rax_h` from region entry to exit; integer temps in locals t0, t1 …, whose names
 * are recycled after the last use. Everything else (vectors, floats, the FP environment) stays in its
 * memory slot.
 *
 * Invariant: text in the output consists of our own templates, numbers, and names from the tables here
 * and in names.ts: nothing in it was written by the guest.
 */

import { TEMP_BASE, TEMP_SIZE } from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from '../ir/block.ts';
import type { Region } from '../ir/cfg/region.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { forEachTemp, LastUses } from '../ir/last-uses.ts';
import { EXIT, OP, STRIDE } from '../ir/ops.ts';
import { isConst, isTemp, isVar, NONE, type Ref, refIndex } from '../ir/refs.ts';
import { isIntType, type StateLayout } from '../ir/types.ts';
import { Doubles } from './doubles.ts';
import { HighHalves } from './high-halves.ts';
import { varName } from './names.ts';
import { Windows } from './windows.ts';

export interface EmitOptions {
  readonly layout: StateLayout;
  readonly helpers: readonly HelperRow[];
  /** Name of the function: an identifier (names.ts). */
  readonly name: string;
  /** Count executions of blocks and exits in W, for dumps (see COUNTERS). */
  readonly profile?: boolean;
  /**
   * Leave the region (EXIT.slow) where another one calls a slow path: TLB misses, arithmetic that is not ordinary.
   */
  readonly lean?: boolean;
  /** Number (≥ 16) that the function returns to go on at this static pc; default EXIT.next. */
  /** Runs that warm up (emit-region.ts); default by size. */
  readonly warm?: number;
  readonly link?: (pcLo: number, pcHi: number) => number;
}

/**
 * Words per exit record: pc lo, pc hi, instructions to charge, return code, and a mask: -1 if the pc is in
 * `_e` and `_o` (pc lo and hi are 0 then), else 0.
 */
export const EXIT_WORDS = 5;

/** A profiled region counts in W, from here: executions by block, then two words per exit: left, faulted. */
export const COUNTERS = 1;

/** How a value's halves are written in the source. */
export interface Halves {
  l: string;
  h: string;
}

/** A temp without a local: see loadLater. */
interface LoadedLater {
  /** The local that keeps the host offset. */
  readonly offset: string;
  /** Word index of the load, and its guest instruction's index. */
  readonly at: number;
  readonly insn: number;
}

const TEMP_WORD = TEMP_BASE >> 2;
const TEMP_WORDS = TEMP_SIZE >> 2;
/** Result slot of operations whose result nobody wants. */
export const SINK_WORD: number = TEMP_WORD - 4;
/** Where constant operands of slot operations are put: three slots below the sink. */
export const ARG_WORD: number = TEMP_WORD - 24;

export class EmitContext {
  readonly region: Region;
  readonly options: EmitOptions;
  readonly lean: boolean;
  readonly high: HighHalves;
  readonly doubles: Doubles = new Doubles();
  windows: Windows = new Windows([]);
  /** Per state variable: its local's name, or '' if it has none in this region. */
  readonly locals: string[];
  /** Variables with a local, and of those the ones the region may write. */
  readonly used: number[] = [];
  readonly dirty: number[] = [];
  readonly exits: number[] = [];
  /** Slot operations and helpers that the source calls, by number. */
  readonly slotsUsed: Set<number> = new Set();
  readonly helpersUsed: Set<number> = new Set();
  /** Whether it has floating-point arithmetic in line. */
  arithmetic = false;

  /**
   * In lean regions, by variable: how many bytes it can still be moved up or down without a carry into its high half,
   * since the block accessed memory close to where it points: no such page is near a multiple of 4 GiB (TLB_EDGE).
   */
  readonly carryFree: Map<number, number> = new Map();

  ir: IrBlock;
  blockIndex = 0;
  /** Index of the current guest instruction in its block, -1 before the first; its offset. */
  insn = -1;
  insnOffset = 0;
  /** Instructions executed since `_n` was last adjusted. */
  carry = 0;

  private readonly out: string[] = [];
  private readonly lineOf: number[] = [];
  private readonly tempNames: (string | undefined)[] = [];
  /** Per temp of the current block that has no local because only a double of it is needed: see loadLater. */
  private readonly loadedLater: (LoadedLater | undefined)[] = [];
  private laterCount = 0;
  private laterMax = 0;
  private readonly freeNames: string[] = [];
  private nameCount = 0;
  private readonly lastUses: LastUses = new LastUses();

  constructor(region: Region, options: EmitOptions) {
    this.region = region;
    this.options = options;
    this.lean = options.lean === true;
    this.high = new HighHalves(options.layout, options.helpers);
    this.locals = new Array<string>(options.layout.vars.length).fill('');
    this.ir = region.blocks[0]!.ir;
  }

  // Output.

  line(text: string): void {
    this.out.push(text);
    this.lineOf.push((this.blockIndex << 16) | (this.insn & 0xffff));
  }

  text(): string {
    return this.out.join('\n');
  }

  /** Per line: block index << 16 | instruction index (0xffff: none). */
  lines(): Int32Array {
    return Int32Array.from(this.lineOf);
  }

  // Exits.

  /** @returns the value for _x */
  addExit(pcLo: number, pcHi: number, charge: number, code: number, mask = 0): number {
    return this.exits.push(pcLo, pcHi, charge, code, mask) - EXIT_WORDS;
  }

  /** Statement that leaves at a static pc. */
  leaveAt(pcLo: number, pcHi: number, code: number): string {
    return `_x=${this.addExit(pcLo, pcHi, this.carry, code)};break X;`;
  }

  /** Statement that leaves at the pc whose halves are in _e and _o. */
  leaveDynamic(code: number): string {
    return `_x=${this.addExit(0, 0, this.carry, code, -1)};break X;`;
  }

  /** Statements that leave at the current instruction, _r being negative; `at`: word index of the op. */
  fault(at: number): string {
    return this.leaveInside(at, 0);
  }

  /** Statements that have the interpreter go on at the current instruction. */
  leaveSlow(at: number): string {
    return this.leaveInside(at, EXIT.slow);
  }

  private leaveInside(at: number, code: number): string {
    const { ir } = this;
    const lo = (ir.pcLo + this.insnOffset) | 0;
    const hi = (ir.pcHi + (lo >>> 0 < ir.pcLo >>> 0 ? 1 : 0)) | 0;
    const completed = Math.max(this.insn, 0);
    const charge = this.carry - ir.insnCount + completed;
    return `${this.pendingCc(at)}_x=${this.addExit(lo, hi, charge, code)};break X;`;
  }

  /** Applies the ccset that a pass removed and that is due if the op at `at` faults. */
  private pendingCc(at: number): string {
    const { ir } = this;
    const k = ir.pending === null ? 0 : ir.pending[at / STRIDE]!;
    if (k === 0) return '';
    const { ccKind, ccA, ccB, ccC } = this.options.layout;
    const record = (k - 1) * 4;
    let text = `${this.locals[ccKind]}_l=${ir.pendingCc[record]};`;
    [ccA, ccB, ccC].forEach((v, i) => {
      const ref = ir.pendingCc[record + 1 + i]!;
      if (ref === NONE) return;
      text += `${this.locals[v]}_l=${this.lo(ref)};${this.locals[v]}_h=${this.hi(ref)};`;
    });
    return text;
  }

  // Variables.

  hasLocal(v: number): boolean {
    return this.locals[v] !== '';
  }

  addLocal(v: number): void {
    const { vars, pc, fpEnv } = this.options.layout;
    if (this.hasLocal(v) || !isIntType(vars[v]!.type) || v === pc || v === fpEnv) return;
    this.locals[v] = varName(vars[v]!.name);
    this.used.push(v);
  }

  isWide(v: number): boolean {
    return this.options.layout.vars[v]!.type === 'i64';
  }

  varWord(v: number): number {
    return this.options.layout.vars[v]!.offset >> 2;
  }

  /** Statements that copy locals to the state page, and back. Without a list: all of them. */
  spill(vars: readonly number[] | 'all'): string {
    let s = '';
    for (const v of vars === 'all' ? this.dirty : vars) {
      if (!this.hasLocal(v) || !this.dirty.includes(v)) continue;
      s += `I32[${this.varWord(v)}]=${this.locals[v]}_l;`;
      if (this.isWide(v)) s += `I32[${this.varWord(v) + 1}]=${this.locals[v]}_h;`;
    }
    return s;
  }

  reload(vars: readonly number[] | 'all'): string {
    let s = '';
    for (const v of vars === 'all' ? this.used : vars) {
      if (!this.hasLocal(v)) continue;
      s += `${this.locals[v]}_l=I32[${this.varWord(v)}];`;
      if (this.isWide(v)) s += `${this.locals[v]}_h=I32[${this.varWord(v) + 1}];`;
    }
    return s;
  }

  // Values of the current block.

  startBlock(index: number, known: Uint8Array | null): void {
    this.blockIndex = index;
    this.ir = this.region.blocks[index]!.ir;
    this.insn = -1;
    this.insnOffset = 0;
    this.doubles.startBlock();
    this.carryFree.clear();
    this.high.startBlock(this.ir, known);
    this.tempNames.length = 0;
    this.loadedLater.length = 0;
    this.laterCount = 0;
    this.freeNames.length = 0;
    for (let i = this.nameCount - 1; i >= 0; i--) this.freeNames.push(`t${i}`);
    this.lastUses.find(this.ir);
  }

  /** Keeps a temp's local until the instruction at word index `at`. */
  keepUntil(ref: Ref, at: number): void {
    this.lastUses.extend(ref, at);
  }

  /** Recycles the names of temps whose last use is the instruction at `at`. */
  release(at: number): void {
    forEachTemp(this.ir, at, (t) => this.releaseTemp(t, at));
  }

  releaseTemp(t: number, at: number): void {
    const name = this.tempNames[t];
    if (name === undefined || !this.lastUses.isOver(t, at)) return;
    this.tempNames[t] = undefined;
    this.freeNames.push(name);
  }

  /** The name of temp t's local, made at its definition. */
  private defineTemp(t: number): string {
    const name = this.freeNames.pop() ?? `t${this.nameCount++}`;
    this.tempNames[t] = name;
    return name;
  }

  private tempName(t: number): string {
    return this.tempNames[t] ?? panic(`temp ${t} is read before it is written, or after release`);
  }

  /** Names of all temp locals of the function. */
  tempLocals(): string[] {
    return Array.from({ length: this.nameCount }, (_, i) => `t${i}`);
  }

  /**
   * Gives the temp, which the instruction at `at` loads from a host offset, no local: where its halves are named they are loaded
   * again. Nothing may be stored in between. @returns the local that keeps the offset
   */
  loadLater(ref: Ref, at: number): string {
    const offset = `a${this.laterCount++}`;
    this.laterMax = Math.max(this.laterMax, this.laterCount);
    this.loadedLater[refIndex(ref)] = { offset, at, insn: this.insn };
    return offset;
  }

  loadedLaterBy(ref: Ref): LoadedLater | undefined {
    return isTemp(ref) ? this.loadedLater[refIndex(ref)] : undefined;
  }

  /** Names of the locals that keep offsets. */
  offsetLocals(): string[] {
    return Array.from({ length: this.laterMax }, (_, i) => `a${i}`);
  }

  private tempHalf(t: number, high: boolean): string {
    const offset = this.loadedLater[t]?.offset;
    if (offset !== undefined) return `D.getInt32(${offset}${high ? '+4' : ''},true)`;
    return `${this.tempName(t)}${high ? '_h' : '_l'}`;
  }

  isIntTemp(ref: Ref): boolean {
    return isTemp(ref) && isIntType(this.ir.tempTypes[refIndex(ref)]!);
  }

  isLocalVar(ref: Ref): boolean {
    return isVar(ref) && this.hasLocal(refIndex(ref));
  }

  /** Word index of the memory slot of a temp or variable. */
  slot(ref: Ref): number {
    if (isTemp(ref)) return TEMP_WORD + refIndex(ref) * TEMP_WORDS;
    if (isVar(ref)) return this.varWord(refIndex(ref));
    return panic('a constant has no slot');
  }

  lo(ref: Ref): string {
    if (ref === NONE) return '0';
    if (isConst(ref)) return String(this.ir.consts[refIndex(ref) * 2]!);
    if (this.isIntTemp(ref)) return this.tempHalf(refIndex(ref), false);
    if (this.isLocalVar(ref)) return `${this.locals[refIndex(ref)]}_l`;
    return `I32[${this.slot(ref)}]`;
  }

  hi(ref: Ref): string {
    if (this.high.isZero(this.ir, ref)) return '0';
    if (isConst(ref)) return String(this.ir.consts[refIndex(ref) * 2 + 1]!);
    if (this.isIntTemp(ref)) return this.tempHalf(refIndex(ref), true);
    if (this.isLocalVar(ref)) return `${this.locals[refIndex(ref)]}_h`;
    return `I32[${this.slot(ref) + 1}]`;
  }

  /** Names to assign a result to; `h` is '' where there is no high half to write. */
  define(ref: Ref): Halves {
    if (this.isIntTemp(ref)) {
      const t = refIndex(ref);
      const name = this.defineTemp(t);
      return { l: `${name}_l`, h: this.ir.tempTypes[t] === 'i64' ? `${name}_h` : '' };
    }
    if (this.isLocalVar(ref)) {
      const v = refIndex(ref);
      return { l: `${this.locals[v]}_l`, h: this.isWide(v) ? `${this.locals[v]}_h` : '' };
    }
    return { l: `I32[${this.slot(ref)}]`, h: `I32[${this.slot(ref) + 1}]` };
  }

  constLo(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2]! : panic('not a constant pc');
  }

  constHi(ref: Ref): number {
    return isConst(ref) ? this.ir.consts[refIndex(ref) * 2 + 1]! : panic('not a constant pc');
  }

  /** Word index of an argument slot for an operation that reads memory; `pre` stores into it. */
  argument(ref: Ref, k: number): { pre: string; word: number } {
    if (ref === NONE) return { pre: '', word: ARG_WORD + 12 };
    if (isConst(ref)) {
      const word = ARG_WORD + 4 * k;
      return { pre: `I32[${word}]=${this.lo(ref)};I32[${word + 1}]=${this.hi(ref)};`, word };
    }
    const word = this.slot(ref);
    if (this.isIntTemp(ref)) {
      return { pre: `I32[${word}]=${this.lo(ref)};I32[${word + 1}]=${this.hi(ref)};`, word };
    }
    if (this.isLocalVar(ref)) return { pre: this.spill([refIndex(ref)]), word };
    return { pre: '', word };
  }

  isTerminatorAt(at: number): boolean {
    return at === this.ir.length - STRIDE && this.ir.code[at] !== OP.insn;
  }
}
