/**
 * Operations that change directories: mkdir, mknod, symlink, link, unlink, rmdir, rename (fs/namei.c).
 * Each checks in Linux's order, asks the file system, keeps the dentry cache in step and reports to
 * inotify.
 */

import {
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EROFS,
  EXDEV,
  linuxError,
} from '../errno.ts';
import {
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
} from './constants.ts';
import type { Dentry } from './dentry.ts';
import { checkChangeable, isAppendOnly } from './inode-flags.ts';
import { isLinkable } from './linkable.ts';
import { nextCookie, notifyEntry, notifySelf } from './notify.ts';
import type { VfsPath } from './path.ts';
import {
  CAP_MKNOD,
  checkAccess,
  checkSticky,
  MAY_EXEC,
  MAY_WRITE,
  newGroup,
  newMode,
} from './permissions.ts';
import type { Inode } from './types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from './types.ts';
import type { Vfs } from './vfs.ts';
import { type Caller, WALK } from './walk.ts';

/** A directory and an entry of it, existing or not. */
interface Place {
  readonly dir: VfsPath;
  readonly name: string;
  readonly trailingSlash: boolean;
}

function place(vfs: Vfs, who: Caller, start: VfsPath | null, name: string): Place {
  const w = vfs.walker;
  w.walk(who, start, name, WALK.parent);
  return { dir: w.path(), name: w.last, trailingSlash: w.trailingSlash };
}

function isPlain(name: string): boolean {
  return name !== '.' && name !== '..' && name !== '/';
}

function isMountPoint(d: Dentry): boolean {
  return d.mounts !== null;
}

function checkMayCreate(who: Caller, dir: VfsPath): void {
  if (dir.dentry.unlinked || dir.inode.nlink === 0) throw linuxError(ENOENT);
  checkAccess(who.cred, dir.inode, MAY_WRITE | MAY_EXEC);
}

/** may_delete in fs/namei.c. */
function checkMayDelete(who: Caller, dir: VfsPath, victim: Dentry, asDirectory: boolean): void {
  checkAccess(who.cred, dir.inode, MAY_WRITE | MAY_EXEC);
  if (isAppendOnly(dir.inode)) throw linuxError(EPERM);
  checkSticky(who.cred, dir.inode, victim.inode!);
  checkChangeable(victim.inode!);
  if (asDirectory && !victim.isDirectory) throw linuxError(ENOTDIR);
  if (!asDirectory && victim.isDirectory) throw linuxError(EISDIR);
  if (isMountPoint(victim)) throw linuxError(EBUSY);
}

/** Where a new name goes; throws EEXIST, EROFS … as Linux orders them (filename_create). */
function newPlace(
  vfs: Vfs,
  who: Caller,
  start: VfsPath | null,
  name: string,
  isDirectory: boolean,
): Place {
  const p = place(vfs, who, start, name);
  if (!isPlain(p.name)) throw linuxError(EEXIST);
  const existing = vfs.dentries.lookup(p.dir.dentry, p.name);
  if (existing.inode !== null) throw linuxError(EEXIST);
  if (p.trailingSlash && !isDirectory) throw linuxError(ENOENT);
  if (p.dir.mount.readOnly) throw linuxError(EROFS);
  checkMayCreate(who, p.dir);
  return p;
}

function created(vfs: Vfs, { dir, name }: Place, inode: Inode): Inode {
  vfs.dentries.add(dir.dentry, name, inode);
  notifyEntry(dir.inode, name, inode, IN_CREATE);
  return inode;
}

export function makeDirectory(
  vfs: Vfs,
  who: Caller,
  start: VfsPath | null,
  name: string,
  mode: number,
): Inode {
  return makeNode(vfs, who, start, name, S_IFDIR | (mode & 0o1777), 0);
}

/** mknod(2), also for directories; `mode` includes the type. */
export function makeNode(
  vfs: Vfs,
  who: Caller,
  start: VfsPath | null,
  name: string,
  mode: number,
  rdev: number,
): Inode {
  const type = mode & S_IFMT;
  const p = newPlace(vfs, who, start, name, type === S_IFDIR);
  const bits = newMode(who.cred, p.dir.inode, type | (mode & 0o7777 & ~who.fs.umask));
  const gid = newGroup(who.cred, p.dir.inode);
  return created(vfs, p, p.dir.inode.create(p.name, bits, who.cred.fsuid, gid, rdev));
}

/** The checks of mknod(2) on type and privilege. @returns the mode with its type */
export function checkNodeMode(who: Caller, mode: number): number {
  const type = mode & S_IFMT;
  switch (type) {
    case 0:
      return mode | S_IFREG;
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
      return mode;
    case S_IFCHR:
    case S_IFBLK:
      if (!who.cred.has(CAP_MKNOD)) throw linuxError(EPERM);
      return mode;
    case S_IFDIR:
      throw linuxError(EPERM);
    default:
      throw linuxError(EINVAL);
  }
}

export function makeSymlink(
  vfs: Vfs,
  who: Caller,
  start: VfsPath | null,
  name: string,
  target: string,
): void {
  const p = newPlace(vfs, who, start, name, false);
  const gid = newGroup(who.cred, p.dir.inode);
  created(vfs, p, p.dir.inode.symlink(p.name, target, who.cred.fsuid, gid));
}

/** link(2): `from` has been looked up by the caller. */
export function makeLink(
  vfs: Vfs,
  who: Caller,
  from: VfsPath,
  start: VfsPath | null,
  name: string,
): void {
  const p = newPlace(vfs, who, start, name, false);
  if (p.dir.mount !== from.mount) throw linuxError(EXDEV);
  checkChangeable(from.inode);
  if (from.dentry.isDirectory) throw linuxError(EPERM);
  if (from.inode.nlink === 0 && !isLinkable(from.inode)) throw linuxError(ENOENT);
  p.dir.inode.link(p.name, from.inode);
  created(vfs, p, from.inode);
  notifySelf(from.inode, IN_ATTRIB);
}

