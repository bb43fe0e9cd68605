/**
 * The compiled regions of the WebAssembly backend in a table of functions, so that one leads to the next without
 * JavaScript in between (backend-wasm/dispatcher.ts).
 *
 * Invariants: the region cache names live regions only; an entry holds under the code generation in it.
 */

import {
  createDispatcher,
  type Dispatcher,
  type DispatcherOptions,
} from '../backend-wasm/dispatcher.ts';
import {
  REGION_CACHE_BASE,
  REGION_CACHE_ENTRIES,
  REGION_CACHE_GEN,
  REGION_CACHE_SHIFT,
  REGION_CACHE_SLOT,
} from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { stateWord } from '../frontend-x86/state.ts';

const EFLAGS_TF = 0x100;

export const DISPATCH: DispatcherOptions = {
  pc: stateWord('rip') * 4,
  stopWord: stateWord('eflagsRest') * 4,
  stopBits: EFLAGS_TF,
};

/** What a machine's regions are entered by. */
export function createRegionDispatcher(mem: LinearMemory): Dispatcher {
  return createDispatcher(mem.wasm, DISPATCH);
}

export class RegionTable {
  private readonly I32: Int32Array;
  private readonly dispatcher: Dispatcher;
  /** Slots that are free again; the next one never used. */
  private readonly free: number[] = [];
  private next = 0;

  constructor(mem: LinearMemory, dispatcher: Dispatcher) {
    this.I32 = mem.I32;
    this.dispatcher = dispatcher;
  }

  /** @param fn an exported function of a module @returns its slot */
  add(fn: () => number): number {
    const { table } = this.dispatcher;
    const slot = this.free.pop() ?? this.next++;
    if (slot === table.length) table.grow(table.length);
    table.set(slot, fn);
    return slot;
  }

  /** The function that enters the region in a slot. */
  runner(slot: number): () => number {
    const { enter } = this.dispatcher;
    return () => enter(slot);
  }

  private entry(pcLo: number): number {
    const hash = (pcLo ^ (pcLo >>> REGION_CACHE_SHIFT)) & (REGION_CACHE_ENTRIES - 1);
    return (REGION_CACHE_BASE >> 2) + hash * 4;
  }

  /** Lets other regions lead to the one in `slot`, under code generation `gen`. */
  remember(pcLo: number, pcHi: number, gen: number, slot: number): void {
    const { I32 } = this;
    const e = this.entry(pcLo);
    I32[e] = pcLo;
    I32[e + 1] = pcHi;
    I32[e + REGION_CACHE_GEN] = gen;
    I32[e + REGION_CACHE_SLOT] = slot;
  }

  /** Takes a region out. */
  remove(pcLo: number, slot: number): void {
    const e = this.entry(pcLo);
    if (this.I32[e + REGION_CACHE_SLOT] === slot) this.I32[e + REGION_CACHE_GEN] = 0;
    this.dispatcher.table.set(slot, null);
    this.free.push(slot);
  }
}
