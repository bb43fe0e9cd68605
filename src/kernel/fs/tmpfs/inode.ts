/** What all tmpfs inodes have: attributes, times, extended attributes, life time. */

import { EEXIST, EINVAL, ENODATA, ENOSPC, linuxError } from '../../errno.ts';
import { XATTR_CREATE, XATTR_REPLACE } from '../../vfs/constants.ts';
import { BaseInode } from '../../vfs/inode.ts';
import type { SetAttr, Stat, Timespec } from '../../vfs/types.ts';
import type { TmpFs } from './tmpfs.ts';

const PAGE_SIZE = 4096;
/** Bytes of extended attributes an inode may hold: they are in our memory, not the guest's. */
const MAX_XATTR_BYTES = 1 << 20;

export abstract class TmpInode extends BaseInode {
  declare readonly fs: TmpFs;
  mode: number;
  uid: number;
  gid: number;
  nlink = 0;
  rdev = 0;
  atime: Timespec;
  mtime: Timespec;
  ctime: Timespec;
  readonly btime: Timespec;
  private xattrs: Map<string, Uint8Array> | null = null;
  private xattrBytes = 0;
  private freed = false;

  constructor(fs: TmpFs, mode: number, uid: number, gid: number) {
    super(fs, fs.takeIno());
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
    this.atime = this.mtime = this.ctime = this.btime = fs.clock.realtime();
  }

  abstract override get size(): number;

  /** 512-byte units. */
  get blocks(): number {
    return 0;
  }

  stat(): Stat {
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: this.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: this.rdev,
      size: this.size,
      blocks: this.blocks,
      blksize: PAGE_SIZE,
      atime: this.atime,
      mtime: this.mtime,
      ctime: this.ctime,
      btime: this.btime,
    };
  }

  setattr(attr: SetAttr): void {
    if (attr.size !== undefined) this.resize(attr.size);
    if (attr.mode !== undefined) this.mode = attr.mode;
    if (attr.uid !== undefined) this.uid = attr.uid;
    if (attr.gid !== undefined) this.gid = attr.gid;
    if (attr.atime !== undefined) this.atime = attr.atime;
    if (attr.mtime !== undefined) this.mtime = attr.mtime;
    if (attr.ctime !== undefined) this.ctime = attr.ctime;
  }

  protected resize(_size: number): void {
    throw linuxError(EINVAL);
  }

  /** Names or attributes changed: the status change time. */
  changed(): void {
    this.ctime = this.fs.clock.realtime();
  }

  /** A name is gone; without names and references the inode is freed. */
  unlinked(links: number): void {
    this.nlink -= links;
    this.changed();
    if (this.nlink === 0 && this.references === 0) this.free();
  }

  override retain(): void {
    super.retain();
    if (this.references === 1) this.fs.inodeUsed(true);
  }

  protected override unreferenced(): void {
    this.fs.inodeUsed(false);
    if (this.nlink === 0) this.free();
  }

  private free(): void {
    if (this.freed) return;
    this.freed = true;
    this.fs.inodeFreed();
    this.fs.giveHeap(this.xattrBytes);
    this.freeData();
  }

  protected freeData(): void {}

  override getxattr(name: string): Uint8Array | null {
    return this.xattrs?.get(name) ?? null;
  }

  override setxattr(name: string, value: Uint8Array, flags: number): void {
    const old = this.xattrs?.get(name);
    if (flags & XATTR_CREATE && old !== undefined) throw linuxError(EEXIST);
    if (flags & XATTR_REPLACE && old === undefined) throw linuxError(ENODATA);
    const bytes = this.xattrBytes + value.length - (old?.length ?? -name.length);
    if (bytes > MAX_XATTR_BYTES) throw linuxError(ENOSPC);
    this.fs.takeHeap(bytes - this.xattrBytes);
    this.xattrBytes = bytes;
    this.xattrs ??= new Map();
    this.xattrs.set(name, value.slice());
    this.changed();
  }

  override listxattr(): string[] {
    return this.xattrs === null ? [] : [...this.xattrs.keys()];
  }

  override removexattr(name: string): void {
    const old = this.xattrs?.get(name);
    if (old === undefined) throw linuxError(ENODATA);
    this.xattrs!.delete(name);
    this.xattrBytes -= old.length + name.length;
    this.fs.giveHeap(old.length + name.length);
    this.changed();
  }
}

export class TmpSymlink extends TmpInode {
  private readonly target: string;

  constructor(fs: TmpFs, mode: number, uid: number, gid: number, target: string) {
    super(fs, mode, uid, gid);
    this.target = target;
    fs.paging.heap.takeAnyway(target.length);
  }

  protected override freeData(): void {
    this.fs.giveHeap(this.target.length);
  }

  get size(): number {
    return this.target.length;
  }

  override readlink(): string {
    return this.target;
  }
}

/** Device nodes, FIFOs, sockets: only a type and a number. */
export class TmpSpecial extends TmpInode {
  constructor(fs: TmpFs, mode: number, uid: number, gid: number, rdev: number) {
    super(fs, mode, uid, gid);
    this.rdev = rdev;
  }

  get size(): number {
    return 0;
  }
}
