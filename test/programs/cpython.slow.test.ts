/**
 * CPython's unittests of its numbers (math, float, struct, long, decimal) in the bundled image under lockstep, with the
 * first runs of each region compared and some of the later ones: those that take less than 3 ms natively, or less
 * than KEVLAR_CPYTHON_MS=N. With 30000 that is all but `test_sumprod_stress`, which CPython's own runner leaves out
 * too unless its resource `cpu` is asked for: 40 s natively, some 300 billion instructions, hours here. The rest takes
 * over an hour; KEVLAR_CPYTHON_MODULES='test.test_long …' divides it, and KEVLAR_CPYTHON_PART=1/2.
 */

import { assert, suite } from '../lib/suite.ts';
import { checkCompared } from './lib/compare.ts';
import { noCpythonTests, putTests, testNatively, testsArgv } from './lib/cpython.ts';
import { bundledDevice } from './lib/golden.ts';
import { runGuest, SAMPLED } from './lib/guest.ts';

/** The runner has a limit of its own: this one is for all tests together. */
const TIMEOUT = 21_600_000;

const LIMIT_MS = Number(process.env['KEVLAR_CPYTHON_MS'] ?? 3);

const test = suite('CPython', { timeout: TIMEOUT + 60_000 });

const missing = noCpythonTests();
if (missing !== null) test.skip('math, float, struct, long, decimal', missing);
else {
  test(`tests of less than ${LIMIT_MS} ms`, async () => {
    const native = testNatively(LIMIT_MS);
    assert.is(native.status, 0, native.stderr);
    const before = process.cpuUsage();
    const outcome = await runGuest({
      root: { kind: 'image', device: bundledDevice(), save: false },
      engine: 'lockstep',
      argv: testsArgv(LIMIT_MS),
      memory: 512 * 1024 * 1024,
      thorough: SAMPLED,
      prepare: (machine) => putTests(machine),
      after: (guest) => checkCompared(guest.machine, 'CPython'),
      timeoutMs: TIMEOUT,
    });
    const seconds = (process.cpuUsage(before).user / 1e6).toFixed(0);
    console.log(`${seconds} s of CPU time`);
    assert.is(outcome.stdout, native.stdout, outcome.stderr);
    assert.is(outcome.status, native.status);
  });
}
