/** fallocate(2): space, holes, and ranges that are taken out of a file or put into it. */

import { join } from 'node:path';
import { EFBIG, EINVAL, ENOSPC, EOPNOTSUPP, EPERM } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { FL_APPEND, FL_IMMUTABLE } from '../../src/kernel/fs/ext4/layout.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  errnoOf,
  fresh,
  inTemp,
  load,
  mke2fs,
  mustBeClean,
  open,
  pattern,
  readFile,
  store,
  tinyTransactions,
  tool,
  touch,
  walk,
  withTools,
  writeFile,
} from './tools.ts';

const test = suite('ext4 fallocate');
const tooled = withTools(test);

const KEEP_SIZE = 1;
const COLLAPSE = 8;
const INSERT = 32;

const bytes = (n: number, value: number): Uint8Array => new Uint8Array(n).fill(value);

function collapsed(data: Uint8Array, offset: number, length: number): Uint8Array {
  return Uint8Array.from([...data.subarray(0, offset), ...data.subarray(offset + length)]);
}

function inserted(data: Uint8Array, offset: number, length: number): Uint8Array {
  const out = new Uint8Array(data.length + length);
  out.set(data.subarray(0, offset));
  out.set(data.subarray(offset), offset + length);
  return out;
}

/** Extents of /f as debugfs lists them: [first, last, start, unwritten]. */
function extentsOf(device: MemoryBlockDevice): [number, number, number, boolean][] {
  return inTemp((dir) => {
    store(device, join(dir, 'image'));
    const { out } = tool('debugfs', ['-R', 'dump_extents -l /f', join(dir, 'image')]);
    const rows = [...out.matchAll(/^ *\d+\/ *\d+ +\d+\/ *\d+ +(\d+) - +(\d+) +(\d+) - .*$/gm)];
    return rows.map((m) => [Number(m[1]), Number(m[2]), Number(m[3]), m[0].includes('Uninit')]);
  });
}

function treeDepth(f: Ext4Inode): number {
  return f.disk.view().getUint16(f.disk.iblock + 6, true);
}

tooled('fallocate: reserves, keeps the size, punches, zeroes', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  let fs = open(device);
  const f = touch(fs.root, 'f');
  f.fallocate(0, 0, 1_000_000);
  assert.is(f.size, 1_000_000);
  assert.is(f.stat().blocks, 245 * 8);
  f.fallocate(1, 2_000_000, 100_000);
  assert.is(f.size, 1_000_000);
  writeFile(f, 500_000, pattern(50_000, 2));
  fs.sync();
  assert.is(
    readFile(f, 400_000, 100_000).every((b) => b === 0),
    true,
  );
  f.fallocate(3, 510_000, 20_000);
  const got = readFile(f, 500_000, 50_000);
  const want = pattern(50_000, 2);
  want.fill(0, 10_000, 30_000);
  assert.equal(got, want);
  f.fallocate(16, 0, 600_000);
  assert.is(
    readFile(f).every((b) => b === 0),
    true,
  );
  fs.close();
  mustBeClean(device);
  fs = open(device);
  assert.is(
    readFile(walk(fs, 'f')).every((b) => b === 0),
    true,
  );
  assert.is(
    errnoOf(() => walk(fs, 'f').fallocate(0, 0, 2 ** 30)),
    28,
  );
  fs.close();
  mustBeClean(device);
});

for (const bs of [1024, 4096]) {
  tooled(`ranges go out and come in, blocks of ${bs} bytes`, () => {
    const device = fresh(16, ['-t', 'ext4', '-b', String(bs)]);
    let fs = open(device);
    let f = touch(fs.root, 'f');
    let data = pattern(50 * bs + 77, 1);
    writeFile(f, 0, data);
    const change = (mode: number, offset: number, length: number): void => {
      f.fallocate(mode, offset * bs, length * bs);
      const next = mode === COLLAPSE ? collapsed : inserted;
      data = next(data, offset * bs, length * bs);
      assert.is(f.size, data.length);
      assert.equal(readFile(f), data);
    };
    // Nothing of this has been written back before, and a write that failed has left a promise.
    f.prepareWrite(60 * bs, bs);
    change(COLLAPSE, 3, 5);
    assert.is(f.stat().blocks, (46 * bs) / 512);
    change(INSERT, 7, 9);
    assert.is(f.stat().blocks, (46 * bs) / 512);
    writeFile(f, 8 * bs + 5, bytes(3 * bs, 9));
    data.set(bytes(3 * bs, 9), 8 * bs + 5);
    change(COLLAPSE, 0, 1);
    change(INSERT, 0, 2);
    change(INSERT, Math.floor(data.length / bs), 1);
    change(COLLAPSE, Math.floor(data.length / bs) - 1, 1);
    fs.sync();
    mustBeClean(device);
    fs.close();
    mustBeClean(device);
    fs = open(device);
    f = walk(fs, 'f');
    assert.equal(readFile(f), data);
    // What the last block has behind the end does not show when the file grows.
    f.setattr({ size: data.length + 3 * bs });
    assert.equal(readFile(f), Uint8Array.from([...data, ...bytes(3 * bs, 0)]));
    fs.close();
    mustBeClean(device);
  });
}

