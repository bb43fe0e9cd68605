/** Immutable and append-only files, and the other flags of chattr(1), in a guest on ext4 as natively on ext4. */

import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
import { AUDIT } from '../lib/audit.ts';
import { assert, suite } from '../lib/suite.ts';
import { inTemp, mustBeClean } from './tools.ts';

const MIB = 1 << 20;
const EXT4_SUPER_MAGIC = 0xef53;
/** What the program says where flags cannot be set. */
const NO_FLAGS = 77;

const test = suite('flags of ext4 files');
const NAME = 'immutable and append-only files refuse what they refuse natively';

function why(): string | null {
  if (!haveCompiler('musl-gcc')) return 'musl-gcc is not installed';
  if (statfsSync(tmpdir()).type !== EXT4_SUPER_MAGIC) return 'temporary files are not on ext4 here';
  const native = inTemp((dir) => runNative(compile('inode-flags'), [dir]));
  return native.code === NO_FLAGS ? 'this user may not set flags' : null;
}

const missing = why();
if (missing !== null) test.skip(NAME, missing);
else {
  test(NAME, () => {
    const program = compile('inode-flags');
    const native = inTemp((dir) => runNative(program, [dir]));
    const device = new MemoryBlockDevice(16 * MIB);
    createExt4(device, { blockSize: 4096, blank: true });
    const log: string[] = [];
    const machine = new Machine({
      memory: 64 * MIB,
      engine: 'interp',
      host: nodeHost((line) => log.push(line)),
      audit: AUDIT,
    });
    const fs = mountAll(machine, { kind: 'image', device, save: true });
    putFile(machine, '/program', readBinary(program));
    const { output, code } = runInMachine(machine, '/program', ['/'], {}, log);
    assert.is(output, native.output);
    assert.is(code, 0);
    fs.sync();
    mustBeClean(device);
  });
}
