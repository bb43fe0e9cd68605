/**
 * The IR interpreter: reference semantics and tier 0. Owns the micro-code arena, the table of blocks
 * and the jump cache; the dispatcher (src/machine) decides what runs.
 *
 * Invariants: a block's micro code is never moved or reused while the arena lives; killing a block
 * overwrites its head, so that links and cache entries to it lead back to the dispatcher; when arena
 * or constant pool are full, `clear` drops everything at once.
 */

import { generated } from '../common/generated.ts';
import {
  ARENA_BASE,
  ARENA_WORDS,
  ENG_BUDGET,
  ENG_CODE_GEN,
  ENG_INTERP_BLOCK,
  ENG_INTERP_P,
  ENG_INTERP_PASS,
  HITS_BASE,
  JUMP_CACHE_BASE,
  JUMP_CACHE_ENTRIES,
  JUMP_CACHE_GEN,
  JUMP_CACHE_P,
  JUMP_CACHE_SHIFT,
} from '../common/layout.ts';
import { panic } from '../common/panic.ts';
import type { IrBlock } from './block.ts';
import type { HelperEnv, HelperRow } from './helpers.ts';
import { INTERP_PARAMS, interpreterSource } from './interp-source.ts';
import { TRAINING, TRAINING_HELPERS, Trainer } from './interp-train.ts';
import { EXIT_LINK, EXIT_REGION } from './interp-words.ts';
import {
  LINKING,
  M_DEAD,
  M_EXIT,
  M_HEAD,
  M_JUMPIND,
  M_REGION,
  MICRO_OPS,
  PENDING_WORDS,
  RECENT_TARGETS,
  RECENT_WORDS,
  SIDE_COMPLETED_MASK,
  SIDE_COMPLETED_SHIFT,
  SIDE_OFFSET_MASK,
  SIDE_PENDING_SHIFT,
} from './micro.ts';
import { ConstPool, MicroLowering } from './micro-lower.ts';
import { readRecord, type WordWriter, writeRecord } from './micro-record.ts';
import { EXIT, OPS, type OpRow, type SlotOpName, STRIDE } from './ops.ts';
import { SLOT_FNS, type SlotFn } from './slot-ops.ts';
import type { StateLayout } from './types.ts';

export { EXIT_LINK, EXIT_REGION };

/** Where the interpreter stopped: engine words. */
export class InterpStop {
  private readonly I32: Int32Array;

  constructor(I32: Int32Array) {
    this.I32 = I32;
  }

  /** Arena index of the micro operation (or, after EXIT_LINK, of the link's words). */
  get p(): number {
    return this.I32[ENG_INTERP_P] as number;
  }

  /** Id of the block; 0: a region. */
  get block(): number {
    return this.I32[ENG_INTERP_BLOCK] as number;
  }

  /** Set by the caller: blocks that have a region are executed here all the same. */
  set passRegions(on: boolean) {
    this.I32[ENG_INTERP_PASS] = on ? 1 : 0;
  }
}

/** Runs from an arena index until something needs the dispatcher. @returns an EXIT code, EXIT_REGION or EXIT_LINK */
export type Interpret = (p: number) => number;

/** What an interpreter that is made elsewhere calls. */
export interface InterpCalls {
  readonly layout: StateLayout;
  /** The function of a helper, and that of a slot operation, for the micro operation at an arena index. */
  readonly helper: (p: number) => number;
  readonly slot: (p: number) => number;
}

/** A block in micro code. */
export interface InterpBlock {
  readonly id: number;
  readonly pcLo: number;
  readonly pcHi: number;
  readonly insnCount: number;
  /** Arena index of the head. */
  readonly start: number;
  /** The index behind the micro operations, where the side table begins. */
  readonly microEnd: number;
  readonly microCount: number;
  /** The index behind the side table. */
  readonly end: number;
  /** Executions after which it stops with EXIT.hot: the threshold, or fewer. */
  hotAt: number;
}

const SLOT_BY_MICRO: readonly (SlotFn | null)[] = MICRO_OPS.map((m) =>
  m.kind === 'slot' ? SLOT_FNS[(OPS[m.op] as OpRow).name as SlotOpName] : null,
);

