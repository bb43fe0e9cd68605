/**
 * The dentry cache: what name leads to what inode in a directory, including names that do not exist
 * (negative entries), so that PATH searches and Python's imports do not ask the file system again.
 *
 * Invariants
 * - One tree per file system; a positive dentry of a live name is reachable from its parent's `children`.
 * - Every change of a directory goes through Vfs, which updates the tree (`add`, `drop`, `move`).
 *   A file system that changes by itself (host volumes, procfs) says so by `uncached`: its directories
 *   are asked every time, and the dentry is reused only while the inode is the same.
 * - Beyond MAX_DENTRIES, names not used since the last sweep are forgotten, except directories and
 *   mount points, so that working directories keep their names.
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
  private count = 0;
  /** More than this are looked through again: a quarter more than were left, should most have to stay. */
  private limit = MAX_DENTRIES;

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
    const known = dir.children?.get(name);
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
    // Nobody tells us when a name appears in a directory that changes by itself.
    if (found !== null || !inode.fs.uncached) this.insert(dir, d);
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
    this.count = 0;
    for (const root of this.roots.values()) this.count += sweep(root);
    this.limit = Math.max(MAX_DENTRIES, Math.floor(this.count * 1.25));
  }

  private insert(dir: Dentry, d: Dentry): void {
    dir.children ??= new Map();
    if (!dir.children.has(d.name)) this.count++;
    dir.children.set(d.name, d);
  }
}

/** Removes unused names below `dir`. @returns how many are left */
function sweep(dir: Dentry): number {
  if (dir.children === null) return 0;
  let left = 0;
  for (const [name, d] of dir.children) {
    if (d.isDirectory || d.touched || d.mounts !== null) {
      d.touched = false;
      left += 1 + sweep(d);
    } else {
      dir.children.delete(name);
    }
  }
  return left;
}
