/**
 * Inodes of pipes and sockets: they live in no directory, and fstat, fchmod and fchown see them
 * (pipefs and sockfs of Linux).
 */

import type { Cred } from '../cred/cred.ts';
import { EINVAL, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { BaseInode } from '../vfs/inode.ts';
import type { FileSystem, Inode, SetAttr, Stat, Timespec } from '../vfs/types.ts';
import { S_IFMT } from '../vfs/types.ts';

/** A file system that only gives device and type numbers to fstat and fstatfs. */
export function kernelFs(type: string, dev: number, magic: number): FileSystem {
  return {
    type,
    dev,
    readOnly: false,
    get root(): Inode {
      throw linuxError(EINVAL);
    },
    statfs: () => ({
      type: magic,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
    }),
    sync: () => {},
  };
}

const counters = new WeakMap<Kernel, number>();

/** Inode numbers of pipes and sockets: unique in a machine, not reused. */
export function nextAnonymousIno(kernel: Kernel): number {
  const ino = (counters.get(kernel) ?? 1000) + 1;
  counters.set(kernel, ino);
  return ino;
}

export class KernelInode extends BaseInode {
  mode: number;
  uid: number;
  gid: number;
  readonly nlink = 1;
  readonly size = 0;
  readonly rdev = 0;
  private readonly created: Timespec;
  private atime: Timespec;
  private mtime: Timespec;
  private ctime: Timespec;

  constructor(kernel: Kernel, fs: FileSystem, mode: number, cred: Cred | null) {
    super(fs, nextAnonymousIno(kernel));
    this.mode = mode;
    this.uid = cred?.fsuid ?? 0;
    this.gid = cred?.fsgid ?? 0;
    this.created = this.atime = this.mtime = this.ctime = kernel.clock.realtime();
  }

  override stat(): Stat {
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: 1,
      uid: this.uid,
      gid: this.gid,
      rdev: 0,
      size: 0,
      blocks: 0,
      blksize: 4096,
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
      btime: this.created,
    };
  }

  override setattr(attr: SetAttr): void {
    if (attr.size !== undefined) throw linuxError(EINVAL);
    if (attr.mode !== undefined) this.mode = (this.mode & S_IFMT) | (attr.mode & 0o7777);
    this.uid = attr.uid ?? this.uid;
    this.gid = attr.gid ?? this.gid;
    this.atime = attr.atime ?? this.atime;
    this.mtime = attr.mtime ?? this.mtime;
    this.ctime = attr.ctime ?? this.ctime;
  }
}
