/** Makes the function of an emitted region. The only place of this backend that calls `new Function`. */

import type { HelperEnv, HelperRow } from '../ir/helpers.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import type { SlotFn } from '../ir/slot-fn.ts';
import { type Acceptor, makeAcceptor } from '../ir/slot-fp.ts';
import { EMIT_PARAMS, type EmittedRegion } from './emit-region.ts';

/** Runs the region from the current state. @returns an EXIT code or a link number */
export type RegionFn = () => number;

type Factory = (...args: unknown[]) => RegionFn;

export class RegionCompiler {
  private readonly args: readonly unknown[];
  private readonly accept: Acceptor;

  constructor(
    env: HelperEnv,
    helpers: readonly HelperRow[],
    slots: Readonly<Record<SlotOpName, SlotFn>>,
  ) {
    const byNumber = OPS.map((r: OpRow) => (r.cls === 'slot' ? slots[r.name as SlotOpName] : null));
    const { I32, U8, F32, F64, D, mem } = env;
    this.accept = makeAcceptor(I32);
    this.args = [I32, U8, F32, F64, D, env, mem, helpers.map((h) => h.fn), byNumber];
  }

  /** @param words of the function's own: runs to warm up, counters (`emitted.counters` in all) */
  compile(emitted: EmittedRegion, words: Int32Array = Int32Array.of(emitted.warm)): RegionFn {
    const factory = new Function(...EMIT_PARAMS, emitted.source) as Factory;
    return factory(...this.args, emitted.exits, words, this.accept);
  }
}
