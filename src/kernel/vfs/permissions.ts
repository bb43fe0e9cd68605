/**
 * Permission checks of the VFS (path_resolution(7), credentials(7), capabilities(7); fs/namei.c
 * generic_permission). They use the file system ids, which follow the effective ids.
 */

import { EACCES, EPERM, EROFS, linuxError } from '../errno.ts';
import { S_ISGID, S_ISVTX } from './constants.ts';
import type { VfsPath } from './path.ts';
import type { Inode } from './types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFSOCK } from './types.ts';

/** See inode-flags.ts. */
export const FS_IMMUTABLE_FL = 0x10;

export const MAY_EXEC = 1;
export const MAY_WRITE = 2;
export const MAY_READ = 4;

export const CAP_CHOWN = 0;
export const CAP_DAC_OVERRIDE = 1;
export const CAP_DAC_READ_SEARCH = 2;
export const CAP_FOWNER = 3;
export const CAP_FSETID = 4;
export const CAP_SYS_CHROOT = 18;
export const CAP_SYS_ADMIN = 21;
export const CAP_MKNOD = 27;

/** The part of a task's credentials that file access looks at. */
export interface FsCred {
  readonly fsuid: number;
  readonly fsgid: number;
  readonly groups: readonly number[];
  /** Whether the effective capability set has CAP_* number `cap`. */
  has(cap: number): boolean;
}

/** Everything is allowed: the kernel itself, and the host side. */
export const KERNEL_CRED: FsCred = {
  fsuid: 0,
  fsgid: 0,
  groups: [],
  has: () => true,
};

export function inGroup(cred: FsCred, gid: number): boolean {
  return cred.fsgid === gid || cred.groups.includes(gid);
}

/** Whether `cred` may do all of `want` (MAY_*) with the inode. */
export function mayAccess(cred: FsCred, inode: Inode, want: number): boolean {
  const mode = inode.mode;
  let bits = mode;
  if (cred.fsuid === inode.uid) bits = mode >> 6;
  else if (inGroup(cred, inode.gid)) bits = mode >> 3;
  if ((want & ~bits & 7) === 0) return true;
  if ((mode & S_IFMT) === S_IFDIR) {
    if ((want & MAY_WRITE) === 0 && cred.has(CAP_DAC_READ_SEARCH)) return true;
    return cred.has(CAP_DAC_OVERRIDE);
  }
  if (want === MAY_READ && cred.has(CAP_DAC_READ_SEARCH)) return true;
  if ((want & MAY_EXEC) !== 0 && (mode & 0o111) === 0) return false;
  return cred.has(CAP_DAC_OVERRIDE);
}

/** inode_permission(): nobody writes what is immutable. */
export function checkAccess(cred: FsCred, inode: Inode, want: number): void {
  if ((want & MAY_WRITE) !== 0 && (inode.attributeFlags ?? 0) & FS_IMMUTABLE_FL)
    throw linuxError(EPERM);
  if (!mayAccess(cred, inode, want)) throw linuxError(EACCES);
}

/** Write access to what a path names, including that of its mount. */
export function checkWritable(cred: FsCred, path: VfsPath): void {
  const type = path.inode.mode & S_IFMT;
  const special = type === S_IFCHR || type === S_IFBLK || type === S_IFIFO || type === S_IFSOCK;
  if (!special && path.mount.readOnly) throw linuxError(EROFS);
  checkAccess(cred, path.inode, MAY_WRITE);
}

/** Owner of the file, or privileged: chmod, utimes, … */
export function isOwner(cred: FsCred, inode: Inode): boolean {
  return cred.fsuid === inode.uid || cred.has(CAP_FOWNER);
}

export function checkOwner(cred: FsCred, inode: Inode): void {
  if (!isOwner(cred, inode)) throw linuxError(EPERM);
}

/** May `cred` remove `victim` from `dir` (write permission has been checked)? Sticky directories say no. */
export function checkSticky(cred: FsCred, dir: Inode, victim: Inode): void {
  if ((dir.mode & S_ISVTX) === 0) return;
  if (cred.fsuid === victim.uid || cred.fsuid === dir.uid || cred.has(CAP_FOWNER)) return;
  throw linuxError(EPERM);
}

/** Group of a new file in `dir` (a set-group-ID directory hands its group on). */
export function newGroup(cred: FsCred, dir: Inode): number {
  return dir.mode & S_ISGID ? dir.gid : cred.fsgid;
}

/** Mode of a new file in `dir`: directories inherit S_ISGID; others may not claim a group they are not in. */
export function newMode(cred: FsCred, dir: Inode, mode: number): number {
  if ((dir.mode & S_ISGID) === 0) return mode;
  if ((mode & S_IFMT) === S_IFDIR) return mode | S_ISGID;
  const execGroup = (mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010);
  if (execGroup && !inGroup(cred, dir.gid) && !cred.has(CAP_FSETID)) return mode & ~S_ISGID;
  return mode;
}
