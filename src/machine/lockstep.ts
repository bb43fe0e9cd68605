/**
 * Two engines side by side: every run of compiled regions is undone and repeated by the interpreter
 * over the same instructions; registers, flags and written memory must agree. The interpreter's
 * outcome is what counts. Regions that lead to each other are one run; when it differs, the regions are
 * run one by one to find which it was.
 *
 * How: while runs are compared no store hits the TLB (Mmu.setSlowStores), so the MMU's slow path sees every
 * one and journals the bytes it replaces (Mmu.journal). Demand paging and copy-on-write in the first run
 * stay: they change nothing that a guest can see.
 *
 * A program makes millions of runs of a few instructions each: comparing one allocates nothing unless
 * the engines differ. With a flush of the TLB, new buffers and maps for each region, Alpine's `seq` and
 * `awk` of 10,000 lines (66 million instructions) took 44 s; now 6 s.
 */

import { ENG_BUDGET, STATE_BASE } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { readEflags } from '../frontend-x86/flags.ts';
import { GUEST_STATE_SIZE, X86_STATE } from '../frontend-x86/state.ts';
import { EXIT } from '../ir/ops.ts';
import type { Mmu } from '../mmu/mmu.ts';
import type { CompiledRegion } from './code-cache.ts';
import { StoreJournal } from './store-journal.ts';

/** A difference between the engines: our bug, with what is needed to find it. */
export class LockstepError extends Error {
  override name = 'LockstepError';
}

/** What lockstep needs of the dispatcher. */
export interface LockstepHost {
  /** The region that the dispatcher would enter now, if it would enter one; counts the entry. */
  nextRegion(): CompiledRegion | null;
  /** Runs the interpreter from rip until the budget is used or it must stop. */
  interpret(): number;
  /** More about the region, for the report. */
  describe(region: CompiledRegion): string;
}

/** How a run ended. */
interface Ended {
  readonly exit: number;
  readonly executed: number;
  /** The exit is in the middle of a block. */
  readonly stopsInside?: boolean;
}

/** Exits that mean the same after the interpreter's run; the others go on at pc. */
const KEPT: ReadonlySet<number> = new Set([
  EXIT.exception,
  EXIT.selfModify,
  EXIT.syscall,
  EXIT.budget,
]);

/** Instructions that a block may have more than the budget when it stops inside (a fault). */
const SLACK = 64;

/** A prime: a program's own periods do not hide what is compared. */
const RARELY = 127;

const NONE: readonly string[] = [];
const WORDS = GUEST_STATE_SIZE >> 2;
/** Not 0 for the words of the state that say how the flags are recorded: those are compared by value. */
const IS_CC = new Int32Array(WORDS);
for (const v of [X86_STATE.ccKind, X86_STATE.ccA, X86_STATE.ccB, X86_STATE.ccC]) {
  const w = (X86_STATE.vars[v]!.offset - STATE_BASE) >> 2;
  IS_CC.fill(-1, w, w + 2);
}

export class Lockstep {
  /** Region runs compared. */
  compared = 0;
  /** Different regions among them. */
  regions = 0;
  /** Guest instructions executed by them. */
  instructions = 0;
  /**
   * For programs of minutes: of each region, so many runs are compared, and after them one in RARELY. The default
   * compares all.
   */
  thorough: number = Number.POSITIVE_INFINITY;
  private readonly mem: LinearMemory;
  private readonly mmu: Mmu;
  private readonly host: LockstepHost;
  /** The guest's registers as they are now. */
  private readonly state: Int32Array;
  /** Before the run, after the region, after the interpreter. */
  private readonly before: Int32Array = new Int32Array(WORDS);
  private readonly compiled: Int32Array = new Int32Array(WORDS);
  private readonly interpreted: Int32Array = new Int32Array(WORDS);
  /** Region runs in the comparison under way, and what differed. */
  private runs = 0;
  private problems: readonly string[] = NONE;
  private readonly regionStores: StoreJournal;
  private readonly stores: StoreJournal;

