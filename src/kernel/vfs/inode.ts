/**
 * What inodes of all file systems share: the errors of operations that a type of file does not have
 * (as Linux's VFS gives them when the operation pointer is null), reference counts, and how each type
 * of file is opened. A file system extends BaseInode and overrides what it supports.
 */

import { EINVAL, ELOOP, ENOTDIR, ENXIO, EOPNOTSUPP, EPERM, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { DirectoryFile } from './directory-file.ts';
import { notifyOrphan } from './notify.ts';
import { RegularFile } from './regular-file.ts';
import type {
  DirEntry,
  FilePages,
  FileSystem,
  Inode,
  OpenFile,
  Path,
  SetAttr,
  Stat,
} from './types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from './types.ts';

export abstract class BaseInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  abstract readonly mode: number;
  abstract readonly uid: number;
  abstract readonly gid: number;
  abstract readonly nlink: number;
  abstract readonly size: number;
  abstract readonly rdev: number;
  /** Open files, mappings and watches that keep the inode alive. */
  protected references = 0;

  constructor(fs: FileSystem, ino: number) {
    this.fs = fs;
    this.ino = ino;
  }

  abstract stat(): Stat;
  abstract setattr(attr: SetAttr): void;

  get pages(): FilePages | null {
    return null;
  }

  lookup(_name: string): Inode | null {
    throw linuxError(ENOTDIR);
  }

  create(_name: string, _mode: number, _uid: number, _gid: number, _rdev: number): Inode {
    throw linuxError(this.noDirectoryOp());
  }

  symlink(_name: string, _target: string, _uid: number, _gid: number): Inode {
    throw linuxError(this.noDirectoryOp());
  }

  link(_name: string, _target: Inode): void {
    throw linuxError(this.noDirectoryOp());
  }

  unlink(_name: string): void {
    throw linuxError(this.noDirectoryOp());
  }

  rmdir(_name: string): void {
    throw linuxError(this.noDirectoryOp());
  }

  rename(_name: string, _toDir: Inode, _toName: string, _flags: number): void {
    throw linuxError(this.noDirectoryOp());
  }

  readdir(_from: number, _emit: (e: DirEntry) => boolean): void {
    throw linuxError(ENOTDIR);
  }

  readlink(): string {
    throw linuxError(EINVAL);
  }

  open(sys: Sys | null, flags: number, path: Path): OpenFile {
    switch (this.mode & S_IFMT) {
      case S_IFREG:
        return new RegularFile(this, path, flags);
      case S_IFDIR:
        return new DirectoryFile(this, path, flags);
      case S_IFCHR:
      case S_IFBLK:
        if (sys === null) throw linuxError(ENXIO);
        return sys.kernel.vfs.devices.open(sys, this, flags, path);
      case S_IFLNK:
        throw linuxError(ELOOP);
      default:
        // FIFOs are opened by the VFS (they may block); sockets cannot be opened.
        throw linuxError(ENXIO);
    }
  }

  getxattr(_name: string): Uint8Array | null {
    throw linuxError(EOPNOTSUPP);
  }

  setxattr(_name: string, _value: Uint8Array, _flags: number): void {
    throw linuxError(EOPNOTSUPP);
  }

  listxattr(): string[] {
    return [];
  }

  removexattr(_name: string): void {
    throw linuxError(EOPNOTSUPP);
  }

  fallocate(_mode: number, _offset: number, _length: number): void {
    throw linuxError(EOPNOTSUPP);
  }

  fsync(_dataOnly: boolean): void {
    this.pages?.sync();
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    this.references--;
    if (this.references === 0) this.unreferenced();
    else if (this.nlink === 0) notifyOrphan(this, this.references);
  }

  /** The last reference went: free it if it has no name left. */
  protected unreferenced(): void {}

  private noDirectoryOp(): number {
    return (this.mode & S_IFMT) === S_IFDIR ? EPERM : ENOTDIR;
  }
}
