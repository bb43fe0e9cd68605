/**
 * The tier above the interpreter: chooses regions around hot blocks and compiles them to JavaScript
 * functions, or to WebAssembly. Code memory is bounded: when the emitted source exceeds the limit, everything is
 * dropped together with the code cache.
 */

import { RegionCompiler as Backend } from '../backend-js/compile.ts';
import { COUNTERS } from '../backend-js/context.ts';
import { type EmittedRegion, emitRegion } from '../backend-js/emit-region.ts';
import { functionName } from '../backend-js/names.ts';
import type { RegionObject } from '../backend-wasm/emit-region.ts';
import { ENG_BUDGET } from '../common/layout.ts';
import { HELPERS } from '../frontend-x86/helpers-table.ts';
import { X86_STATE } from '../frontend-x86/state.ts';
import type { IrBlock } from '../ir/block.ts';
import {
  formRegion,
  REGION_LIMITS,
  type Region,
  type RegionLimits,
  type RegionSource,
} from '../ir/cfg/region.ts';
import { FAST_MASK, FAST_VALUE, FP_ENV_WORD } from '../ir/fp-env.ts';
import { OP, STRIDE } from '../ir/ops.ts';
import { SLOT_FNS } from '../ir/slot-ops.ts';
import { formatBlock } from '../ir/text.ts';
import type { CompiledRegion, Tb } from './code-cache.ts';
import type { Cpu } from './cpu.ts';
import type { RegionBackend } from './engines.ts';
import { type ReadyRegion, WASM_LIMITS, WasmRegions } from './wasm-regions.ts';

/** Bytes of emitted source that are kept at most, unless asked otherwise; V8's code is a few times that. */
const MAX_SOURCE = 48 * 1024 * 1024;

/** How much more often a block is taken to run that has its own region by the time another one wants it. */
const INNER = 16;

/** Blocks that may have regions of earlier runs, which cost little, wait for so many. */
const MAX_SAVED = 48;

/** Blocks of other address spaces that wait until these run again. */
const MAX_PENDING = 64;

/** What `describe` tells of a region. */
interface Described {
  readonly region: Region;
  /** JavaScript; '' for WebAssembly. */
  readonly source: string;
}

/** What a dump needs of a compiled region, kept only when asked for. */
export interface RegionRecord {
  readonly region: Region;
  /** As it is without counters. */
  readonly emitted: EmittedRegion;
  readonly compiled: CompiledRegion;
  readonly counts: RegionCounts | null;
}

/** What a profiled region counted. */
export interface RegionCounts {
  /** Calls of the function: entries, and goings-on after each slice of the budget. */
  runs: number;
  instructions: number;
  /** Executions by block. */
  readonly blocks: Float64Array;
  /** By exit: how often the region was left there, and how often by a fault. */
  readonly exits: Float64Array;
  readonly faults: Float64Array;
  /** Brings the arrays up to date. */
  drain(): void;
}

export interface RegionStats {
  compiled: number;
  rejected: number;
  sourceBytes: number;
  /** Milliseconds spent forming, emitting and compiling. */
  ms: number;
}

/** Name of the guest function at an address, or null. */
export type Symbolizer = (pcLo: number, pcHi: number) => string | null;

export class RegionCompiler {
  readonly stats: RegionStats = { compiled: 0, rejected: 0, sourceBytes: 0, ms: 0 };
  symbolize: Symbolizer = () => null;
  /** Keeps regions and their source for `dump`: compiles them to JavaScript then, whatever the engine. */
  keepRecords = false;
  /** Bytes of emitted source after which everything is dropped. */
  maxSource: number = MAX_SOURCE;
  /** Counts executions in the regions whose records are kept. */
  profile = false;
  records: RegionRecord[] = [];
  /** Lets `describe` find a region for as long as somebody has it. */
  describable = false;
  private readonly described = new WeakMap<CompiledRegion | RegionObject, Described>();
  /** Called with milliseconds since some start; set by the host for --stats. */
  now: () => number = () => 0;
  private readonly cpu: Cpu;
  private readonly backend: Backend;
  private readonly wasm: WasmRegions | null;
  private liveSource = 0;
  private members: Tb[] = [];
  /** Hot blocks without a region yet. */
  private pending: Tb[] = [];
  /** How many hot ones were requested since the last ones were compiled, and how many others. */
  private requested = 0;
  private asked = 0;
  /** Whether there are any. */
  waiting = false;
  /** Regions that are compiled together. */
  private readonly batch: number;
  private readonly limits: RegionLimits;
  private readonly source: RegionSource;

  constructor(cpu: Cpu, backend: RegionBackend = 'js') {
    this.cpu = cpu;
    this.wasm = backend === 'wasm' ? new WasmRegions(cpu) : null;
    this.batch = this.wasm?.batch ?? 1;
    this.limits = this.wasm === null ? REGION_LIMITS : WASM_LIMITS;
    cpu.cache.onKillRegion = (region) => this.wasm?.removed(region);
    this.backend = new Backend(cpu.helperEnv, HELPERS, SLOT_FNS);
    this.source = {
      block: (lo, hi, ccIn, insns) => this.block(lo, hi, ccIn, insns),
      count: (lo, hi) => {
        const tb = cpu.peek(lo, hi);
        // What has a region of its own was hot long ago, and is no longer counted here.
        return tb === null ? 0 : cpu.executions(tb) * (tb.region === null ? 1 : INNER);
      },
      targets: (ir) => {
        const tb = cpu.peek(ir.pcLo, ir.pcHi);
        return tb === null ? [] : cpu.interp.recentTargets(tb.interp);
      },
    };
  }

