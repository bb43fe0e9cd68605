/**
 * devpts (Documentation/filesystems/devpts.rst): one node for every pseudo-terminal's slave, named by its
 * number, and `ptmx`. Nodes come and go with the terminals, so names are not cached.
 */

import { ENOENT, EPERM, linuxError } from '../errno.ts';
import type { Clock } from '../ports.ts';
import { DEVPTS_SUPER_MAGIC, makedev } from '../vfs/constants.ts';
import { BaseInode } from '../vfs/inode.ts';
import type { DirEntry, FileSystem, Inode, SetAttr, Stat, StatFs, Timespec } from '../vfs/types.ts';
import { S_IFCHR, S_IFDIR, S_IFMT } from '../vfs/types.ts';

const ROOT_INO = 1;
const PTMX_INO = 2;
/** A slave's inode number is its index and this. */
const SLAVE_INO = 3;

abstract class DevPtsInode extends BaseInode {
  mode: number;
  uid: number;
  gid: number;
  readonly size = 0;
  abstract override readonly nlink: number;
  abstract override readonly rdev: number;
  private atime: Timespec;
  private mtime: Timespec;
  private ctime: Timespec;
  private readonly btime: Timespec;

  constructor(fs: DevPtsFs, ino: number, mode: number, uid: number, gid: number) {
    super(fs, ino);
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.atime = this.mtime = this.ctime = this.btime = fs.clock.realtime();
  }

  stat(): Stat {
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: this.rdev,
      size: 0,
      blocks: 0,
      blksize: 1024,
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
      btime: this.btime,
    };
  }

  setattr(attr: SetAttr): void {
    if (attr.mode !== undefined) this.mode = (this.mode & S_IFMT) | (attr.mode & 0o7777);
    this.uid = attr.uid ?? this.uid;
    this.gid = attr.gid ?? this.gid;
    this.atime = attr.atime ?? this.atime;
    this.mtime = attr.mtime ?? this.mtime;
    this.ctime = attr.ctime ?? this.ctime;
  }
}

class PtsNode extends DevPtsInode {
  readonly nlink = 1;
  readonly rdev: number;

  constructor(fs: DevPtsFs, ino: number, rdev: number, mode: number, uid: number, gid: number) {
    super(fs, ino, S_IFCHR | mode, uid, gid);
    this.rdev = rdev;
  }
}

class PtsDirectory extends DevPtsInode {
  readonly nlink = 2;
  readonly rdev = 0;
  readonly entries: Map<string, PtsNode> = new Map();

  constructor(fs: DevPtsFs) {
    super(fs, ROOT_INO, S_IFDIR | 0o755, 0, 0);
  }

  override lookup(name: string): Inode | null {
    return this.entries.get(name) ?? null;
  }

  override create(): Inode {
    throw linuxError(EPERM);
  }

  /** Positions: 0 `.`, 1 `..`, then inode numbers plus 2 in ascending order. */
  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    if (from <= 0 && !emit({ name: '.', ino: ROOT_INO, type: S_IFDIR, next: 1 })) return;
    if (from <= 1 && !emit({ name: '..', ino: ROOT_INO, type: S_IFDIR, next: 2 })) return;
    const sorted = [...this.entries].sort(([, a], [, b]) => a.ino - b.ino);
    for (const [name, node] of sorted) {
      if (node.ino < from) continue;
      if (!emit({ name, ino: node.ino, type: S_IFCHR, next: node.ino + 1 })) return;
    }
  }
}

export class DevPtsFs implements FileSystem {
  readonly type = 'devpts';
  readonly dev: number;
  readonly readOnly = false;
  readonly uncached = true;
  readonly options = 'gid=5,mode=620,ptmxmode=666';
  readonly clock: Clock;
  readonly root: PtsDirectory;

  constructor(clock: Clock, dev: number) {
    this.clock = clock;
    this.dev = dev;
    this.root = new PtsDirectory(this);
    this.root.entries.set('ptmx', new PtsNode(this, PTMX_INO, makedev(5, 2), 0o666, 0, 0));
  }

  /** A slave appears. */
  add(index: number, rdev: number, mode: number, uid: number, gid: number): Inode {
    const node = new PtsNode(this, SLAVE_INO + index, rdev, mode, uid, gid);
    this.root.entries.set(String(index), node);
    return node;
  }

  remove(index: number): void {
    this.root.entries.delete(String(index));
  }

  /** The node of a slave. */
  node(index: number): Inode {
    const node = this.root.entries.get(String(index));
    if (node === undefined) throw linuxError(ENOENT);
    return node;
  }

  statfs(): StatFs {
    return {
      type: DEVPTS_SUPER_MAGIC,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
    };
  }

  sync(): void {}
}
