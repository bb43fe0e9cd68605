/**
 * Path walk (path_resolution(7), fs/namei.c): component by component, through mounts, symbolic and
 * magic links, with search permission on every directory.
 *
 * Invariants: `..` never leaves the root directory; at most MAX_LINKS links are followed in one walk;
 * a component is at most NAME_MAX bytes (the dentry cache checks that). One Walker is reused for all walks of a machine: a walk never
 * starts another one, and its result is read before the next.
 */

import { EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV, linuxError } from '../errno.ts';
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

/** How openat2(2) wants a path resolved. */
export const RESOLVE = {
  NO_XDEV: 1,
  NO_MAGICLINKS: 2,
  NO_SYMLINKS: 4,
  BENEATH: 8,
  IN_ROOT: 16,
  CACHED: 32,
} as const;
const SCOPED = RESOLVE.BENEATH | RESOLVE.IN_ROOT;

export class Walker {
  /** RESOLVE_* of the walks to come. */
  scope = 0;
  /** Where `..` and absolute names lead at most. */
  private topMount!: Mount;
  private topDentry!: Dentry;
  /** Linux looks for the root when it needs it, and takes a jump to it before that for another mount. */
  private rootKnown = false;
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
    const top = (this.scope & SCOPED) !== 0 ? from : who.fs.root;
    this.topMount = top.mount;
    this.topDentry = top.dentry;
    this.rootKnown = name.charCodeAt(0) === SLASH;
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
      if ((this.scope & RESOLVE.BENEATH) !== 0) throw linuxError(EXDEV);
      if (this.links > 0 && (!this.rootKnown || this.mount !== this.topMount)) this.leavesMount();
      this.mount = this.topMount;
      this.dentry = this.topDentry;
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
      this.leavesMount();
      this.mount = m;
      this.dentry = m.root;
      m = mountedOn(m, m.root);
    }
  }

  private leavesMount(): void {
    if ((this.scope & RESOLVE.NO_XDEV) !== 0) throw linuxError(EXDEV);
  }

  /** `..`: stays at the root directory, and leaves a mount by its mount point. */
  up(): void {
    let { mount, dentry } = this;
    this.rootKnown = true;
    for (;;) {
      if (mount === this.topMount && dentry === this.topDentry) {
        if ((this.scope & RESOLVE.BENEATH) !== 0) throw linuxError(EXDEV);
        return;
      }
      if (dentry !== mount.root) break;
      if (mount.parent === null || mount.point === null) return;
      this.leavesMount();
      dentry = mount.point;
      mount = mount.parent;
    }
    this.mount = mount;
    this.enter(dentry.parent ?? dentry);
  }

  private followLink(link: Dentry, flags: number): void {
    if (++this.links > MAX_LINKS) throw linuxError(ELOOP);
    if ((this.scope & RESOLVE.NO_SYMLINKS) !== 0) throw linuxError(ELOOP);
    const inode = link.inode!;
    if (inode.followMagic !== undefined) {
      if ((this.scope & RESOLVE.NO_MAGICLINKS) !== 0) throw linuxError(ELOOP);
      if ((this.scope & SCOPED) !== 0) throw linuxError(EXDEV);
      const to = inode.followMagic();
      if (!(to instanceof VfsPath)) throw linuxError(ENOENT);
      if (to.mount !== this.mount) this.leavesMount();
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
