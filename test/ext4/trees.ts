/** Trees of files on the host, and images that have the same. */

import { spawnSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../src/kernel/vfs/types.ts';
import { assert } from '../lib/suite.ts';
import { names, readFile } from './tools.ts';

/** A tree with something of everything that a plain directory can hold. */
export function makeTree(root: string): void {
  mkdirSync(join(root, 'a/b/c'), { recursive: true });
  writeFileSync(join(root, 'empty'), '');
  writeFileSync(join(root, 'small'), 'hello\n');
  writeFileSync(join(root, 'a/big'), Buffer.alloc(400_001, 'kevlar '));
  writeFileSync(join(root, 'a/b/exact'), Buffer.alloc(8192, 7));
  linkSync(join(root, 'small'), join(root, 'a/b/hard'));
  for (const length of [1, 59, 60, 61, 255, 1000]) {
    symlinkSync('x'.repeat(length), join(root, `link${length}`));
  }
  mkdirSync(join(root, 'many'));
  for (let i = 0; i < 700; i++) writeFileSync(join(root, `many/file-number-${i}`), String(i));
  utimesSync(join(root, 'small'), 1_000_000_000.25, 2_000_000_000.5);
  const sparse = join(root, 'sparse');
  spawnSync('dd', [
    'if=/dev/urandom',
    `of=${sparse}`,
    'bs=4096',
    'count=3',
    'seek=20000',
    'status=none',
  ]);
}

/** Every file, link and time of the image is what the host has. @param wide times are as wide as the host's */
export function compareTree(inode: Ext4Inode, host: string, wide: boolean): void {
  const info = lstatSync(host);
  const st = inode.stat();
  assert.is(st.mode, info.mode, host);
  assert.is(st.uid, info.uid, host);
  if (wide && !info.isDirectory()) assert.is(st.mtime.sec, Math.floor(info.mtimeMs / 1000), host);
  switch (st.mode & S_IFMT) {
    case S_IFLNK:
      assert.is(inode.readlink(), readlinkSync(host));
      break;
    case S_IFREG: {
      assert.is(st.size, info.size, host);
      const got = readFile(inode);
      if (Buffer.compare(got, readFileSync(host)) !== 0) assert.unreachable(`${host} differs`);
      break;
    }
    case S_IFDIR: {
      const expected = ['.', '..', ...readdirSync(host)];
      if (inode.fs.root === inode) expected.push('lost+found');
      assert.equal(names(inode), expected.sort());
      for (const name of readdirSync(host))
        compareTree(inode.lookup(name) as Ext4Inode, join(host, name), wide);
      break;
    }
    default:
      assert.unreachable(`unexpected type of ${host}`);
  }
}
