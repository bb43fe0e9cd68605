/** Helpers of the ext4 tests: e2fsprogs as the judge, and trees of files to compare. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EINVAL, ENOENT, LinuxError, linuxError } from '../../src/kernel/errno.ts';
import { MemoryBlockDevice } from '../../src/kernel/fs/blockdev.ts';
import type { Ext4Pages } from '../../src/kernel/fs/ext4/file-pages.ts';
import { Ext4FileSystem, type Ext4Options } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import type { BlockDevice } from '../../src/kernel/ports.ts';
import { type IoSink, type IoSource, S_IFREG } from '../../src/kernel/vfs/types.ts';
import { assert, type Test } from '../lib/suite.ts';

const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;

export interface ToolResult {
  readonly status: number | null;
  readonly out: string;
}

export function tool(command: string, args: readonly string[], input?: string): ToolResult {
  const r = spawnSync(command, args, {
    encoding: 'latin1',
    env: { ...process.env, PATH },
    maxBuffer: 256 << 20,
    ...(input === undefined ? {} : { input }),
  });
  return { status: r.status, out: `${r.stdout ?? ''}${r.stderr ?? ''}` };
}

export const haveE2fsprogs: boolean = tool('mke2fs', ['-V']).status === 0;

/** Registers tests that need e2fsprogs, or skips them with the reason. */
export function withTools(test: Test): (name: string, body: () => void) => void {
  return (name, body) => {
    if (haveE2fsprogs) test(name, body);
    else test.skip(name, 'mke2fs, e2fsck and debugfs (e2fsprogs) are not installed');
  };
}

/** Runs `body` with a directory that is removed afterwards. */
export function inTemp<T>(body: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-ext4-'));
  try {
    return body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** An image made by mke2fs. */
export function mke2fs(path: string, sizeMib: number, args: readonly string[]): void {
  writeFileSync(path, '');
  truncateSync(path, sizeMib << 20);
  const r = tool('mke2fs', ['-q', '-F', ...args, path]);
  assert.is(r.status, 0, r.out);
}

export function load(path: string): MemoryBlockDevice {
  return MemoryBlockDevice.from(readFileSync(path));
}

/** Writes a device to a file. */
export function store(device: BlockDevice, path: string): void {
  const bytes = Buffer.alloc(device.size);
  device.read(0, bytes);
  writeFileSync(path, bytes);
}

/** e2fsck must find nothing, not even to optimize. */
export function mustBeClean(device: BlockDevice): void {
  if (!haveE2fsprogs) return;
  inTemp((dir) => {
    const path = join(dir, 'image');
    store(device, path);
    const r = tool('e2fsck', ['-fn', path]);
    assert.is(r.status, 0, r.out);
  });
}

export function sink(length: number): IoSink & { bytes: Uint8Array } {
  const bytes = new Uint8Array(length);
  let done = 0;
  return {
    bytes,
    get remaining(): number {
      return length - done;
    },
    put(src, start, end): number {
      bytes.set(src.subarray(start, end), done);
      done += end - start;
      return end - start;
    },
  };
}

export function source(bytes: Uint8Array): IoSource {
  let done = 0;
  return {
    get remaining(): number {
      return bytes.length - done;
    },
    take(dst, start, end): number {
      const n = Math.min(end - start, bytes.length - done);
      dst.set(bytes.subarray(done, done + n), start);
      done += n;
      return n;
    },
  };
}

/** Only regular files have data, as for read(2) and write(2). */
function pagesOf(inode: Ext4Inode): Ext4Pages {
  const { pages } = inode;
  if (pages === null) throw linuxError(EINVAL);
  return pages;
}

export function readFile(inode: Ext4Inode, offset = 0, length: number = inode.size): Uint8Array {
  const to = sink(Math.max(0, Math.min(length, inode.size - offset)));
  pagesOf(inode).read(offset, to.bytes.length, to);
  return to.bytes;
}

/** As write(2) does it: reserve, fill the cache, set the size. */
export function writeFile(inode: Ext4Inode, offset: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  const pages = pagesOf(inode);
  inode.prepareWrite?.(offset, bytes.length);
  pages.write(offset, bytes.length, source(bytes));
  const end = offset + bytes.length;
  if (end > inode.size) inode.setattr({ size: end });
}

export function walk(fs: Ext4FileSystem, path: string): Ext4Inode {
  let at = fs.root;
  for (const part of path.split('/')) {
    if (part === '') continue;
    const next = at.lookup(part);
    if (next === null) throw linuxError(ENOENT);
    at = next as Ext4Inode;
  }
  return at;
}

export function names(inode: Ext4Inode): string[] {
  const out: string[] = [];
  inode.readdir(0, (e) => {
    out.push(e.name);
    return true;
  });
  return out.sort();
}

export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

/** An image in memory that mke2fs has made. */
export function fresh(sizeMib: number, args: readonly string[]): MemoryBlockDevice {
  return inTemp((dir) => {
    mke2fs(join(dir, 'image'), sizeMib, args);
    return load(join(dir, 'image'));
  });
}

/** Mounts it; every complaint but that of a replayed journal is an error. */
export function open(device: MemoryBlockDevice, options: Ext4Options = {}): Ext4FileSystem {
  let ticks = 0;
  return Ext4FileSystem.open(device, {
    now: () => ({ sec: 1_700_000_000 + ticks++, nsec: 123_456_789 }),
    log: (line) => {
      if (!/journal replayed/.test(line)) throw new Error(line);
    },
    ...options,
  });
}

export function touch(dir: Ext4Inode, name: string): Ext4Inode {
  return dir.create(name, S_IFREG | 0o644, 0, 0, 0) as Ext4Inode;
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0, x = seed + 1; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    out[i] = x >>> 16;
  }
  return out;
}

/** The errno that `body` fails with, or 0. */
export function errnoOf(body: () => void): number {
  try {
    body();
  } catch (error) {
    if (error instanceof LinuxError) return error.errno;
    throw error;
  }
  return 0;
}

/** As if the journal were so small that every leaf of a tree needs a transaction of its own. */
export function tinyTransactions(fs: Ext4FileSystem): void {
  const { volume } = fs;
  const mutate = volume.mutate.bind(volume);
  Object.defineProperty(volume, 'crowded', { value: true });
  volume.mutate = <T>(body: () => T): T => {
    const result = mutate(body);
    volume.commit();
    return result;
  };
}
