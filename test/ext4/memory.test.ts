/** Files larger than the guest's memory are written, read and mapped; so are many files that are larger together. */

import { mountAll } from '../../src/host/mounts.ts';
import { nodeHost } from '../../src/host/node/platform.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { Machine } from '../../src/machine/machine.ts';
import {
  compile,
  haveCompiler,
  putFile,
  readBinary,
  runInMachine,
  runNative,
} from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { inTemp, mustBeClean } from './tools.ts';

const MIB = 1 << 20;
const MEMORY = 16 * MIB;
const LARGE = '48';

const test = suite('ext4 and little memory', { timeout: 240_000 });
const NAME = 'files of three times the memory, as natively';

if (!haveCompiler('musl-gcc')) test.skip(NAME, 'musl-gcc is not installed');
else {
  test(NAME, () => {
    const program = compile('larger-than-memory');
    const native = inTemp((dir) => runNative(program, [dir, LARGE]));
    const device = new MemoryBlockDevice(256 * MIB);
    createExt4(device, { blank: true });
    const log: string[] = [];
    const host = nodeHost((line) => log.push(line));
    const machine = new Machine({
      memory: MEMORY,
      engine: 'auto',
      host,
      // It would read every clean page again after each change of a mapping.
      audit: false,
    });
    const fs = mountAll(machine, { kind: 'image', device, save: true });
    putFile(machine, '/program', readBinary(program));
    const { output } = runInMachine(machine, '/program', ['/', LARGE], { timeoutMs: 200_000 }, log);
    assert.is(output, native.output);
    fs.sync();
    mustBeClean(device);
  });
}
