/**
 * What is remembered so as not to be looked for again never hides a change: where a bitmap has free bits, which names a
 * directory has not, how its listing goes, which inodes the table holds.
 */

import { EEXIST, ENOSPC } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { allocBlocks, freeBlocks } from '../../src/kernel/fs/ext4/alloc.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import { errnoOf, fresh, mustBeClean, names, open, touch, withTools } from './tools.ts';

const MIB = 1 << 20;
/** More files than the table of inodes keeps. */
const MANY = 20_000;

const test = suite('ext4 memories', { timeout: 120_000 });
const tooled = withTools(test);

function empty(mib: number): Ext4FileSystem {
  const device = new MemoryBlockDevice(mib * MIB);
  createExt4(device, { blank: true });
  return Ext4FileSystem.open(device);
}

/** Allocates single blocks from `goal` on until there are none. @returns how many */
function takeAll(fs: Ext4FileSystem, goal: number): number {
  const { volume } = fs;
  let taken = 0;
  const full = errnoOf(() => {
    for (;;) {
      volume.mutate(() => allocBlocks(volume, goal, 1));
      taken++;
    }
  });
  assert.is(full, ENOSPC);
  return taken;
}

test('every free block is found, wherever the searches before began', () => {
  const fs = empty(8);
  const { volume } = fs;
  const middle = volume.mutate(() => allocBlocks(volume, volume.sb.blocks >> 1, 1)).start;
  assert.ok(middle > 100);
  const free = volume.freeBlocks;
  assert.is(takeAll(fs, volume.sb.blocks >> 1), free);
  assert.is(volume.freeBlocks, 0);
});

test('blocks that were freed are found again, at both ends of a bitmap and after a commit', () => {
  const fs = empty(8);
  const { volume } = fs;
  const low = volume.mutate(() => allocBlocks(volume, 0, 16)).start;
  const high = volume.mutate(() => allocBlocks(volume, volume.sb.blocks - 64, 16)).start;
  takeAll(fs, 0);
  for (const start of [high, low]) {
    volume.mutate(() => freeBlocks(volume, start, 16));
    // Not before the commit, which the search that finds nothing else makes.
    const found = volume.mutate(() => allocBlocks(volume, 0, 16));
    assert.equal([found.start, found.length], [start, 16]);
  }
  volume.mutate(() => freeBlocks(volume, low, 8));
  volume.mutate(() => freeBlocks(volume, high, 8));
  volume.commit();
  assert.is(takeAll(fs, high), 16);
});

test('a search that passes by what was freed lately does not forget it', () => {
  const fs = empty(8);
  const { volume } = fs;
  const low = volume.mutate(() => allocBlocks(volume, 0, 64)).start;
  volume.commit();
  volume.mutate(() => freeBlocks(volume, low, 64));
  const free = volume.freeBlocks;
  const next = volume.mutate(() => allocBlocks(volume, 0, 1));
  assert.ok(next.start >= low + 64);
  volume.commit();
  assert.is(takeAll(fs, 0), free - 1);
});

tooled('every free inode is found, and those that were freed', () => {
  const device = fresh(8, ['-t', 'ext4', '-N', '128']);
  const fs = open(device);
  const { root, volume } = fs;
  const all = volume.freeInodes;
  const fill = (prefix: string): number => {
    let made = 0;
    const full = errnoOf(() => {
      for (;;) touch(root, `${prefix}${made++}`);
    });
    assert.is(full, ENOSPC);
    return made - 1;
  };
  assert.is(fill('a'), all);
  for (const i of [all - 1, 0, all >> 1]) root.unlink(`a${i}`);
  assert.is(fill('b'), 3);
  assert.is(volume.freeInodes, 0);
  fs.close();
  mustBeClean(device);
});

test('a listing shows what came and went since the last', () => {
  const { root } = empty(8);
  const list = (): string => names(root).join(' ');
  touch(root, 'a');
  touch(root, 'b');
  assert.is(list(), '. .. a b lost+found');
  touch(root, 'c');
  assert.is(list(), '. .. a b c lost+found');
  root.unlink('a');
  assert.is(list(), '. .. b c lost+found');
  root.rename('c', root, 'd', 0);
  assert.is(list(), '. .. b d lost+found');
  // What fails is as if it had not been.
  const { volume } = root.fs;
  assert.throws(() =>
    volume.mutate(() => {
      touch(root, 'e');
      throw new Error('fails');
    }),
  );
  assert.is(list(), '. .. b d lost+found');
});

test('a name that was not there is found to be there once it is', () => {
  const { root } = empty(8);
  for (const make of [
    (name: string): unknown => touch(root, name),
    (name: string): unknown => root.symlink(name, 'target', 0, 0),
    (name: string): unknown => root.link(name, touch(root, `${name}-other`)),
    (name: string): unknown => {
      touch(root, `${name}-old`);
      return root.rename(`${name}-old`, root, name, 0);
    },
  ]) {
    const name = `name ${make.toString().length}`;
    assert.ok(root.lookup(name) === null);
    make(name);
    assert.is(
      errnoOf(() => touch(root, name)),
      EEXIST,
    );
  }
});

test('who opens an inode that the table had let go keeps it: its blocks are freed at the end', () => {
  const fs = empty(256);
  const held = touch(fs.root, 'held');
  for (let i = 0; i < MANY; i++) touch(fs.root, `file ${i}`);
  const { size } = fs.inodes;
  held.retain();
  assert.is(fs.inodes.size, size + 1);
  fs.root.unlink('held');
  assert.not(held.disk.isFreed);
  fs.close();
  assert.ok(held.disk.isFreed);
});
