/**
 * ext4 inodes as the VFS sees them. The state is in the inode record (disk-inode.ts); here is only what
 * Linux keeps in memory as well: pages of file data and references.
 */

import { EINVAL, EIO, ENOTDIR, EUCLEAN, linuxError } from '../../errno.ts';
import { BaseInode } from '../../vfs/inode.ts';
import type { DirEntry, Inode, SetAttr, Stat } from '../../vfs/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { readData, seekSparse } from './data.ts';
import { listDirectory, lookupName } from './directory.ts';
import type { DiskInode } from './disk-inode.ts';
import type { Ext4Pages, PageData } from './file-pages.ts';
import type { Ext4FileSystem } from './fs.ts';
import { inlineData } from './inline.ts';
import { INO } from './layout.ts';
import { mustMap } from './mapping.ts';
import { allAttributes, inodeXattr } from './xattr.ts';
import { aclFromDisk, fromDiskName, isAcl, toDiskName } from './xattr-names.ts';

/** Longest target of a symbolic link that Linux makes or follows. */
const SYMLINK_MAX = 4095;

export class Ext4Inode extends BaseInode implements PageData {
  declare readonly fs: Ext4FileSystem;
  readonly disk: DiskInode;
  private cache: Ext4Pages | null = null;

  constructor(fs: Ext4FileSystem, disk: DiskInode) {
    super(fs, disk.ino);
    this.disk = disk;
  }

  override get mode(): number {
    return this.disk.mode;
  }

  override get uid(): number {
    return this.disk.uid;
  }

  override get gid(): number {
    return this.disk.gid;
  }

  override get nlink(): number {
    return this.disk.links;
  }

  override get size(): number {
    return this.disk.size;
  }

  override get rdev(): number {
    const type = this.mode & S_IFMT;
    if (type !== S_IFCHR && type !== S_IFBLK) return 0;
    return this.disk.u32(INO.block) || this.disk.u32(INO.block + 4);
  }

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === S_IFDIR;
  }

  override stat(): Stat {
    const d = this.disk;
    return {
      ino: this.ino,
      mode: d.mode,
      nlink: d.links,
      uid: d.uid,
      gid: d.gid,
      rdev: this.rdev,
      size: d.size,
      blocks: d.sectors,
      blksize: this.fs.volume.blockSize,
      atime: d.time(INO.atime, INO.atimeExtra),
      mtime: d.time(INO.mtime, INO.mtimeExtra),
      ctime: d.time(INO.ctime, INO.ctimeExtra),
      btime: d.fits(INO.crtime, 4) ? d.time(INO.crtime, INO.crtimeExtra) : { sec: 0, nsec: 0 },
    };
  }

  override setattr(_attr: SetAttr): void {
    throw linuxError(EIO);
  }

  override get pages(): Ext4Pages | null {
    if ((this.mode & S_IFMT) !== S_IFREG) return null;
    this.cache ??= this.fs.makePages(this);
    return this.cache;
  }

  /** Fills one page of 4 KiB; PageData. */
  readPage(index: number, into: Uint8Array, at: number): void {
    this.fs.volume.trim();
    readData(this.disk, index, into, at);
  }

  writePage(_index: number, _from: Uint8Array, _at: number, _length: number): void {
    throw linuxError(EIO);
  }

  override lookup(name: string): Inode | null {
    this.mustBeDirectory();
    this.fs.volume.trim();
    const ino = lookupName(this.disk, name);
    return ino === 0 ? null : this.fs.inode(ino);
  }

  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    this.mustBeDirectory();
    this.fs.volume.trim();
    listDirectory(this.disk, from, emit);
  }

  override readlink(): string {
    const d = this.disk;
    if ((d.mode & S_IFMT) !== S_IFLNK) throw linuxError(EINVAL);
    const size = d.size;
    if (size === 0 || size > SYMLINK_MAX) {
      this.fs.volume.damaged(`inode ${this.ino}: a symbolic link of ${size} bytes`);
    }
    if (d.hasInlineData) return latin1(inlineData(d), size);
    const fast =
      size < 60 && d.sectors === (d.xattrBlock === 0 ? 0 : this.fs.volume.blockSize >> 9);
    if (fast) {
      const v = d.view();
      return latin1(new Uint8Array(v.buffer, v.byteOffset + d.iblock, 60), size);
    }
    if (size > this.fs.volume.blockSize) throw linuxError(EUCLEAN);
    return latin1(this.fs.volume.cache.get(mustMap(d, 0)).data, size);
  }

  override getxattr(name: string): Uint8Array | null {
    const { index, name: rest } = toDiskName(name);
    const value = inodeXattr(this.disk, index, rest);
    return value !== null && isAcl(index) ? aclFromDisk(value) : value;
  }

  override listxattr(): string[] {
    const names = allAttributes(this.disk).map(fromDiskName);
    return names.filter((name) => name !== null);
  }

  seekSparse(offset: number, whence: number): number {
    this.cache?.sync();
    return seekSparse(this.disk, offset, whence);
  }

  private mustBeDirectory(): void {
    if (!this.isDirectory) throw linuxError(ENOTDIR);
  }
}

function latin1(bytes: Uint8Array, length: number): string {
  if (bytes.length < length) throw linuxError(EUCLEAN);
  let s = '';
  for (let i = 0; i < length; i++) s += String.fromCharCode(bytes[i]!);
  return s;
}
