/**
 * The tier above the interpreter: chooses regions around hot blocks and compiles them to JavaScript
 * functions. Code memory is bounded: when the emitted source exceeds the limit, everything is
 * dropped together with the code cache.
 */

import { RegionCompiler as Backend } from '../backend-js/compile.ts';
import { type EmittedRegion, emitRegion } from '../backend-js/emit-region.ts';
import { functionName } from '../backend-js/names.ts';
import { HELPERS } from '../frontend-x86/helpers-table.ts';
import { X86_STATE } from '../frontend-x86/state.ts';
import type { IrBlock } from '../ir/block.ts';
import { formRegion, type Region, type RegionSource } from '../ir/cfg/region.ts';
import { formatBlock } from '../ir/text.ts';
import { SLOT_FNS } from '../ir/slot-ops.ts';
import type { CompiledRegion, Tb } from './code-cache.ts';
import type { Cpu } from './cpu.ts';

/** Bytes of emitted source that are kept at most; V8's code for them is a few times that. */
const MAX_SOURCE = 48 * 1024 * 1024;

/** What a dump needs of a compiled region, kept only when asked for. */
export interface RegionRecord {
  readonly region: Region;
  readonly emitted: EmittedRegion;
  readonly compiled: CompiledRegion;
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
  /** Keeps regions and their source for `dump`. */
  keepRecords = false;
  records: RegionRecord[] = [];
  /** Called with milliseconds since some start; set by the host for --stats. */
  now: () => number = () => 0;
  private readonly cpu: Cpu;
  private readonly backend: Backend;
  private liveSource = 0;
  private members: Tb[] = [];
  private readonly source: RegionSource;

  constructor(cpu: Cpu) {
    this.cpu = cpu;
    this.backend = new Backend(cpu.helperEnv, HELPERS, SLOT_FNS);
    this.source = {
      block: (lo, hi, ccIn) => this.block(lo, hi, ccIn),
      count: (lo, hi) => {
        const tb = cpu.peek(lo, hi);
        return tb === null ? 0 : cpu.executions(tb);
      },
    };
  }

  /** @returns null if no region can be made from this block */
  compile(entry: Tb): CompiledRegion | null {
    const start = this.now();
    if (this.liveSource > MAX_SOURCE) {
      this.liveSource = 0;
      this.cpu.cache.flush();
      return null;
    }
    this.members = [];
    const region = formRegion(entry.pcLo, entry.pcHi, this.source, X86_STATE, HELPERS);
    const compiled = region === null ? null : this.emit(entry, region);
    this.stats.ms += this.now() - start;
    if (compiled === null) this.stats.rejected++;
    else this.stats.compiled++;
    return compiled;
  }

  private emit(entry: Tb, region: Region): CompiledRegion {
    const { pcLo, pcHi } = entry;
    const name = functionName(this.symbolize(pcLo, pcHi), pcLo, pcHi);
    const emitted = emitRegion(region, { layout: X86_STATE, helpers: HELPERS, name });
    this.liveSource += emitted.source.length;
    this.stats.sourceBytes += emitted.source.length;
    const compiled: CompiledRegion = {
      run: this.backend.compile(emitted),
      name,
      entry,
      members: [...new Set([entry, ...this.members])],
      alive: true,
      gen: entry.gen,
      entries: 0,
    };
    if (this.keepRecords) this.records.push({ region, emitted, compiled });
    return compiled;
  }

  /** IR and source of a region, if records are kept. */
  describe(region: CompiledRegion): string {
    const record = this.records.find((r) => r.compiled === region);
    if (record === undefined) return '';
    const blocks = record.region.blocks.map((b) => formatBlock(b.ir, X86_STATE));
    return `${blocks.join('\n')}\n${record.emitted.source}`;
  }

  private block(lo: number, hi: number, ccIn: number): IrBlock | null {
    const tb = this.cpu.peek(lo, hi);
    if (tb === null) return null;
    this.members.push(tb);
    return ccIn < 0 ? tb.interp.ir : this.cpu.lift(lo, hi, ccIn);
  }
}