  /** Compiles regions without slow paths first, until they turn out to need them. */
  leanFirst = false;

  /** Only what does the same when it is repeated gets into regions: lockstep repeats them. */
  repeatable = false;

  /** @returns null if no region can be made from this block */
  compile(entry: Tb): CompiledRegion | null {
    const start = this.now();
    if (this.makeRoom()) return null;
    const region = this.form(entry);
    const compiled = region === null ? null : this.emit(entry, region);
    this.stats.ms += this.now() - start;
    if (compiled === null) this.stats.rejected++;
    else this.stats.compiled++;
    return compiled;
  }

  /** Drops everything if there is too much. @returns whether it did */
  private makeRoom(): boolean {
    if (this.liveSource <= this.maxSource) return false;
    this.liveSource = 0;
    this.cpu.cache.flush();
    return true;
  }

  /** The blocks of a region around `entry`; its translation blocks to `members`. */
  private form(entry: Tb): Region | null {
    this.members = [];
    const { pcLo, pcHi } = entry;
    const limits = this.keepRecords ? REGION_LIMITS : this.limits;
    return formRegion(pcLo, pcHi, this.source, X86_STATE, HELPERS, limits);
  }

  /** Whether it takes regions of earlier runs, and leaves its own to later ones. */
  keeps = false;

  /** The region is entered from here on: others may lead to it. */
  entered(region: CompiledRegion): void {
    this.wasm?.entered(region);
  }

  /** The block has become hot: it gets a region, now or with others a little later. */
  request(entry: Tb): void {
    this.pending.push(entry);
    this.waiting = true;
    if (this.cpu.interp.isHot(entry.interp)) this.requested++;
    else this.asked++;
    if (this.requested >= this.batch || this.asked >= MAX_SAVED) this.compilePending();
  }

  /**
   * Compiles what was requested, and installs it. Regions are made of what is mapped now, so blocks of other address
   * spaces wait on.
   */
  compilePending(): void {
    const wanted = this.pending.filter((tb) => tb.alive && tb.region === null && !tb.noRegion);
    const entries = wanted.filter((tb) => this.cpu.peek(tb.pcLo, tb.pcHi) === tb);
    const others = wanted.filter((tb) => !entries.includes(tb));
    this.pending = others.slice(-MAX_PENDING);
    for (const tb of others.slice(0, -MAX_PENDING)) this.cpu.interp.heatUp(tb.interp);
    this.waiting = this.pending.length > 0;
    this.requested = 0;
    this.asked = 0;
    if (this.wasm !== null && !this.keepRecords) {
      this.compileTogether(this.wasm, entries);
      return;
    }
    for (const entry of entries) {
      const region = this.compile(entry);
      if (region === null) entry.noRegion = true;
      else this.cpu.cache.install(region);
    }
  }

  /** Compiles regions in one module. A block that is in the region of another one waits until it is hot again. */
  private compileTogether(wasm: WasmRegions, entries: readonly Tb[]): void {
    const start = this.now();
    if (this.makeRoom()) return;
    const ready: ReadyRegion[] = [];
    const formed: ReadyRegion[] = [];
    for (const entry of entries) {
      const saved = this.cpu.savedRegion(entry);
      if (saved !== null)
        ready.push({ ...saved, object: { ...saved.object, name: this.nameOf(entry) } });
      else if (!this.cpu.interp.isHot(entry.interp)) this.cpu.laterHot(entry);
      else if (formed.some(({ members }) => members.includes(entry))) {
        this.cpu.interp.heatUp(entry.interp);
      } else {
        const made = this.formed(wasm, entry);
        if (made !== null) formed.push(made);
      }
    }
    const taken = ready.length;
    ready.push(...formed);
    if (ready.length > 0) this.installAll(wasm, ready, taken);
    this.stats.compiled += ready.length;
    this.stats.ms += this.now() - start;
  }

  private formed(wasm: WasmRegions, entry: Tb): ReadyRegion | null {
    const region = this.form(entry);
    if (region === null) {
      entry.noRegion = true;
      this.stats.rejected++;
      return null;
    }
    region.name = this.nameOf(entry);
    const object = wasm.emit(region);
    if (this.describable) this.described.set(object, { region, source: '' });
    return { entry, members: this.members, object };
  }

  private nameOf({ pcLo, pcHi }: Tb): string {
    return functionName(this.symbolize(pcLo, pcHi), pcLo, pcHi);
  }

  /** @param firstFresh those from here on are not of an earlier run */
  private installAll(wasm: WasmRegions, ready: readonly ReadyRegion[], firstFresh: number): void {
    const { regions, bytes } = wasm.compile(ready);
    this.liveSource += bytes;
    this.stats.sourceBytes += bytes;
    regions.forEach((compiled, i) => {
      this.cpu.install(compiled, i >= firstFresh);
    });
  }

