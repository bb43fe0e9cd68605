/**
 * Damaged images: whatever bits are flipped, opening, reading and changing an image ends in bounded time
 * with an error that says so, and never with another JavaScript exception or a write out of range.
 */

import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { findEntry } from '../../src/kernel/fs/ext4/directory.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { FL_EXTENTS, FL_INLINE_DATA, INO } from '../../src/kernel/fs/ext4/layout.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import { inodeArea } from '../../src/kernel/fs/ext4/xattr.ts';
import { cpuMs } from '../lib/cpu-time.ts';
import { assert, suite } from '../lib/suite.ts';
import { allow } from './explore.ts';
import {
  bytesOf,
  haveE2fsprogs,
  inTemp,
  latin1,
  load,
  mke2fs,
  names,
  readFile,
  walk,
  writeFile,
} from './tools.ts';

const test = suite('ext4 damaged images', { timeout: 3_600_000 });
const RUNS = Number(process.env['KEVLAR_FUZZ_RUNS'] ?? 150);
const SEED = Number(process.env['KEVLAR_FUZZ_SEED'] ?? 1);
/** The images depend on nothing but their files' times, so that a seed finds the same again. */
const UUID = '6b65766c-6172-4a69-8000-000000000001';

/** Something of everything in a small image. */
function populate(device: MemoryBlockDevice): void {
  const fs = Ext4FileSystem.open(device);
  const dir = fs.root.create('dir', 0o040755, 0, 0, 0) as Ext4Inode;
  for (let i = 0; i < 150; i++) dir.create(`entry-${i}`, 0o100644, 0, 0, 0);
  const pieces = fs.root.create('pieces', 0o100644, 0, 0, 0) as Ext4Inode;
  for (let i = 0; i < 120; i++) writeFile(pieces, i * 8192, bytesOf(`piece ${i}`));
  pieces.setxattr('user.a', new Uint8Array(300), 0);
  fs.root.symlink('link', 'x'.repeat(200), 0, 0);
  fs.close();
}

/** Bytes worth flipping: those that are not zero. */
function interesting(device: MemoryBlockDevice): number[] {
  const bytes = new Uint8Array(device.size);
  device.read(0, bytes);
  const out: number[] = [];
  bytes.forEach((b, i) => {
    if (b !== 0) out.push(i);
  });
  return out;
}

function damage(
  device: MemoryBlockDevice,
  flips: readonly (readonly [number, number])[],
): MemoryBlockDevice {
  const bytes = new Uint8Array(device.size);
  device.read(0, bytes);
  for (const [at, bit] of flips) bytes[at]! ^= 1 << bit;
  return MemoryBlockDevice.from(bytes);
}

/** Reads everything it can find, at most `budget` inodes. */
function explore(dir: Ext4Inode, budget: { left: number }, depth: number): void {
  const found: string[] = [];
  allow(() =>
    dir.readdir(0, (e) => {
      if (e.name !== '.' && e.name !== '..') found.push(e.name);
      return found.length < 2000;
    }),
  );
  for (const name of found) {
    if (budget.left-- <= 0) return;
    allow(() => {
      const inode = dir.lookup(name) as Ext4Inode | null;
      if (inode === null) return;
      inode.stat();
      inode.listxattr();
      if (inode.isDirectory) {
        if (depth < 20) explore(inode, budget, depth + 1);
      } else if (inode.pages !== null) {
        readFile(inode, 0, 20_000);
        inode.seekSparse(0, 4);
      } else allow(() => inode.readlink());
    });
  }
}

function change(fs: Ext4FileSystem): void {
  const { root } = fs;
  allow(() => root.create('new', 0o100644, 0, 0, 0));
  allow(() => writeFile(walk(fs, 'new'), 5000, new Uint8Array(30_000).fill(1)));
  allow(() => writeFile(walk(fs, 'pieces'), 0, new Uint8Array(100_000).fill(1)));
  allow(() => {
    const dir = walk(fs, 'dir');
    for (let i = 0; i < 60; i++) dir.create(`more-${i}`, 0o100644, 0, 0, 0);
    for (let i = 0; i < 60; i++) dir.unlink(`entry-${i}`);
    root.rename('link', dir, 'moved', 0);
  });
  allow(() => root.create('sub', 0o040755, 0, 0, 0));
  // Out with a range, in with one.
  allow(() => walk(fs, 'pieces').fallocate(8, 16384, 32768));
  allow(() => walk(fs, 'pieces').fallocate(32, 4096, 65536));
  allow(() => walk(fs, 'pieces').setattr({ size: 1000 }));
  allow(() => root.unlink('pieces'));
  allow(() => fs.close());
}

