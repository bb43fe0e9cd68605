/**
 * ext4 inodes as the VFS sees them. The state is in the inode record (disk-inode.ts); here is only what
 * Linux keeps in memory as well: pages of file data and references.
 *
 * Invariant: an inode without names is on the orphan list until the last reference goes.
 */

import { PAGE_SIZE } from '../../../common/layout.ts';
import {
  EFBIG,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  linuxError,
} from '../../errno.ts';
import { BaseInode } from '../../vfs/inode.ts';
import type { DirEntry, Inode, SetAttr, Stat } from '../../vfs/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { seekSparse } from './data.ts';
import { listDirectory, lookupName } from './directory.ts';
import type { DiskInode } from './disk-inode.ts';
import { hasExtents } from './extent-tree.ts';
import { fallocateFile, sizeLimit } from './fallocate.ts';
import { FileData } from './file-data.ts';
import type { Ext4Pages, PageData } from './file-pages.ts';
import type { Ext4FileSystem } from './fs.ts';
import {
  COMPAT,
  EXT_MAX_BLOCKS,
  FL_DIRECTORIES,
  FL_IMMUTABLE,
  FL_OTHERS,
  FL_UNSUPPORTED,
  FL_USER_MODIFIABLE,
  FL_USER_VISIBLE,
  INO,
  SB,
} from './layout.ts';
import { createEntry, exchangeOrRename, linkEntry, makeTmpfile, removeName } from './namespace.ts';
import { statOf } from './stat.ts';
import { linkTarget } from './symlink.ts';
import { allAttributes, inodeXattr } from './xattr.ts';
import { aclFromDisk, aclToDisk, fromDiskName, isAcl, toDiskName } from './xattr-names.ts';
import { setAttribute } from './xattr-write.ts';

export class Ext4Inode extends BaseInode implements PageData {
  declare readonly fs: Ext4FileSystem;
  readonly disk: DiskInode;
  private readonly data: FileData;
  private cache: Ext4Pages | null = null;
  /** End of the write that space was reserved for last. */
  private writeEnd = 0;
  /** Somebody asked for it since the table of inodes was swept last. */
  asked = true;
  /** It is in the table of inodes, not only weakly. */
  kept = false;

