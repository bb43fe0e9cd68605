/** What damaged images are put through: everything in them is read, and the usual things are done to them. */

import { LinuxError } from '../../src/kernel/errno.ts';
import { Ext4ImageError } from '../../src/kernel/fs/ext4/errors.ts';
import type { Ext4FileSystem } from '../../src/kernel/fs/ext4/fs.ts';
import type { Ext4Inode } from '../../src/kernel/fs/ext4/inode.ts';
import { readFile } from './tools.ts';

/** Errors are allowed, exceptions of other kinds are not. @returns whether there was none */
export function allow(action: () => void): boolean {
  try {
    action();
  } catch (error) {
    if (error instanceof LinuxError || error instanceof Ext4ImageError) return false;
    throw error;
  }
  return true;
}

/** What is at a path: type and content, or null if it cannot be read. */
export type Found = ReadonlyMap<string, string | null>;

const MAX_BYTES = 1 << 20;

function contentOf(inode: Ext4Inode): string {
  if (inode.isDirectory) return 'directory';
  if (inode.pages !== null) {
    const bytes = readFile(inode, 0, MAX_BYTES);
    return `file of ${inode.size}: ${Buffer.from(bytes).toString('latin1')}`;
  }
  const type = (inode.mode >>> 12).toString(8);
  return type === '12' ? `link to ${inode.readlink()}` : `type ${type}, ${inode.rdev}`;
}

/** Reads all that the root leads to, at most `budget` inodes. */
export function readAll(fs: Ext4FileSystem, budget: number): Found {
  const found = new Map<string, string | null>();
  const queue: [string, Ext4Inode][] = [['', fs.root]];
  const entered = new Set<number>([fs.root.ino]);
  for (const [path, dir] of queue) {
    const names: string[] = [];
    if (!allow(() => dir.readdir(0, (e) => names.push(e.name) < budget))) found.set(path, null);
    for (const name of names) {
      if (name === '.' || name === '..') continue;
      if (found.size >= budget) return found;
      const at = `${path}/${name}`;
      found.set(at, null);
      allow(() => {
        const inode = dir.lookup(name) as Ext4Inode | null;
        if (inode === null) return;
        inode.stat();
        inode.listxattr();
        found.set(at, contentOf(inode));
        if (!inode.isDirectory || entered.has(inode.ino)) return;
        entered.add(inode.ino);
        queue.push([at, inode]);
      });
    }
  }
  return found;
}