const IMAGES: Record<string, () => MemoryBlockDevice> = {
  checksummed: () => {
    const device = new MemoryBlockDevice(4 << 20);
    createExt4(device, { blockSize: 1024, blank: true, random: () => 1 });
    return device;
  },
};
if (haveE2fsprogs) {
  IMAGES['without checksums'] = () =>
    inTemp((dir) => {
      mke2fs(join(dir, 'i'), 4, [
        ...['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^64bit'],
        ...['-U', UUID, '-E', `hash_seed=${UUID}`],
      ]);
      return load(join(dir, 'i'));
    });
}

for (const [name, make] of Object.entries(IMAGES)) {
  test(`bit flips anywhere: ${name}`, () => {
    const device = make();
    populate(device);
    const places = interesting(device);
    const flip = fc.tuple(
      fc.nat(places.length - 1).map((i) => places[i]!),
      fc.nat(7),
    );
    const property = fc.property(fc.array(flip, { minLength: 1, maxLength: 12 }), (flips) => {
      const started = cpuMs();
      allow(() => checkExt4(damage(device, flips)));
      allow(() => {
        const fs = Ext4FileSystem.open(damage(device, flips));
        explore(fs.root, { left: 400 }, 0);
        change(fs);
      });
      assert.ok(cpuMs() - started < 5000, 'takes too long');
    });
    fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
    console.log(`${RUNS} images with flipped bits`);
  });
}

if (!haveE2fsprogs) test.skip('bit flips anywhere: without checksums', 'mke2fs is not installed');

/** An image whose root has one entry, 'f', damaged by `damage`. */
function withDamaged(
  mode: number,
  damage: (inode: Ext4Inode) => void,
  blockSize: 1024 | 4096 = 4096,
): MemoryBlockDevice {
  const device = new MemoryBlockDevice(4 << 20);
  createExt4(device, { blank: true, blockSize });
  const fs = Ext4FileSystem.open(device);
  const inode = fs.root.create('f', mode, 0, 0, 0) as Ext4Inode;
  fs.volume.mutate(() => damage(inode));
  fs.close();
  return device;
}

test('an inode of an impossible type is refused', () => {
  for (let type = 0; type < 16; type++) {
    const device = withDamaged(0o100644, ({ disk }) => {
      disk.mode = (type << 12) | 0o644;
    });
    const root = () => Ext4FileSystem.open(device).root;
    if ([1, 2, 4, 6, 8, 10, 12].includes(type)) {
      assert.is((root().lookup('f') as Ext4Inode).mode >>> 12, type);
      continue;
    }
    assert.throws(() => root().lookup('f'), /EUCLEAN/);
    assert.throws(() => root().unlink('f'), /EUCLEAN/);
    assert.match(checkExt4(device).problems.join('\n'), /inode \d+ .*: impossible mode/);
  }
});

test('a directory larger than the device is refused, one with holes is not', () => {
  const sized = (size: number): Ext4FileSystem =>
    Ext4FileSystem.open(
      withDamaged(0o040755, (dir) => {
        for (let i = 0; i < 3; i++) dir.create(`name-${i}`, 0o100644, 0, 0, 0);
        dir.disk.size = size;
      }),
    );
  const holes = walk(sized(1000 * 4096), 'f');
  assert.equal(names(holes), ['.', '..', 'name-0', 'name-1', 'name-2']);
  assert.is(holes.lookup('name-3'), null);
  for (const size of [1025 * 4096, 2 ** 44, 2 ** 62]) {
    const fs = sized(size);
    const dir = walk(fs, 'f');
    assert.throws(() => names(dir), /EUCLEAN/);
    assert.throws(() => dir.lookup('name-0'), /EUCLEAN/);
    assert.throws(() => fs.root.rmdir('f'), /EUCLEAN/);
  }
});

