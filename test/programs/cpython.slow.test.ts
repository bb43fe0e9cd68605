/**
 * CPython's unittests of its numbers (math, float, struct, long, decimal) in the bundled image: those that take less
 * than 10 ms natively end as natively. With KEVLAR_CPYTHON_MS=N those of less than N run under lockstep too, with
 * the first 1,000 runs of each region and some of the later ones compared: more than an hour with 1000000, which
 * is all of them (and --timeout).
 */

import type { Engine } from '../../src/machine/cpu.ts';
import { assert, suite } from '../lib/suite.ts';
import { checkCompared } from './lib/compare.ts';
import { noCpythonTests, putTests, testNatively, testsArgv } from './lib/cpython.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest } from './lib/guest.ts';

/** The runner has a limit of its own: this one is for all tests together. */
const TIMEOUT = 7_200_000;

const THOROUGH = 1000;

const test = suite('CPython', { timeout: TIMEOUT + 60_000 });

async function compare(
  engine: Engine,
  ms: number,
  thorough = Number.POSITIVE_INFINITY,
): Promise<void> {
  const native = testNatively(ms);
  assert.is(native.status, 0, native.stderr);
  const before = process.cpuUsage();
  const outcome = await runGuest({
    root: { kind: 'image', device: bundledDevice(), save: false },
    engine,
    argv: testsArgv(ms),
    memory: 512 * 1024 * 1024,
    thorough,
    prepare: (machine) => putTests(machine),
    after: (guest) => checkCompared(guest.machine, 'CPython'),
    timeoutMs: TIMEOUT,
  });
  const seconds = (process.cpuUsage(before).user / 1e6).toFixed(0);
  console.log(`${engine}: ${seconds} s of CPU time`);
  assert.is(outcome.stdout, native.stdout, outcome.stderr);
  assert.is(outcome.status, native.status);
}

const missing = noCpythonTests();
if (missing !== null) test.skip('math, float, struct, long, decimal', missing);
else {
  test('tests of less than 10 ms', () => compare('auto', 10));
  const limit = Number(process.env['KEVLAR_CPYTHON_MS'] ?? 0);
  const title = 'tests under lockstep';
  if (limit > 0) test(title, () => compare('lockstep', limit, THOROUGH));
  else test.skip(title, 'takes too long: KEVLAR_CPYTHON_MS says how long tests may be');
}
