/**
 * The dentry cache: what name leads to what inode in a directory, including names that do not exist
 * (negative entries), so that PATH searches and Python's imports do not ask the file system again.
 *
 * Invariants
 * - One tree per file system; a positive dentry of a live name is reachable from its parent's `children`.
 * - Every change of a directory goes through Vfs, which updates the tree (`add`, `drop`, `move`).
 *   A file system that changes by itself (host volumes, procfs) says so by `uncached`: its directories
 *   are asked every time, and the dentry is reused only while the inode is the same.
 * - Beyond MAX_DENTRIES, names not used since the last sweep go, except mount points and directories that names are left
 *   in. Whoever holds such a dentry (open files, working directories, mounts: Linux counts references) keeps it by that:
 *   who asks for the name gets the same one, and it is in the tree again as soon as a name is looked up below it.
 */

import { ENAMETOOLONG, linuxError } from '../errno.ts';
import { NAME_MAX } from './constants.ts';
import type { Mount } from './mount.ts';
import type { Inode } from './types.ts';
import { S_IFDIR, S_IFMT } from './types.ts';

/** Linux keeps as many as fit into memory; these are some 40 MB of the host's. */
const MAX_DENTRIES = 131072;

export class Dentry {
  name: string;
  parent: Dentry | null;
  /** Null: the name does not exist. */
  readonly inode: Inode | null;
  children: Map<string, Dentry> | null = null;
  /** Names below this that a sweep let go, of which others may hold the dentries. */
  dropped: Map<string, WeakRef<Dentry>> | null = null;
  /** A sweep let it go: it is not in its parent's `children`, but in its `dropped`. */
  loose = false;
  /** Mounts on this directory, in any name space of parents. */
  mounts: Mount[] | null = null;
  /** The name is gone; files that are open through it show "(deleted)". */
  unlinked = false;
  /** Used since the last sweep. */
  touched = true;
  readonly isDirectory: boolean;

  constructor(name: string, parent: Dentry | null, inode: Inode | null) {
    this.name = name;
    this.parent = parent;
    this.inode = inode;
    this.isDirectory = inode !== null && (inode.mode & S_IFMT) === S_IFDIR;
  }

  /** True if `other` is this or below it. */
  contains(other: Dentry): boolean {
    for (let d: Dentry | null = other; d !== null; d = d.parent) if (d === this) return true;
    return false;
  }
}

/** The trees of one machine. */
export class DentryCache {
  private readonly roots = new Map<Inode, Dentry>();
  private readonly most: number;
  private count = 0;
  /** More than this are looked through again: a quarter more than were left, should most have to stay. */
  private limit: number;

  constructor(most: number = MAX_DENTRIES) {
    this.most = most;
    this.limit = most;
  }

  /** Names in the trees. */
  get size(): number {
    return this.count;
  }

  /** The root dentry of the file system whose root is `inode`. */
  root(inode: Inode): Dentry {
    let d = this.roots.get(inode);
    if (d === undefined) {
      d = new Dentry('', null, inode);
      this.roots.set(inode, d);
    }
    return d;
  }

  /** Forgets a file system that is no longer mounted. */
  forget(inode: Inode): void {
    this.roots.delete(inode);
  }

  /** The dentry for `name`, possibly negative. The caller has checked that `dir` is a directory. */
  lookup(dir: Dentry, name: string): Dentry {
    const inode = dir.inode!;
    const known = dir.children?.get(name) ?? this.revived(dir, name);
    if (known !== undefined) {
      known.touched = true;
      if (!inode.fs.uncached) return known;
    }
    if (name.length > NAME_MAX) throw linuxError(ENAMETOOLONG);
    const found = inode.lookup(name);
    if (known !== undefined) {
      if (known.inode === found) return known;
      known.unlinked = known.inode !== null;
      if (found === null) {
        dir.children?.delete(name);
        this.count--;
      }
    }
    const d = new Dentry(name, dir, found);
    // Nobody tells us when a name appears in a directory that changes by itself; none does in one that was removed.
    if (!dir.unlinked && (found !== null || !inode.fs.uncached)) this.insert(dir, d);
    return d;
  }

