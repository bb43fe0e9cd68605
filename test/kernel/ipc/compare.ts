/** Runs a C program of test/kernel/programs natively and in a guest: both must print the same. */

import type { Machine } from '../../../src/machine/machine.ts';
import { assert, type Test } from '../../lib/suite.ts';
import { machineWithRoot } from '../lib/contract-machine.ts';
import { compile, haveCompiler, readBinary, runInMachine, runNative } from '../lib/run-guest.ts';

const CC = 'musl-gcc';
const PROGRAM = '/bin/program';

export const haveMusl: boolean = haveCompiler(CC);
export const NO_MUSL: string = `${CC} is not installed`;

/** A machine with all system mounts and the program as /bin/program. */
export function machineWith(program: string, log: string[] = []): Machine {
  return machineWithRoot('interp', PROGRAM, readBinary(compile(program)), log);
}

/** A test case that compares the output and exit status of a program. */
export function sameAsNative(
  test: Test,
  caseName: string,
  program: string,
  args: readonly string[] = [],
): void {
  if (!haveMusl) {
    test.skip(caseName, NO_MUSL);
    return;
  }
  test(caseName, () => {
    const native = runNative(compile(program), args);
    const guest = runInMachine(machineWith(program), PROGRAM, args);
    assert.is(guest.output, native.output);
    assert.is(guest.code, native.code);
  });
}
