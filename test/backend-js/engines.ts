/**
 * Runs blocks in the interpreter and as compiled regions on the same toy machine, and compares
 * everything that a guest could see.
 */

import { RegionCompiler } from '../../src/backend-js/compile.ts';
import { emitRegion } from '../../src/backend-js/emit-region.ts';
import { WasmCompiler } from '../../src/backend-wasm/compile.ts';
import { emitRegions } from '../../src/backend-wasm/emit-region.ts';
import { ENG_BUDGET, ENG_TLB_GEN, RAM_BASE, STATE_BASE } from '../../src/common/layout.ts';
import { HELPER_LAYOUTS, HELPERS } from '../../src/frontend-x86/helpers-table.ts';
import { GUEST_STATE_SIZE, stateWord, X86_STATE } from '../../src/frontend-x86/state.ts';
import type { IrBlock } from '../../src/ir/block.ts';
import { pcNumber, type Region } from '../../src/ir/cfg/region.ts';
import type { HelperRow } from '../../src/ir/helpers.ts';
import { EXIT_LINK, type InterpBlock, Interpreter } from '../../src/ir/interp.ts';
import { EXIT, JUMP, OP, STRIDE } from '../../src/ir/ops.ts';
import { refIndex } from '../../src/ir/refs.ts';
import { SLOT_FNS } from '../../src/ir/slot-ops.ts';
import { formatBlock, parseBlock } from '../../src/ir/text.ts';
import { checkEmitted } from './check-emitted.ts';
import { GUEST_PAGES, type ToyMachine, toyMachine } from './toy-machine.ts';

const PC = stateWord('rip');
const RAM_BYTES = GUEST_PAGES * 4096;

/** Everything visible after a run. */
export interface Outcome {
  readonly reason: number;
  readonly state: Uint8Array;
  readonly ram: Uint8Array;
  readonly budget: number;
}

export type BackendName = 'js' | 'wasm';
export const BACKENDS: readonly BackendName[] = ['js', 'wasm'];
/** Of tests that are for one backend after the other. */
const DEFAULT_BACKEND = (process.env['KEVLAR_TEST_BACKEND'] ?? 'js') as BackendName;

export class Engines {
  readonly machine: ToyMachine = toyMachine();
  readonly helpers: readonly HelperRow[];
  readonly interp: Interpreter;
  private readonly compiler: RegionCompiler;
  private readonly wasm: WasmCompiler;
  private readonly backend: BackendName;

  constructor(backend: BackendName = DEFAULT_BACKEND, helpers: readonly HelperRow[] = HELPERS) {
    this.backend = backend;
    this.helpers = helpers;
    this.interp = new Interpreter(this.machine.env, X86_STATE, helpers, { arenaWords: 1 << 18 });
    this.compiler = new RegionCompiler(this.machine.env, helpers, SLOT_FNS);
    this.wasm = new WasmCompiler(this.machine.env, helpers, SLOT_FNS, HELPER_LAYOUTS);
  }

  /** The machine as a run should find it; the TLB starts empty. */
  restore(state: Uint8Array, ram: Uint8Array, budget: number): void {
    const { I32 } = this.machine.env;
    this.restoreState(state, ram, budget);
    I32[ENG_TLB_GEN] = (I32[ENG_TLB_GEN]! % 4095) + 1;
  }

  /** The same with the TLB as it is. */
  restoreState(state: Uint8Array, ram: Uint8Array, budget: number): void {
    const { U8, I32 } = this.machine.env;
    U8.set(state, STATE_BASE);
    U8.set(ram, RAM_BASE);
    I32[ENG_BUDGET] = budget;
  }

  outcome(reason: number): Outcome {
    const { U8, I32 } = this.machine.env;
    return {
      reason,
      state: U8.slice(STATE_BASE, STATE_BASE + GUEST_STATE_SIZE),
      ram: U8.slice(RAM_BASE, RAM_BASE + RAM_BYTES),
      budget: I32[ENG_BUDGET]!,
    };
  }

  private pc(): number {
    return pcNumber(this.machine.env.I32[PC]!, this.machine.env.I32[PC + 1]!);
  }

  /** Interprets from `start` until the pc is none of the blocks', or another exit. */
  interpret(blocks: readonly IrBlock[], start: IrBlock): number {
    const { interp } = this;
    if (interp.full) interp.clear();
    const added = new Map<number, InterpBlock>();
    for (const b of blocks) added.set(pcNumber(b.pcLo, b.pcHi), interp.add(b));
    for (let block = added.get(pcNumber(start.pcLo, start.pcHi)); block !== undefined; ) {
      const r = interp.enter(block);
      if (r !== EXIT.next && r !== EXIT_LINK) return r;
      block = added.get(this.pc());
    }
    return EXIT.next;
  }

  /** Compiles regions on demand and runs until the pc is none of the blocks'. */
  compiled(blocks: readonly IrBlock[], start: IrBlock, check: boolean): number {
    const index = new Map(blocks.map((b, i) => [pcNumber(b.pcLo, b.pcHi), i]));
    const functions = new Map<number, () => number>();
    for (let pc = pcNumber(start.pcLo, start.pcHi); index.has(pc); pc = this.pc()) {
      let fn = functions.get(pc);
      if (fn === undefined) {
        fn = this.compile(regionOf(blocks, index, pc), check);
        functions.set(pc, fn);
      }
      const r = fn();
      if (r !== EXIT.next) return r;
    }
    return EXIT.next;
  }

