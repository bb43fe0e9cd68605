/** What file system calls share: reading paths, and where a path relative to a descriptor starts. */

import {
  EBADF,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  LinuxError,
  linuxError,
} from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import { pathOfFile } from '../anonymous.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_ACCMODE,
  O_RDONLY,
  O_WRONLY,
  PATH_MAX,
} from '../constants.ts';
import { VfsPath } from '../path.ts';
import type { Inode, OpenFile } from '../types.ts';

/** A path of the caller, as Latin-1; EFAULT, ENAMETOOLONG. */
export function readPath(sys: Sys, addr: number): string {
  return sys.mem.readCString(addr, PATH_MAX);
}

/** A name of at most `max` bytes; the errno `tooLong` for more. */
export function readShortName(sys: Sys, addr: number, max: number, tooLong: number): string {
  try {
    return sys.mem.readCString(addr, max + 1);
  } catch (e) {
    if (e instanceof LinuxError && e.errno === ENAMETOOLONG) throw linuxError(tooLong);
    throw e;
  }
}

/** Where a relative `name` starts: null for the working directory. Absolute names ignore `dirfd`. */
export function startOf(sys: Sys, dirfd: number, name: string): VfsPath | null {
  if (dirfd === AT_FDCWD || name.charCodeAt(0) === 47) return null;
  const file = sys.task.files.getAny(dirfd);
  if (!(file.path instanceof VfsPath)) throw linuxError(ENOTDIR);
  return file.path;
}

/** The object that an *at call names; with AT_EMPTY_PATH and "" that is `dirfd` itself. */
export function lookupAt(sys: Sys, dirfd: number, addr: number, flags: number): VfsPath {
  const name = flags & AT_EMPTY_PATH && addr === 0 ? '' : readPath(sys, addr);
  if (name === '') {
    if ((flags & AT_EMPTY_PATH) === 0) throw linuxError(ENOENT);
    if (dirfd === AT_FDCWD) return sys.task.fs.cwd;
    return pathOfFile(sys.task.files.getAny(dirfd));
  }
  const follow = (flags & AT_SYMLINK_NOFOLLOW) === 0;
  return sys.kernel.vfs.lookup(sys.task, startOf(sys, dirfd, name), name, follow);
}

/** Refuses flags that a call does not know. */
export function checkFlags(flags: number, known: number): void {
  if (flags & ~known) throw linuxError(EINVAL);
}

export function readableFile(sys: Sys, fd: number): OpenFile {
  const file = sys.task.files.get(fd);
  const access = file.flags & O_ACCMODE;
  if (access === O_WRONLY || access === O_ACCMODE) throw linuxError(EBADF);
  return file;
}

export function writableFile(sys: Sys, fd: number): OpenFile {
  const file = sys.task.files.get(fd);
  const access = file.flags & O_ACCMODE;
  if (access === O_RDONLY || access === O_ACCMODE) throw linuxError(EBADF);
  return file;
}

/** The inode of an open file; EINVAL for those without one. */
export function inodeOf(file: OpenFile): Inode {
  if (file.inode === null) throw linuxError(EINVAL);
  return file.inode;
}