tooled('collapsing what was inserted leaves the extents as they were', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device);
  const f = touch(fs.root, 'f');
  writeFile(f, 0, pattern(40 * 4096, 1));
  fs.sync();
  const before = extentsOf(device);
  assert.is(before.length, 1);
  const start = before[0]![2];
  f.fallocate(INSERT, 10 * 4096, 5 * 4096);
  fs.sync();
  assert.equal(extentsOf(device), [
    [0, 9, start, false],
    [15, 44, start + 10, false],
  ]);
  f.fallocate(COLLAPSE, 10 * 4096, 5 * 4096);
  fs.close();
  assert.equal(extentsOf(device), before);
  mustBeClean(device);
});

tooled('blocks without content stay so, also beyond the end, and times change', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device);
  const f = touch(fs.root, 'f');
  f.fallocate(0, 0, 20 * 4096);
  f.fallocate(KEEP_SIZE, 30 * 4096, 4 * 4096);
  const old = f.stat();
  f.fallocate(INSERT, 5 * 4096, 2 * 4096);
  fs.sync();
  assert.equal(
    extentsOf(device).map(([from, to, , unwritten]) => [from, to, unwritten]),
    [
      [0, 4, true],
      [7, 21, true],
      [32, 35, true],
    ],
  );
  f.fallocate(COLLAPSE, 2 * 4096, 10 * 4096);
  fs.sync();
  assert.equal(
    extentsOf(device).map(([from, to, , unwritten]) => [from, to, unwritten]),
    [
      [0, 1, true],
      [2, 11, true],
      [22, 25, true],
    ],
  );
  const st = f.stat();
  assert.is(st.size, 12 * 4096);
  assert.is(st.blocks, 16 * 8);
  assert.ok(st.mtime.sec > old.mtime.sec && st.ctime.sec > old.ctime.sec);
  assert.is(
    readFile(f).every((b) => b === 0),
    true,
  );
  fs.close();
  mustBeClean(device);
});

/** A file of `n` single blocks with holes between them: every block begins with its number. */
function pieces(f: Ext4Inode, n: number, bs: number): void {
  const number = new Uint8Array(4);
  for (let i = 0; i < n; i++) {
    new DataView(number.buffer).setUint32(0, i + 1, true);
    writeFile(f, i * 2 * bs, number);
  }
}

function numberAt(f: Ext4Inode, block: number, bs: number): number {
  return new DataView(readFile(f, block * bs, 4).buffer).getUint32(0, true);
}

tooled('trees of any depth move, in as many transactions as it takes', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '1024']);
  let fs = open(device);
  let f = touch(fs.root, 'f');
  const n = 6000;
  pieces(f, n, 1024);
  fs.sync();
  assert.ok(treeDepth(f) >= 2, `depth ${treeDepth(f)}`);
  tinyTransactions(fs);
  f.fallocate(INSERT, 1000 * 1024, 500 * 1024);
  fs.sync();
  mustBeClean(device);
  for (const i of [0, 1, 499]) assert.is(numberAt(f, 2 * i, 1024), i + 1);
  for (const i of [500, 501, 3000, n - 1]) assert.is(numberAt(f, 2 * i + 500, 1024), i + 1);
  f.fallocate(COLLAPSE, 900 * 1024, 4000 * 1024);
  fs.close();
  mustBeClean(device);
  fs = open(device);
  f = walk(fs, 'f');
  const moved = (i: number): number => 2 * i + 500 - 4000;
  assert.is(f.size, moved(n - 1) * 1024 + 4);
  for (const i of [0, 449]) assert.is(numberAt(f, 2 * i, 1024), i + 1);
  for (const i of [2200, 2201, n - 1]) assert.is(numberAt(f, moved(i), 1024), i + 1);
  assert.is(f.stat().blocks >= (n - 1750) * 2, true);
  f.fallocate(COLLAPSE, 0, f.size - (f.size % 1024));
  assert.is(treeDepth(f), 0);
  assert.is(f.stat().blocks, 2);
  assert.is(numberAt(f, 0, 1024), n);
  fs.close();
  mustBeClean(device);
});