  constructor(fs: Ext4FileSystem, disk: DiskInode) {
    super(fs, disk.ino);
    this.disk = disk;
    this.data = new FileData(disk);
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

  get attributeFlags(): number {
    return this.disk.flags & FL_USER_VISIBLE;
  }

  /** ext4_fileattr_set and ext4_ioctl_setflags. */
  setAttributeFlags(flags: number): void {
    const { disk } = this;
    const { volume } = this.fs;
    const type = this.mode & S_IFMT;
    const wanted = flags & FL_USER_MODIFIABLE;
    const foreign = type === S_IFREG ? FL_DIRECTORIES : type === S_IFDIR ? 0 : ~FL_OTHERS;
    if (flags & ~FL_USER_VISIBLE || wanted & foreign) throw linuxError(EOPNOTSUPP);
    // What stays immutable may not change otherwise.
    if (disk.flags & wanted & FL_IMMUTABLE && disk.flags !== wanted) throw linuxError(EPERM);
    if ((disk.flags ^ wanted) & FL_UNSUPPORTED) throw linuxError(EOPNOTSUPP);
    volume.mutate(() => {
      disk.flags = (disk.flags & ~FL_USER_MODIFIABLE) | wanted;
      disk.setTime(INO.ctime, INO.ctimeExtra, volume.now());
    });
  }

  override stat(): Stat {
    return statOf(this, this.data.delayedSectors);
  }

  override setattr(attr: SetAttr): void {
    const d = this.disk;
    const { size } = attr;
    const grows = size !== undefined && size > this.size;
    if (size !== undefined && size !== this.size) this.resize(size);
    this.fs.volume.mutate(() => {
      if (grows) d.enlarge(size);
      if (attr.mode !== undefined) d.mode = attr.mode;
      if (attr.uid !== undefined) d.uid = attr.uid;
      if (attr.gid !== undefined) d.gid = attr.gid;
      if (attr.atime !== undefined) d.setTime(INO.atime, INO.atimeExtra, attr.atime);
      if (attr.mtime !== undefined) d.setTime(INO.mtime, INO.mtimeExtra, attr.mtime);
      if (attr.ctime !== undefined) d.setTime(INO.ctime, INO.ctimeExtra, attr.ctime);
    });
  }

  private resize(size: number): void {
    const { volume } = this.fs;
    if (this.isDirectory) throw linuxError(EISDIR);
    if (volume.readOnly) throw linuxError(EROFS);
    if (size < 0 || size > sizeLimit(volume)) throw linuxError(EFBIG);
    if (size < this.size) this.shrink(size);
    else this.prepareGrowth(size);
  }

  /** What has to be done before the size in the record changes. */
  private prepareGrowth(size: number): void {
    // What a write has just put beyond the end must stay; otherwise the page's tail is cleared.
    if (size > this.writeEnd) this.cache?.truncate(size);
    this.writeEnd = 0;
    this.data.cleanTail();
  }

  private shrink(size: number): void {
    const { volume, orphans } = this.fs;
    this.cache?.truncate(size);
    this.writeEnd = 0;
    this.data.shrunk();
    const from = Math.ceil(size / volume.blockSize);
    this.data.free(from, EXT_MAX_BLOCKS, () => {
      this.disk.size = size;
      orphans.add(this.disk);
    });
    if (this.disk.links > 0) volume.mutate(() => orphans.remove(this.disk));
  }

  /** A crash interrupted a truncation: blocks beyond the size go. */
  finishTruncate(): void {
    this.shrink(this.size);
  }

  override get pages(): Ext4Pages | null {
    if ((this.mode & S_IFMT) !== S_IFREG) return null;
    if (this.cache === null) {
      this.cache = this.fs.makePages(this);
      this.fs.cached.add(this);
      this.fs.inodes.keep(this);
    }
    return this.cache;
  }

  readPages(index: number, count: number, into: Uint8Array, at: number): void {
    this.data.readPages(index, count, into, at);
  }

  writePages(index: number, from: Uint8Array, at: number, length: number): void {
    this.data.writePages(index, from, at, length);
  }

  prepareWrite(offset: number, length: number, privileged: boolean = true): void {
    if (this.fs.readOnly) throw linuxError(EROFS);
    if (this.disk.flags & FL_IMMUTABLE) throw linuxError(EPERM);
    this.data.reserve(offset, length, privileged, () => this.fs.writeBack());
    this.writeEnd = offset + length;
  }

  prepareFault(page: number, write: boolean): void {
    if (!write) return;
    if (this.fs.readOnly) throw linuxError(EROFS);
    if (this.disk.flags & FL_IMMUTABLE) throw linuxError(EPERM);
    const offset = page * PAGE_SIZE;
    const length = Math.min(PAGE_SIZE, this.size - offset);
    this.data.reserve(offset, length, true, () => this.fs.writeBack());
    // The first store into a page of a mapping counts as a write.
    const now = this.fs.volume.now();
    this.setattr({ mtime: now, ctime: now });
  }

  override fallocate(mode: number, offset: number, length: number): void {
    if ((this.mode & S_IFMT) !== S_IFREG) throw linuxError(EOPNOTSUPP);
    this.writeEnd = 0;
    fallocateFile(this, this.data, mode, offset, length);
  }

  override fsync(_dataOnly: boolean): void {
    if (this.fs.readOnly) return;
    this.cache?.sync();
    this.fs.volume.commit();
  }

  override lookup(name: string): Inode | null {
    this.mustBeDirectory();
    this.fs.volume.trim();
    const ino = lookupName(this.disk, name);
    if (ino !== 0) return this.fs.inode(ino);
    this.disk.absent = name;
    return null;
  }

  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    this.mustBeDirectory();
    this.fs.volume.trim();
    listDirectory(this.disk, from, emit);
  }

  override create(name: string, mode: number, uid: number, gid: number, rdev: number): Inode {
    this.mustBeDirectory();
    return createEntry(this, name, { mode, uid, gid, rdev, target: '' });
  }

