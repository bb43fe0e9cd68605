/**
 * Growing file systems: e2fsck finds nothing, before and after they are filled to the end; resize2fs makes
 * as many groups, blocks and inodes of a copy; a power cut at any write leaves the old or the new size.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { FileBlockDevice } from '../../src/host/node/file-block-device.ts';
import { ENOSPC, LinuxError } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import { checkExt4 } from '../../src/kernel/fs/ext4/check.ts';
import { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import { type GrowResult, growExt4 } from '../../src/kernel/fs/ext4/grow.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { createExt4 } from '../../src/kernel/fs/ext4/mkfs.ts';
import type { BlockDevice } from '../../src/kernel/ports.ts';
import { assert, suite } from '../lib/suite.ts';
import { afterCut, copyOf, RecordingDevice } from './power-cut.ts';
import {
  bytesOf,
  inTemp,
  latin1,
  load,
  mke2fs,
  mustBeClean,
  readFile,
  tool,
  walk,
  withTools,
  writeFile,
} from './tools.ts';

const test = suite('ext4 resize');
const tooled = withTools(test);

const MIB = 1 << 20;
const CONTENT = 'what was there '.repeat(20_000);

function growFile(path: string, size: number): GrowResult {
  const device = new FileBlockDevice(path);
  try {
    return growExt4(device, size, {
      extend: (bytes) => device.size < bytes && device.resize(bytes),
    });
  } finally {
    device.close();
  }
}

function clean(path: string): void {
  const r = tool('e2fsck', ['-fn', path]);
  assert.is(r.status, 0, r.out);
  const device = new FileBlockDevice(path, { readOnly: true });
  assert.equal(checkExt4(device).problems, []);
  device.close();
}

function use<T>(path: string, action: (fs: Ext4FileSystem) => T): T {
  const device = new FileBlockDevice(path);
  const fs = Ext4FileSystem.open(device);
  try {
    return action(fs);
  } finally {
    fs.close();
    device.close();
  }
}

/** Takes every block and, in a small file system, every inode. */
function fill(fs: Ext4FileSystem): void {
  const until = (what: () => void): void => {
    try {
      for (;;) what();
    } catch (error) {
      if (!(error instanceof LinuxError) || error.errno !== ENOSPC) throw error;
    }
  };
  let files = 0;
  const dir = fs.root.create('many', 0o040755, 0, 0, 0);
  const make = (): Ext4Inode => dir.create(`f${files++}`, 0o100644, 0, 0, 0) as Ext4Inode;
  if (fs.statfs().ffree < 8000) until(make);
  const big = fs.root.lookup('big') as Ext4Inode;
  for (let piece = 32 * MIB; piece >= 1024; piece /= 2) {
    until(() => big.fallocate(0, big.size, piece));
  }
  assert.is(fs.statfs().bfree, 0);
}

/** The counts that dumpe2fs tells. */
function counts(path: string, ...options: string[]): string {
  const { out } = tool('dumpe2fs', [...options, path]);
  const head =
    /^(Block count|Inode count|Reserved block count|Free blocks|Free inodes|Reserved GDT blocks):/;
  const lines = out.split('\n');
  const groups = lines.filter((line) => line.startsWith('Group ')).length;
  return [...lines.filter((line) => head.test(line)), `${groups} groups`].join('\n');
}

interface Case {
  readonly options: string;
  readonly from: number;
  readonly to: number;
  /** resize2fs moves files to make room for descriptors where we let them be. */
  readonly differs?: boolean;
}

