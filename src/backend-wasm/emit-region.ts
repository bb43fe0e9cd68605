/**
 * Region → WebAssembly: a function that runs the region from the current state and returns an EXIT code, the pc
 * being stored:
 *
 *     load the budget, the TLB generation, the registers that the region uses
 *     block X { the code; an exit sets pc and code and branches to X }
 *     store the registers that it may have written, the pc, the budget; the code is the result
 */

import { ENG_BUDGET } from '../common/layout.ts';
import type { Region } from '../ir/cfg/region.ts';
import { structure } from '../ir/cfg/structure.ts';
import { EFFECT_FP, EFFECTS, F_NONE, F_RAW, FIELDS, WRITES_D } from '../ir/fields.ts';
import { OP, STRIDE } from '../ir/ops.ts';
import { isVar, NONE, refIndex } from '../ir/refs.ts';
import { EmitContext, type EmitOptions, EXIT_LABEL } from './context.ts';
import { ControlEmitter } from './emit-control.ts';
import type { Code } from './function-body.ts';
import { type Import, Imports } from './imports.ts';
import { linkRegions } from './link.ts';
import { W } from './opcodes.ts';

/** A region's function, to be linked into a module with others. */
export interface RegionObject {
  /** An entry of the code section. */
  readonly bytes: Uint8Array;
  /** See Code. */
  readonly hints: readonly number[];
  readonly calls: readonly number[];
  /** The functions that `bytes` calls by these positions. */
  readonly imports: readonly Import[];
  /** For profiles; ASCII. */
  readonly name: string;
}

export interface EmittedModule {
  readonly bytes: Uint8Array;
  /** Number of functions, exported by position. */
  readonly regions: number;
  readonly imports: readonly Import[];
}

/** One module of several regions: making one costs V8 more than what is in it. */
export function emitRegions(regions: readonly Region[], options: EmitOptions): EmittedModule {
  return linkRegions(regions.map((region) => emitRegion(region, options)));
}

export function emitRegion(region: Region, options: EmitOptions): RegionObject {
  const imports = new Imports();
  const { bytes, hints, calls } = emitCode(region, options, imports);
  return { bytes: bytes.view().slice(), hints, calls, imports: imports.list, name: region.name };
}

function emitCode(region: Region, options: EmitOptions, imports: Imports): Code {
  const e = new EmitContext(region, options, imports);
  const arithmetic = collectVariables(e);
  const { f } = e;
  e.loadBudget();
  e.loadGeneration();
  if (arithmetic) e.loadEnvironment();
  e.registers.reload('all');
  f.open(W.block, EXIT_LABEL);
  new ControlEmitter(e).list(structure({ entry: 0, succ: region.blocks.map((b) => b.succ) }));
  f.close();
  e.registers.spill('all');
  f.i32(0);
  f.get(e.pc);
  f.memory(W.i64Store, e.registers.offsetOf(options.layout.pc));
  f.i32(0);
  f.get(e.n);
  f.memory(W.i32Store, ENG_BUDGET * 4);
  f.get(e.code);
  return f.encode();
}

/**
 * Finds the variables that the region mentions, and those it may write.
 * @returns whether there is floating-point arithmetic
 */
function collectVariables(e: EmitContext): boolean {
  const { ccKind, ccA, ccB, ccC } = e.options.layout;
  let arithmetic = false;
  const setCc = (): void => {
    for (const v of [ccKind, ccA, ccB, ccC]) e.registers.use(v, true);
  };
  for (const { ir } of e.region.blocks) {
    const { code } = ir;
    for (let at = 0; at < ir.length; at += STRIDE) {
      const op = code[at]!;
      if (op === OP.ccset) setCc();
      if (EFFECTS[op] === EFFECT_FP || op === OP['cvt.f64.i64']) arithmetic = true;
      for (let k = 0; k < 4; k++) {
        const field = FIELDS[op * 4 + k];
        const ref = code[at + 1 + k]!;
        if (field === F_NONE || field === F_RAW || ref === NONE || !isVar(ref)) continue;
        e.registers.use(refIndex(ref), k === 0 && WRITES_D[op] === 1);
      }
    }
    if (ir.pendingCc.length === 0) continue;
    setCc();
    ir.pendingCc.forEach((ref, i) => {
      if (i % 4 !== 0 && isVar(ref)) e.registers.use(refIndex(ref), false);
    });
  }
  return arithmetic;
}
