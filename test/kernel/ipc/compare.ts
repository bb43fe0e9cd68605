/** Runs a C program of test/kernel/programs natively and in a guest: both must print the same. */

import { mountAll } from '../../../src/host/mounts.ts';
import { nodeHost } from '../../../src/host/node/platform.ts';
import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { AUDIT } from '../../lib/audit.ts';
import { assert, type Test } from '../../lib/suite.ts';
import {
  compile,
  haveCompiler,
  putFile,
  readBinary,
  runInMachine,
  runNative,
} from '../lib/run-guest.ts';

const CC = 'musl-gcc';
const MEMORY = 128 * 1024 * 1024;
const PROGRAM = '/bin/program';

export const haveMusl: boolean = haveCompiler(CC);
export const NO_MUSL: string = `${CC} is not installed`;

/** A machine with all system mounts and the program as /bin/program. */
export function machineWith(program: string, log: string[] = []): Machine {
  const machine = new Machine({
    memory: MEMORY,
    engine: 'interp',
    host: nodeHost((line) => log.push(line)),
    audit: AUDIT,
  });
  mountAll(machine, {
    kind: 'fs',
    name: 'rootfs',
    make: ({ mmu, kernel }) =>
      new TmpFs(mmu.paging, kernel.clock, { dev: 1, mode: 0o755, maxPages: 8192 }),
  });
  putFile(machine, '/tmp/.keep', new Uint8Array(0));
  putFile(machine, PROGRAM, readBinary(compile(program)));
  return machine;
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
