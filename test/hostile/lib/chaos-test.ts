/** Tests that run seeds of programs/chaos.c. */

import type { Engine } from '../../../src/machine/cpu.ts';
import { haveCompiler } from '../../kernel/lib/run-guest.ts';
import { assert, suite } from '../../lib/suite.ts';
import { runChaosFor, sum } from './chaos-runs.ts';

/** Above the watchdog's of chaos-runs.ts for each run. */
const TIMEOUT_MS = 1_700_000;

/** `plans`: engine, first seed, number of seeds. */
export function chaosTest(
  name: string,
  plans: readonly (readonly [Engine, number, number])[],
): void {
  const test = suite(name, { timeout: TIMEOUT_MS });
  if (!haveCompiler('musl-gcc')) {
    test.skip('all', 'musl-gcc is not installed');
    return;
  }
  for (const [engine, firstSeed, runs] of plans) {
    test(`seeds from ${firstSeed}, ${engine}`, async () => {
      const totals = await runChaosFor({ engine, firstSeed, runs });
      assert.equal(totals.findings, []);
      assert.is(totals.runs, runs);
      const kinds = Object.keys(totals.calls).length;
      assert.ok(kinds > 150, `${kinds} different system calls`);
      assert.ok(totals.processes > 50, `${totals.processes} processes`);
      const signals = Object.keys(totals.deaths).length;
      assert.ok(signals > 3, `${signals} ways to end, ${sum(totals.deaths)} ends`);
    });
  }
}
