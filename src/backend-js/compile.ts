/** Makes the function of an emitted region. The only place of this backend that calls `new Function`. */

import type { GuestAccess, HelperEnv, HelperRow } from '../ir/helpers.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import type { SlotFn } from '../ir/slot-fn.ts';
import { EMIT_PARAMS, type EmittedRegion } from './emit-region.ts';

/** Runs the region from the current state. @returns an EXIT code or a link number */
export type RegionFn = () => number;

type Factory = (...args: unknown[]) => RegionFn;

export class RegionCompiler {
  private readonly args: readonly unknown[];

  constructor(
    env: HelperEnv,
    helpers: readonly HelperRow[],
    slots: Readonly<Record<SlotOpName, SlotFn>>,
  ) {
    const byNumber = OPS.map((r: OpRow) => (r.cls === 'slot' ? slots[r.name as SlotOpName] : null));
    const { I32, U8, F32, F64, D, mem } = env;
    this.args = [I32, U8, F32, F64, D, env, outOfLine(mem), helpers.map((h) => h.fn), byNumber];
  }

  /** @param words of the function's own: runs to warm up, counters (`emitted.counters` in all) */
  compile(emitted: EmittedRegion, words: Int32Array = Int32Array.of(emitted.warm)): RegionFn {
    const factory = new Function(...EMIT_PARAMS, emitted.source) as Factory;
    return factory(...this.args, emitted.exits, words);
  }
}

/** Bytes of bytecode beyond which V8 does not put a function into its callers; a call takes some 15. */
const INLINE_LIMIT = 460;

/**
 * The slow paths as functions that stay out of their callers: V8 would put all that is behind a TLB miss into the
 * region's function, which then has too few registers for what is hot. V8 goes by a function's size, so these
 * get a part that is never executed.
 */
function outOfLine(mem: GuestAccess): GuestAccess {
  const padding = 'mem.raise(0,0);'.repeat(INLINE_LIMIT / 10);
  const make = (name: string, parameters: string): string =>
    `${name}(${parameters}){if(lo===undefined){${padding}}return mem.${name}(${parameters});}`;
  const methods = [
    make('read', 'lo,hi,size'),
    make('write8', 'lo,hi,v'),
    make('write16', 'lo,hi,v'),
    make('write32', 'lo,hi,v'),
    make('write64', 'lo,hi,vlo,vhi'),
    make('writeBytes', 'lo,hi,from,size'),
    'raise(vector,error){return mem.raise(vector,error);}',
  ];
  return new Function('mem', `return{${methods.join(',')}};`)(mem) as GuestAccess;
}
