/**
 * tmpfs: a file system in memory (tmpfs(5)). File data is in the page cache and nowhere else, so it is
 * limited by guest memory, and so is what is on the host's heap: inodes, names, attributes; imported files keep their bytes in a host buffer until they are changed.
 *
 * Invariants: `used` is the sum of the inodes' charged pages; an inode without names is freed when its
 * last reference goes; directory positions are 0 ".", 1 "..", then the entries' ever increasing cookies,
 * so a position stays valid whatever is added or removed.
 */

import type { Paging } from '../../../mmu/paging.ts';
import { EINVAL, ENOSPC, linuxError } from '../../errno.ts';
import type { Clock } from '../../ports.ts';
import { TMPFS_MAGIC } from '../../vfs/constants.ts';
import type { FileSystem, StatFs } from '../../vfs/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { TmpDirectory } from './directory.ts';
import { TmpFile } from './file.ts';
import { type TmpInode, TmpSpecial, TmpSymlink } from './inode.ts';
import { parseTmpFsOptions, showTmpFsOptions, type TmpFsMountOptions } from './options.ts';

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
  /** Options of the mount, which come before those above. */
  readonly asked?: TmpFsMountOptions;
}

const PAGE_SIZE = 4096;
/** Of the host's heap. */
const INODE_COST = 1024;

/** A limit of 0 is none. */
function unlimited(limit: number): number {
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

export class TmpFs implements FileSystem {
  readonly type: string;
  readonly dev: number;
  readonly readOnly = false;
  readonly paging: Paging;
  readonly clock: Clock;
  readonly root: TmpDirectory;
  maxPages = 0;
  private maxInodes = 0;
  private asked: TmpFsMountOptions;
  private readonly standard: { readonly pages: number; readonly inodes: number };
  /** Pages charged to inodes. */
  private used = 0;
  private inodes = 0;
  private lastIno = 0;
  /** Inodes with references. */
  private usedInodes = 0;
  private isUnmounted = false;

  constructor(paging: Paging, clock: Clock, options: TmpFsOptions) {
    this.paging = paging;
    this.clock = clock;
    this.dev = options.dev;
    this.type = options.type ?? 'tmpfs';
    const { total } = paging.frames;
    const asked = options.asked ?? {};
    this.asked = asked;
    this.standard = {
      pages: options.maxPages ?? Math.floor(total / 2),
      inodes: options.maxInodes ?? (options.asked === undefined ? 0 : total),
    };
    this.limit();
    const mode = S_IFDIR | (asked.mode ?? options.mode ?? 0o1777);
    const uid = asked.uid ?? options.uid ?? 0;
    this.root = new TmpDirectory(this, mode, uid, asked.gid ?? options.gid ?? 0, null);
  }

  private limit(): void {
    const { pages, inodes } = this.asked;
    this.maxPages = Math.min(unlimited(pages ?? this.standard.pages), this.paging.frames.total);
    this.maxInodes = unlimited(inodes ?? this.standard.inodes);
  }

  get options(): string {
    return showTmpFsOptions(this.asked);
  }

  /** Limits may change, but not below what is used. */
  remount(text: string): void {
    const { pages, inodes } = parseTmpFsOptions(text, this.paging.frames.total);
    if (pages !== undefined && unlimited(pages) < this.used) throw linuxError(EINVAL);
    if (inodes !== undefined && unlimited(inodes) < this.inodes) throw linuxError(EINVAL);
    this.asked = {
      ...this.asked,
      ...(pages === undefined ? {} : { pages }),
      ...(inodes === undefined ? {} : { inodes }),
    };
    this.limit();
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
    this.takeHeap(INODE_COST);
    this.inodes++;
    return ++this.lastIno;
  }

  inodeFreed(): void {
    this.inodes--;
    this.giveHeap(INODE_COST);
  }

  /** Throws ENOSPC if there is no room on the host's heap. */
  takeHeap(bytes: number): void {
    if (!this.paging.heap.take(bytes)) throw linuxError(ENOSPC);
  }

  giveHeap(bytes: number): void {
    this.paging.heap.give(bytes);
  }

  /** An inode has got its first reference, or lost its last one. */
  inodeUsed(used: boolean): void {
    this.usedInodes += used ? 1 : -1;
    if (this.usedInodes === 0 && this.isUnmounted) this.root.dispose();
  }

  unmounted(): void {
    this.isUnmounted = true;
    if (this.usedInodes === 0) this.root.dispose();
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
