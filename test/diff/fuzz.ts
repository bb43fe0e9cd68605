/** The loop of the differential tests: generate, run on both sides, compare. */

import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { describe, differences } from './compare.ts';
import { DiffEngine } from './engine.ts';
import type { DiffCase } from './generate.ts';
import { buildRunner, runNative } from './native.ts';

export interface Failure {
  readonly row: string;
  readonly text: string;
}

const BATCH = 1000;

export interface FuzzResult {
  readonly cases: number;
  readonly failures: Failure[];
  /** Rows with at least one case that completed without a fault. */
  readonly completed: Set<InsnRow>;
}

function check(c: DiffCase, native: DiffCase['state'], engine: DiffEngine): Failure | null {
  const row = c.rows.map((r) => r.text).join('; ');
  try {
    const lines = differences(c, native, engine.run(c.state));
    if (lines.length === 0) return null;
    return { row, text: `${describe(c)}\n    ${lines.join('\n    ')}` };
  } catch (e) {
    return { row, text: `${describe(c)}\n    ${(e as Error).stack}` };
  }
}

/** Runs `count` cases that `make` generates. */
export function fuzz(count: number, make: (i: number) => DiffCase, maxFailures = 20): FuzzResult {
  const runner = buildRunner();
  const engines = [new DiffEngine(false), new DiffEngine(true)];
  const result: FuzzResult = { cases: count, failures: [], completed: new Set() };
  for (let from = 0; from < count && result.failures.length < maxFailures; from += BATCH) {
    const cases = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => make(from + i));
    const native = runNative(
      runner,
      cases.map((c) => c.state),
    );
    cases.forEach((c, i) => {
      const cpu = native[i] as DiffCase['state'];
      if (cpu.vector === 3) for (const r of c.rows) result.completed.add(r);
      const failure = check(c, cpu, engines[i & 1] as DiffEngine);
      if (failure !== null) result.failures.push(failure);
    });
  }
  return result;
}
