/**
 * Two engines side by side: every run of a compiled region is undone and repeated by the interpreter
 * over the same instructions; registers, flags and written memory must agree. The interpreter's
 * outcome is what counts.
 *
 * How: while a region runs, no store hits the TLB, so the MMU's slow path sees every one and journals
 * the bytes it replaces (Mmu.journal). Demand paging and copy-on-write in the first run stay: they
 * change nothing that a guest can see.
 */

import { ENG_BUDGET, STATE_BASE } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { readEflags } from '../frontend-x86/flags.ts';
import { GUEST_STATE_SIZE, X86_STATE } from '../frontend-x86/state.ts';
import { EXIT } from '../ir/ops.ts';
import type { Mmu } from '../mmu/mmu.ts';

/** What a store replaced. */
interface Replaced {
  readonly host: number;
  readonly before: Uint8Array;
}

/** Journal of one run. */
export class StoreJournal {
  readonly entries: Replaced[] = [];
  private readonly U8: Uint8Array;

  constructor(U8: Uint8Array) {
    this.U8 = U8;
  }

  /** Called by the MMU before `size` bytes at `host` are written. */
  save(host: number, size: number): void {
    this.entries.push({ host, before: this.U8.slice(host, host + size) });
  }

  /** Every byte written and its value now. */
  written(): Map<number, number> {
    const bytes = new Map<number, number>();
    for (const e of this.entries) {
      for (let i = 0; i < e.before.length; i++)
        bytes.set(e.host + i, this.U8[e.host + i] as number);
    }
    return bytes;
  }

  undo(): void {
    for (let i = this.entries.length - 1; i >= 0; i--) {
      const e = this.entries[i] as Replaced;
      this.U8.set(e.before, e.host);
    }
  }
}

/** A difference between the engines: our bug, with what is needed to find it. */
export class LockstepError extends Error {
  override name = 'LockstepError';
}

export interface LockstepRun {
  /** Runs the compiled region once. @returns an EXIT code */
  readonly region: () => number;
  /** Runs the interpreter from the current state until the budget is used or it must stop. */
  readonly interpret: () => number;
  readonly name: string;
  /** More about the region, for the report. */
  readonly describe: () => string;
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

const W_CC = [X86_STATE.ccKind, X86_STATE.ccA, X86_STATE.ccB, X86_STATE.ccC].map(
  (v) => ((X86_STATE.vars[v]?.offset as number) - STATE_BASE) >> 2,
);

export class Lockstep {
  /** Region runs compared. */
  compared = 0;
  private readonly mem: LinearMemory;
  private readonly mmu: Mmu;

  constructor(mem: LinearMemory, mmu: Mmu) {
    this.mem = mem;
    this.mmu = mmu;
  }

  /** @returns the exit code, with the state of the interpreter's run */
  step(run: LockstepRun): number {
    const { I32 } = this.mem;
    const before = this.state();
    const budget = I32[ENG_BUDGET] as number;
    const first = this.journaled(run.region);
    const executed = budget - (I32[ENG_BUDGET] as number);
    const compiled = this.state();
    const written = first.journal.written();
    first.journal.undo();
    this.mem.U8.set(before, STATE_BASE);
    const stopsInside = first.exit === EXIT.exception || first.exit === EXIT.selfModify;
    I32[ENG_BUDGET] = executed + (stopsInside ? SLACK : 0);
    const limit = I32[ENG_BUDGET] as number;
    const second = this.journaled(run.interpret);
    const done = limit - (I32[ENG_BUDGET] as number);
    I32[ENG_BUDGET] = budget - done;
    const problems = this.compare(compiled, this.state());
    if (done !== executed) problems.push(`instructions: region ${executed}, interpreter ${done}`);
    if (stopsInside && second.exit !== first.exit) {
      problems.push(`exit: region ${first.exit}, interpreter ${second.exit}`);
    }
    compareBytes(written, second.journal.written(), this.mem.U8, problems);
    if (problems.length > 0) this.report(run, before, problems);
    this.compared++;
    return KEPT.has(first.exit) ? first.exit : EXIT.next;
  }

  private journaled(fn: () => number): { exit: number; journal: StoreJournal } {
    const journal = new StoreJournal(this.mem.U8);
    this.mmu.journal = journal;
    try {
      return { exit: fn(), journal };
    } finally {
      this.mmu.journal = null;
    }
  }

  private state(): Uint8Array {
    return this.mem.U8.slice(STATE_BASE, STATE_BASE + GUEST_STATE_SIZE);
  }

  /** Differences of two saved states; flags by value, not by how they are recorded. */
  private compare(a: Uint8Array, b: Uint8Array): string[] {
    const problems: string[] = [];
    const A = new Int32Array(a.buffer);
    const B = new Int32Array(b.buffer);
    for (let w = 0; w < A.length; w++) {
      if (A[w] !== B[w] && !W_CC.includes(w & ~1)) {
        problems.push(`${wordName(w)}: region ${hex(A[w])}, interpreter ${hex(B[w])}`);
      }
    }
    const flagsA = this.flags(a);
    const flagsB = this.flags(b);
    if (flagsA !== flagsB)
      problems.push(`eflags: region ${hex(flagsA)}, interpreter ${hex(flagsB)}`);
    return problems;
  }

  private flags(state: Uint8Array): number {
    const now = this.state();
    this.mem.U8.set(state, STATE_BASE);
    const flags = readEflags(this.mem.I32);
    this.mem.U8.set(now, STATE_BASE);
    return flags;
  }

  private report(run: LockstepRun, before: Uint8Array, problems: readonly string[]): never {
    const words = new Int32Array(before.buffer);
    const registers = X86_STATE.vars.slice(0, X86_STATE.pc + 1).map((v) => {
      const w = (v.offset - STATE_BASE) >> 2;
      return `${v.name} ${hex(words[w + 1])}:${hex(words[w])}`;
    });
    throw new LockstepError(
      `lockstep: ${run.name} differs from the interpreter\n  ${problems.slice(0, 40).join('\n  ')}\n` +
        `before: ${registers.join(' ')}\n${run.describe()}`,
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