test('a directory does not grow over blocks beyond its end', () => {
  const device = withDamaged(0o040755, (dir) => {
    for (let i = 0; i < 300; i++) dir.create(`name-${i}`, 0o100644, 0, 0, 0);
    assert.ok(dir.size > 8192);
    dir.disk.size = 8192;
  });
  const lines: string[] = [];
  const dir = walk(Ext4FileSystem.open(device, { log: (line) => lines.push(line) }), 'f');
  assert.throws(() => {
    for (let i = 0; i < 300; i++) dir.create(`more-${i}`, 0o100644, 0, 0, 0);
  }, /EUCLEAN/);
  assert.match(lines.join(), /block 2 beyond its end is in use/);
  assert.ok(dir.lookup('name-299') !== null, 'nothing is lost');
});

test('an entry that names an inode of the system is refused', () => {
  for (const ino of [7, 8, 1 << 20]) {
    const device = withDamaged(0o100644, ({ fs }) => {
      const slot = findEntry(fs.root.disk, 'f');
      assert.ok(slot !== null);
      fs.volume.cache.touch(slot.block);
      slot.block.view.setUint32(slot.at, ino, true);
    });
    const lines: string[] = [];
    const { root } = Ext4FileSystem.open(device, { log: (line) => lines.push(line) });
    root.create('g', 0o100644, 0, 0, 0);
    const refused = [
      () => root.lookup('f'),
      () => root.unlink('f'),
      () => root.rename('f', root, 'h', 0),
      () => root.rename('g', root, 'f', 0),
      () => root.rename('g', root, 'f', 2),
    ];
    for (const action of refused) assert.throws(action, /EUCLEAN/);
    assert.is(lines.filter((line) => line.endsWith(` names inode ${ino}`)).length, refused.length);
  }
});

test('attributes that share their bytes are refused', () => {
  const device = withDamaged(0o100644, (file) => {
    for (const name of ['a', 'b', 'c']) file.setxattr(`user.${name}`, new Uint8Array(4), 0);
    // 'b' and 'c' take most of the area: entries of 20 bytes, value_offs at 2, value_size at 8.
    const view = file.disk.touch();
    const area = file.disk.base + inodeArea(file.disk);
    for (const at of [area + 20, area + 40]) {
      view.setUint16(at + 2, 0, true);
      view.setUint32(at + 8, 80, true);
    }
  });
  const file = walk(Ext4FileSystem.open(device), 'f');
  assert.throws(() => file.listxattr(), /EUCLEAN/);
  assert.throws(() => file.removexattr('user.a'), /EUCLEAN/);
});

test('a node of an extent tree cannot be in two places', () => {
  const device = withDamaged(
    0o100644,
    (file) => {
      for (let i = 0; i < 120; i++) writeFile(file, i * 8192, bytesOf(`piece ${i}`));
      file.writeBack();
      const view = file.disk.touch();
      const first = file.disk.iblock + 12;
      assert.is(view.getUint16(file.disk.iblock + 2, true), 2, 'leaves');
      view.setUint32(first + 12 + 4, view.getUint32(first + 4, true), true);
    },
    1024,
  );
  const file = walk(Ext4FileSystem.open(device), 'f');
  assert.is(latin1(readFile(file, 0, 7)), 'piece 0');
  assert.throws(() => readFile(file, 119 * 8192, 7), /EUCLEAN/);
});

test('an inode with inline data needs the feature', () => {
  const device = withDamaged(0o100644, ({ disk }) => {
    disk.flags |= FL_INLINE_DATA;
  });
  assert.throws(() => Ext4FileSystem.open(device).root.lookup('f'), /EUCLEAN/);
});

test('looking for data in a huge file of indirect blocks takes no time', () => {
  const device = withDamaged(0o100644, ({ disk }) => {
    disk.flags &= ~FL_EXTENTS;
    for (let i = 0; i < 60; i += 4) disk.set32(INO.block + i, 0);
    disk.size = 2 ** 44;
  });
  const file = walk(Ext4FileSystem.open(device), 'f');
  const started = cpuMs();
  assert.is(file.seekSparse(0, 3), -1);
  assert.ok(cpuMs() - started < 5000, 'takes too long');
});

test('a truncated image is refused in one line', () => {
  const device = new MemoryBlockDevice(4 << 20);
  createExt4(device, { blank: true });
  const bytes = new Uint8Array(2 << 20);
  device.read(0, bytes);
  assert.throws(() => Ext4FileSystem.open(MemoryBlockDevice.from(bytes)), /the image is truncated/);
  assert.throws(() => Ext4FileSystem.open(new MemoryBlockDevice(1 << 20)), /not an ext4 image/);
  assert.throws(() => Ext4FileSystem.open(new MemoryBlockDevice(100)), /not an ext4 image/);
});
