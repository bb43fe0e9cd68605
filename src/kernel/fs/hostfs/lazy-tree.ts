/**
 * A host folder as root file system whose changes stay in memory (`--root DIR`): a tmpfs into which a
 * directory's entries come when it is first looked at, and a file's bytes when a page is first read.
 *
 * This is what overlayfs does with a read-only lower and a tmpfs upper layer, without layers to keep apart:
 * once loaded, an entry is the tmpfs's own, so removing, renaming and changing it need no whiteouts and no
 * copy-up. As with overlayfs, what a guest sees of files that the host changes meanwhile is undefined; a
 * file that shrank reads as zeros.
 */

import type { Paging } from '../../../mmu/paging.ts';
import type { Clock } from '../../ports.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { TmpDirectory } from '../tmpfs/directory.ts';
import type { TmpFile } from '../tmpfs/file.ts';
import type { TmpInode } from '../tmpfs/inode.ts';
import { TmpFs, type TmpFsOptions } from '../tmpfs/tmpfs.ts';
import type { HostDirectory } from './directory.ts';
import type { HostFileInode } from './file.ts';
import { type HostFs, key } from './hostfs.ts';
import type { HostInode } from './inode.ts';

/** The tree of `lower` with changes in memory. `lower` should be read-only; it is never written. */
export function createLazyTree(
  lower: HostFs,
  paging: Paging,
  clock: Clock,
  options: TmpFsOptions,
): TmpFs {
  const fs = new TmpFs(paging, clock, { ...options, type: options.type ?? 'overlay' });
  const files = new Map<string, TmpFile>();
  copyAttributes(fs.root, lower.root);
  fs.root.setPopulate((dir) => fill(dir, lower.root, files));
  return fs;
}

function fill(dir: TmpDirectory, lower: HostDirectory, files: Map<string, TmpFile>): void {
  const names: string[] = [];
  lower.readdir(0, (e) => {
    if (e.name !== '.' && e.name !== '..') names.push(e.name);
    return true;
  });
  for (const name of names) {
    const child = lower.lookup(name) as HostInode | null;
    // It was there a moment ago: the host removed it.
    if (child !== null) addEntry(dir, name, child, files);
  }
}

function addEntry(
  dir: TmpDirectory,
  name: string,
  child: HostInode,
  files: Map<string, TmpFile>,
): void {
  const { mode, uid, gid } = child;
  switch (mode & S_IFMT) {
    case S_IFLNK:
      copyAttributes(dir.symlink(name, child.readlink(), uid, gid) as TmpInode, child);
      return;
    case S_IFREG:
      addFile(dir, name, child as HostFileInode, files);
      return;
    default: {
      const inode = dir.create(name, mode, uid, gid, child.rdev) as TmpInode;
      copyAttributes(inode, child);
      if (inode instanceof TmpDirectory) {
        inode.setPopulate((d) => fill(d, child as HostDirectory, files));
      }
    }
  }
}

/** Names of the same host file are names of the same file here, as far as they are known. */
function addFile(
  dir: TmpDirectory,
  name: string,
  child: HostFileInode,
  files: Map<string, TmpFile>,
): void {
  const id = key(child.st);
  const known = child.nlink > 1 ? files.get(id) : undefined;
  if (known !== undefined && known.nlink > 0) {
    dir.link(name, known);
    return;
  }
  const file = dir.create(name, child.mode, child.uid, child.gid, 0) as TmpFile;
  file.setSource(child.size, (offset, into) => {
    const n = child.readOnce(offset, into);
    into.fill(0, n);
  });
  copyAttributes(file, child);
  if (child.nlink > 1) files.set(id, file);
}

function copyAttributes(to: TmpInode, from: HostInode): void {
  const { atime, mtime, ctime } = from.st;
  to.mode = (to.mode & S_IFMT) | (from.mode & 0o7777);
  to.uid = from.uid;
  to.gid = from.gid;
  to.atime = atime;
  to.mtime = mtime;
  to.ctime = ctime;
}