  /** The dentry that a sweep let go and somebody holds. */
  private revived(dir: Dentry, name: string): Dentry | undefined {
    const d = dir.dropped?.get(name)?.deref();
    if (d !== undefined) this.insert(dir, d);
    return d;
  }

  /** A name now leads to `inode`. @returns its dentry */
  add(dir: Dentry, name: string, inode: Inode): Dentry {
    const d = new Dentry(name, dir, inode);
    this.insert(dir, d);
    return d;
  }

  /** A name is gone. */
  drop(d: Dentry): void {
    d.unlinked = true;
    const dir = d.parent;
    if (dir === null) return;
    if (dir.inode!.fs.uncached) {
      if (dir.children?.delete(d.name)) this.count--;
    } else {
      this.insert(dir, new Dentry(d.name, dir, null));
    }
  }

  /** `d` is now called `name` in `dir`; what was there is gone (rename). */
  move(d: Dentry, dir: Dentry, name: string): void {
    const target = dir.children?.get(name);
    if (target !== undefined && target.inode !== null) target.unlinked = true;
    this.drop(d);
    d.unlinked = false;
    d.name = name;
    d.parent = dir;
    this.insert(dir, d);
  }

  /** Two names change places (RENAME_EXCHANGE). */
  exchange(a: Dentry, b: Dentry): void {
    const { name, parent } = a;
    a.name = b.name;
    a.parent = b.parent;
    b.name = name;
    b.parent = parent;
    this.insert(a.parent!, a);
    this.insert(b.parent!, b);
  }

  /** Asks the file system again for everything below `dir`: for changes made without the VFS. */
  revalidate(dir: Dentry): void {
    for (const name of [...(dir.dropped?.keys() ?? [])]) this.revived(dir, name);
    for (const [name, d] of dir.children ?? []) {
      if (dir.inode!.lookup(name) === d.inode) {
        if (d.isDirectory) this.revalidate(d);
        continue;
      }
      d.unlinked = d.inode !== null;
      dir.children!.delete(name);
      this.count--;
    }
  }

  /** Call between system calls' walks: keeps the cache within bounds. */
  trim(): void {
    if (this.count <= this.limit) return;
    // Parents before children. There may be more levels than a recursion can have.
    const directories = [...this.roots.values()];
    for (let i = 0; i < directories.length; i++) {
      for (const d of directories[i]!.children?.values() ?? [])
        if (d.children !== null || d.dropped !== null) directories.push(d);
    }
    this.count = 0;
    for (const dir of directories.reverse()) this.count += sweep(dir);
    this.limit = Math.max(this.most, Math.floor(this.count * 1.25));
  }

  private insert(dir: Dentry, d: Dentry): void {
    // Names of a directory that is not in the tree would not be found by a sweep.
    for (let at = dir; at.loose; at = at.parent!) this.attach(at.parent!, at);
    this.attach(dir, d);
  }

  private attach(dir: Dentry, d: Dentry): void {
    d.loose = false;
    dir.dropped?.delete(d.name);
    dir.children ??= new Map();
    if (!dir.children.has(d.name)) this.count++;
    dir.children.set(d.name, d);
  }
}

/** Removes unused names in `dir`; those below have been. @returns how many are left */
function sweep(dir: Dentry): number {
  for (const [name, weak] of dir.dropped ?? [])
    if (weak.deref() === undefined) dir.dropped!.delete(name);
  for (const [name, d] of dir.children ?? []) {
    if (d.touched || d.children !== null || d.mounts !== null) {
      d.touched = false;
      continue;
    }
    dir.children!.delete(name);
    if (d.inode === null) continue;
    d.loose = true;
    dir.dropped ??= new Map();
    dir.dropped.set(name, new WeakRef(d));
  }
  const left = dir.children?.size ?? 0;
  if (left === 0) dir.children = null;
  if (dir.dropped?.size === 0) dir.dropped = null;
  return left;
}