const CASES: readonly Case[] = [
  { options: '', from: 64, to: 200 },
  { options: '', from: 130, to: 131 },
  // The rest is too small for a group.
  { options: '', from: 64, to: 129 },
  { options: '-b 1024', from: 20, to: 33 },
  { options: '-b 1024', from: 8, to: 400 },
  { options: '-b 2048', from: 50, to: 200 },
  { options: '-O ^64bit', from: 100, to: 700 },
  { options: '-b 1024 -O ^flex_bg,^64bit', from: 30, to: 333 },
  { options: '-O ^flex_bg', from: 100, to: 700 },
  { options: '-O meta_bg,^resize_inode', from: 100, to: 700 },
  { options: '-b 1024 -O meta_bg,^resize_inode', from: 20, to: 300 },
  { options: '-b 1024 -O ^resize_inode', from: 20, to: 100 },
  { options: '-b 1024 -O ^resize_inode', from: 20, to: 300, differs: true },
  { options: '-b 1024 -O ^resize_inode,^flex_bg', from: 20, to: 300, differs: true },
  { options: '-O ^metadata_csum,uninit_bg', from: 100, to: 700 },
  { options: '-O ^metadata_csum,^uninit_bg', from: 100, to: 700 },
  { options: '-b 1024 -O ^has_journal', from: 20, to: 200 },
  { options: '-b 1024 -O ^resize_inode,^sparse_super', from: 20, to: 100 },
  { options: '-b 1024 -g 2048 -N 20000', from: 20, to: 90 },
];

for (const { options, from, to, differs } of CASES) {
  tooled(`mke2fs ${options}: from ${from} to ${to} MiB`, () => {
    inTemp((dir) => {
      const image = join(dir, 'image');
      mke2fs(image, from, ['-t', 'ext4', ...options.split(' ').filter((o) => o !== '')]);
      use(image, (fs) => {
        const big = fs.root.create('big', 0o100644, 0, 0, 0) as Ext4Inode;
        writeFile(big, 0, bytesOf(CONTENT));
      });
      const other = join(dir, 'other');
      copyFileSync(image, other);
      // By way of a size in between, so that what was made grows too.
      for (const mib of [Math.floor((from + to) / 2), to]) {
        growFile(image, mib * MIB);
        clean(image);
        if (differs === true) continue;
        truncateSync(other, mib * MIB);
        assert.is(tool('resize2fs', ['-f', other]).status, 0);
        assert.is(counts(image), counts(other));
      }
      use(image, (fs) => {
        assert.is(latin1(readFile(walk(fs, 'big'))), CONTENT);
        fill(fs);
      });
      clean(image);
    });
  });
}

tooled('the copies of superblock and descriptors say the same', () => {
  inTemp((dir) => {
    for (const options of ['', '-O meta_bg,^resize_inode', '-O ^resize_inode']) {
      const image = join(dir, 'image');
      mke2fs(image, 20, [
        '-t',
        'ext4',
        '-b',
        '1024',
        ...options.split(' ').filter((o) => o !== ''),
      ]);
      growFile(image, 300 * MIB);
      const places = (...from: string[]): string => {
        const { out } = tool('dumpe2fs', [...from, image]);
        return (out.match(/(Block count|(Block|Inode) (bitmap|table) at).*/g) ?? []).join('\n');
      };
      const first = places();
      assert.match(first, /Block count: +307200\n/);
      // An old group's copy and a new one's; e2fsprogs cannot use one behind the first meta group alone.
      for (const group of options === '-O ^resize_inode' ? [1] : [1, 27]) {
        const at = `superblock=${1 + group * 8192}`;
        assert.is(places('-o', at, '-o', 'blocksize=1024'), first, `${options} ${group}`);
      }
    }
  });
});