export interface InterpOptions {
  /** Words of micro code; default ARENA_WORDS (16 MB). */
  readonly arenaWords?: number;
  /** Makes the function that executes micro code; default: that of interp-source.ts. */
  readonly interpret?: (env: HelperEnv, calls: InterpCalls) => Interpret;
  /** Executions after which a block stops with EXIT.hot; 0: never. */
  readonly hotThreshold?: number;
  /** Run every operation once first, so that V8 optimizes the interpreter only once. */
  readonly train?: boolean;
}

/** The helpers' functions by number, and those for training. */
function trainable(helpers: readonly HelperRow[]): Record<number, HelperRow['fn']> {
  const fns: Record<number, HelperRow['fn']> = helpers.map((h) => h.fn);
  // Two function literals: closures of one literal are one call target to V8.
  fns[TRAINING_HELPERS[0] as number] = () => 0;
  fns[TRAINING_HELPERS[1] as number] = (_env, d) => d & 0;
  return fns;
}

const NEVER_HOT = 0x7fffffff;

export class Interpreter {
  readonly at: InterpStop;
  /** Executions left until a block counts as hot, by block id. */
  readonly hits: Int32Array;
  blocks: (InterpBlock | null)[] = [null];
  private readonly env: HelperEnv;
  private readonly layout: StateLayout;
  private readonly C: Int32Array;
  private readonly jumpCache: Int32Array;
  private readonly pool: ConstPool;
  private readonly lowering: MicroLowering;
  private readonly run: Interpret;
  private hotThreshold: number;
  private next: number = STRIDE;

  constructor(
    env: HelperEnv,
    layout: StateLayout,
    helpers: readonly HelperRow[],
    options: InterpOptions = {},
  ) {
    this.env = env;
    this.layout = layout;
    const { buffer } = env.I32;
    this.at = new InterpStop(env.I32);
    this.C = new Int32Array(buffer, ARENA_BASE, options.arenaWords ?? ARENA_WORDS);
    this.hits = new Int32Array(buffer, HITS_BASE, (JUMP_CACHE_BASE - HITS_BASE) / 4);
    this.jumpCache = new Int32Array(buffer, JUMP_CACHE_BASE, JUMP_CACHE_ENTRIES * 4);
    this.hotThreshold = options.hotThreshold ?? 0;
    this.pool = new ConstPool(env.I32);
    this.lowering = new MicroLowering(layout, this.pool);
    const { interpret } = options;
    if (interpret !== undefined) {
      this.run = interpret(env, this.calls(helpers));
      return;
    }
    const word = (v: number): number => this.wordOf(v);
    this.run = generated('interpreter', INTERP_PARAMS, interpreterSource)(
      env.I32,
      env.U8,
      env.D,
      env,
      env.mem,
      this.C,
      this.hits,
      this.jumpCache,
      trainable(helpers),
      SLOT_BY_MICRO,
      word(layout.pc),
      word(layout.ccKind),
      word(layout.ccA),
      word(layout.ccB),
      word(layout.ccC),
    );
    if (options.train ?? false) this.train();
  }

  private calls(helpers: readonly HelperRow[]): InterpCalls {
    const { C, env, layout } = this;
    return {
      layout,
      helper: (p) => helpers[C[p + 5]!]!.fn(env, C[p + 1]!, C[p + 2]!, C[p + 3]!, C[p + 4]!),
      slot: (p) =>
        SLOT_BY_MICRO[C[p]!]!(env, C[p + 1]!, C[p + 2]!, C[p + 3]!, C[p + 4]!, C[p + 5]!),
    };
  }

  private train(): void {
    const { I32 } = this.env;
    const gen = I32[ENG_CODE_GEN] as number;
    I32[ENG_CODE_GEN] = 1;
    const trainer = new Trainer(this.env, this.layout, (ir, how) => {
      const block = this.add(ir);
      if (how === TRAINING.region) this.setRegion(block, true);
      else if (how === TRAINING.dead) this.C[block.start] = M_DEAD;
      else if (how === TRAINING.linked) this.linkToItself(block);
      return () => this.runTraining(block, how);
    });
    trainer.train();
    I32[ENG_CODE_GEN] = gen;
    this.C.fill(0, 0, this.next);
    this.clear();
  }

  private linkToItself(block: InterpBlock): void {
    const tail = block.microEnd - STRIDE;
    if (!LINKING.has(MICRO_OPS[this.C[tail - STRIDE] as number]?.kind)) return;
    this.link(tail, block, 1);
    this.link(tail + 3, block, 1);
  }

