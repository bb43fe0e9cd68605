/** Regions in WebAssembly: several to a module, in a table that they lead to each other by. */

import { WasmCompiler } from '../backend-wasm/compile.ts';
import { emitRegion, type RegionObject } from '../backend-wasm/emit-region.ts';
import { linkRegions } from '../backend-wasm/link.ts';
import { ENG_CODE_GEN } from '../common/layout.ts';
import { HELPER_LAYOUTS, HELPERS } from '../frontend-x86/helpers-table.ts';
import { X86_STATE } from '../frontend-x86/state.ts';
import { REGION_LIMITS, type Region, type RegionLimits } from '../ir/cfg/region.ts';
import { SLOT_FNS } from '../ir/slot-ops.ts';
import type { CompiledRegion, Tb } from './code-cache.ts';
import type { Cpu } from './cpu.ts';
import { RegionTable } from './region-table.ts';

/**
 * V8 compiles WebAssembly in linear time, and it runs fast from the first call on. With 48 blocks and 600 instructions,
 * lines of CPython took 1.2 times as long: every run of a region loads and stores the registers of all its blocks.
 */
export const WASM_LIMITS: RegionLimits = {
  ...REGION_LIMITS,
  blocks: 24,
  insns: 300,
  size: 30_000,
};

/** Regions in a module. */
const BATCH = 8;

/** A region's code, and the translation blocks in it. */
export interface ReadyRegion {
  readonly entry: Tb;
  readonly members: readonly Tb[];
  readonly object: RegionObject;
}

export class WasmRegions {
  /** Regions to compile together. */
  readonly batch: number;
  private readonly I32: Int32Array;
  private readonly compiler: WasmCompiler;
  /** Null for lockstep, which runs one region at a time. */
  private readonly table: RegionTable | null;

  constructor(cpu: Cpu) {
    const env = cpu.helperEnv;
    this.I32 = env.I32;
    this.compiler = new WasmCompiler(env, HELPERS, SLOT_FNS, HELPER_LAYOUTS);
    const { dispatcher } = cpu;
    this.batch = dispatcher === null ? 1 : BATCH;
    this.table = dispatcher === null ? null : new RegionTable(env, dispatcher);
  }

  emit(region: Region): RegionObject {
    return emitRegion(region, { layout: X86_STATE, helpers: HELPERS });
  }

  /** Compiles regions in one module. @returns them, and the module's size in bytes */
  compile(ready: readonly ReadyRegion[]): { regions: CompiledRegion[]; bytes: number } {
    const emitted = linkRegions(ready.map((r) => r.object));
    const functions = this.compiler.compile(emitted);
    const regions = ready.map((r, i) => this.inTable(functions[i]!, r));
    return { regions, bytes: emitted.bytes.length };
  }

  private inTable(fn: () => number, { entry, object, members }: ReadyRegion): CompiledRegion {
    const slot = this.table?.add(fn) ?? -1;
    return {
      run: this.table?.runner(slot) ?? fn,
      name: object.name,
      entry,
      members: [...new Set([entry, ...members])],
      alive: true,
      gen: this.I32[ENG_CODE_GEN]!,
      entries: 0,
      lean: null,
      slot,
      object,
    };
  }

  /** The region is entered from here on under the code generation it has: others may lead to it. */
  entered(region: CompiledRegion): void {
    const { pcLo, pcHi } = region.entry;
    if (region.slot >= 0) this.table?.remember(pcLo, pcHi, region.gen, region.slot);
  }

  /** The region is not to be entered any more. */
  removed(region: CompiledRegion): void {
    if (region.slot >= 0) this.table?.remove(region.entry.pcLo, region.slot);
  }
}