tooled('an insertion that has no room for a node changes nothing', () => {
  const device = fresh(8, ['-t', 'ext4', '-b', '1024', '-m', '0']);
  let fs = open(device);
  const f = touch(fs.root, 'f');
  // Four extents fill the root.
  for (let i = 0; i < 4; i++) writeFile(f, i * 20 * 1024, pattern(10 * 1024, i));
  fs.sync();
  const rest = touch(fs.root, 'rest');
  for (let at = 0; errnoOf(() => rest.fallocate(0, at, 1024)) === 0; ) at += 1024;
  fs.sync();
  assert.is(fs.statfs().bfree, 0);
  const before = readFile(f);
  assert.is(
    errnoOf(() => f.fallocate(INSERT, 5 * 1024, 1024)),
    ENOSPC,
  );
  assert.is(f.size, before.length);
  assert.equal(readFile(f), before);
  // Between extents there is nothing to split.
  f.fallocate(INSERT, 15 * 1024, 1024);
  fs.close();
  mustBeClean(device);
  fs = open(device);
  assert.equal(readFile(walk(fs, 'f')), inserted(before, 15 * 1024, 1024));
  fs.close();
});

test('immutable files keep their blocks, and append-only ones what they have', () => {
  const device = new MemoryBlockDevice(8 << 20);
  createExt4(device, { blank: true });
  const fs = open(device);
  const f = touch(fs.root, 'f');
  writeFile(f, 0, pattern(8 * 4096, 1));
  const errnos = (flag: number): number[] => {
    fs.volume.mutate(() => {
      f.disk.flags = (f.disk.flags & ~(FL_IMMUTABLE | FL_APPEND)) | flag;
    });
    const modes = [0, KEEP_SIZE, 3, 16, COLLAPSE, INSERT];
    return modes.map((mode) => errnoOf(() => f.fallocate(mode, 4096, 4096)));
  };
  assert.equal(errnos(FL_IMMUTABLE), [EPERM, EPERM, EPERM, EPERM, EPERM, EPERM]);
  assert.equal(errnos(FL_APPEND), [0, 0, EPERM, EPERM, EPERM, EPERM]);
  assert.equal(readFile(f), pattern(8 * 4096, 1));
  assert.equal(errnos(0), [0, 0, 0, 0, 0, 0]);
});

tooled('ranges that will not do', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device);
  const f = touch(fs.root, 'f');
  writeFile(f, 0, pattern(8 * 4096 + 4, 1));
  const fails = (mode: number, offset: number, length: number, errno: number): void =>
    assert.is(
      errnoOf(() => f.fallocate(mode, offset, length)),
      errno,
      `${mode} ${offset} ${length}`,
    );
  for (const mode of [COLLAPSE, INSERT]) {
    fails(mode, 1, 4096, EINVAL);
    fails(mode, 0, 1024, EINVAL);
    fails(mode, 36864, 4096, EINVAL);
    fails(mode, 0, 2 ** 45, EFBIG);
  }
  const most = (2 ** 32 - 1) * 4096;
  fails(COLLAPSE, 28672, 8192, EINVAL);
  fails(COLLAPSE, 0, most, EINVAL);
  fails(INSERT, 0, most, EFBIG);
  fails(INSERT, 0, most - 8 * 4096, EFBIG);
  assert.equal(readFile(f), pattern(8 * 4096 + 4, 1));
  // Up to the last possible block; then what lies beyond the end has no place.
  f.fallocate(INSERT, 4096, most - 9 * 4096);
  assert.is(f.size, most - 4096 + 4);
  assert.equal(readFile(f, f.size - 4100, 4100), pattern(8 * 4096 + 4, 1).subarray(-4100));
  f.fallocate(COLLAPSE, 4096, most - 9 * 4096);
  assert.equal(readFile(f), pattern(8 * 4096 + 4, 1));
  f.fallocate(KEEP_SIZE, most - 4096, 4096);
  fails(INSERT, 0, 4096, EINVAL);
  fs.close();
  mustBeClean(device);
});

tooled('a file with indirect blocks has no ranges to move', () => {
  const device = inTemp((dir) => {
    const image = join(dir, 'image');
    mke2fs(image, 16, ['-t', 'ext4', '-b', '4096', '-O', '^extent,^64bit']);
    store(
      { size: 5 * 4096, readOnly: true, read: (_, to) => void to.fill(7), write() {}, flush() {} },
      join(dir, 'f'),
    );
    tool('debugfs', ['-w', '-R', `write ${join(dir, 'f')} f`, image]);
    assert.is(tool('tune2fs', ['-O', 'extent', image]).status, 0);
    return load(image);
  });
  const fs = open(device);
  const f = walk(fs, 'f');
  assert.is(f.disk.usesExtents, false);
  for (const mode of [COLLAPSE, INSERT]) {
    assert.is(
      errnoOf(() => f.fallocate(mode, 1, 1)),
      EOPNOTSUPP,
    );
    assert.is(
      errnoOf(() => f.fallocate(mode, 0, 4096)),
      EOPNOTSUPP,
    );
  }
  assert.equal(readFile(f), bytes(5 * 4096, 7));
  fs.close();
  mustBeClean(device);
});
