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

export class WasmCompiler {
  private readonly memory: WebAssembly.Memory;
  /** By kind, then number. */
  private readonly functions: Record<Import['kind'], readonly WebAssembly.ExportValue[]>;
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
    const exported = bridge([...mmu, ...helper, ...slot]);
    const firstSlot = mmu.length + helper.length;
    this.functions = {
      mmu: exported.slice(0, mmu.length),
      helper: exported.slice(mmu.length, firstSlot),
      slot: exported.slice(firstSlot),
    };
    this.helperNames = helpers.map(({ name }) => name);
    const byName = (name: string): WebAssembly.ExportValue =>
      this.functions.helper[this.helperNames.indexOf(name)]!;
    this.native = new NativeHelpers(env.wasm, layouts, this.functions.mmu, byName);
  }

  compile(emitted: EmittedModule): RegionFn[] {
    const m: Record<string, WebAssembly.ImportValue> = { mem: this.memory };
    emitted.imports.forEach((x, i) => {
      m[i] = this.imported(x);
    });
    const module = new WebAssembly.Module(emitted.bytes as Uint8Array<ArrayBuffer>);
    const { exports } = new WebAssembly.Instance(module, { m });
    return Array.from({ length: emitted.regions }, (_, i) => exports[i] as RegionFn);
  }

  /** What modules call. */
  imported({ kind, number }: Pick<Import, 'kind' | 'number'>): WebAssembly.ExportValue {
    const native = kind === 'helper' ? this.native.find(this.helperNames[number]!) : null;
    return native ?? this.functions[kind][number]!;
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