  private runTraining(block: InterpBlock, how: number): void {
    this.env.I32[ENG_BUDGET] = how === TRAINING.noBudget ? 0 : 4;
    if (how === TRAINING.hot) this.hits[block.id] = 1;
    else if (how === TRAINING.linked) this.cacheJump(block, 1);
    this.enter(block);
    if (how !== TRAINING.region) return;
    this.at.passRegions = true;
    this.enter(block);
    this.at.passRegions = false;
  }

  /** True when `add` may not be called before `clear`. */
  get full(): boolean {
    return (
      this.pool.full ||
      this.next > this.C.length - 0x8000 ||
      this.blocks.length > this.hits.length - 8
    );
  }

  /** Lowers a block. The caller has checked `full`. */
  add(ir: IrBlock): InterpBlock {
    const id = this.blocks.length;
    const start = this.next;
    const low = this.lowering;
    this.next = low.lower(ir, id, this.C, start);
    return this.enlist({
      id,
      pcLo: ir.pcLo,
      pcHi: ir.pcHi,
      insnCount: ir.insnCount,
      start,
      microEnd: low.microEnd,
      microCount: low.microCount,
      end: this.next,
      hotAt: 0,
    });
  }

  private enlist(block: InterpBlock): InterpBlock {
    this.blocks.push(block);
    this.heatUp(block);
    return block;
  }

  /** Writes the micro code of a live block, independent of where it is. See micro-record.ts. */
  save(block: InterpBlock, out: WordWriter): void {
    writeRecord(block, this.C, this.env.I32, out);
  }

  /** Adds a block that `save` wrote at words[at…], for the pc it has there. The caller has checked `full`. */
  load(words: Int32Array, at: number, pcHi: number): InterpBlock {
    const place = { id: this.blocks.length, start: this.next, pcHi };
    const block = readRecord(words, at, place, this.C, this.pool);
    this.next = block.end;
    return this.enlist(block);
  }

  /** Makes the block unreachable: whoever jumps to it comes back to the dispatcher. */
  kill(block: InterpBlock): void {
    this.C[block.start] = M_DEAD;
    this.blocks[block.id] = null;
  }

  /** From now on entering the block returns EXIT_REGION (or not any more), unless at.passRegions. */
  setRegion(block: InterpBlock, on: boolean): void {
    if (this.blocks[block.id] === block) this.C[block.start] = on ? M_REGION : M_HEAD;
  }

  /** How often the block ran, counted until it becomes hot. */
  executions(block: InterpBlock): number {
    const left = this.hits[block.id] as number;
    return left > block.hotAt ? block.hotAt : block.hotAt - left;
  }

  /** Whether the block has run as often as hot blocks do. */
  isHot(block: InterpBlock): boolean {
    return this.executions(block) >= this.hotThreshold;
  }

  /** Executions after which blocks stop with EXIT.hot, fewer than up to now. Those that did run so often stop next time. */
  lowerThreshold(count: number): void {
    this.hotThreshold = count;
    for (const block of this.blocks) {
      if (block === null || (this.hits[block.id] as number) > block.hotAt) continue;
      const ran = this.executions(block);
      block.hotAt = Math.min(block.hotAt, Math.max(count, ran + 1));
      this.hits[block.id] = block.hotAt - ran;
    }
  }

  /** Has the block, which has run less often, stop with EXIT.hot after `count` executions, or at the threshold. */
  hotAfter(block: InterpBlock, count: number): void {
    if (this.hotThreshold === 0) return;
    const ran = this.executions(block);
    block.hotAt = Math.min(count, this.hotThreshold);
    this.hits[block.id] = Math.max(1, block.hotAt - ran);
  }

  /** How often the block was entered here in all, exact up to 2^31. */
  entered(block: InterpBlock): number {
    const left = this.hits[block.id] as number;
    if (this.hotThreshold !== 0 && left <= block.hotAt) return block.hotAt - left;
    // Cooled down: the entry that found it hot did not run.
    return NEVER_HOT - left + Math.max(block.hotAt - 1, 0);
  }

