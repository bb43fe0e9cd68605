/** Runs a C program of test/kernel/programs natively and in a guest: both must print the same. */

import { mountOn } from '../../../src/host/mounts.ts';
import { terminalsOf } from '../../../src/kernel/tty/devices.ts';
import { registerSystem } from '../../../src/kernel/vfs/system-mounts.ts';
import { assert, type Test } from '../../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest, runNative } from '../lib/run-guest.ts';

const CC = 'musl-gcc';
const available = haveCompiler(CC);

/** A test case that compares the output and exit status of a program. */
export function sameAsNative(
  test: Test,
  caseName: string,
  program: string,
  args: readonly string[] = [],
): void {
  if (!available) {
    test.skip(caseName, `${CC} is not installed`);
    return;
  }
  test(caseName, () => {
    const binary = compile(program);
    const native = runNative(binary, args);
    const guest = runGuest(readBinary(binary), args, {
      files: { '/tmp/.keep': new Uint8Array(0) },
      prepare: (machine) => {
        registerSystem(machine.kernel);
        mountOn(machine, '/dev/pts', terminalsOf(machine.kernel).devpts, 'devpts', 0);
      },
    });
    assert.is(guest.output, native.output);
    assert.is(guest.code, native.code);
  });
}
