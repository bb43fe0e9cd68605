/**
 * Path walk (path_resolution(7), fs/namei.c): component by component, through mounts, symbolic and
 * magic links, with search permission on every directory.
 *
 * Invariants: `..` never leaves the root directory; at most MAX_LINKS links are followed in one walk;
 * a component is at most NAME_MAX bytes (the dentry cache checks that). One Walker is reused for all walks of a machine: a walk never
 * starts another one, and its result is read before the next.
 */

import { EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, linuxError } from '../errno.ts';
import { PATH_MAX } from './constants.ts';
import type { Dentry, DentryCache } from './dentry.ts';
import type { FsContext } from './fs-context.ts';
import { type Mount, mountedOn } from './mount.ts';
import { VfsPath } from './path.ts';
import type { FsCred } from './permissions.ts';
import { MAY_EXEC, mayAccess } from './permissions.ts';
import { S_IFLNK, S_IFMT } from './types.ts';

const MAX_LINKS = 40;
const SLASH = 47;

/** Whose eyes a walk sees with: a Task is one. */
export interface Caller {
  readonly fs: FsContext;
  readonly cred: FsCred;
}

export const WALK = {
  /** Follow a symbolic link in the last component. */
  follow: 1,
  /** Stop before the last component: it goes to `last`. */
  parent: 2,
} as const;

export class Walker {
  private readonly cache: DentryCache;
  private who!: Caller;
  private links = 0;
  mount!: Mount;
  dentry!: Dentry;
  /** WALK.parent: the last component ('.', '..' and '/' included), and whether slashes follow it. */
  last = '';
  trailingSlash = false;

  constructor(cache: DentryCache) {
    this.cache = cache;
  }

  /** Walks `name` from `start` (null: the working directory). The result is in mount, dentry (and last). */
  walk(who: Caller, start: VfsPath | null, name: string, flags: number): void {
    if (name === '') throw linuxError(ENOENT);
    if (name.length >= PATH_MAX) throw linuxError(ENAMETOOLONG);
    this.cache.trim();
    this.who = who;
    this.links = 0;
    const from = start ?? who.fs.cwd;
    this.mount = from.mount;
    this.dentry = from.dentry;
    this.resolve(name, flags);
  }

  /** Goes on in the directory reached so far: the text of a link found there (open with O_CREAT). */
  continueWith(link: Dentry, flags: number): void {
    this.followLink(link, flags);
  }

  path(): VfsPath {
    return new VfsPath(this.mount, this.dentry);
  }

  private resolve(name: string, flags: number): void {
    let at = 0;
    if (name.charCodeAt(0) === SLASH) {
      this.mount = this.who.fs.root.mount;
      this.dentry = this.who.fs.root.dentry;
      at = skipSlashes(name, 0);
    }
    if (at === name.length) {
      // Only slashes: the root itself.
      this.last = '/';
      this.trailingSlash = false;
      return;
    }
    for (;;) {
      this.checkSearch();
      let end = name.indexOf('/', at);
      if (end < 0) end = name.length;
      const component = name.slice(at, end);
      at = skipSlashes(name, end);
      const isLast = at === name.length;
      if (isLast && (flags & WALK.parent) !== 0) {
        this.last = component;
        this.trailingSlash = end < name.length;
        return;
      }
      const slash = end < name.length;
      this.step(component, !isLast || slash || (flags & WALK.follow) !== 0);
      if (isLast) {
        if (slash && !this.dentry.isDirectory) throw linuxError(ENOTDIR);
        return;
      }
    }
  }

  private checkSearch(): void {
    const { dentry } = this;
    if (!dentry.isDirectory) throw linuxError(ENOTDIR);
    if (!mayAccess(this.who.cred, dentry.inode!, MAY_EXEC)) throw linuxError(EACCES);
  }

  /** One component; throws ENOENT if there is none. */
  private step(component: string, follow: boolean): void {
    if (component === '.') return;
    if (component === '..') {
      this.up();
      return;
    }
    const child = this.cache.lookup(this.dentry, component);
    if (child.inode === null) throw linuxError(ENOENT);
    if ((child.inode.mode & S_IFMT) === S_IFLNK && follow) {
      this.followLink(child, WALK.follow);
      return;
    }
    this.enter(child);
  }

  /** Goes to a dentry of this mount, and through what is mounted there. */
  enter(d: Dentry): void {
    this.dentry = d;
    let m = mountedOn(this.mount, d);
    while (m !== null) {
      this.mount = m;
      this.dentry = m.root;
      m = mountedOn(m, m.root);
    }
  }

  /** `..`: stays at the root directory, and leaves a mount by its mount point. */
  up(): void {
    const { root } = this.who.fs;
    let { mount, dentry } = this;
    for (;;) {
      if (mount === root.mount && dentry === root.dentry) return;
      if (dentry !== mount.root) break;
      if (mount.parent === null || mount.point === null) return;
      dentry = mount.point;
      mount = mount.parent;
    }
    this.mount = mount;
    this.enter(dentry.parent ?? dentry);
  }

  private followLink(link: Dentry, flags: number): void {
    if (++this.links > MAX_LINKS) throw linuxError(ELOOP);
    const inode = link.inode!;
    if (inode.followMagic !== undefined) {
      const to = inode.followMagic();
      if (!(to instanceof VfsPath)) throw linuxError(ENOENT);
      this.mount = to.mount;
      this.dentry = to.dentry;
      this.last = '';
      return;
    }
    const text = inode.readlink();
    if (text === '') throw linuxError(ENOENT);
    this.resolve(text, flags);
  }
}

function skipSlashes(s: string, at: number): number {
  let i = at;
  while (i < s.length && s.charCodeAt(i) === SLASH) i++;
  return i;
}