export function removeFile(vfs: Vfs, who: Caller, start: VfsPath | null, name: string): void {
  const p = place(vfs, who, start, name);
  if (!isPlain(p.name)) throw linuxError(EISDIR);
  if (p.dir.mount.readOnly) throw linuxError(EROFS);
  const victim = vfs.dentries.lookup(p.dir.dentry, p.name);
  if (victim.inode === null) throw linuxError(ENOENT);
  if (p.trailingSlash) throw linuxError(victim.isDirectory ? EISDIR : ENOTDIR);
  checkMayDelete(who, p.dir, victim, false);
  const { inode } = victim;
  inode.retain();
  try {
    p.dir.inode.unlink(p.name);
    vfs.dentries.drop(victim);
    notifySelf(inode, IN_ATTRIB);
    notifyEntry(p.dir.inode, p.name, inode, IN_DELETE);
  } finally {
    inode.release();
  }
}

export function removeDirectory(vfs: Vfs, who: Caller, start: VfsPath | null, name: string): void {
  const p = place(vfs, who, start, name);
  if (p.name === '..') throw linuxError(ENOTEMPTY);
  if (p.name === '.') throw linuxError(EINVAL);
  if (p.name === '/') throw linuxError(EBUSY);
  if (p.dir.mount.readOnly) throw linuxError(EROFS);
  const victim = vfs.dentries.lookup(p.dir.dentry, p.name);
  if (victim.inode === null) throw linuxError(ENOENT);
  checkMayDelete(who, p.dir, victim, true);
  const { inode } = victim;
  inode.retain();
  try {
    p.dir.inode.rmdir(p.name);
    vfs.dentries.drop(victim);
    notifyEntry(p.dir.inode, p.name, inode, IN_DELETE);
  } finally {
    inode.release();
  }
}

/** renameat2(2). */
export function renameName(
  vfs: Vfs,
  who: Caller,
  fromStart: VfsPath | null,
  fromName: string,
  toStart: VfsPath | null,
  toName: string,
  flags: number,
): void {
  const from = place(vfs, who, fromStart, fromName);
  const to = place(vfs, who, toStart, toName);
  if (from.dir.mount !== to.dir.mount) throw linuxError(EXDEV);
  if (!isPlain(from.name)) throw linuxError(EBUSY);
  if (!isPlain(to.name)) throw linuxError(flags & RENAME_NOREPLACE ? EEXIST : EBUSY);
  if (from.dir.mount.readOnly) throw linuxError(EROFS);
  const source = vfs.dentries.lookup(from.dir.dentry, from.name);
  if (source.inode === null) throw linuxError(ENOENT);
  const target = vfs.dentries.lookup(to.dir.dentry, to.name);
  if (flags & RENAME_NOREPLACE && target.inode !== null) throw linuxError(EEXIST);
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (exchange) {
    if (target.inode === null) throw linuxError(ENOENT);
    if (!target.isDirectory && to.trailingSlash) throw linuxError(ENOTDIR);
  }
  if (!source.isDirectory && (from.trailingSlash || (!exchange && to.trailingSlash))) {
    throw linuxError(ENOTDIR);
  }
  if (source.contains(to.dir.dentry)) throw linuxError(EINVAL);
  if (target.contains(from.dir.dentry)) throw linuxError(exchange ? EINVAL : ENOTEMPTY);
  if (source.inode === target.inode) return;
  checkRename(who, from, source, to, target, exchange);
  applyRename(vfs, from, source, to, target, flags);
}

function checkRename(
  who: Caller,
  from: Place,
  source: Dentry,
  to: Place,
  target: Dentry,
  exchange: boolean,
): void {
  checkMayDelete(who, from.dir, source, source.isDirectory);
  if (target.inode === null) checkMayCreate(who, to.dir);
  else checkMayDelete(who, to.dir, target, exchange ? target.isDirectory : source.isDirectory);
  // A directory that gets a new parent is itself written to ("..").
  if (from.dir.dentry === to.dir.dentry) return;
  if (source.isDirectory) checkAccess(who.cred, source.inode!, MAY_WRITE);
  if (exchange && target.isDirectory) checkAccess(who.cred, target.inode!, MAY_WRITE);
}

function applyRename(
  vfs: Vfs,
  from: Place,
  source: Dentry,
  to: Place,
  target: Dentry,
  flags: number,
): void {
  const moved = source.inode!;
  const replaced = target.inode;
  replaced?.retain();
  try {
    from.dir.inode.rename(from.name, to.dir.inode, to.name, flags);
    if (flags & RENAME_EXCHANGE) vfs.dentries.exchange(source, target);
    else vfs.dentries.move(source, to.dir.dentry, to.name);
    const cookie = nextCookie();
    notifyEntry(from.dir.inode, from.name, moved, IN_MOVED_FROM, cookie);
    notifyEntry(to.dir.inode, to.name, moved, IN_MOVED_TO, cookie);
    notifySelf(moved, IN_MOVE_SELF);
    if (replaced === null) return;
    if ((flags & RENAME_EXCHANGE) === 0) {
      notifySelf(replaced, IN_ATTRIB);
      return;
    }
    const back = nextCookie();
    notifyEntry(to.dir.inode, to.name, replaced, IN_MOVED_FROM, back);
    notifyEntry(from.dir.inode, from.name, replaced, IN_MOVED_TO, back);
    notifySelf(replaced, IN_MOVE_SELF);
  } finally {
    replaced?.release();
  }
}
