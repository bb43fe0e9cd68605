/** Trees of guests that are deeper than the host's stack do not end the host when they go. */

import { machineWithRoot } from '../kernel/lib/contract-machine.ts';
import { compile, haveCompiler, readBinary, runInMachine } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';

const TIMEOUT = 200_000;
const test = suite('deep trees', { timeout: TIMEOUT });

function run(...args: string[]): string {
  const program = readBinary(compile('deep'));
  // The audit of thousands of mounts adds nothing here.
  const machine = machineWithRoot('interp', '/bin/program', program, [], false);
  return runInMachine(machine, '/bin/program', args, { timeoutMs: TIMEOUT }).output;
}

if (!haveCompiler('musl-gcc')) test.skip('all', 'musl-gcc is not installed');
else {
  test('directories of a tmpfs that is unmounted', () => {
    assert.is(run('directories', '20000'), 'mount: 0\numount: 0\n');
  });
  test('sockets in messages that wait in sockets', () => {
    assert.is(run('sockets', '20000'), 'close: 0\n');
  });
  test('mounts that are bound as a whole, and detached', () => {
    assert.is(run('mounts', '4900'), 'mount: 0\nbind: 0\ndetach: 0\numount: 0\n');
  });
}
