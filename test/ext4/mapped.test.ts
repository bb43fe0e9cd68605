/**
 * Mappings of ext4 files: stores take their blocks at once, so that stat(2) counts them and a full disk is SIGBUS;
 * ranges that fallocate(2) moves are seen at once.
 */

import { statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mountAll } from '../../src/host/mounts.ts';
import { nodeHost } from '../../src/host/node/platform.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import type { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
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
import { inTemp, mustBeClean, pattern, walk } from './tools.ts';

const MIB = 1 << 20;
const EXT4_SUPER_MAGIC = 0xef53;

const test = suite('mapped ext4 files');

/** @param content of a file that is on the disk, but not in memory, when the program begins */
function run(program: string, args: readonly string[], content?: Uint8Array): string {
  const device = new MemoryBlockDevice(8 * MIB);
  createExt4(device, { blockSize: 4096, blank: true });
  const log: string[] = [];
  const machine = new Machine({
    memory: 64 * MIB,
    engine: 'interp',
    host: nodeHost((line) => log.push(line)),
    audit: AUDIT,
  });
  const fs = mountAll(machine, { kind: 'image', device, save: true });
  putFile(machine, '/bin/program', readBinary(compile(program)));
  if (content !== undefined) {
    putFile(machine, args[0]!, content);
    walk(fs as Ext4FileSystem, args[0]!).forgetPages();
  }
  const { output, code } = runInMachine(machine, '/bin/program', args, {}, log);
  assert.is(code, 0, output);
  fs.sync();
  mustBeClean(device);
  return output;
}

if (!haveCompiler('musl-gcc')) test.skip('all', 'musl-gcc is not installed');
else {
  for (const [name, program] of [
    ['blocks are counted when a page is stored to, as natively', 'mapped-blocks'],
    ['ranges are moved and refused as natively', 'shifted'],
  ] as const) {
    if (statfsSync(tmpdir()).type !== EXT4_SUPER_MAGIC) {
      test.skip(name, 'temporary files are not on ext4 here');
      continue;
    }
    test(name, () => {
      inTemp((dir) => {
        const native = runNative(compile(program), [join(dir, 'file')]);
        assert.is(run(program, ['/file']), native.output);
      });
    });
  }
  test('whole pages that are not in memory are overwritten as natively', () => {
    inTemp((dir) => {
      const content = pattern(40 * 4096 + 700, 3);
      writeFileSync(join(dir, 'file'), content);
      const native = runNative(compile('overwrite'), [join(dir, 'file')]);
      assert.is(run('overwrite', ['/file'], content), native.output);
    });
  });
  test('a store that the disk has no room for is SIGBUS, and the image stays clean', () => {
    const output = run('mapped-blocks', ['/file', '16']);
    assert.match(output, /\nSIGBUS, when it was full\nwrite: -1\n$/);
  });
}
