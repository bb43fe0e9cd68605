/**
 * Makes the functions of an emitted module.
 *
 * What modules call is JavaScript, but they import it by way of one module that exports a function for each: V8
 * compiles code for every JavaScript function that a module imports, which took 0.25 ms a module (ARCHITECTURE.md).
 */

import type { HelperEnv, HelperRow } from '../ir/helpers.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import type { SlotFn } from '../ir/slot-fn.ts';
import type { EmittedModule } from './emit-region.ts';
import { HELPER_PARAMS, type Import, MMU_CALLS, MMU_PARAMS, SLOT_PARAMS } from './imports.ts';
import { encodeBridge } from './module.ts';
import { type HelperLayouts, NativeHelpers } from './native-helpers.ts';

/** Runs a region from the current state. @returns an EXIT code */
export type RegionFn = () => number;

type ImportedFn = (...words: number[]) => number;

/** A function that modules may call. */
interface Callee {
  readonly params: number;
  readonly fn: ImportedFn;
}

/** What says which function it is. */
type Called = Pick<Import, 'kind' | 'number'>;

export class WasmCompiler {
  private readonly memory: WebAssembly.Memory;
  /** By kind, then number. */
  private readonly callees: Record<Import['kind'], readonly Callee[]>;
  /** Those of them that modules have called so far, as functions of a module. */
  private readonly bridged: Map<Callee, WebAssembly.ExportValue> = new Map();
  private readonly helperNames: readonly string[];
  private readonly native: NativeHelpers;

  constructor(
    env: HelperEnv,
    helpers: readonly HelperRow[],
    slots: Readonly<Record<SlotOpName, SlotFn>>,
    layouts: HelperLayouts,
  ) {
    this.memory = env.wasm;
    const mmu = MMU_CALLS.map((name): Callee => {
      return { params: MMU_PARAMS[name], fn: (env.mem[name] as ImportedFn).bind(env.mem) };
    });
    const helper = helpers.map(({ fn }): Callee => {
      return { params: HELPER_PARAMS, fn: (d = 0, a = 0, b = 0, c = 0) => fn(env, d, a, b, c) };
    });
    const slot = OPS.map((r: OpRow): Callee => {
      const fn = slots[r.name as SlotOpName];
      return {
        params: SLOT_PARAMS,
        fn: (d = 0, a = 0, b = 0, c = 0, imm = 0) => fn(env, d, a, b, c, imm),
      };
    });
    this.callees = { mmu, helper, slot };
    this.helperNames = helpers.map(({ name }) => name);
    this.native = new NativeHelpers(env.wasm, layouts, {
      mmu: () => this.bridge(mmu),
      helpers: (names) => this.bridge(names.map((name) => helper[this.helperNames.indexOf(name)]!)),
    });
  }

  compile(emitted: EmittedModule): RegionFn[] {
    const m: Record<string, WebAssembly.ImportValue> = { mem: this.memory };
    this.imported(emitted.imports).forEach((value, i) => {
      m[i] = value;
    });
    const module = new WebAssembly.Module(emitted.bytes as Uint8Array<ArrayBuffer>);
    const { exports } = new WebAssembly.Instance(module, { m });
    return Array.from({ length: emitted.regions }, (_, i) => exports[i] as RegionFn);
  }

  /** What a module imports. */
  imported(list: readonly Called[]): WebAssembly.ExportValue[] {
    const native = list.map(({ kind, number }) =>
      kind === 'helper' ? this.native.find(this.helperNames[number]!) : null,
    );
    const others = list.filter((_, i) => native[i] === null);
    const bridged = this.bridge(others.map(({ kind, number }) => this.callees[kind][number]!));
    return native.map((value) => value ?? bridged.shift()!);
  }

  /** Functions as functions of a module: those that are not yet become it together. */
  private bridge(callees: readonly Callee[]): WebAssembly.ExportValue[] {
    const { bridged } = this;
    const missing = callees.filter((callee) => !bridged.has(callee));
    if (missing.length > 0) {
      bridge(missing).forEach((value, i) => {
        bridged.set(missing[i]!, value);
      });
    }
    return callees.map((callee) => bridged.get(callee)!);
  }
}

/** The functions as functions of a module. */
function bridge(callees: readonly Callee[]): WebAssembly.ExportValue[] {
  const m: Record<string, WebAssembly.ImportValue> = {};
  callees.forEach(({ fn }, i) => {
    m[i] = fn;
  });
  const bytes = encodeBridge(callees.map(({ params }) => params));
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
    { m },
  );
  return callees.map((_, i) => exports[i]!);
}
