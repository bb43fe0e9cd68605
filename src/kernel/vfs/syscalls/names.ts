/** Calls that change directories, and working and root directory. */

import {
  EBUSY,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ENOTDIR,
  EPERM,
  ERANGE,
  linuxError,
} from '../../errno.ts';
import {
  CString,
  CStringOut,
  DirFd,
  Fd,
  Flags,
  Hex,
  HexInt,
  Mode,
  Size,
} from '../../syscall/args.ts';
import { refused, type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  PATH_MAX,
  RENAME_EXCHANGE,
  RENAME_NOREPLACE,
  RENAME_WHITEOUT,
} from '../constants.ts';
import {
  checkNodeMode,
  makeDirectory,
  makeLink,
  makeNode,
  makeSymlink,
  removeDirectory,
  removeFile,
  renameName,
} from '../names.ts';
import { VfsPath } from '../path.ts';
import { CAP_DAC_READ_SEARCH, CAP_SYS_CHROOT } from '../permissions.ts';
import { checkFlags, lookupAt, readPath, startOf } from './common.ts';

function mkdirAt(sys: Sys, dirfd: number, addr: number, mode: number): number {
  const name = readPath(sys, addr);
  makeDirectory(sys.kernel.vfs, sys.task, startOf(sys, dirfd, name), name, mode);
  return 0;
}

function mknodAt(sys: Sys, dirfd: number, addr: number, mode: number, dev: number): number {
  const name = readPath(sys, addr);
  const bits = checkNodeMode(sys.task, mode);
  makeNode(sys.kernel.vfs, sys.task, startOf(sys, dirfd, name), name, bits, dev >>> 0);
  return 0;
}

function unlinkAt(sys: Sys, dirfd: number, addr: number, flags: number): number {
  checkFlags(flags, AT_REMOVEDIR);
  const name = readPath(sys, addr);
  const remove = flags & AT_REMOVEDIR ? removeDirectory : removeFile;
  remove(sys.kernel.vfs, sys.task, startOf(sys, dirfd, name), name);
  return 0;
}

function symlinkAt(sys: Sys, target: number, dirfd: number, addr: number): number {
  const text = readPath(sys, target);
  if (text === '') throw linuxError(ENOENT);
  const name = readPath(sys, addr);
  makeSymlink(sys.kernel.vfs, sys.task, startOf(sys, dirfd, name), name, text);
  return 0;
}

function linkAt(
  sys: Sys,
  olddfd: number,
  oldname: number,
  newdfd: number,
  newname: number,
  flags: number,
): number {
  checkFlags(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH);
  if (flags & AT_EMPTY_PATH && !sys.task.cred.has(CAP_DAC_READ_SEARCH)) throw linuxError(ENOENT);
  const nofollow = flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW;
  const from = lookupAt(sys, olddfd, oldname, (flags & AT_EMPTY_PATH) | nofollow);
  const name = readPath(sys, newname);
  makeLink(sys.kernel.vfs, sys.task, from, startOf(sys, newdfd, name), name);
  return 0;
}

function renameAt(
  sys: Sys,
  olddfd: number,
  oldname: number,
  newdfd: number,
  newname: number,
  flags: number,
): number {
  checkFlags(flags, RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT);
  if (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) {
    throw linuxError(EINVAL);
  }
  // Only overlayfs uses it, and no file system here offers it.
  if (flags & RENAME_WHITEOUT) throw linuxError(EINVAL);
  const from = readPath(sys, oldname);
  const to = readPath(sys, newname);
  const { vfs } = sys.kernel;
  const fromStart = startOf(sys, olddfd, from);
  renameName(vfs, sys.task, fromStart, from, startOf(sys, newdfd, to), to, flags);
  return 0;
}

function sysGetcwd(sys: Sys, { buf, size }: { buf: number; size: number }): number {
  const { cwd, root } = sys.task.fs;
  if (cwd.dentry.unlinked) throw linuxError(ENOENT);
  const name = cwd.relativeTo(root) ?? `(unreachable)${cwd.absolute()}`;
  if (name.length + 1 > PATH_MAX) throw linuxError(ENAMETOOLONG);
  if (name.length + 1 > size) throw linuxError(ERANGE);
  const bytes = new Uint8Array(name.length + 1);
  for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
  sys.mem.copyOut(buf, bytes, 0, bytes.length);
  return bytes.length;
}

function sysChdir(sys: Sys, { path }: { path: number }): number {
  const { task, kernel } = sys;
  task.fs.setCwd(kernel.vfs.lookupDirectory(task, readPath(sys, path)));
  return 0;
}