  override symlink(name: string, target: string, uid: number, gid: number): Inode {
    this.mustBeDirectory();
    return createEntry(this, name, { mode: S_IFLNK | 0o777, uid, gid, rdev: 0, target });
  }

  override link(name: string, target: Inode): void {
    this.mustBeDirectory();
    if (!(target instanceof Ext4Inode) || target.isDirectory) throw linuxError(EPERM);
    linkEntry(this, name, target);
  }

  override unlink(name: string): void {
    this.mustBeDirectory();
    removeName(this, name, false);
  }

  override rmdir(name: string): void {
    this.mustBeDirectory();
    removeName(this, name, true);
  }

  override rename(name: string, toDir: Inode, toName: string, flags: number): void {
    this.mustBeDirectory();
    if (!(toDir instanceof Ext4Inode) || !toDir.isDirectory) throw linuxError(ENOTDIR);
    exchangeOrRename(this, name, toDir, toName, flags);
  }

  tmpfile(mode: number, uid: number, gid: number): Inode {
    this.mustBeDirectory();
    return makeTmpfile(this, { mode, uid, gid, rdev: 0, target: '' });
  }

  override readlink(): string {
    if ((this.mode & S_IFMT) !== S_IFLNK) throw linuxError(EINVAL);
    return linkTarget(this.disk);
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

  override setxattr(name: string, value: Uint8Array, flags: number): void {
    const { index, name: rest } = toDiskName(name);
    const stored = isAcl(index) ? aclToDisk(value) : value;
    this.changeAttribute(index, rest, stored, flags);
  }

  override removexattr(name: string): void {
    const { index, name: rest } = toDiskName(name);
    this.changeAttribute(index, rest, null, 0);
  }

  private changeAttribute(
    index: number,
    name: string,
    value: Uint8Array | null,
    flags: number,
  ): void {
    const { volume } = this.fs;
    // It may need a block, which nobody would free.
    if (this.disk.isFreed) throw linuxError(ENOENT);
    volume.mutate(() => {
      setAttribute(this.disk, index, name, value, flags);
      volume.requireFeature(SB.featureCompat, COMPAT.ext_attr);
      this.disk.setTime(INO.ctime, INO.ctimeExtra, volume.now());
    });
  }

  seekSparse(offset: number, whence: number): number {
    if (!this.fs.readOnly) this.cache?.sync();
    return seekSparse(this.disk, offset, whence);
  }

  /** Whether open files or mappings keep it. */
  get inUse(): boolean {
    return this.references > 0;
  }

  override retain(): void {
    super.retain();
    if (!this.kept) this.fs.inodes.keep(this);
  }

  /** Whether it has to stay in memory. Pages of which none is left are no reason, and go. */
  isNeeded(): boolean {
    if (this.inUse || this.disk.links === 0 || this.data.delayedSectors > 0) return true;
    if (this.cache === null) return false;
    if (this.cache.resident > 0) return true;
    this.dropPages();
    return false;
  }

  private dropPages(): void {
    this.cache?.dispose();
    this.cache = null;
    this.fs.cached.delete(this);
  }

  protected override unreferenced(): void {
    if (this.disk.links === 0 && !this.disk.isFreed && !this.fs.readOnly) this.fs.destroy(this);
  }

  /** Drops pages and frees all blocks: the inode has no name and no user. */
  freeData(): void {
    this.dropPages();
    if (hasExtents(this.disk)) this.data.free(0, EXT_MAX_BLOCKS, () => {});
    else this.data.forget(0, EXT_MAX_BLOCKS);
  }

  /** Writes dirty pages back. */
  writeBack(): void {
    this.cache?.sync();
  }

  /** Writes dirty pages back and forgets all of them: who copies whole trees needs them once. */
  forgetPages(): void {
    if (!this.fs.readOnly) this.cache?.sync();
    this.dropPages();
  }

  private mustBeDirectory(): void {
    if (!this.isDirectory) throw linuxError(ENOTDIR);
  }
}
