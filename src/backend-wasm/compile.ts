/**
 * Makes the functions of an emitted module.
 *
 * What modules call is JavaScript, but they import it by way of one module that exports a function for each: V8
 * compiles code for every JavaScript function that a module imports, which took 0.25 ms a module (ARCHITECTURE.md).
 */

import type { X87Layout } from '../common/x87.ts';
import type { HelperEnv, HelperRow } from '../ir/helpers.ts';
import { OPS, type OpRow, type SlotOpName } from '../ir/ops.ts';
import type { SlotFn } from '../ir/slot-fn.ts';
import type { EmittedModule } from './emit-region.ts';
import {
  HELPER_PARAMS,
  type Import,
  MMU_CALLS,
  MMU_PARAMS,
  type MmuCall,
  SLOT_PARAMS,
} from './imports.ts';
import { encodeBridge, encodeFunctions } from './module.ts';
import { X87_FUNCTIONS, x87Function } from './x87-functions.ts';

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
  private readonly x87Layout: X87Layout;
  /** Position in X87_FUNCTIONS of each helper, or -1. */
  private readonly x87Positions: readonly number[];
  /** Helpers by name. */
  private readonly helperNumbers: ReadonlyMap<string, number>;
  private x87: readonly WebAssembly.ExportValue[] | null = null;

  constructor(
    env: HelperEnv,
    helpers: readonly HelperRow[],
    slots: Readonly<Record<SlotOpName, SlotFn>>,
    x87: X87Layout,
  ) {
    this.x87Layout = x87;
    this.x87Positions = helpers.map(({ name }) => X87_FUNCTIONS.indexOf(name));
    this.helperNumbers = new Map(helpers.map(({ name }, i) => [name, i]));
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

  private imported({ kind, number }: Import): WebAssembly.ExportValue {
    const position = kind === 'helper' ? this.x87Positions[number]! : -1;
    if (position < 0) return this.functions[kind][number]!;
    this.x87 ??= this.makeX87();
    return this.x87[position]!;
  }

  /** Few programs need them, so they are made when the first one does. */
  private makeX87(): readonly WebAssembly.ExportValue[] {
    const stores: readonly MmuCall[] = ['write16', 'write32', 'write64', 'writeBytes'];
    const [write16, write32, write64, writeBytes] = [0, 1, 2, 3] as const;
    const m: Record<string, WebAssembly.ImportValue> = { mem: this.memory };
    stores.forEach((name, i) => {
      m[i] = this.functions.mmu[MMU_CALLS.indexOf(name)]!;
    });
    const bodies = X87_FUNCTIONS.map((name, i) => {
      const helper = stores.length + i;
      m[helper] = this.functions.helper[this.helperNumbers.get(name)!]!;
      const mmu = { write16, write32, write64, writeBytes };
      return x87Function(name, this.x87Layout, mmu, helper).encode();
    });
    const own = X87_FUNCTIONS.map(() => HELPER_PARAMS);
    const params = [...stores.map((name) => MMU_PARAMS[name]), ...own];
    const bytes = encodeFunctions(bodies, own, params, X87_FUNCTIONS);
    const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
    const { exports } = new WebAssembly.Instance(module, { m });
    return X87_FUNCTIONS.map((_, i) => exports[i]!);
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
