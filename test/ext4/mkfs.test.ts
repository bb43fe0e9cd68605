/** File systems that we make: clean for e2fsck, as dumpe2fs would expect, usable at once. */

import { join } from 'node:path';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  inTemp,
  latin1,
  mustBeClean,
  readFile,
  store,
  tool,
  walk,
  withTools,
  writeFile,
} from './tools.ts';

const test = suite('ext4 mkfs');
const tooled = withTools(test);

const SIZES: readonly (readonly [number, 1024 | 2048 | 4096])[] = [
  [200 * 1024, 1024],
  [1 << 20, 1024],
  [20 << 20, 1024],
  [300 << 20, 1024],
  [5_000_000, 2048],
  [2 << 20, 4096],
  [64 << 20, 4096],
  [(128 << 20) + 8192, 4096],
  [700 << 20, 4096],
];

for (const [size, blockSize] of SIZES) {
  tooled(`${size} bytes in blocks of ${blockSize} bytes`, () => {
    const device = new MemoryBlockDevice(size);
    createExt4(device, {
      blockSize,
      label: 'kevlar',
      blank: true,
      now: () => ({ sec: 1_700_000_000, nsec: 0 }),
    });
    const fs = Ext4FileSystem.open(device);
    const f = fs.root.create('f', 0o100644, 0, 0, 0) as Ext4Inode;
    writeFile(f, 0, new Uint8Array(20_000).fill(65));
    fs.close();
    mustBeClean(device);
    assert.is(latin1(readFile(walk(Ext4FileSystem.open(device), 'f'))), 'A'.repeat(20_000));
  });
}

tooled('clears what was on the device, and has the features of mke2fs', () => {
  const device = new MemoryBlockDevice(32 << 20);
  const noise = new Uint8Array(1 << 20).map((_, i) => i * 7);
  for (let i = 0; i < 32; i++) device.write(i << 20, noise);
  createExt4(device, { label: 'grün' });
  mustBeClean(device);
  inTemp((dir) => {
    store(device, join(dir, 'image'));
    const { out } = tool('dumpe2fs', ['-h', join(dir, 'image')]);
    assert.match(
      out,
      /has_journal ext_attr dir_index filetype extent 64bit flex_bg sparse_super large_file huge_file dir_nlink extra_isize metadata_csum/,
    );
    assert.match(out, /Journal checksum type: +crc32c/);
    assert.match(out, /Block size: +4096/);
  });
});

test('refuses sizes and labels that cannot be', () => {
  assert.throws(() => createExt4(new MemoryBlockDevice(8192)), /too small/);
  assert.throws(
    () => createExt4(new MemoryBlockDevice(1 << 20), { label: 'x'.repeat(17) }),
    /label/,
  );
});
