/** 200 processes and 200 threads run side by side: each gets its share, and those that wait cost nothing. */

import type { Machine } from '../../../src/machine/machine.ts';
import { assert, suite } from '../../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest } from '../lib/run-guest.ts';

const TIMEOUT = 200_000;
/**
 * A task is switched to when it starts, when it reads, when it ends, and its parent in between: a few times. Were those
 * that wait looked at in each of the 250 quanta of a second, there would be 100,000.
 */
const SWITCHES = 400 * 12;

const test = suite('fairness', { timeout: TIMEOUT });

if (!haveCompiler('musl-gcc')) test.skip('all', 'musl-gcc is not installed');
else {
  const program = (): Uint8Array => readBinary(compile('crowd', ['-pthread']));
  test('when the last of 400 has counted to 400,000, the first is not ten times as far', () => {
    const { output } = runGuest(program(), ['busy'], { timeoutMs: TIMEOUT });
    assert.match(output, /^most to least: within 10\n\d+ \d+\nall ended\n$/);
  });
  test('400 that wait are not switched to', () => {
    let machine: Machine | null = null;
    const { output } = runGuest(program(), ['blocked'], {
      prepare: (m) => {
        machine = m;
      },
      timeoutMs: TIMEOUT,
    });
    assert.is(output, 'all ended\n');
    const switches = (machine as Machine | null)!.kernel.scheduler.contextSwitches;
    assert.ok(switches < SWITCHES, `${switches} context switches`);
  });
}