  /** Where the block's jumpind went lately, as numbers, the most frequent first; empty if it has none. */
  recentTargets(block: InterpBlock): number[] {
    const { C } = this;
    const ring = block.microEnd - RECENT_WORDS;
    if (this.blocks[block.id] !== block || C[ring - STRIDE] !== M_JUMPIND) return [];
    const counts = new Map<number, number>();
    for (let i = ring; i < ring + 2 * RECENT_TARGETS; i += 2) {
      const pc = ((C[i + 1] as number) >>> 0) * 4294967296 + ((C[i] as number) >>> 0);
      if (pc !== 0) counts.set(pc, (counts.get(pc) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1]).map(([pc]) => pc);
  }

  /** The block has been dealt with: it does not become hot again. */
  coolDown(block: InterpBlock): void {
    this.hits[block.id] = NEVER_HOT;
  }

  /** The block counts from the beginning again. */
  heatUp(block: InterpBlock): void {
    block.hotAt = this.hotThreshold;
    this.hits[block.id] = this.hotThreshold === 0 ? NEVER_HOT : this.hotThreshold;
  }

  /** Drops all blocks. */
  clear(): void {
    this.blocks = [null];
    this.next = STRIDE;
    this.pool.clear();
    this.jumpCache.fill(0);
  }

  /** Runs from a block. @returns an EXIT code, EXIT_REGION or EXIT_LINK; see `at` */
  enter(block: InterpBlock): number {
    const r = this.run(block.start);
    if (r === EXIT.exception || r === EXIT.selfModify) this.settle();
    return r;
  }

  /** Makes the link at `site` (at.p after EXIT_LINK) lead to `to` while the code generation lasts. */
  link(site: number, to: InterpBlock, codeGen: number): void {
    this.C[site] = to.start;
    this.C[site + 1] = codeGen;
  }

  /** Remembers an indirect branch target. */
  cacheJump(to: InterpBlock, codeGen: number): void {
    const i = ((to.pcLo ^ (to.pcLo >>> JUMP_CACHE_SHIFT)) & (JUMP_CACHE_ENTRIES - 1)) << 2;
    const jc = this.jumpCache;
    jc[i] = to.pcLo;
    jc[i + 1] = to.pcHi;
    jc[i + JUMP_CACHE_GEN] = codeGen;
    jc[i + JUMP_CACHE_P] = to.start;
  }

  /** Guest instructions of the block that were completed before micro operation at.p. */
  completedAt(block: InterpBlock): number {
    return completedIn(this.sideWord(block));
  }

  /** Of the side table, what belongs to the micro op at at.p: every op before a terminator is one STRIDE. */
  private sideWord({ start, microEnd }: InterpBlock): number {
    return this.C[microEnd + (this.at.p - start) / STRIDE] as number;
  }

  /** After a fault: pc of the instruction, and the condition codes that a pass had deferred. */
  private settle(): void {
    // A region that the interpreter led to has settled everything.
    if (this.at.block === 0) return;
    const block = this.blocks[this.at.block];
    if (block == null) panic('fault outside any block');
    const side = this.sideWord(block);
    if (this.C[this.at.p] === M_EXIT) return;
    const { I32 } = this.env;
    const pc = this.wordOf(this.layout.pc);
    const lo = (block.pcLo + (side & SIDE_OFFSET_MASK)) | 0;
    I32[pc] = lo;
    I32[pc + 1] = block.pcHi + (lo >>> 0 < block.pcLo >>> 0 ? 1 : 0);
    I32[ENG_BUDGET] = (I32[ENG_BUDGET] as number) + block.insnCount - completedIn(side);
    this.applyPending(block, side >>> SIDE_PENDING_SHIFT);
  }

  private wordOf(v: number): number {
    return (this.layout.vars[v]?.offset as number) >> 2;
  }

  /** @param k 0, or the number of the block's record and 1 */
  private applyPending({ microEnd, microCount }: InterpBlock, k: number): void {
    if (k === 0) return;
    const { I32 } = this.env;
    const { layout, C } = this;
    const at = microEnd + microCount + (k - 1) * PENDING_WORDS;
    const vars = [layout.ccA, layout.ccB, layout.ccC];
    I32[this.wordOf(layout.ccKind)] = C[at] as number;
    for (let j = 0; j < 3; j++) {
      const from = C[at + 1 + j] as number;
      if (from === -1) continue;
      const to = this.wordOf(vars[j] as number);
      I32[to] = I32[from] as number;
      I32[to + 1] = I32[from + 1] as number;
    }
  }
}

/** @param side a word of the side table */
function completedIn(side: number): number {
  return (side >>> SIDE_COMPLETED_SHIFT) & SIDE_COMPLETED_MASK;
}