  constructor(mem: LinearMemory, mmu: Mmu, host: LockstepHost) {
    this.mem = mem;
    this.mmu = mmu;
    this.host = host;
    this.state = mem.I32.subarray(STATE_BASE >> 2, (STATE_BASE >> 2) + WORDS);
    this.regionStores = new StoreJournal(mem.U8);
    this.stores = new StoreJournal(mem.U8);
    mmu.setSlowStores(true);
  }

  /** @returns the exit code, with the state of the interpreter's run (of the region's if that is not compared) */
  step(first: CompiledRegion): number {
    const due = this.isDue(first);
    this.mmu.setSlowStores(due);
    if (!due) return first.run();
    const budget = this.mem.I32[ENG_BUDGET]!;
    const exit = this.compareRun(first, true);
    if (this.problems.length === 0) return exit;
    const { problems, runs } = this;
    const before = this.before.slice();
    if (runs > 1) this.findCulprit(first, budget, runs);
    this.before.set(before);
    this.report(
      first,
      runs === 1 ? first.name : `${first.name} with ${runs - 1} after it`,
      problems,
    );
  }

  private isDue(region: CompiledRegion): boolean {
    return region.entries <= this.thorough || region.entries % RARELY === 0;
  }

  /** Runs and compares one region after the other, after a run of several that differed. */
  private findCulprit(first: CompiledRegion, budget: number, runs: number): void {
    this.stores.takeBack();
    this.state.set(this.before);
    this.mem.I32[ENG_BUDGET] = budget;
    let region: CompiledRegion | null = first;
    for (let i = 0; i < runs && region !== null; i++) {
      this.compareRun(region, false);
      if (this.problems.length > 0) this.report(region, region.name, this.problems);
      region = this.host.nextRegion();
    }
  }

  /** Runs a region, and if wanted those after it; leaves what differs in `problems`. */
  private compareRun(first: CompiledRegion, chain: boolean): number {
    const { I32 } = this.mem;
    this.before.set(this.state);
    const budget = I32[ENG_BUDGET]!;
    const exit = this.runRegions(first, chain);
    const executed = budget - I32[ENG_BUDGET]!;
    this.compiled.set(this.state);
    this.regionStores.takeBack();
    this.state.set(this.before);
    // After a page of code has got another frame, the interpreter will not stop there.
    const moved = exit === EXIT.selfModify && this.mmu.codeMoved;
    const stopsInside = (exit === EXIT.exception || exit === EXIT.selfModify) && !moved;
    const limit = executed + (stopsInside ? SLACK : 0);
    I32[ENG_BUDGET] = limit;
    const second = this.interpret();
    const done = limit - I32[ENG_BUDGET]!;
    I32[ENG_BUDGET] = budget - done;
    const agrees =
      done === executed &&
      (!stopsInside || second === exit) &&
      this.sameState() &&
      this.regionStores.sameAs(this.stores);
    this.problems = agrees
      ? NONE
      : this.differences({ exit, executed, stopsInside }, { exit: second, executed: done });
    this.compared += this.runs;
    this.instructions += done;
    return KEPT.has(exit) && !moved ? exit : EXIT.next;
  }

  private runRegions(first: CompiledRegion, chain: boolean): number {
    this.regionStores.clear();
    this.runs = 0;
    this.mmu.journal = this.regionStores;
    try {
      for (let region = first; ; ) {
        if (region.entries === 1) this.regions++;
        this.runs++;
        const exit = region.run();
        if (exit !== EXIT.next || !chain) return exit;
        const next = this.host.nextRegion();
        if (next === null) return exit;
        if (!this.isDue(next)) {
          next.entries--; // The dispatcher enters it.
          return exit;
        }
        region = next;
      }
    } finally {
      this.mmu.journal = null;
    }
  }

  private interpret(): number {
    this.stores.clear();
    this.mmu.journal = this.stores;
    try {
      return this.host.interpret();
    } finally {
      this.mmu.journal = null;
    }
  }

