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

export type TrainingRun = (block: IrBlock, how: number) => void;

export class Trainer {
  private readonly b: BlockBuilder = new BlockBuilder();
  private readonly mem: LinearMemory;
  private readonly run: TrainingRun;
  private readonly vars: readonly Ref[];
  private readonly words: readonly number[];
  private turn = 0;

  constructor(mem: LinearMemory, layout: StateLayout, run: TrainingRun) {
    this.mem = mem;
    this.run = run;
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
    // Few enough that V8 does not compile half-trained code, enough that every site has seen its types.
    for (let round = 0; round < VALUES.length; round++) {
      this.integers(round);
      this.branches(round);
      this.control(round);
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
    this.words.forEach((w, i) => {
      const v = VALUES[(round + i) % VALUES.length] as readonly [number, number];
      I32[w] = v[0];
      I32[w + 1] = v[1];
    });
  }

  private begin(): void {
    this.b.reset(0x1000, 0);
  }

  private end(): void {
    this.b.opTo(NONE, 'exit', this.b.const64(0x1000, 0), NONE, NONE, EXIT.syscall);
    this.run(this.b.finish(1, 1), TRAINING.plain);
  }

  private integers(round: number): void {
    const [r0, r1, r2, r3] = this.vars as [Ref, Ref, Ref, Ref];
    for (const row of OPS as readonly OpRow[]) {
      if (row.cls !== 'int') continue;
      const conditions = row.imm === 'cond' ? COND_NAMES.length : 1;
      for (let imm = 0; imm < conditions; imm++) {
        this.begin();
        this.load(round);
        const c = row.c === 'int' ? this.turn++ & 3 : row.c === null ? NONE : r2;
        const disp = row.imm === 'disp' ? [4, -4, 0x7fffffff][round % 3] : imm;
        this.b.opTo(r3, row.name as OpName, r0, row.b === null ? NONE : r1, c, disp as number);
        if (row.name === 'lea.i64') this.b.opTo(r3, 'lea.i64', r0, NONE, 0, disp as number);
        this.b.opTo(NONE, 'ccset', r0, r1, NONE, 1);
        this.end();
      }
    }
  }

  private branches(round: number): void {
    const [r0, r1] = this.vars as [Ref, Ref, Ref, Ref];
    for (const set of ['set.i32', 'set.i64'] as const) {
      for (let cond = 0; cond < COND_NAMES.length; cond++) {
        this.begin();
        this.load(round);
        const t = this.b.op(set, r0, r1, NONE, cond);
        this.b.opTo(NONE, 'branch', this.b.const64(0x1000, 0), this.b.const64(0x2000, 0), t);
        this.run(this.b.finish(1, 1), TRAINING.plain);
      }
    }
    this.begin();
    this.load(round);
    this.b.opTo(NONE, 'branch', this.b.const64(0x1000, 0), this.b.const64(0x2000, 0), r0);
    this.run(this.b.finish(1, 1), TRAINING.plain);
    for (const op of ['jump', 'jumpind'] as const) {
      this.begin();
      this.b.opTo(NONE, op, this.b.const64(0x1000 + round, round));
      this.run(this.b.finish(1, 1), TRAINING.plain);
    }
  }

  /** Heads in all their states, links taken and not taken, the jump cache, calls and slot ops. */
  private control(round: number): void {
    const [r0, r1, r2] = this.vars as [Ref, Ref, Ref, Ref];
    for (const how of Object.values(TRAINING)) {
      this.begin();
      this.load(round);
      const helper = TRAINING_HELPERS[how & 1] as number;
      this.b.opTo(NONE, 'call', r0, r1, r2, helper);
      const v = this.b.op('vmov', this.b.op('vmov', r0));
      this.b.opTo(this.b.temp('v128'), 'vmov', v);
      this.b.opTo(NONE, 'jump', this.b.const64(0x1000, 0));
      this.run(this.b.finish(1, 1), how);
    }
    for (const set of ['set.i32', 'set.i64'] as const) {
      for (let cond = 0; cond < COND_NAMES.length; cond++) {
        this.begin();
        this.load(round);
        const t = this.b.op(set, r0, r1, NONE, cond);
        this.b.opTo(NONE, 'branch', this.b.const64(0x1000, 0), this.b.const64(0x1000, 0), t);
        this.run(this.b.finish(1, 1), TRAINING.linked);
      }
    }
    for (const op of ['branch', 'jumpind'] as const) {
      this.begin();
      this.load(round);
      const target = this.b.const64(0x1000, 0);
      if (op === 'branch') this.b.opTo(NONE, op, target, target, r0);
      else this.b.opTo(NONE, op, target);
      this.run(this.b.finish(1, 1), TRAINING.linked);
    }
  }

  private memory(round: number): void {
    const { I32 } = this.mem;
    const [r0, r1, , r3] = this.vars as [Ref, Ref, Ref, Ref];
    for (const row of OPS as readonly OpRow[]) {
      if (row.cls !== 'mem') continue;
      for (const [base, hi] of [
        [PAGE + 64, 0],
        [PAGE + 72, 0],
        [UNMAPPED, 0xffff],
      ] as const) {
        for (const index of [NONE, r1]) {
          this.begin();
          this.load(round);
          I32[this.words[0] as number] = base;
          I32[(this.words[0] as number) + 1] = hi;
          I32[this.words[1] as number] = round * 16;
          I32[(this.words[1] as number) + 1] = 0;
          const wide = row.d === 'v128' || row.d === 'v256';
          const d = wide ? this.b.temp(row.d as 'v128') : r3;
          this.b.opTo(d, row.name as OpName, r0, index, wide ? MEM_ALIGN : 0, round * 32 - 32);
          this.end();
        }
      }
    }
  }
}