// In groups of 1 MiB, of which one block describes 16: within it, in a reserved block, in a meta group.
for (const [options, to] of [
  ['', 15],
  ['', 24],
  ['-O ^resize_inode', 24],
] as const) {
  tooled(`a power cut leaves the old or the new size: mke2fs ${options} to ${to} MiB`, () => {
    const base = inTemp((dir) => {
      const image = join(dir, 'image');
      const more = options.split(' ').filter((o) => o !== '');
      mke2fs(image, 12, ['-t', 'ext4', '-b', '1024', '-g', '1024', '-N', '1024', ...more]);
      use(image, (fs) => {
        writeFile(fs.root.create('f', 0o100644, 0, 0, 0) as Ext4Inode, 0, bytesOf(CONTENT));
      });
      truncateSync(image, to * MIB);
      return load(image);
    });
    const device = new RecordingDevice(copyOf(base));
    growExt4(device, to * MIB, { extend: () => {} });
    const { log } = device;
    const sizes = new Set<number>();
    const flushes = log.flatMap((entry, i) => (entry === 'flush' ? [i, i + 1] : []));
    const step = Math.ceil(log.length / 12);
    const others = log.flatMap((_, i) => (i % step === 0 ? [i] : []));
    for (const cut of [...flushes, ...others, log.length]) {
      const disk = afterCut(base, log, cut, cut);
      const again = Ext4FileSystem.open(disk);
      sizes.add(again.volume.sb.blocks);
      assert.is(latin1(readFile(walk(again, 'f'))), CONTENT);
      again.close();
      assert.equal(checkExt4(disk).problems, [], `cut ${cut} of ${log.length}`);
      mustBeClean(disk);
    }
    assert.equal([...sizes].sort(), [12 * 1024, to * 1024]);
  });
}

tooled('what cannot be grown is refused, and nothing changes', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    const refuses = (size: number, expected: RegExp): void => {
      const before = readFileSync(image);
      assert.throws(
        () => growFile(image, size),
        (error: Error) => error.name === 'Ext4ImageError' && expected.test(error.message),
      );
      assert.ok(readFileSync(image).equals(before));
    };
    mke2fs(image, 20, ['-t', 'ext4', '-b', '1024', '-E', 'resize=300M']);
    refuses(19 * MIB, /has 20971520 bytes already, and images cannot be made smaller/);
    refuses(2048 * MIB, /can grow to 402654208 bytes at most: no more room is reserved/);
    growFile(image, 402654208);
    clean(image);
    refuses(500 * MIB, /can grow to 402654208 bytes at most/);
    tool('debugfs', ['-w', '-R', 'set_super_value state 3', image]);
    refuses(402654208, /it has errors; repair it with e2fsck first/);
    mke2fs(image, 20, ['-t', 'ext4', '-b', '1024', '-O', 'sparse_super2,^resize_inode']);
    refuses(40 * MIB, /sparse_super2/);
    mke2fs(image, 20, ['-t', 'ext4', '-b', '1024', '-O', 'quota']);
    refuses(40 * MIB, /quota/);
    mke2fs(image, 20, ['-t', 'ext4', '-b', '1024']);
    tool('debugfs', ['-w', '-R', 'clri <7>', image]);
    tool('debugfs', ['-w', '-R', 'set_inode_field <7> block[DIND] 1000', image]);
    refuses(40 * MIB, /the resize inode is damaged/);
  });
});

test('what was on the device beyond the old end does not matter', () => {
  const device: BlockDevice = new MemoryBlockDevice(60 * MIB);
  const noise = new Uint8Array(MIB).fill(0xa5);
  for (let at = 0; at < device.size; at += MIB) device.write(at, noise);
  createExt4(device, { size: 20 * MIB, blockSize: 1024 });
  growExt4(device, device.size, { extend: () => {} });
  assert.equal(checkExt4(device).problems, []);
  mustBeClean(device);
});

tooled('the command', () => {
  inTemp((dir) => {
    const image = join(dir, 'image');
    const run = (...args: string[]) => {
      const argv = ['--import', 'tsx', 'src/cli/main.ts', 'image', ...args];
      const r = spawnSync(process.execPath, argv, { encoding: 'utf8' });
      return { status: r.status, out: r.stdout, err: r.stderr };
    };
    assert.is(run('create', image, '--size', '64M').status, 0);
    // More groups than one block describes.
    assert.equal(run('resize', image, '9G'), {
      status: 0,
      out: `${image}: the file system now has 2359296 blocks of 4096 bytes\n`,
      err: '',
    });
    clean(image);
    assert.is(statSync(image).size, 9 * 1024 * MIB);
    assert.ok(statSync(image).blocks * 512 < 64 * MIB);
    const smaller = run('resize', image, '1G');
    assert.is(smaller.status, 125);
    assert.match(smaller.err, /^kevlar-jit: .*image: it has 9663676416 bytes already.*\n$/);
  });
});
