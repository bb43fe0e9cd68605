/** open and close, descriptors (dup, fcntl, ioctl), flock. */

import { EAGAIN, EINVAL, ENOTTY, linuxError } from '../../errno.ts';
import {
  CString,
  DirFd,
  Enum,
  Fd,
  Flags,
  Hex,
  HexInt,
  Mode,
  OpenFlags,
  OpenMode,
  Ptr,
  Size,
  UInt,
} from '../../syscall/args.ts';
import { FcntlArg } from '../../syscall/fcntl-arg.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { setAsync } from '../async-io.ts';
import {
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  LOCK_SH,
  LOCK_UN,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_LARGEFILE,
  O_NONBLOCK,
  O_PATH,
  O_TRUNC,
  O_WRONLY,
  VALID_OPEN_FLAGS,
} from '../constants.ts';
import { BaseFile } from '../file.ts';
import { lockQueue, releaseFlock, tryFlock } from '../locks.ts';
import { inodeOf, readPath, startOf } from './common.ts';
import { FCNTL_NAMES, sysFcntl } from './fcntl.ts';
import { sysOpenat2 } from './openat2.ts';

function openAt(sys: Sys, dirfd: number, addr: number, flags: number, mode: number): number {
  const { task, kernel } = sys;
  const name = readPath(sys, addr);
  task.files.checkRoom();
  const start = startOf(sys, dirfd, name);
  const wanted = (flags & VALID_OPEN_FLAGS & ~O_CLOEXEC) | (flags & O_PATH ? 0 : O_LARGEFILE);
  const file = kernel.vfs.open(sys, task, start, name, wanted, mode);
  if (typeof file === 'number') return file;
  return task.files.install(file, (flags & O_CLOEXEC) !== 0);
}

function sysOpen(sys: Sys, a: { filename: number; flags: number; mode: number }): number {
  return openAt(sys, AT_FDCWD, a.filename, a.flags, a.mode);
}

function sysOpenat(
  sys: Sys,
  a: { dfd: number; filename: number; flags: number; mode: number },
): number {
  return openAt(sys, a.dfd, a.filename, a.flags, a.mode);
}

function sysCreat(sys: Sys, a: { pathname: number; mode: number }): number {
  return openAt(sys, AT_FDCWD, a.pathname, O_CREAT | O_WRONLY | O_TRUNC, a.mode);
}

function sysClose(sys: Sys, { fd }: { fd: number }): number {
  sys.task.files.close(fd);
  return 0;
}

const CLOSE_RANGE_UNSHARE = 2;
const CLOSE_RANGE_CLOEXEC = 4;

function sysCloseRange(sys: Sys, a: { first: number; last: number; flags: number }): number {
  if (a.flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) throw linuxError(EINVAL);
  if (a.first > a.last) throw linuxError(EINVAL);
  const { task } = sys;
  if (a.flags & CLOSE_RANGE_UNSHARE) {
    const own = task.files.clone();
    task.files.release();
    task.files = own;
  }
  const end = Math.min(a.last + 1, task.files.size);
  for (let fd = a.first; fd < end; fd++) {
    if (!task.files.has(fd)) continue;
    if (a.flags & CLOSE_RANGE_CLOEXEC) task.files.setCloexec(fd, true);
    else task.files.close(fd);
  }
  return 0;
}

function sysDup(sys: Sys, { oldfd }: { oldfd: number }): number {
  const { files } = sys.task;
  return files.install(files.getAny(oldfd), false);
}

function sysDup2(sys: Sys, { oldfd, newfd }: { oldfd: number; newfd: number }): number {
  const { files } = sys.task;
  const file = files.getAny(oldfd);
  if (oldfd !== newfd) files.installAt(newfd, file, false);
  return newfd;
}

