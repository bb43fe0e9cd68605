/**
 * Flags of files that chattr(1) sets (ioctl_iflags(2), FS_*_FL of include/uapi/linux/fs.h). What they forbid is checked
 * where Linux does: IS_IMMUTABLE() and IS_APPEND() in fs/namei.c, attr.c, open.c, xattr.c and mm/mmap.c.
 */

import { CAP } from '../cred/cred.ts';
import { ENOTTY, EPERM, EROFS, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { VfsPath } from './path.ts';
import { checkOwner, FS_IMMUTABLE_FL } from './permissions.ts';
import type { Inode, Path } from './types.ts';

export const FS_SYNC_FL = 0x8;
export const FS_APPEND_FL = 0x20;
export const FS_NOATIME_FL = 0x80;

export const FS_IOC_GETFLAGS = 0x80086601;
export const FS_IOC_SETFLAGS = 0x40086602;

function has(inode: Inode, flags: number): boolean {
  return ((inode.attributeFlags ?? 0) & flags) !== 0;
}

export function isImmutable(inode: Inode): boolean {
  return has(inode, FS_IMMUTABLE_FL);
}

export function isAppendOnly(inode: Inode): boolean {
  return has(inode, FS_APPEND_FL);
}

export function isSynchronous(inode: Inode): boolean {
  return has(inode, FS_SYNC_FL);
}

/** Reading leaves the access time alone. */
export function keepsAtime(inode: Inode): boolean {
  return has(inode, FS_NOATIME_FL);
}

/** Throws EPERM if the file is immutable or can only be appended to. */
export function checkChangeable(inode: Inode): void {
  if (has(inode, FS_IMMUTABLE_FL | FS_APPEND_FL)) throw linuxError(EPERM);
}

/** FS_IOC_GETFLAGS and FS_IOC_SETFLAGS of an open file or directory (fs/file_attr.c). */
export function ioctlFlags(
  sys: Sys,
  inode: Inode,
  path: Path | null,
  request: number,
  arg: number,
): number {
  const old = inode.attributeFlags;
  if (old === undefined || inode.setAttributeFlags === undefined) throw linuxError(ENOTTY);
  if (request === FS_IOC_GETFLAGS) {
    sys.mem.writeU32(arg, old);
    return 0;
  }
  const flags = sys.mem.readU32(arg);
  if (path instanceof VfsPath && path.mount.readOnly) throw linuxError(EROFS);
  const { cred } = sys.task;
  checkOwner(cred, inode);
  const guarded = (flags ^ old) & (FS_APPEND_FL | FS_IMMUTABLE_FL);
  if (guarded !== 0 && !cred.has(CAP.LINUX_IMMUTABLE)) throw linuxError(EPERM);
  inode.setAttributeFlags(flags);
  return 0;
}
