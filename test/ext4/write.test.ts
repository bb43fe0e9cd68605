/**
 * Writing: whatever we do to an image, e2fsck finds nothing wrong with it and we read back what we wrote,
 * also after mounting again.
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ENOENT, ENOSPC } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFREG,
  S_IFSOCK,
} from '../../src/kernel/vfs/types.ts';
import { Machine as VfsMachine, type User as VfsUser } from '../kernel/vfs/harness.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  bytesOf,
  errnoOf,
  fresh,
  inTemp,
  latin1,
  mustBeClean,
  names,
  open,
  pattern,
  readFile,
  store,
  tool,
  touch,
  walk,
  withTools,
  writeFile,
} from './tools.ts';

const test = suite('ext4 writing');
const tooled = withTools(test);

const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  defaults: ['-t', 'ext4'],
  '1 KiB blocks': ['-t', 'ext4', '-b', '1024'],
  '128-byte inodes, no checksums': ['-t', 'ext4', '-I', '128', '-O', '^metadata_csum,^64bit'],
  'uninit_bg, no journal': [
    '-t',
    'ext4',
    '-b',
    '1024',
    '-O',
    '^metadata_csum,uninit_bg,^has_journal',
  ],
};

function mkdir(dir: Ext4Inode, name: string): Ext4Inode {
  return dir.create(name, S_IFDIR | 0o755, 0, 0, 0) as Ext4Inode;
}

for (const [name, args] of Object.entries(LAYOUTS)) {
  tooled(`a bit of everything: ${name}`, () => {
    const device = fresh(32, args);
    let fs = open(device);
    const { root } = fs;
    const dir = mkdir(root, 'dir');
    const big = pattern(300_001, 1);
    writeFile(touch(dir, 'big'), 0, big);
    for (let i = 0; i < 40; i++) writeFile(touch(dir, `f${i}`), 0, bytesOf(`content ${i}`));
    for (const n of [1, 59, 60, 61, 255, 1000]) root.symlink(`s${n}`, 'y'.repeat(n), 5, 6);
    root.link('hard', walk(fs, 'dir/f3'));
    root.create('fifo', S_IFIFO | 0o600, 1, 2, 0);
    root.create('sock', S_IFSOCK | 0o600, 70_000, 80_000, 0);
    root.create('null', S_IFCHR | 0o666, 0, 0, 0x103);
    root.create('disk', S_IFBLK | 0o660, 0, 0, 0x12345678);
    for (let i = 0; i < 40; i += 3) dir.unlink(`f${i}`);
    assert.ok(errnoOf(() => root.rmdir('dir')) !== 0);
    mkdir(root, 'gone');
    root.rmdir('gone');
    fs.close();
    mustBeClean(device);
    fs = open(device);
    assert.equal(readFile(walk(fs, 'dir/big')), big);
    assert.is(latin1(readFile(walk(fs, 'hard'))), 'content 3');
    assert.is(walk(fs, 'hard').nlink, 1);
    for (const n of [1, 59, 60, 61, 255, 1000])
      assert.is(walk(fs, `s${n}`).readlink(), 'y'.repeat(n));
    assert.is(walk(fs, 'disk').rdev, 0x12345678);
    assert.is(walk(fs, 'null').rdev, 0x103);
    assert.is(walk(fs, 'sock').uid, 70_000);
    if (!args.includes('128')) assert.is(walk(fs, 'hard').stat().btime.nsec, 123_456_789);
    fs.close();
    mustBeClean(device);
  });
}

tooled('a directory of 3,000 entries is valid, complete and can be emptied', () => {
  for (const bs of ['1024', '4096']) {
    const device = fresh(32, ['-t', 'ext4', '-b', bs, '-N', '4000']);
    let fs = open(device);
    const dir = mkdir(fs.root, 'many');
    const all: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const name = `${'n'.repeat(i % 90)}-${i}-\u00e9`;
      all.push(name);
      touch(dir, name);
    }
    fs.close();
    mustBeClean(device);
    fs = open(device);
    const again = walk(fs, 'many');
    assert.equal(names(again), ['.', '..', ...all].sort());
    for (const name of all) assert.ok(again.lookup(name) !== null, name);
    for (let i = 0; i < 3000; i += 2) again.unlink(all[i]!);
    fs.sync();
    mustBeClean(device);
    for (let i = 1; i < 3000; i += 2) again.unlink(all[i]!);
    fs.root.rmdir('many');
    fs.close();
    mustBeClean(device);
  }
});

tooled(
  'a removed directory that is still somebody’s working directory can be changed in memory',
  () => {
    const device = fresh(32, LAYOUTS['defaults']!);
    const fs = open(device);
    const dir = mkdir(fs.root, 'cwd');
    fs.root.rmdir('cwd');
    dir.setattr({ mode: 0o040700, uid: 5, mtime: { sec: 9, nsec: 8 } });
    const { mode, uid, mtime } = dir.stat();
    assert.equal([mode, uid, mtime], [0o040700, 5, { sec: 9, nsec: 8 }]);
    assert.is(
      errnoOf(() => dir.setxattr('user.a', new Uint8Array(2000), 0)),
      ENOENT,
    );
    writeFile(touch(fs.root, 'after'), 0, bytesOf('kept'));
    fs.sync();
    mustBeClean(device);
    fs.close();
    mustBeClean(device);
    assert.is(latin1(readFile(walk(open(device), 'after'))), 'kept');
  },
);

tooled('sparse files beyond 4 GiB, holes and truncation', () => {
  const device = fresh(32, ['-t', 'ext4', '-b', '4096']);
  let fs = open(device);
  const f = touch(fs.root, 'sparse');
  const at = 5 * 2 ** 30 + 12_345;
  writeFile(f, at, bytesOf('far away'));
  writeFile(f, 100, bytesOf('near'));
  assert.is(f.size, at + 8);
  assert.is(latin1(readFile(f, at, 8)), 'far away');
  fs.sync();
  assert.is(f.seekSparse(0, 4), 4096);
  assert.is(f.seekSparse(4096, 3), Math.floor(at / 4096) * 4096);
  fs.close();
  mustBeClean(device);
  fs = open(device);
  const g = walk(fs, 'sparse');
  assert.is(latin1(readFile(g, at, 8)), 'far away');
  assert.is(readFile(g, 2 ** 32, 100).join(''), '0'.repeat(100));
  g.setattr({ size: 102 });
  g.setattr({ size: 200 });
  assert.is(latin1(readFile(g, 98, 8)), '\0\0ne\0\0\0\0');
  fs.close();
  mustBeClean(device);
  fs = open(device);
  assert.is(latin1(readFile(walk(fs, 'sparse'), 98, 8)), '\0\0ne\0\0\0\0');
  fs.close();
});

tooled('the size on disk counts what is not written back yet', () => {
  const fs = open(fresh(16, ['-t', 'ext4', '-b', '4096']));
  const f = touch(fs.root, 'f');
  writeFile(f, 0, pattern(50_000, 1));
  assert.is(f.stat().blocks, 13 * 8);
  fs.sync();
  assert.is(f.stat().blocks, 13 * 8);
  writeFile(f, 40_000, pattern(60_000, 2));
  assert.is(f.stat().blocks, 25 * 8);
  f.setattr({ size: 60_000 });
  assert.is(f.stat().blocks, 15 * 8);
  fs.close();
});

tooled('deep extent trees: a file of thousands of pieces', () => {
  const device = fresh(48, ['-t', 'ext4', '-b', '1024']);
  let fs = open(device);
  const f = touch(fs.root, 'pieces');
  const n = 4000;
  for (let i = 0; i < n; i++)
    writeFile(f, ((i * 7919) % n) * 8192, bytesOf(`piece ${(i * 7919) % n}`));
  fs.close();
  mustBeClean(device);
  fs = open(device);
  let g = walk(fs, 'pieces');
  assert.ok(g.disk.view().getUint16(g.disk.iblock + 6, true) >= 2, 'depth');
  for (let i = 0; i < n; i += 37) assert.is(latin1(readFile(g, i * 8192, 6)), 'piece ');
  for (let i = 0; i < n; i += 2) g.fallocate(3, i * 8192, 8192);
  fs.sync();
  mustBeClean(device);
  g.setattr({ size: 4_000_000 });
  fs.close();
  mustBeClean(device);
  fs = open(device);
  g = walk(fs, 'pieces');
  assert.is(latin1(readFile(g, 8192, 7)), 'piece 1');
  assert.is(readFile(g, 16384, 10).join(''), '0000000000');
  fs.root.unlink('pieces');
  fs.close();
  mustBeClean(device);
});

tooled('ENOSPC is exact and tears nothing', () => {
  const device = fresh(8, ['-t', 'ext4', '-b', '1024', '-m', '0']);
  let fs = open(device);
  const f = touch(fs.root, 'fill');
  const block = pattern(1024, 3);
  let written = 0;
  while (errnoOf(() => writeFile(f, written, block)) === 0) written += 1024;
  assert.ok(fs.statfs().bfree <= 2, `${fs.statfs().bfree} blocks left`);
  assert.is(errnoOf(() => mkdir(fs.root, 'no')) !== 0 || fs.statfs().bfree >= 0, true);
  fs.close();
  mustBeClean(device);
  fs = open(device);
  assert.is(walk(fs, 'fill').size, written);
  assert.equal(readFile(walk(fs, 'fill'), written - 1024), block);
  fs.root.unlink('fill');
  writeFile(touch(fs.root, 'again'), 0, pattern(written - 100_000, 4));
  fs.close();
  mustBeClean(device);
});

tooled('the last blocks are the administrator’s, and what fits is written', () => {
  const device = fresh(8, ['-t', 'ext4', '-b', '1024', '-m', '10']);
  const fs = open(device);
  const machine = new VfsMachine(() => fs);
  const admin = machine.user();
  const user = machine.user(1000);
  admin.call('umask', 0);
  const kept = Math.floor((8 * 1024) / 10);
  assert.is(fs.statfs().bfree - fs.statfs().bavail, kept);
  const fill = (who: VfsUser, name: string): void => {
    const fd = who.open(name, 0o1);
    const wanted = 1 << 20;
    let n = wanted;
    while (n === wanted) n = who.write(fd, 'x'.repeat(wanted));
    assert.ok(n > 0 && n % 4096 === 0, `cut at the end of a page: ${n} bytes`);
    // What was promised for tree nodes that are not needed is still there.
    let more = 0;
    while ((n = who.write(fd, 'x'.repeat(4096))) > 0) more++;
    assert.is(n, -ENOSPC);
    assert.ok(more < 10, `${more} pages more`);
    assert.is(who.call('close', fd), 0);
  };
  for (const name of ['/mine', '/yours']) admin.call('close', admin.open(name, 0o101, 0o666));
  fill(user, '/yours');
  const { bfree, bavail } = fs.statfs();
  assert.ok(bavail < 16 && bfree >= kept, `${bavail} of ${bfree} blocks for all`);
  fill(admin, '/mine');
  assert.ok(fs.statfs().bfree < 16, `${fs.statfs().bfree} blocks left`);
  fs.close();
  mustBeClean(device);
});

tooled('no inode left: ENOSPC', () => {
  const device = fresh(4, ['-t', 'ext4', '-b', '1024', '-N', '32']);
  const fs = open(device);
  let made = 0;
  while (errnoOf(() => touch(fs.root, `f${made}`)) === 0) made++;
  assert.is(fs.statfs().ffree, 0);
  fs.close();
  mustBeClean(device);
});

tooled('rename: every combination', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device);
  const { root } = fs;
  const a = mkdir(root, 'a');
  const b = mkdir(root, 'b');
  writeFile(touch(a, 'f'), 0, bytesOf('f'));
  writeFile(touch(b, 'g'), 0, bytesOf('g'));
  a.rename('f', b, 'f2', 0);
  assert.is(a.lookup('f'), null);
  b.rename('f2', b, 'g', 0);
  assert.is(latin1(readFile(b.lookup('g') as Ext4Inode)), 'f');
  touch(a, 'h');
  assert.is(
    errnoOf(() => a.rename('h', b, 'g', 1)),
    17,
  );
  a.rename('h', b, 'g', 2);
  assert.is(latin1(readFile(a.lookup('h') as Ext4Inode)), 'f');
  const d = mkdir(a, 'd');
  assert.is(
    errnoOf(() => a.rename('d', d, 'x', 0)),
    22,
  );
  a.rename('d', b, 'd', 0);
  assert.is(a.nlink, 2);
  assert.is(b.nlink, 3);
  assert.is(d.lookup('..'), b);
  mkdir(a, 'e');
  b.rename('d', a, 'e', 0);
  assert.is(a.lookup('e'), d);
  assert.is(
    errnoOf(() => a.rename('h', root, 'b', 0)),
    21,
  );
  assert.is(
    errnoOf(() => root.rename('b', a, 'h', 0)),
    20,
  );
  touch(b, 'keep');
  assert.is(
    errnoOf(() => a.rename('e', root, 'b', 0)),
    39,
  );
  a.rename('e', b, 'keep', 2);
  assert.is(b.lookup('keep'), d);
  assert.is(d.lookup('..'), b);
  assert.is(
    errnoOf(() => a.rename('none', b, 'x', 0)),
    2,
  );
  const links = a.lookup('h')!;
  b.link('h', links);
  a.rename('h', b, 'h', 0);
  assert.is(a.lookup('h'), links);
  fs.close();
  mustBeClean(device);
});

tooled('attributes in the inode and in a block; lists of access rights', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  let fs = open(device);
  const f = touch(fs.root, 'f');
  f.setxattr('user.a', bytesOf('1'), 0);
  f.setxattr('user.long', pattern(2000, 9), 0);
  f.setxattr('trusted.empty', new Uint8Array(0), 0);
  f.setxattr('user.a', bytesOf('longer than before, but it fits'), 0);
  assert.is(
    errnoOf(() => f.setxattr('user.a', bytesOf('x'), 1)),
    17,
  );
  assert.is(
    errnoOf(() => f.setxattr('user.b', bytesOf('x'), 2)),
    61,
  );
  assert.is(
    errnoOf(() => f.removexattr('user.b')),
    61,
  );
  assert.is(
    errnoOf(() => f.setxattr('user.huge', pattern(4000, 1), 0)),
    28,
  );
  assert.is(
    errnoOf(() => f.setxattr('nonsense', bytesOf('x'), 0)),
    95,
  );
  const acl = Uint8Array.from([
    2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 4, 0, 255, 255, 255,
    255, 16, 0, 6, 0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
  ]);
  f.setxattr('system.posix_acl_access', acl, 0);
  for (let i = 0; i < 60; i++) f.setxattr(`user.n${i}`, bytesOf(`v${i}`), 0);
  for (let i = 0; i < 60; i += 2) f.removexattr(`user.n${i}`);
  fs.close();
  mustBeClean(device);
  fs = open(device);
  const g = walk(fs, 'f');
  assert.equal(g.getxattr('user.long'), pattern(2000, 9));
  assert.equal(g.getxattr('system.posix_acl_access'), acl);
  assert.is(latin1(g.getxattr('user.n7')!), 'v7');
  assert.is(g.getxattr('user.n8'), null);
  assert.is(g.getxattr('trusted.empty')!.length, 0);
  inTemp((dir) => {
    store(device, join(dir, 'i'));
    assert.match(tool('debugfs', ['-R', 'ea_get /f user.n9', join(dir, 'i')]).out, /v9/);
  });
  for (const name of g.listxattr()) g.removexattr(name);
  assert.is(g.stat().blocks, 0);
  fs.root.unlink('f');
  fs.close();
  mustBeClean(device);
});

tooled('an open file without a name lives until it is released, and leaks nothing', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  let fs = open(device);
  const before = fs.statfs();
  const f = touch(fs.root, 'f');
  f.retain();
  writeFile(f, 0, pattern(100_000, 1));
  fs.root.unlink('f');
  assert.equal(readFile(f), pattern(100_000, 1));
  fs.sync();
  const crashed = fs;
  // A crash here: whoever opens the image next frees the file.
  const copy = open(device);
  assert.is(copy.statfs().bfree, before.bfree);
  copy.close();
  mustBeClean(device);
  void crashed;
  fs = open(device);
  const g = touch(fs.root, 'g');
  g.retain();
  writeFile(g, 0, pattern(100_000, 1));
  fs.root.unlink('g');
  g.release();
  const tmp = fs.root.tmpfile(S_IFREG | 0o600, 0, 0) as Ext4Inode;
  tmp.retain();
  writeFile(tmp, 0, bytesOf('tmp'));
  fs.root.link('named', tmp);
  const lost = fs.root.tmpfile(S_IFREG | 0o600, 0, 0) as Ext4Inode;
  lost.retain();
  fs.close();
  mustBeClean(device);
  fs = open(device);
  assert.is(latin1(readFile(walk(fs, 'named'))), 'tmp');
  fs.root.unlink('named');
  fs.close();
  assert.equal(fs.statfs(), before);
});

tooled('what we wrote is what debugfs reads', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device);
  const dir = mkdir(fs.root, 'd');
  for (let i = 0; i < 200; i++) writeFile(touch(dir, `file${i}`), 0, pattern(i * 37, i));
  dir.symlink('long', 'z'.repeat(100), 0, 0);
  fs.close();
  inTemp((tmp) => {
    store(device, join(tmp, 'image'));
    tool('debugfs', ['-R', `rdump /d ${tmp}`, join(tmp, 'image')]);
    assert.is(readdirSync(join(tmp, 'd')).length, 201);
    for (let i = 0; i < 200; i++) {
      assert.equal(new Uint8Array(readFileSync(join(tmp, `d/file${i}`))), pattern(i * 37, i));
    }
    assert.is(readlinkSync(join(tmp, 'd/long')), 'z'.repeat(100));
  });
});

tooled('a read-only or overlaid image is not written', () => {
  const device = fresh(16, ['-t', 'ext4', '-b', '4096']);
  const fs = open(device, { readOnly: true });
  assert.is(
    errnoOf(() => touch(fs.root, 'f')),
    30,
  );
  fs.close();
});

test('every block and inode of a full disk is found again, wherever a search began', () => {
  const device = new MemoryBlockDevice(3 << 20);
  createExt4(device, { blockSize: 1024, blank: true });
  const fs = Ext4FileSystem.open(device);
  const files: string[] = [];
  const fill = (): void => {
    for (let i = 0; ; i++) {
      const name = `file ${files.length} ${i}`;
      try {
        writeFile(touch(fs.root, name), 0, pattern(1024 * (1 + (i % 7)), i));
        if (i % 16 === 15) fs.sync();
        files.push(name);
      } catch {
        break;
      }
    }
  };
  fill();
  const free = fs.volume.freeBlocks;
  assert.ok(free < 40, `${free} blocks are left`);
  // Holes of all sizes, at all places within a byte of the bitmap.
  for (let round = 0; round < 3; round++) {
    for (const name of files.filter((_, i) => i % 5 === round)) fs.root.unlink(name);
    fs.sync();
    const large = touch(fs.root, `large ${round}`);
    const blocks = fs.volume.freeBlocks - 40;
    writeFile(large, 0, pattern(blocks * 1024, round));
    fs.sync();
    assert.ok(fs.volume.freeBlocks < 60, `${fs.volume.freeBlocks} blocks are left`);
    fs.root.unlink(`large ${round}`);
    files.splice(0, files.length, ...files.filter((_, i) => i % 5 !== round));
    fs.sync();
    fill();
  }
  fs.close();
  mustBeClean(device);
});
