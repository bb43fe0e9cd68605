/**
 * tmpfs: a file system in memory (tmpfs(5)). File data is in the page cache and nowhere else, so it is
 * limited by guest memory; imported files keep their bytes in a host buffer until they are changed.
 *
 * Invariants: `used` is the sum of the inodes' charged pages; an inode without names is freed when its
 * last reference goes; directory positions are 0 ".", 1 "..", then the entries' ever increasing cookies,
 * so a position stays valid whatever is added or removed.
 */

import type { Paging } from '../../../mmu/paging.ts';
import { ENOSPC, linuxError } from '../../errno.ts';
import type { Clock } from '../../ports.ts';
import { TMPFS_MAGIC } from '../../vfs/constants.ts';
import type { FileSystem, StatFs } from '../../vfs/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { TmpDirectory } from './directory.ts';
import { TmpFile } from './file.ts';
import { type TmpInode, TmpSpecial, TmpSymlink } from './inode.ts';

export interface TmpFsOptions {
  readonly dev: number;
  /** Pages that files may use; default: half of guest memory. */
  readonly maxPages?: number;
  readonly maxInodes?: number;
  /** Permissions and owner of the root directory. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** As in /proc/mounts: "tmpfs", "devtmpfs", "rootfs". */
  readonly type?: string;
  /** Shown in /proc/mounts. */
  readonly options?: string;
}

const PAGE_SIZE = 4096;

export class TmpFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly readOnly = false;
  readonly options: string;
  readonly paging: Paging;
  readonly clock: Clock;
  readonly root: TmpDirectory;
  readonly maxPages: number;
  readonly maxInodes: number;
  /** Pages charged to inodes. */
  private used = 0;
  private inodes = 0;
  private lastIno = 0;

  constructor(paging: Paging, clock: Clock, options: TmpFsOptions) {
    this.paging = paging;
    this.clock = clock;
    this.dev = options.dev;
    this.type = options.type ?? 'tmpfs';
    this.options = options.options ?? '';
    this.maxPages = options.maxPages ?? Math.floor(paging.frames.total / 2);
    this.maxInodes = options.maxInodes ?? Number.POSITIVE_INFINITY;
    const mode = S_IFDIR | (options.mode ?? 0o1777);
    this.root = new TmpDirectory(this, mode, options.uid ?? 0, options.gid ?? 0, null);
  }

  /** A new inode of any type but a symbolic link, without a name yet. */
  createInode(
    mode: number,
    uid: number,
    gid: number,
    rdev: number,
    parent: TmpDirectory,
  ): TmpInode {
    switch (mode & S_IFMT) {
      case S_IFDIR:
        return new TmpDirectory(this, mode, uid, gid, parent);
      case S_IFREG:
        return new TmpFile(this, mode, uid, gid);
      default:
        return new TmpSpecial(this, mode, uid, gid, rdev);
    }
  }

  createSymlink(target: string, uid: number, gid: number): TmpInode {
    return new TmpSymlink(this, S_IFLNK | 0o777, uid, gid, target);
  }

  /** The number of a new inode. */
  takeIno(): number {
    if (this.inodes >= this.maxInodes) throw linuxError(ENOSPC);
    this.inodes++;
    return ++this.lastIno;
  }

  inodeFreed(): void {
    this.inodes--;
  }

  /** An inode that was charged `from` pages now needs `to`. */
  charge(from: number, to: number): void {
    if (to > from && this.used + to - from > this.maxPages) throw linuxError(ENOSPC);
    this.used += to - from;
  }

  statfs(): StatFs {
    const free = Math.max(0, this.maxPages - this.used);
    const files = Number.isFinite(this.maxInodes) ? this.maxInodes : this.paging.frames.total;
    return {
      type: TMPFS_MAGIC,
      bsize: PAGE_SIZE,
      blocks: this.maxPages,
      bfree: free,
      bavail: free,
      files,
      ffree: Math.max(0, files - this.inodes),
      namelen: 255,
    };
  }

  sync(): void {}
}
