/** Our own check agrees with e2fsck about what is clean, and names what is not. */

import { join } from 'node:path';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { inTemp, load, mke2fs, store, tool, withTools } from './tools.ts';

const test = suite('ext4 check');
const tooled = withTools(test);

function image(): MemoryBlockDevice {
  const device = new MemoryBlockDevice(4 << 20);
  createExt4(device, { blockSize: 1024, blank: true });
  const fs = Ext4FileSystem.open(device);
  const dir = fs.root.create('a', 0o040755, 0, 0, 0) as Ext4Inode;
  dir.create('b', 0o040755, 0, 0, 0);
  dir.create('f', 0o100644, 0, 0, 0);
  fs.close();
  return device;
}

/** Changes an image with debugfs, which keeps checksums right. */
function edit(device: MemoryBlockDevice, commands: readonly string[]): MemoryBlockDevice {
  return inTemp((dir) => {
    const path = join(dir, 'image');
    store(device, path);
    tool('debugfs', ['-w', '-f', '-', path], `${commands.join('\n')}\n`);
    return load(path);
  });
}

const DAMAGE: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a wrong link count', ['sif /a/f links_count 3'], /3 links instead of 1/],
  ['a cycle of directories', ['link /a /a/b/loop'], /two names: a cycle or a hard link/],
  ['an inode without a name', ['unlink /a/f'], /has no name|links/],
  ['a used block marked as free', ['freeb 200 1'], /block|free/],
  ['a free block marked as used', ['setb 3000 1'], /marked as used but nothing uses it/],
  ['a journal whose extents do not fit', ['sif <8> block[0] 0xfffff30a'], /inode 8: .*damaged/],
  ['a free inode in use', ['freei /a/f'], /used but marked as free/],
  [
    'a time of deletion of a file in use',
    ['sif /a/f dtime 1000'],
    /in use, but with a time of deletion/,
  ],
  [
    'a size that is too small',
    ['write package.json /p', 'sif /p size 5'],
    /5 bytes, but data up to block \d/,
  ],
  [
    'a link that ends early',
    ['symlink /l abcdef', 'sif /l block[0] 0x00636261'],
    /a damaged symbolic link/,
  ],
  ['a free inode with links', ['unlink /a/f', 'sif <14> links_count 1'], /in use but has no name/],
];

for (const [name, commands, expected] of DAMAGE) {
  tooled(`finds ${name}`, () => {
    const device = image();
    assert.equal(checkExt4(device).problems, []);
    assert.match(checkExt4(edit(device, commands)).problems.join('\n'), expected);
  });
}

tooled('finds nothing in images of mke2fs', () => {
  for (const args of [
    ['-t', 'ext4'],
    ['-t', 'ext4', '-b', '1024', '-O', 'meta_bg,^resize_inode'],
    ['-t', 'ext3', '-b', '1024'],
    ['-t', 'ext2'],
    ['-t', 'ext4', '-O', 'quota'],
  ]) {
    inTemp((dir) => {
      mke2fs(join(dir, 'image'), 20, [...args, '-d', 'test/ext4']);
      const { problems } = checkExt4(load(join(dir, 'image')));
      assert.equal(
        problems.filter((p) => !p.includes('read-only')),
        [],
        args.join(' '),
      );
    });
  }
});