  /** Whether the registers are what the region made of them. */
  private sameState(): boolean {
    const { state, compiled } = this;
    let differs = 0;
    let flagsDiffer = 0;
    for (let w = 0; w < WORDS; w++) {
      const d = state[w]! ^ compiled[w]!;
      differs |= d & ~IS_CC[w]!;
      flagsDiffer |= d;
    }
    if (differs !== 0) return false;
    return flagsDiffer === 0 || this.flagsOfRegion() === readEflags(this.mem.I32);
  }

  private flagsOfRegion(): number {
    this.interpreted.set(this.state);
    this.state.set(this.compiled);
    const flags = readEflags(this.mem.I32);
    this.state.set(this.interpreted);
    return flags;
  }

  /** The engines seem to differ: lists how, or finds that it is only in what was stored twice. */
  private differences(compiled: Ended, interpreted: Ended): string[] {
    const problems = this.differentWords();
    if (interpreted.executed !== compiled.executed) {
      problems.push(
        `instructions: region ${compiled.executed}, interpreter ${interpreted.executed}`,
      );
    }
    if (compiled.stopsInside === true && interpreted.exit !== compiled.exit) {
      problems.push(`exit: region ${compiled.exit}, interpreter ${interpreted.exit}`);
    }
    compareBytes(this.regionStores.bytes(true), this.stores.bytes(false), this.mem.U8, problems);
    return problems;
  }

  /** Differences of the registers; flags by value, not by how they are recorded. */
  private differentWords(): string[] {
    const problems: string[] = [];
    const { state, compiled } = this;
    for (let w = 0; w < WORDS; w++) {
      if (state[w] === compiled[w] || IS_CC[w] !== 0) continue;
      problems.push(`${wordName(w)}: region ${hex(compiled[w])}, interpreter ${hex(state[w])}`);
    }
    const a = this.flagsOfRegion();
    const b = readEflags(this.mem.I32);
    if (a !== b) problems.push(`eflags: region ${hex(a)}, interpreter ${hex(b)}`);
    return problems;
  }

  private report(region: CompiledRegion, name: string, problems: readonly string[]): never {
    const words = this.before;
    const registers = X86_STATE.vars.slice(0, X86_STATE.pc + 1).map((v) => {
      const w = (v.offset - STATE_BASE) >> 2;
      return `${v.name} ${hex(words[w + 1])}:${hex(words[w])}`;
    });
    throw new LockstepError(
      `lockstep: ${name} differs from the interpreter\n  ${problems.slice(0, 40).join('\n  ')}\n` +
        `before: ${registers.join(' ')}\n${this.host.describe(region)}`,
    );
  }
}

function compareBytes(
  a: ReadonlyMap<number, number>,
  b: ReadonlyMap<number, number>,
  U8: Uint8Array,
  problems: string[],
): void {
  for (const at of new Set([...a.keys(), ...b.keys()])) {
    const x = a.get(at) ?? U8[at];
    const y = b.get(at);
    if (y === undefined) {
      // Only the region wrote here: harmless if it wrote what is there.
      if (x !== U8[at]) problems.push(`memory ${hex(at)}: only the region wrote ${hex(x)}`);
    } else if (a.get(at) !== y) {
      problems.push(`memory ${hex(at)}: region ${hex(a.get(at))}, interpreter ${hex(y)}`);
    }
    if (problems.length > 40) return;
  }
}

function hex(v: number | undefined): string {
  return v === undefined ? '-' : `0x${(v >>> 0).toString(16)}`;
}

function wordName(w: number): string {
  const at = STATE_BASE + w * 4;
  const v = X86_STATE.vars.find(
    (x) => x.offset <= at && at < x.offset + (x.type === 'v256' ? 32 : x.type === 'f80' ? 16 : 8),
  );
  return v === undefined ? `state+${w * 4}` : `${v.name}+${at - v.offset}`;
}
