/** The interpreter and the backends as engines of the differential tests. */

import { RegionCompiler, type RegionFn } from '../../src/backend-js/compile.ts';
import { emitRegion } from '../../src/backend-js/emit-region.ts';
import { WasmCompiler } from '../../src/backend-wasm/compile.ts';
import { emitRegions } from '../../src/backend-wasm/emit-region.ts';
import { HELPER_LAYOUTS, HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { X86_STATE } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { formRegion, type Region, type RegionSource } from '../../src/ir/cfg/region.ts';
import { type InterpBlock, Interpreter } from '../../src/ir/interp.ts';
import { EXIT } from '../../src/ir/ops.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { formatBlock } from '../../src/ir/text.ts';
import { type InterpreterName, interpretBy } from '../lib/interpreters.ts';
import { Engine } from './engine.ts';
import { CODE, type CpuState } from './state.ts';

export class InterpEngine extends Engine {
  readonly name: string;
  protected readonly passes: boolean;
  private readonly interp: Interpreter;
  private readonly blocks = new Map<number, InterpBlock>();

  constructor(passes: boolean, by: InterpreterName = 'JavaScript') {
    super();
    this.passes = passes;
    const language = by === 'JavaScript' ? '' : ` of ${by}`;
    this.name = `interpreter${language}${passes ? '' : ' without passes'}`;
    this.interp = new Interpreter(this.env, X86_STATE, HELPERS, {
      // Ends below the code and the data of the cases.
      arenaWords: 1 << 17,
      ...interpretBy(by),
    });
  }

  protected forget(): void {
    this.blocks.clear();
    if (this.interp.full) this.interp.clear();
  }

  protected step(): number {
    const pc = this.pc();
    let block = this.blocks.get(pc);
    if (block === undefined) {
      if (this.interp.full) {
        this.interp.clear();
        this.blocks.clear();
      }
      const ir = this.translate(this.passes);
      block = this.interp.add(ir);
      if (ir.byteLength > 0) this.blocks.set(pc, block);
    }
    return this.interp.enter(block);
  }

  explain(c: CpuState): string {
    this.prepare(c);
    const at = CODE + c.codeOffset;
    const before = formatBlock(this.lift(at, 0, false, {}), X86_STATE);
    return `IR before the passes:\n${before}\nIR after the passes:\n${formatBlock(this.lift(at, 0, true, {}), X86_STATE)}`;
  }
}

/** Blocks in which emitted code is not used: a fault of the first fetch, which has no code. */
type Compiled = RegionFn | null;

abstract class CompilingEngine extends InterpEngine {
  private readonly functions = new Map<number, Compiled>();
  /** A lean region has left: the interpreter goes on. */
  private left = false;

  constructor() {
    super(true);
  }

  protected abstract make(region: Region): RegionFn;

  protected override forget(): void {
    super.forget();
    this.functions.clear();
  }

  override run(c: CpuState): CpuState {
    this.left = false;
    return super.run(c);
  }

  protected override step(): number {
    if (this.left) return super.step();
    const pc = this.pc();
    let fn = this.functions.get(pc);
    if (fn === undefined) this.functions.set(pc, (fn = this.compile(pc)));
    if (fn === null) return super.step();
    const exit = fn();
    if (exit !== EXIT.slow) return exit;
    this.left = true;
    return EXIT.next;
  }

  protected region(pc: number): Region | null {
    const cached = new Map<string, IrBlock | null>();
    const source: RegionSource = {
      block: (lo, hi, ccIn, insns) => {
        const key = `${lo} ${hi} ${ccIn} ${insns}`;
        let ir = cached.get(key);
        if (ir !== undefined) return ir;
        const options = insns < 0 ? { ccIn } : { ccIn, maxInsns: insns };
        ir = isCode(lo, hi) ? this.lift(lo, hi, true, options) : null;
        if (ir?.byteLength === 0) ir = null;
        cached.set(key, ir);
        return ir;
      },
      count: (lo, hi) => (isCode(lo, hi) ? 1 : 0),
    };
    return formRegion(pc | 0, Math.floor(pc / 4294967296) | 0, source, X86_STATE, HELPERS);
  }

  private compile(pc: number): Compiled {
    const region = this.region(pc);
    return region === null ? null : this.make(region);
  }
}

export class JsEngine extends CompilingEngine {
  override readonly name: string;
  private readonly lean: boolean;
  private readonly compiler: RegionCompiler;

  constructor(lean: boolean) {
    super();
    this.lean = lean;
    this.name = lean ? 'lean JavaScript' : 'JavaScript';
    this.compiler = new RegionCompiler(this.env, HELPERS, SLOT_FNS);
  }

  private emit(region: Region): ReturnType<typeof emitRegion> {
    const { lean } = this;
    return emitRegion(region, { layout: X86_STATE, helpers: HELPERS, name: 'fuzzed', lean });
  }

  protected override make(region: Region): RegionFn {
    return this.compiler.compile(this.emit(region));
  }

  override explain(c: CpuState): string {
    const text = super.explain(c);
    const region = this.region(CODE + c.codeOffset);
    return region === null ? text : `${text}\nJavaScript:\n${this.emit(region).source}`;
  }
}

export class WasmEngine extends CompilingEngine {
  override readonly name: string = 'WebAssembly';
  private readonly compiler = new WasmCompiler(this.env, HELPERS, SLOT_FNS, HELPER_LAYOUTS);

  protected override make(region: Region): RegionFn {
    return this.compiler.compile(
      emitRegions([region], { layout: X86_STATE, helpers: HELPERS }),
    )[0]!;
  }
}

function isCode(lo: number, hi: number): boolean {
  return hi === 0 && lo >>> 12 === CODE >>> 12;
}
