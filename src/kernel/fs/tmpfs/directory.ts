/** Directories of tmpfs. */

import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EXDEV,
  linuxError,
} from '../../errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from '../../vfs/constants.ts';
import type { DirEntry, Inode } from '../../vfs/types.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { TmpInode } from './inode.ts';
import type { TmpFs } from './tmpfs.ts';

interface Entry {
  inode: TmpInode;
  readonly cookie: number;
}

/** What an entry counts towards st_size, as on Linux. */
const BOGO_DIRENT_SIZE = 20;
const FIRST_COOKIE = 2;
/** Of the host's heap, beside the name itself. */
const NAME_COST = 256;

export class TmpDirectory extends TmpInode {
  /** In the order of their cookies. */
  private readonly entries = new Map<string, Entry>();
  private nextCookie = FIRST_COOKIE;
  /** The entries that a readdir by pages continues with; null after a change. */
  private listing: [string, Entry][] | null = null;
  parent: TmpDirectory;
  /** Puts the entries in when they are first needed (lazy-tree.ts). */
  private populate: ((dir: TmpDirectory) => void) | null = null;

  constructor(fs: TmpFs, mode: number, uid: number, gid: number, parent: TmpDirectory | null) {
    super(fs, mode, uid, gid);
    this.nlink = 2;
    this.parent = parent ?? this;
  }

  get size(): number {
    return (this.entries.size + FIRST_COOKIE) * BOGO_DIRENT_SIZE;
  }

  get empty(): boolean {
    this.load();
    return this.entries.size === 0;
  }

  /** `populate` is called once, before the first access to the entries; it may throw, and is then called again. */
  setPopulate(populate: (dir: TmpDirectory) => void): void {
    this.populate = populate;
  }

  private load(): void {
    const { populate } = this;
    if (populate === null) return;
    this.populate = null;
    const { mtime, ctime } = this;
    try {
      populate(this);
    } catch (e) {
      this.populate = populate;
      throw e;
    }
    this.mtime = mtime;
    this.ctime = ctime;
  }

  override lookup(name: string): Inode | null {
    this.load();
    return this.entries.get(name)?.inode ?? null;
  }

  override create(name: string, mode: number, uid: number, gid: number, rdev: number): Inode {
    this.checkAbsent(name);
    const inode = this.fs.createInode(mode, uid, gid, rdev, this);
    this.insertNew(name, inode);
    if (inode instanceof TmpDirectory) this.nlink++;
    else inode.nlink = 1;
    return inode;
  }

  override symlink(name: string, target: string, uid: number, gid: number): Inode {
    this.checkAbsent(name);
    const inode = this.fs.createSymlink(target, uid, gid);
    this.insertNew(name, inode);
    inode.nlink = 1;
    return inode;
  }

  tmpfile(mode: number, uid: number, gid: number): Inode {
    return this.fs.createInode(S_IFREG | (mode & 0o7777), uid, gid, 0, this);
  }

  override link(name: string, target: Inode): void {
    this.checkAbsent(name);
    const inode = this.ours(target);
    this.insert(name, inode);
    inode.nlink++;
    inode.changed();
  }

  override unlink(name: string): void {
    const { inode } = this.entry(name);
    if (inode instanceof TmpDirectory) throw linuxError(EISDIR);
    this.remove(name);
    inode.unlinked(1);
  }

  override rmdir(name: string): void {
    const { inode } = this.entry(name);
    if (!(inode instanceof TmpDirectory)) throw linuxError(ENOTDIR);
    if (!inode.empty) throw linuxError(ENOTEMPTY);
    this.remove(name);
    this.nlink--;
    inode.unlinked(2);
  }

