/**
 * Changes of attributes: chmod, chown, utimensat, truncate (fs/attr.c). Permission checks, the mode bits
 * that changes take away, and reports to inotify.
 */

import { EACCES, EINVAL, EISDIR, EPERM, EROFS, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { IN_ATTRIB, IN_MODIFY, MAX_FILE_SIZE, S_ISGID, S_ISUID } from './constants.ts';
import { checkChangeable, isImmutable } from './inode-flags.ts';
import { checkFileSize } from './limits.ts';
import { notifyInode } from './notify.ts';
import { VfsPath } from './path.ts';
import {
  CAP_CHOWN,
  CAP_FSETID,
  checkOwner,
  checkWritable,
  inGroup,
  isOwner,
  MAY_WRITE,
  mayAccess,
} from './permissions.ts';
import { modeAfterWrite } from './regular-file.ts';
import type { Inode, Path, SetAttr, Timespec } from './types.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from './types.ts';
import { checkNotRunning } from './write-access.ts';

/** uid_t / gid_t -1: leave as it is. */
export const KEEP_ID = 0xffffffff;

function checkNotReadOnly(path: Path | null): void {
  if (path instanceof VfsPath && path.mount.readOnly) throw linuxError(EROFS);
}

function apply(inode: Inode, path: Path | null, attr: SetAttr): void {
  inode.setattr(attr);
  notifyInode(inode, path, IN_ATTRIB);
}

export function changeMode(sys: Sys, inode: Inode, path: Path | null, mode: number): void {
  checkNotReadOnly(path);
  checkChangeable(inode);
  const { cred } = sys.task;
  checkOwner(cred, inode);
  let bits = (inode.mode & S_IFMT) | (mode & 0o7777);
  if (bits & S_ISGID && !inGroup(cred, inode.gid) && !cred.has(CAP_FSETID)) bits &= ~S_ISGID;
  apply(inode, path, { mode: bits, ctime: sys.kernel.clock.realtime() });
}

export function changeOwner(
  sys: Sys,
  inode: Inode,
  path: Path | null,
  uid: number,
  gid: number,
): void {
  checkNotReadOnly(path);
  if (isImmutable(inode) || uid !== KEEP_ID || gid !== KEEP_ID) checkChangeable(inode);
  const { cred } = sys.task;
  const privileged = cred.has(CAP_CHOWN);
  const owner = cred.fsuid === inode.uid;
  if (uid !== KEEP_ID && !privileged && !(owner && uid === inode.uid)) throw linuxError(EPERM);
  if (gid !== KEEP_ID && !privileged && !(owner && (gid === inode.gid || inGroup(cred, gid)))) {
    throw linuxError(EPERM);
  }
  const attr: SetAttr = { ctime: sys.kernel.clock.realtime() };
  if (uid !== KEEP_ID) attr.uid = uid;
  if (gid !== KEEP_ID) attr.gid = gid;
  if ((inode.mode & S_IFMT) !== S_IFDIR) {
    // Unlike after a write, privilege does not keep the bits (chown(2)).
    let mode = inode.mode & ~S_ISUID;
    if (mode & 0o010) mode &= ~S_ISGID;
    if (mode !== inode.mode) attr.mode = mode;
  }
  apply(inode, path, attr);
}

/** utimensat(2): null leaves a time as it is; `touch` is the case that only needs write permission. */
export function changeTimes(
  sys: Sys,
  inode: Inode,
  path: Path | null,
  atime: Timespec | null,
  mtime: Timespec | null,
  touch: boolean,
): void {
  checkNotReadOnly(path);
  if (!touch || isImmutable(inode)) checkChangeable(inode);
  const { cred } = sys.task;
  if (!isOwner(cred, inode)) {
    if (!touch) throw linuxError(EPERM);
    if (!mayAccess(cred, inode, MAY_WRITE)) throw linuxError(EACCES);
  }
  const attr: SetAttr = { ctime: sys.kernel.clock.realtime() };
  if (atime !== null) attr.atime = atime;
  if (mtime !== null) attr.mtime = mtime;
  apply(inode, path, attr);
}

/** truncate(2) of a path. */
export function truncatePath(sys: Sys, path: VfsPath, size: number): void {
  if ((path.inode.mode & S_IFMT) === S_IFDIR) throw linuxError(EISDIR);
  if ((path.inode.mode & S_IFMT) !== S_IFREG) throw linuxError(EINVAL);
  checkWritable(sys.task.cred, path);
  checkChangeable(path.inode);
  checkNotRunning(path.inode);
  truncateInode(sys, path.inode, path, size);
}

/** Sets the size of a file that may be written. */
export function truncateInode(sys: Sys, inode: Inode, path: Path | null, size: number): void {
  if (size < 0 || size > MAX_FILE_SIZE) throw linuxError(EINVAL);
  checkChangeable(inode);
  if (size > inode.size) checkFileSize(sys, size);
  const now = sys.kernel.clock.realtime();
  const mode = modeAfterWrite(sys, inode.mode);
  const attr: SetAttr = { size, mtime: now, ctime: now };
  if (mode !== inode.mode) attr.mode = mode;
  inode.setattr(attr);
  notifyInode(inode, path, IN_MODIFY);
}
