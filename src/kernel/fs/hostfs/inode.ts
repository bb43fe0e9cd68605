/** What inodes of host volumes have in common: attributes as the host gives them, and their place. */

import { EPERM, linuxError } from '../../errno.ts';
import { BaseInode } from '../../vfs/inode.ts';
import type { SetAttr, Stat } from '../../vfs/types.ts';
import { S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT } from '../../vfs/types.ts';
import type { HostDirectory } from './directory.ts';
import type { HostFs } from './hostfs.ts';
import type { HostAttr, HostStat } from './port.ts';

export abstract class HostInode extends BaseInode {
  declare readonly fs: HostFs;
  st: HostStat;
  /** Null for the shared folder itself, and for what has no name any more. */
  parent: HostDirectory | null;
  name: string;

  constructor(fs: HostFs, st: HostStat, parent: HostDirectory | null, name: string) {
    super(fs, st.ino);
    this.st = st;
    this.parent = parent;
    this.name = name;
  }

  /** The entry was looked up again, perhaps by another name. */
  foundAt(dir: HostDirectory, name: string, st: HostStat): void {
    this.parent = dir;
    this.name = name;
    this.st = st;
  }

  get inUse(): boolean {
    return this.references > 0;
  }

  get mode(): number {
    return this.st.mode;
  }

  get uid(): number {
    return this.fs.guestUid(this.st.uid);
  }

  get gid(): number {
    return this.fs.guestGid(this.st.gid);
  }

  get nlink(): number {
    return this.st.nlink;
  }

  get size(): number {
    return this.st.size;
  }

  get rdev(): number {
    return this.st.rdev;
  }

  /** Asks the host again, where there is an open handle or a name. */
  refresh(): void {
    if (this.parent === null) return;
    const st = this.fs.port.lookup(this.fs.directoryHandle(this.parent), this.name);
    if (st !== null && st.ino === this.st.ino && st.dev === this.st.dev) this.st = st;
  }

  stat(): Stat {
    this.refresh();
    const { st } = this;
    return {
      ino: st.ino,
      mode: st.mode,
      nlink: st.nlink,
      uid: this.uid,
      gid: this.gid,
      rdev: (st.mode & S_IFMT) === S_IFCHR || (st.mode & S_IFMT) === S_IFBLK ? st.rdev : 0,
      size: this.size,
      blocks: st.blocks,
      blksize: 4096,
      atime: st.atime,
      mtime: st.mtime,
      ctime: st.ctime,
      btime: st.btime,
    };
  }

  /** Owners stay those of the host: only a change to what is there already succeeds. */
  setattr(attr: SetAttr): void {
    if (attr.uid !== undefined && attr.uid !== this.uid) throw linuxError(EPERM);
    if (attr.gid !== undefined && attr.gid !== this.gid) throw linuxError(EPERM);
    if (attr.size !== undefined) this.resize(attr.size);
    const changes: { -readonly [K in keyof HostAttr]: HostAttr[K] } = {};
    if (attr.mode !== undefined && attr.mode !== this.mode) changes.mode = attr.mode & 0o7777;
    // The host keeps the times of a truncation itself.
    if (attr.size === undefined) {
      if (attr.atime !== undefined) changes.atime = attr.atime;
      if (attr.mtime !== undefined) changes.mtime = attr.mtime;
    }
    if (Object.keys(changes).length > 0) this.change(changes);
    this.refresh();
  }

  private change(attr: HostAttr): void {
    if (this.parent === null) throw linuxError(EPERM);
    this.fs.port.setattr(this.fs.directoryHandle(this.parent), this.name, attr);
  }

  protected resize(_size: number): void {
    throw linuxError(EPERM);
  }
}

/** Symbolic links, and what the guest can only see: sockets, FIFOs, devices of the host. */
export class HostLeaf extends HostInode {
  override readlink(): string {
    if ((this.mode & S_IFMT) !== S_IFLNK || this.parent === null) return super.readlink();
    return this.fs.port.readlink(this.fs.directoryHandle(this.parent), this.name);
  }
}