  override rename(name: string, toDir: Inode, toName: string, flags: number): void {
    const to = this.ours(toDir);
    if (!(to instanceof TmpDirectory)) throw linuxError(ENOTDIR);
    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) throw linuxError(EINVAL);
    const source = this.entry(name);
    to.load();
    const target = to.entries.get(toName);
    if (flags & RENAME_EXCHANGE) {
      this.exchange(source, to, to.entry(toName));
      return;
    }
    const moved = source.inode;
    if (target !== undefined) {
      if (flags & RENAME_NOREPLACE) throw linuxError(EEXIST);
      if (moved instanceof TmpDirectory) to.rmdir(toName);
      else to.unlink(toName);
    }
    this.remove(name);
    to.place(toName, moved);
    moved.changed();
    if (moved instanceof TmpDirectory) moved.moveTo(this, to);
  }

  private exchange(a: Entry, to: TmpDirectory, b: Entry): void {
    const inode = a.inode;
    a.inode = b.inode;
    b.inode = inode;
    if (inode instanceof TmpDirectory) inode.moveTo(this, to);
    if (a.inode instanceof TmpDirectory) a.inode.moveTo(to, this);
    this.touched();
    to.touched();
    a.inode.changed();
    b.inode.changed();
  }

  private moveTo(from: TmpDirectory, to: TmpDirectory): void {
    this.parent = to;
    from.nlink--;
    to.nlink++;
  }

  override readdir(from: number, emit: (e: DirEntry) => boolean): void {
    if (from < 1 && !emit({ name: '.', ino: this.ino, type: S_IFDIR, next: 1 })) return;
    if (from < 2 && !emit({ name: '..', ino: this.parent.ino, type: S_IFDIR, next: 2 })) return;
    this.load();
    this.listing ??= [...this.entries];
    const { listing } = this;
    for (let i = firstFrom(listing, from); i < listing.length; i++) {
      const [name, { inode, cookie }] = listing[i]!;
      const type = inode.mode & S_IFMT;
      if (!emit({ name, ino: inode.ino, type, next: cookie + 1 })) return;
    }
  }

  private entry(name: string): Entry {
    this.load();
    const e = this.entries.get(name);
    if (e === undefined) throw linuxError(ENOENT);
    return e;
  }

  private ours(inode: Inode): TmpInode {
    if (!(inode instanceof TmpInode) || inode.fs !== this.fs) throw linuxError(EXDEV);
    return inode;
  }

  private checkAbsent(name: string): void {
    if (this.nlink === 0) throw linuxError(ENOENT);
    this.load();
    if (this.entries.has(name)) throw linuxError(EEXIST);
  }

  /** Gives the inode of a name that there is no room for back. */
  private insertNew(name: string, inode: TmpInode): void {
    try {
      this.insert(name, inode);
    } catch (e) {
      inode.unlinked(inode.nlink);
      throw e;
    }
  }

  /** The file system is gone: so is all that is in here, however deep. */
  dispose(): void {
    const todo: TmpDirectory[] = [this];
    for (let dir = todo.pop(); dir !== undefined; dir = todo.pop()) {
      for (const [name, { inode }] of dir.entries) {
        dir.remove(name);
        if (inode instanceof TmpDirectory) todo.push(inode);
        else inode.unlinked(1);
      }
      dir.unlinked(dir.nlink);
    }
  }

  private insert(name: string, inode: TmpInode): void {
    if (!this.fs.paging.heap.hasRoom(NAME_COST + name.length)) throw linuxError(ENOSPC);
    this.place(name, inode);
  }

  /** As insert, for a name that has moved. */
  private place(name: string, inode: TmpInode): void {
    this.fs.paging.heap.takeAnyway(NAME_COST + name.length);
    this.entries.set(name, { inode, cookie: this.nextCookie++ });
    this.touched();
  }

  private remove(name: string): void {
    this.entries.delete(name);
    this.fs.giveHeap(NAME_COST + name.length);
    this.touched();
  }

  private touched(): void {
    this.listing = null;
    this.mtime = this.ctime = this.fs.clock.realtime();
  }
}

/** Index of the first entry at or after a position. */
function firstFrom(listing: readonly [string, Entry][], position: number): number {
  let lo = 0;
  let hi = listing.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (listing[mid]![1].cookie < position) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}
