/**
 * Shows the interpreter function every micro operation before it gets hot, so that V8 optimizes it once.
 * Without this each operation that first occurs later throws the optimized code away ("insufficient
 * type feedback"), and the next version takes 200-800 ms: CPython's boot spent most of its time
 * in such gaps (bench/interp.ts prints the speed; the boot went from 11 to about 40 million
 * instructions a second).
 *
 * Each operation runs on operands of both signs and all magnitudes, both outcomes of every
 * condition, loads and stores with and without a TLB hit. State, TLB and engine words are
 * restored afterwards.
 */

import {
  ENG_TLB_GEN,
  SCRATCH_BASE,
  STATE_BASE,
  STATE_SIZE,
  TLB_ADDEND,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import type { IrBlock } from './block.ts';
import { BlockBuilder } from './builder.ts';
import { COND_NAMES, EXIT, MEM_ALIGN, OPS, type OpName, type OpRow } from './ops.ts';
import { NONE, type Ref, varRef } from './refs.ts';
import type { StateLayout } from './types.ts';

/** A guest page that the TLB maps to the scratch area during training. */
const PAGE = 0x5000;
/** Numbers of helpers that do nothing; two, so that V8 does not bet on one call target. */
export const TRAINING_HELPERS: readonly number[] = [-1, -2];
/** One that nothing maps: its accesses go to the slow path and fault (address 0 is never mapped). */
const UNMAPPED = 0xffff8000;

const VALUES: readonly (readonly [number, number])[] = [
  [0x12345678, 0x9abcdef0 | 0],
  [-1, -1],
  [0, 0],
  [0x80000000 | 0, 0x7fffffff],
  [5, 0],
  [0x7fffffff, 0x80000000 | 0],
  [0, 1],
  [0xdeadbeef | 0, 0],
  [5, 0],
  [5, 0],
  [5, 0],
  [5, 7],
  [6, 7],
];

/** How a block is executed once more or less from its head to its exit. */
export const TRAINING = {
  /** As it is. */
  plain: 0,
  /** Without budget: leaves at the head. */
  noBudget: 1,
  /** About to become hot. */
  hot: 2,
  dead: 3,
  region: 4,
  /** Its links and indirect target lead back to itself: runs until the budget is used. */
  linked: 5,
} as const;

/** Makes micro code of a block once. @returns runs it */
export type TrainingRun = (block: IrBlock, how: number) => () => void;

export class Trainer {
  private readonly b: BlockBuilder = new BlockBuilder();
  private readonly mem: LinearMemory;
  private readonly prepare: TrainingRun;
  private readonly vars: readonly Ref[];
  private readonly words: readonly number[];
  /** Blocks that run on all values. */
  private readonly blocks: (() => void)[] = [];

  constructor(mem: LinearMemory, layout: StateLayout, prepare: TrainingRun) {
    this.mem = mem;
    this.prepare = prepare;
    const ints = layout.vars
      .map((v, i) => [v, i] as const)
      .filter(([v, i]) => v.type === 'i64' && i !== layout.pc)
      .slice(0, 4);
    this.vars = ints.map(([, i]) => varRef(i));
    this.words = ints.map(([v]) => v.offset >> 2);
  }

  train(): void {
    const { U8 } = this.mem;
    const state = U8.slice(STATE_BASE, STATE_BASE + STATE_SIZE);
    const tlb = U8.slice(TLB_BASE, TLB_BASE + TLB_ENTRIES * TLB_ENTRY_SIZE);
    this.mapPage();
    for (let shift = 0; shift < 4; shift++) this.integers(shift);
    this.branches();
    this.control();
    // Few enough that V8 does not compile half-trained code, enough that every site has seen its types.
    // The first round is run again at the end: V8 notes nothing of what runs first.
    for (let round = 0; round <= VALUES.length; round++) {
      for (const block of this.blocks) {
        this.load(round);
        block();
      }
    }
    for (let round = 0; round < 3; round++) this.memory(round);
    U8.set(tlb, TLB_BASE);
    U8.set(state, STATE_BASE);
  }

  private mapPage(): void {
    const { I32 } = this.mem;
    I32[ENG_TLB_GEN] = 1;
    const entry = ((PAGE >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
    I32[entry + TLB_READ] = PAGE | 1;
    I32[entry + TLB_WRITE] = PAGE | 1;
    I32[entry + TLB_HI] = 0;
    I32[entry + TLB_ADDEND] = SCRATCH_BASE - PAGE;
  }

  private load(round: number): void {
    const { I32 } = this.mem;
    const { words } = this;
    for (let i = 0; i < words.length; i++) {
      const v = VALUES[(round + i) % VALUES.length] as readonly [number, number];
      I32[words[i] as number] = v[0];
      I32[(words[i] as number) + 1] = v[1];
    }
  }

  private begin(): void {
    this.b.reset(0x1000, 0);
  }

  private end(how: number = TRAINING.plain): () => void {
    return this.prepare(this.b.finish(1, 1), how);
  }

  private exit(): () => void {
    this.b.opTo(NONE, 'exit', this.b.const64(0x1000, 0), NONE, NONE, EXIT.syscall);
    return this.end();
  }

  /** All integer operations in one block: they write a register that none reads. */
  private integers(shift: number): void {
    const [r0, r1, r2, r3] = this.vars as [Ref, Ref, Ref, Ref];
    const disp = [4, -4, 0x7fffffff, 0][shift] as number;
    this.begin();
    for (const row of OPS as readonly OpRow[]) {
      if (row.cls !== 'int') continue;
      const conditions = row.imm === 'cond' ? COND_NAMES.length : 1;
      // Only those that differ by shift or displacement are worth more than one turn.
      if (shift > 0 && row.imm !== 'disp' && row.c !== 'int') continue;
      for (let imm = 0; imm < conditions; imm++) {
        const c = row.c === 'int' ? shift : row.c === null ? NONE : r2;
        this.b.opTo(
          r3,
          row.name as OpName,
          r0,
          row.b === null ? NONE : r1,
          c,
          row.imm === 'disp' ? disp : imm,
        );
        if (row.name === 'lea.i64') this.b.opTo(r3, 'lea.i64', r0, NONE, 0, disp);
      }
    }
    this.b.opTo(NONE, 'ccset', r0, r1, NONE, 1);
    this.blocks.push(this.exit());
  }

  private branches(): void {
    const [r0] = this.vars as [Ref, Ref, Ref, Ref];
    this.compares(0x2000, TRAINING.plain);
    this.begin();
    this.b.opTo(NONE, 'branch', this.b.const64(0x1000, 0), this.b.const64(0x2000, 0), r0);
    this.blocks.push(this.end());
    for (const op of ['jump', 'jumpind'] as const) {
      for (let high = 0; high < 2; high++) {
        this.begin();
        this.b.opTo(NONE, op, this.b.const64(0x1001, high));
        this.blocks.push(this.end());
      }
    }
  }

  /** A compare and branch of each kind, to 0x1000 or elsewhere. */
  private compares(other: number, how: number): void {
    const [r0, r1] = this.vars as [Ref, Ref, Ref, Ref];
    for (const set of ['set.i32', 'set.i64'] as const) {
      for (let cond = 0; cond < COND_NAMES.length; cond++) {
        this.begin();
        const t = this.b.op(set, r0, r1, NONE, cond);
        this.b.opTo(NONE, 'branch', this.b.const64(0x1000, 0), this.b.const64(other, 0), t);
        this.blocks.push(this.end(how));
      }
    }
  }

  /** Heads in all their states, links taken and not taken, the jump cache, calls and slot ops. */
  private control(): void {
    const [r0, r1, r2] = this.vars as [Ref, Ref, Ref, Ref];
    for (const how of Object.values(TRAINING)) {
      this.begin();
      const helper = TRAINING_HELPERS[how & 1] as number;
      this.b.opTo(NONE, 'call', r0, r1, r2, helper);
      const v = this.b.op('vmov', this.b.op('vmov', r0));
      this.b.opTo(this.b.temp('v128'), 'vmov', v);
      this.b.opTo(NONE, 'jump', this.b.const64(0x1000, 0));
      this.blocks.push(this.end(how));
    }
    this.compares(0x1000, TRAINING.linked);
    for (const op of ['branch', 'jumpind'] as const) {
      this.begin();
      const target = this.b.const64(0x1000, 0);
      if (op === 'branch') this.b.opTo(NONE, op, target, target, r0);
      else this.b.opTo(NONE, op, target);
      this.blocks.push(this.end(TRAINING.linked));
    }
  }

  /** Loads and stores: what hits in one block, what faults each in its own. */
  private memory(round: number): void {
    const index = this.vars[1] as Ref;
    const narrow = MEM_ROWS.filter((row) => !isWide(row));
    const wide = MEM_ROWS.filter(isWide);
    for (const scale of [NONE, index]) {
      this.access(narrow, PAGE + 64, 0, scale, round);
      this.access(narrow, PAGE + 72, 0, scale, round);
      this.access(wide, PAGE + 64, 0, scale, round);
      for (const row of wide) this.access([row], PAGE + 72, 0, scale, round);
      if (round > 0) continue;
      for (const row of MEM_ROWS) this.access([row], UNMAPPED, 0xffff, scale, round);
    }
  }

  private access(
    rows: readonly OpRow[],
    base: number,
    hi: number,
    index: Ref,
    round: number,
  ): void {
    const { I32 } = this.mem;
    const [r0, , , r3] = this.vars as [Ref, Ref, Ref, Ref];
    const [w0, w1] = this.words as [number, number];
    this.begin();
    for (const row of rows) {
      const wide = isWide(row);
      const d = wide ? this.b.temp(row.d as 'v128') : r3;
      this.b.opTo(d, row.name as OpName, r0, index, wide ? MEM_ALIGN : 0, round * 32 - 32);
    }
    const run = this.exit();
    this.load(round);
    I32[w0] = base;
    I32[w0 + 1] = hi;
    I32[w1] = round * 16;
    I32[w1 + 1] = 0;
    run();
  }
}

const MEM_ROWS: readonly OpRow[] = (OPS as readonly OpRow[]).filter((row) => row.cls === 'mem');

function isWide(row: OpRow): boolean {
  return row.d === 'v128' || row.d === 'v256';
}
