/** The loop of the differential tests: generate, run on the CPU and in every engine, compare, count. */

import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { firstDifference } from './compare.ts';
import type { Engine } from './engine.ts';
import { InterpEngine, JsEngine, WasmEngine } from './engines.ts';
import { type DiffProgram, type Plan, programFor } from './generate.ts';
import { hostHas } from './host-features.ts';
import { buildRunner, runNative } from './native.ts';
import type { Random } from './random.ts';
import { minimized, report } from './report.ts';
import { CODE, type CpuState } from './state.ts';

/** Programs of which the CPU runs all states at once. */
const BATCH = 64;

export interface Failure {
  readonly program: DiffProgram;
  readonly text: string;
}

export interface FuzzResult {
  instructions: number;
  readonly failures: Failure[];
  /** Rows of which an instruction completed without a fault. */
  readonly completed: Set<InsnRow>;
}

export interface FuzzOptions {
  readonly rng: Random;
  readonly plan: Plan;
  /** Ends after so many instructions, each counted once however many engines execute it … */
  readonly instructions: number;
  /** … or at this time (Date.now). */
  readonly until?: number;
  readonly maxFailures?: number;
}

/** Every engine there is. */
export function allEngines(): Engine[] {
  return [
    new InterpEngine(false),
    new InterpEngine(true),
    new InterpEngine(true, 'WebAssembly'),
    new JsEngine(false),
    new JsEngine(true),
    new WasmEngine(),
  ];
}

const BREAKPOINT = 3;

/** Counts the instructions that were executed, or were the ones to fault. @returns how many */
function count(
  { insns }: DiffProgram,
  state: CpuState,
  cpu: CpuState,
  plan: Plan,
  completed: Set<InsnRow>,
): number {
  const whole = cpu.vector === BREAKPOINT;
  const end = whole ? Number.POSITIVE_INFINITY : Number(cpu.rip) - CODE - state.codeOffset;
  let n = 0;
  for (const { row, at } of insns) {
    if (at > end) break;
    plan.count(row, 1);
    if (at < end) completed.add(row);
    n++;
  }
  return n;
}

/** Half of the programs run without passes, and half of the emitted JavaScript is lean; all run as WebAssembly. */
function* enginesFor(i: number, engines: readonly Engine[]): Generator<Engine> {
  yield engines[i & 1]!;
  yield engines[2 + ((i >> 1) & 1)]!;
  yield engines[4]!;
}

export function fuzz(options: FuzzOptions): FuzzResult {
  const { rng, plan, instructions, until = Number.POSITIVE_INFINITY, maxFailures = 20 } = options;
  const runner = buildRunner();
  const engines = allEngines();
  const result: FuzzResult = { instructions: 0, failures: [], completed: new Set() };
  const { failures } = result;
  while (result.instructions < instructions && Date.now() < until) {
    const programs: DiffProgram[] = [];
    for (let i = 0; i < BATCH; i++) programs.push(programFor(rng, plan, plan.rarest(rng)));
    const states = programs.flatMap((p) => p.states);
    // Without AVX the CPU cannot load them.
    if (!hostHas('avx')) for (const s of states) s.ymmHigh.fill(0);
    const native = runNative(runner, states);
    let at = 0;
    for (const [i, program] of programs.entries()) {
      const cpu = native.slice(at, (at += program.states.length));
      program.states.forEach((s, k) => {
        result.instructions += count(program, s, cpu[k]!, plan, result.completed);
      });
      for (const engine of enginesFor(i, engines)) {
        if (firstDifference(program, cpu, engine) === null) continue;
        const smallest = minimized(program, cpu, engine, runner);
        failures.push({ program: smallest.program, text: report(smallest, engine) });
        if (failures.length >= maxFailures) return result;
      }
    }
  }
  return result;
}
