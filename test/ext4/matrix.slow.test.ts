/**
 * Images that mke2fs made with every combination of block size, inode size and features, filled by it: we read every
 * file. Then, unless they are read-only for us, we write to them, and e2fsck finds nothing. Images that we made and
 * filled are read by debugfs. KEVLAR_EXT4_MATRIX=all takes all combinations, otherwise every ninth.
 */

import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { importDirectory } from '../../src/host/node/import-directory.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  inTemp,
  load,
  mke2fs,
  mustBeClean,
  pattern,
  store,
  tool,
  touch,
  walk,
  withTools,
  writeFile,
} from './tools.ts';
import { compareTree, makeTree } from './trees.ts';

const ALL = process.env['KEVLAR_EXT4_MATRIX'] === 'all';
const test = suite('ext4 matrix', { timeout: 3_600_000 });
const tooled = withTools(test);

const BLOCK_SIZES = ['1024', '2048', '4096'];
const INODE_SIZES = ['128', '256', '1024'];
/** Option sets; not all go with inodes of 128 bytes. */
const LAYOUTS: readonly (readonly string[])[] = [
  ['-t', 'ext4'],
  ['-t', 'ext4', '-O', '^metadata_csum'],
  ['-t', 'ext4', '-O', '^metadata_csum,^64bit,uninit_bg'],
  ['-t', 'ext4', '-O', '^64bit'],
  ['-t', 'ext4', '-O', '^has_journal'],
  ['-t', 'ext4', '-O', '^flex_bg'],
  ['-t', 'ext4', '-G', '4', '-g', '2048'],
  ['-t', 'ext4', '-O', 'meta_bg,^resize_inode'],
  ['-t', 'ext4', '-O', 'sparse_super2,^resize_inode'],
  ['-t', 'ext4', '-O', 'metadata_csum_seed,large_dir'],
  ['-t', 'ext4', '-O', 'orphan_file'],
  ['-t', 'ext4', '-O', 'inline_data'],
  ['-t', 'ext4', '-O', 'ea_inode'],
  ['-t', 'ext4', '-O', 'project,quota'],
  ['-t', 'ext4', '-O', '^dir_index,^huge_file,^dir_nlink'],
  ['-t', 'ext4', '-O', '^sparse_super,^resize_inode'],
  ['-t', 'ext4', '-O', '^ext_attr,^large_file'],
  ['-t', 'ext4', '-E', 'lazy_itable_init=1', '-i', '4096'],
  ['-t', 'ext3'],
  ['-t', 'ext2'],
  ['-t', 'ext2', '-O', 'none'],
];

function combinations(): string[][] {
  const out: string[][] = [];
  for (const blockSize of BLOCK_SIZES) {
    for (const inodeSize of INODE_SIZES) {
      for (const layout of LAYOUTS) {
        const needsRoom = /inline_data|ea_inode|project/.test(layout.join());
        if (inodeSize === '128' && needsRoom) continue;
        out.push([...layout, '-b', blockSize, '-I', inodeSize]);
      }
    }
  }
  return out;
}

/** Adds files and takes some away. */
function change(fs: Ext4FileSystem): void {
  const dir = fs.root.create('ours', 0o040755, 0, 0, 0) as Ext4Inode;
  for (let i = 0; i < 120; i++) {
    writeFile(touch(dir, `file ${i} ${'n'.repeat(i)}`), i * 700, pattern(2000, i));
    if (i % 3 === 2) dir.unlink(`file ${i - 1} ${'n'.repeat(i - 1)}`);
  }
  fs.root.unlink('small');
  walk(fs, 'a/b').unlink('exact');
  walk(fs, 'a/big').setattr({ size: 100_000 });
  fs.root.rename('many', walk(fs, 'a'), 'moved', 0);
  walk(fs, 'sparse').setxattr('user.x', new Uint8Array(400), 0);
}

/** debugfs reads what we read. */
function compareByDebugfs(device: MemoryBlockDevice, dir: string): void {
  const image = join(dir, 'read');
  const out = join(dir, 'out');
  store(device, image);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out);
  const r = tool('debugfs', ['-R', `rdump / ${out}`, image]);
  assert.not.match(r.out.replace(/^debugfs .*\n/, ''), /\S/);
  rmSync(join(out, 'lost+found'), { recursive: true });
  compareTree(Ext4FileSystem.open(device, { readOnly: true }).root, out, false);
}

function count(directory: string): number {
  return readdirSync(directory, { recursive: true }).length;
}

tooled('what mke2fs made we read, and write to', () => {
  let images = 0;
  let files = 0;
  let written = 0;
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    mkdirSync(tree);
    makeTree(tree);
    const all = combinations();
    for (const [i, args] of all.entries()) {
      if (!ALL && i % 9 !== 0) continue;
      const image = join(dir, 'image');
      mke2fs(image, 48, [...args, '-d', tree]);
      const device = load(image);
      const wide = !args.includes('128') && !args.includes('ext3') && !args.includes('ext2');
      compareTree(Ext4FileSystem.open(device, { readOnly: true }).root, tree, wide);
      assert.equal(checkExt4(device).problems, [], args.join(' '));
      images++;
      files += count(tree);
      const fs = Ext4FileSystem.open(device);
      if (fs.readOnly) {
        assert.throws(() => touch(fs.root, 'ours'), /EROFS/);
        continue;
      }
      change(fs);
      fs.close();
      mustBeClean(device);
      assert.equal(checkExt4(device).problems, [], args.join(' '));
      compareByDebugfs(device, dir);
      written++;
    }
  });
  console.log(`${images} images of mke2fs, ${files} files read; ${written} images written to`);
});

tooled('what we made debugfs reads', () => {
  inTemp((dir) => {
    const tree = join(dir, 'tree');
    mkdirSync(tree);
    makeTree(tree);
    for (const blockSize of [1024, 2048, 4096] as const) {
      const device = new MemoryBlockDevice(48 << 20);
      createExt4(device, { blockSize, blank: true });
      const fs = Ext4FileSystem.open(device);
      importDirectory(tree, fs.root);
      fs.sync();
      compareTree(fs.root, tree, true);
      change(fs);
      fs.close();
      mustBeClean(device);
      compareByDebugfs(device, dir);
    }
  });
});