  private emit(entry: Tb, region: Region): CompiledRegion {
    const { pcLo, pcHi } = entry;
    const name = functionName(this.symbolize(pcLo, pcHi), pcLo, pcHi);
    const options = { layout: X86_STATE, helpers: HELPERS, name };
    let lean = this.leanFirst && !entry.needsSlowPaths;
    let emitted = emitRegion(region, { ...options, lean });
    if (lean && emitted.arithmetic && !this.isFastEnvironment()) {
      lean = false;
      emitted = emitRegion(region, options);
    }
    this.liveSource += emitted.source.length;
    this.stats.sourceBytes += emitted.source.length;
    const counted = this.profile ? this.compileCounting(region, name, lean) : null;
    const compiled: CompiledRegion = {
      run: counted?.run ?? this.backend.compile(emitted),
      name,
      entry,
      members: [...new Set([entry, ...this.members])],
      alive: true,
      gen: entry.gen,
      entries: 0,
      lean: lean ? { slow: 0, instructions: 0 } : null,
      slot: -1,
      object: null,
    };
    const counts = counted?.counts ?? null;
    if (this.keepRecords || this.describable) {
      const record = { region, emitted, compiled, counts };
      this.described.set(compiled, { region, source: emitted.source });
      if (this.keepRecords) this.records.push(record);
    }
    return compiled;
  }

  /** Whether arithmetic is fast now: it is once a result has been inexact, as long as nobody clears PE. */
  private isFastEnvironment(): boolean {
    return (this.cpu.helperEnv.I32[FP_ENV_WORD]! & FAST_MASK) === FAST_VALUE;
  }

  /** Compiles the region with counters in it. */
  private compileCounting(
    region: Region,
    name: string,
    lean: boolean,
  ): { run: () => number; counts: RegionCounts } {
    const options = { layout: X86_STATE, helpers: HELPERS, name, lean, profile: true };
    const emitted = emitRegion(region, options);
    const words = new Int32Array(emitted.counters);
    words[0] = emitted.warm;
    return countingRun(
      this.backend.compile(emitted, words),
      this.cpu.helperEnv.I32,
      words,
      region.blocks.length,
    );
  }

  /** Guest code, IR before and after the passes and source of a region, if regions are describable or records are kept. */
  describe(region: CompiledRegion): string {
    const record = this.described.get(region.object ?? region);
    if (record === undefined) return '';
    const blocks = record.region.blocks.map(({ ir }) => {
      const lifted = this.cpu.relift(ir);
      const code = `guest code ${this.cpu.codeBytes(ir)}`;
      const before = lifted === null ? 'is gone' : formatBlock(lifted, X86_STATE);
      return `${code}\nIR before the passes: ${before}\nIR after the passes: ${formatBlock(ir, X86_STATE)}`;
    });
    return `${blocks.join('\n')}\n${record.source}`;
  }

  private block(lo: number, hi: number, ccIn: number, insns: number): IrBlock | null {
    const tb = this.cpu.peek(lo, hi);
    if (tb === null) return null;
    const whole = ccIn < 0 && insns < 0;
    const ir = this.repeatable || whole ? this.cpu.irOf(tb) : null;
    if (ir !== null && this.repeatable && varies(ir)) return null;
    this.members.push(tb);
    return whole ? ir : this.cpu.lift(lo, hi, ccIn, insns);
  }
}

/** Whether a block reads the clock, or draws random numbers. */
function varies(ir: IrBlock): boolean {
  for (let at = 0; at < ir.length; at += STRIDE) {
    if (ir.code[at] === OP.call && HELPERS[ir.code[at + 5]!]?.varies === true) return true;
  }
  return false;
}

/** Runs after which 32-bit counters are emptied: a run executes some 200,000 instructions at most. */
const DRAIN_RUNS = 0x1000;

/** A region's function with its counters read now and then, before they overflow. */
function countingRun(
  fn: () => number,
  I32: Int32Array,
  words: Int32Array,
  blockCount: number,
): { run: () => number; counts: RegionCounts } {
  const exitCount = (words.length - COUNTERS - blockCount) / 2;
  const counts: RegionCounts = {
    runs: 0,
    instructions: 0,
    blocks: new Float64Array(blockCount),
    exits: new Float64Array(exitCount),
    faults: new Float64Array(exitCount),
    drain: () => {
      let w = COUNTERS;
      for (let i = 0; i < blockCount; i++) counts.blocks[i]! += words[w++]!;
      for (let i = 0; i < exitCount; i++) {
        counts.exits[i]! += words[w++]!;
        counts.faults[i]! += words[w++]!;
      }
      words.fill(0, COUNTERS);
    },
  };
  const run = (): number => {
    const budget = I32[ENG_BUDGET]!;
    const r = fn();
    counts.instructions += budget - I32[ENG_BUDGET]!;
    if (++counts.runs % DRAIN_RUNS === 0) counts.drain();
    return r;
  };
  return { run, counts };
}