function sysDup3(sys: Sys, a: { oldfd: number; newfd: number; flags: number }): number {
  if (a.flags & ~O_CLOEXEC || a.oldfd === a.newfd) throw linuxError(EINVAL);
  const { files } = sys.task;
  files.installAt(a.newfd, files.getAny(a.oldfd), (a.flags & O_CLOEXEC) !== 0);
  return a.newfd;
}

const FIOCLEX = 0x5451;
const FIONCLEX = 0x5450;
const FIONBIO = 0x5421;
const FIOASYNC = 0x5452;

/** The requests that are about the description itself; others go to the file. */
function sysIoctl(
  sys: Sys,
  { fd, request, argp }: { fd: number; request: number; argp: number },
): number {
  const file = sys.task.files.get(fd);
  switch (request) {
    case FIOCLEX:
    case FIONCLEX:
      sys.task.files.setCloexec(fd, request === FIOCLEX);
      return 0;
    case FIONBIO:
      if (sys.mem.readI32(argp) === 0) file.flags &= ~O_NONBLOCK;
      else file.flags |= O_NONBLOCK;
      return 0;
    case FIOASYNC: {
      const on = sys.mem.readI32(argp) !== 0;
      if (on === ((file.flags & O_ASYNC) !== 0)) return 0;
      if (!(file instanceof BaseFile) || !file.canSignal) throw linuxError(ENOTTY);
      setAsync(sys, file, fd, on);
      return 0;
    }
    default:
      return file.ioctl(sys, request, argp);
  }
}

function sysFlock(sys: Sys, { fd, operation }: { fd: number; operation: number }): number {
  const file = sys.task.files.get(fd);
  const inode = inodeOf(file);
  const kind = operation & ~LOCK_NB;
  if (kind === LOCK_UN) {
    releaseFlock(inode, file);
    return 0;
  }
  if (kind !== LOCK_SH && kind !== LOCK_EX) throw linuxError(EINVAL);
  if (tryFlock(inode, file, kind === LOCK_EX, sys.task.tgid)) return 0;
  if (operation & LOCK_NB) throw linuxError(EAGAIN);
  return sys.block([lockQueue(inode)]);
}

const LOCK_NAMES = { LOCK_SH, LOCK_EX, LOCK_UN, LOCK_NB } as const;
const CLOSE_RANGE_NAMES = { CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC } as const;

export const OPEN_SYSCALLS: readonly SyscallRow[] = [
  syscall(2, 'open', { filename: CString, flags: OpenFlags, mode: OpenMode }, sysOpen),
  syscall(3, 'close', { fd: Fd }, sysClose),
  // The request is an unsigned int: C libraries pass those of 0x80000000 and above sign-extended.
  syscall(
    16,
    'ioctl',
    { fd: Fd, request: HexInt, argp: Hex },
    sysIoctl,
    'requests of block devices, FS_IOC_* and FICLONE',
  ),
  syscall(32, 'dup', { oldfd: Fd }, sysDup),
  syscall(33, 'dup2', { oldfd: Fd, newfd: Fd }, sysDup2),
  syscall(
    72,
    'fcntl',
    { fd: Fd, cmd: Enum('F', FCNTL_NAMES), arg: FcntlArg },
    sysFcntl,
    'leases (F_SETLEASE)',
  ),
  syscall(73, 'flock', { fd: Fd, operation: Flags('LOCK', LOCK_NAMES) }, sysFlock),
  syscall(85, 'creat', { pathname: CString, mode: Mode }, sysCreat),
  syscall(
    257,
    'openat',
    { dfd: DirFd, filename: CString, flags: OpenFlags, mode: OpenMode },
    sysOpenat,
  ),
  syscall(292, 'dup3', { oldfd: Fd, newfd: Fd, flags: OpenFlags }, sysDup3),
  syscall(
    436,
    'close_range',
    { first: UInt, last: UInt, flags: Flags('CLOSE_RANGE', CLOSE_RANGE_NAMES) },
    sysCloseRange,
  ),
  syscall(437, 'openat2', { dfd: DirFd, filename: CString, how: Ptr, usize: Size }, sysOpenat2),
];