function sysFchdir(sys: Sys, { fd }: { fd: number }): number {
  const { path } = sys.task.files.getAny(fd);
  if (!(path instanceof VfsPath)) throw linuxError(ENOTDIR);
  sys.kernel.vfs.checkDirectory(sys.task, path);
  sys.task.fs.setCwd(path);
  return 0;
}

function sysChroot(sys: Sys, { path }: { path: number }): number {
  const { task, kernel } = sys;
  const root = kernel.vfs.lookupDirectory(task, readPath(sys, path));
  if (!task.cred.has(CAP_SYS_CHROOT)) throw linuxError(EPERM);
  task.fs.setRoot(root);
  return 0;
}

function sysUmask(sys: Sys, { mask }: { mask: number }): number {
  const { fs } = sys.task;
  const old = fs.umask;
  fs.umask = mask & 0o777;
  return old;
}

const AT_UNLINK_NAMES = { AT_REMOVEDIR } as const;
const AT_LINK_NAMES = { AT_SYMLINK_FOLLOW, AT_EMPTY_PATH } as const;
const RENAME_NAMES = { RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT } as const;

const pathMode = { pathname: CString, mode: Mode } as const;
const twoPaths = { oldname: CString, newname: CString } as const;
const twoPathsAt = { olddfd: DirFd, oldname: CString, newdfd: DirFd, newname: CString } as const;

export const NAME_SYSCALLS: readonly SyscallRow[] = [
  syscall(79, 'getcwd', { buf: CStringOut, size: Size }, sysGetcwd),
  syscall(80, 'chdir', { path: CString }, sysChdir),
  syscall(81, 'fchdir', { fd: Fd }, sysFchdir),
  syscall(82, 'rename', twoPaths, (sys, a) =>
    renameAt(sys, AT_FDCWD, a.oldname, AT_FDCWD, a.newname, 0),
  ),
  syscall(83, 'mkdir', pathMode, (sys, a) => mkdirAt(sys, AT_FDCWD, a.pathname, a.mode)),
  syscall(84, 'rmdir', { pathname: CString }, (sys, a) =>
    unlinkAt(sys, AT_FDCWD, a.pathname, AT_REMOVEDIR),
  ),
  syscall(86, 'link', twoPaths, (sys, a) =>
    linkAt(sys, AT_FDCWD, a.oldname, AT_FDCWD, a.newname, 0),
  ),
  syscall(87, 'unlink', { pathname: CString }, (sys, a) => unlinkAt(sys, AT_FDCWD, a.pathname, 0)),
  syscall(88, 'symlink', twoPaths, (sys, a) => symlinkAt(sys, a.oldname, AT_FDCWD, a.newname)),
  syscall(95, 'umask', { mask: Mode }, sysUmask),
  syscall(133, 'mknod', { ...pathMode, dev: Hex }, (sys, a) =>
    mknodAt(sys, AT_FDCWD, a.pathname, a.mode, a.dev),
  ),
  // Containers' init programs fall back to MS_MOVE and chroot.
  refused(
    155,
    'pivot_root',
    { new_root: CString, put_old: CString },
    EBUSY,
    'the first root file system stays',
  ),
  syscall(161, 'chroot', { path: CString }, sysChroot),
  syscall(258, 'mkdirat', { dfd: DirFd, ...pathMode }, (sys, a) =>
    mkdirAt(sys, a.dfd, a.pathname, a.mode),
  ),
  syscall(259, 'mknodat', { dfd: DirFd, ...pathMode, dev: HexInt }, (sys, a) =>
    mknodAt(sys, a.dfd, a.pathname, a.mode, a.dev),
  ),
  syscall(
    263,
    'unlinkat',
    { dfd: DirFd, pathname: CString, flag: Flags('AT', AT_UNLINK_NAMES) },
    (sys, a) => unlinkAt(sys, a.dfd, a.pathname, a.flag),
  ),
  syscall(264, 'renameat', twoPathsAt, (sys, a) =>
    renameAt(sys, a.olddfd, a.oldname, a.newdfd, a.newname, 0),
  ),
  syscall(265, 'linkat', { ...twoPathsAt, flags: Flags('AT', AT_LINK_NAMES) }, (sys, a) =>
    linkAt(sys, a.olddfd, a.oldname, a.newdfd, a.newname, a.flags),
  ),
  syscall(266, 'symlinkat', { oldname: CString, newdfd: DirFd, newname: CString }, (sys, a) =>
    symlinkAt(sys, a.oldname, a.newdfd, a.newname),
  ),
  syscall(
    316,
    'renameat2',
    { ...twoPathsAt, flags: Flags('RENAME', RENAME_NAMES) },
    (sys, a) => renameAt(sys, a.olddfd, a.oldname, a.newdfd, a.newname, a.flags),
    'RENAME_WHITEOUT',
  ),
];
