/** Directories of host volumes. */

import { EEXIST, EINVAL, ENOENT, EPERM, EXDEV, linuxError } from '../../errno.ts';
import { RENAME_NOREPLACE } from '../../vfs/constants.ts';
import type { DirEntry, Inode } from '../../vfs/types.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { HostFileInode } from './file.ts';
import { HostInode } from './inode.ts';
import type { HostDirEntry, HostHandle, HostStat } from './port.ts';

export class HostDirectory extends HostInode {
  /** -1: not open; HostFs opens and closes it. */
  handle: HostHandle = -1;
  /** What a readdir from the start found; later pages continue in it. */
  private listing: readonly HostDirEntry[] = [];

  private at(): HostHandle {
    return this.fs.directoryHandle(this);
  }

  override refresh(): void {
    if (this.handle >= 0) this.st = this.fs.port.stat(this.handle);
    else super.refresh();
  }

  override lookup(name: string): Inode | null {
    const st = this.fs.port.lookup(this.at(), name);
    return st === null ? null : this.fs.inodeFor(st, this, name);
  }

  override create(name: string, mode: number, _uid: number, _gid: number, _rdev: number): Inode {
    const { port } = this.fs;
    const dir = this.at();
    switch (mode & S_IFMT) {
      case S_IFDIR:
        port.makeDirectory(dir, name, mode & 0o7777);
        return this.made(name);
      case S_IFREG: {
        const handle = port.createFile(dir, name, mode & 0o7777);
        const inode = this.fs.inodeFor(port.stat(handle), this, name);
        if (inode instanceof HostFileInode) {
          inode.adopt(handle);
          this.fs.keepAwhile(inode);
        } else port.close(handle);
        return inode;
      }
      default:
        // Device nodes and sockets of a guest have no business on the host.
        throw linuxError(EPERM);
    }
  }

  override symlink(name: string, target: string, _uid: number, _gid: number): Inode {
    this.fs.port.symlink(this.at(), name, target);
    return this.made(name);
  }

  override link(name: string, target: Inode): void {
    if (!(target instanceof HostInode) || target.fs !== this.fs) throw linuxError(EXDEV);
    if (target.parent === null) throw linuxError(ENOENT);
    const from = this.fs.directoryHandle(target.parent);
    this.fs.port.link(from, target.name, this.at(), name);
    target.refresh();
  }

  override unlink(name: string): void {
    const st = this.stateOf(name);
    this.fs.port.unlink(this.at(), name);
    this.gone(st, name);
  }

  override rmdir(name: string): void {
    const st = this.stateOf(name);
    this.fs.port.removeDirectory(this.at(), name);
    this.gone(st, name);
  }

  override rename(name: string, toDir: Inode, toName: string, flags: number): void {
    if (!(toDir instanceof HostDirectory) || toDir.fs !== this.fs) throw linuxError(EXDEV);
    if (flags & ~RENAME_NOREPLACE) throw linuxError(EINVAL);
    const { port } = this.fs;
    const moved = this.lookup(name);
    const target = port.lookup(toDir.at(), toName);
    if (target !== null && flags & RENAME_NOREPLACE) throw linuxError(EEXIST);
    port.rename(this.at(), name, toDir.at(), toName);
    if (target !== null) toDir.gone(target, toName);
    if (moved instanceof HostInode) moved.foundAt(toDir, toName, moved.st);
  }

  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    if (from === 0) this.listing = this.fs.port.list(this.at());
    if (from < 1 && !emit({ name: '.', ino: this.ino, type: S_IFDIR, next: 1 })) return;
    const up = this.parent ?? this;
    if (from < 2 && !emit({ name: '..', ino: up.ino, type: S_IFDIR, next: 2 })) return;
    for (let i = Math.max(0, from - 2); i < this.listing.length; i++) {
      const { name, ino, type } = this.listing[i]!;
      if (!emit({ name, ino, type, next: i + 3 })) return;
    }
  }

  protected override unreferenced(): void {
    if (this.nlink === 0) this.fs.closeDirectory(this);
  }

  private made(name: string): Inode {
    const inode = this.lookup(name);
    if (inode === null) throw linuxError(ENOENT);
    return inode;
  }

  private stateOf(name: string): HostStat {
    const st = this.fs.port.lookup(this.at(), name);
    if (st === null) throw linuxError(ENOENT);
    return st;
  }

  /** An entry was removed: if its inode is known by this name, it has lost it. */
  private gone(st: HostStat, name: string): void {
    const inode = this.fs.inodeFor(st, this, name);
    const isDirectory = (st.mode & S_IFMT) === S_IFDIR;
    inode.st = { ...st, nlink: isDirectory ? 0 : st.nlink - 1 };
    inode.parent = null;
    if (inode instanceof HostDirectory && !inode.inUse) this.fs.closeDirectory(inode);
  }
}