  /**
   * Interprets `insns` instructions of a block that may lead back to itself.
   * @returns the last exit code; EXIT.next if the pc is somewhere else now
   */
  interpretInsns(block: IrBlock, insns: number): number {
    const { I32 } = this.machine.env;
    const budget = I32[ENG_BUDGET]!;
    I32[ENG_BUDGET] = insns;
    let r = insns < block.insnCount ? EXIT.budget : this.interpret([block], block);
    const rest = I32[ENG_BUDGET]!;
    if (r === EXIT.budget && rest > 0) {
      const part = beginningOf(block, rest);
      r = this.interpret([part], part);
    }
    I32[ENG_BUDGET] = budget - insns + I32[ENG_BUDGET]!;
    return r;
  }

  /**
   * Runs a lean region, the TLB being as `start` leaves it. Where it leaves for want of a slow path, all must be as
   * it is after as many interpreted instructions, else as it is when all have been interpreted.
   * @param start makes the state to start from
   * @returns differences; `slow`: whether it left so
   */
  lean(
    region: Region,
    block: IrBlock,
    start: () => void,
    fn: () => number,
  ): { slow: boolean; diff: string[] } {
    const { I32 } = this.machine.env;
    const { pcLo, pcHi } = region.blocks[0]!.ir;
    const begin = (): void => {
      start();
      I32[PC] = pcLo;
      I32[PC + 1] = pcHi;
    };
    begin();
    const budget = I32[ENG_BUDGET]!;
    const entry = pcNumber(pcLo, pcHi);
    let reason: number = EXIT.next;
    while (reason === EXIT.next && this.pc() === entry) reason = fn();
    const got = this.outcome(reason);
    begin();
    if (reason !== EXIT.slow) {
      return {
        slow: false,
        diff: differences(this.outcome(this.interpret([block], block)), got),
      };
    }
    this.interpretInsns(block, budget - got.budget);
    return { slow: true, diff: differences(this.outcome(reason), got) };
  }

  compile(region: Region, check = true, lean = false): () => number {
    if (this.backend === 'wasm') {
      return this.wasm.compile(
        emitRegions([region], { layout: X86_STATE, helpers: this.helpers }),
      )[0]!;
    }
    const emitted = emitRegion(region, {
      layout: X86_STATE,
      helpers: this.helpers,
      name: 'region_under_test',
      lean,
    });
    if (check) checkEmitted(emitted.source);
    return this.compiler.compile(emitted);
  }
}

/** All blocks reachable from pc by static successors, as one region. */
export function regionOf(
  blocks: readonly IrBlock[],
  index: ReadonlyMap<number, number>,
  pc: number,
): Region {
  const order = new Map<number, number>();
  const queue: number[] = [];
  const visit = (i: number): number => {
    let at = order.get(i);
    if (at === undefined) {
      at = queue.push(i) - 1;
      order.set(i, at);
    }
    return at;
  };
  visit(index.get(pc)!);
  const out: Region = { name: '', blocks: [], pages: [], insnCount: 0 };
  for (let k = 0; k < queue.length; k++) {
    const ir = blocks[queue[k]!]!;
    const succ = targets(ir).map((t) => {
      const i = index.get(t);
      return i === undefined ? -1 : visit(i);
    });
    out.blocks.push({ ir, succ, guards: [], count: 1 });
  }
  return out;
}

/** The first instructions of a block, as a block. */
function beginningOf(block: IrBlock, insns: number): IrBlock {
  const lines = formatBlock(block, X86_STATE).split('\n');
  let seen = 0;
  const end = lines.findIndex((l) => /^insn /.test(l) && seen++ === insns);
  const offset = Number(/^insn \+(\d+)/.exec(lines[end]!)![1]);
  const head = `block 0x${pcNumber(block.pcLo, block.pcHi).toString(16)} bytes ${offset} insns ${insns}`;
  const next = (pcNumber(block.pcLo, block.pcHi) + offset).toString(16);
  return parseBlock([head, ...lines.slice(1, end), `jump next 0x${next}`].join('\n'), X86_STATE);
}

function targets(ir: IrBlock): number[] {
  const t = ir.length - STRIDE;
  const pc = (ref: number): number =>
    pcNumber(ir.consts[refIndex(ref) * 2]!, ir.consts[refIndex(ref) * 2 + 1]!);
  if (ir.code[t] === OP.branch) return [pc(ir.code[t + 2]!), pc(ir.code[t + 3]!)];
  if (ir.code[t] === OP.jump) return [pc(ir.code[t + 2]!)];
  return ir.code[t] === OP.jumpind && ir.code[t + 5] === JUMP.ret ? [-1] : [];
}

/** What differs, as text; empty if nothing does. */
export function differences(want: Outcome, got: Outcome): string[] {
  const out: string[] = [];
  if (want.reason !== got.reason) out.push(`exit ${got.reason}, expected ${want.reason}`);
  if (want.budget !== got.budget) out.push(`budget ${got.budget}, expected ${want.budget}`);
  for (const v of X86_STATE.vars) {
    const at = v.offset - STATE_BASE;
    const size = v.type === 'i32' ? 4 : 8;
    const a = Buffer.from(want.state.subarray(at, at + size)).toString('hex');
    const b = Buffer.from(got.state.subarray(at, at + size)).toString('hex');
    if (a !== b) out.push(`${v.name} ${b}, expected ${a}`);
  }
  for (let i = 0; i < want.ram.length; i++) {
    if (want.ram[i] !== got.ram[i]) {
      out.push(`ram+0x${i.toString(16)} ${got.ram[i]}, expected ${want.ram[i]}`);
      break;
    }
  }
  if (out.length === 0 && Buffer.compare(want.state, got.state) !== 0) out.push('state page');
  return out;
}
