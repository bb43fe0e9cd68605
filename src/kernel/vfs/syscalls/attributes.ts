/** chmod, chown, times, sizes, and what makes data durable. */

import { EFBIG, EINVAL, ENODEV, EOPNOTSUPP, EPERM, ESPIPE, linuxError } from '../../errno.ts';
import {
  CString,
  DirFd,
  Fd,
  Flags,
  HexInt,
  Int,
  Mode,
  Off,
  Ptr,
  Size,
  StructIn,
  Uid,
} from '../../syscall/args.ts';
import { refused, type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  changeMode,
  changeOwner,
  changeTimes,
  truncateInode,
  truncatePath,
} from '../attributes.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  IN_MODIFY,
  MAX_FILE_SIZE,
} from '../constants.ts';
import { checkFileSize } from '../limits.ts';
import { notifyInode } from '../notify.ts';
import { modeAfterWrite } from '../regular-file.ts';
import type { Timespec } from '../types.ts';
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from '../types.ts';
import { checkFlags, inodeOf, lookupAt, readableFile, writableFile } from './common.ts';

function chmodAt(sys: Sys, dirfd: number, name: number, mode: number, flags: number): number {
  checkFlags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  const path = lookupAt(sys, dirfd, name, flags);
  if ((path.inode.mode & S_IFMT) === S_IFLNK) throw linuxError(EOPNOTSUPP);
  changeMode(sys, path.inode, path, mode);
  return 0;
}

function sysFchmod(sys: Sys, { fd, mode }: { fd: number; mode: number }): number {
  const file = sys.task.files.get(fd);
  changeMode(sys, inodeOf(file), file.path, mode);
  return 0;
}

function chownAt(
  sys: Sys,
  dirfd: number,
  name: number,
  uid: number,
  gid: number,
  flags: number,
): number {
  checkFlags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  const path = lookupAt(sys, dirfd, name, flags);
  changeOwner(sys, path.inode, path, uid, gid);
  return 0;
}

function sysFchown(sys: Sys, a: { fd: number; user: number; group: number }): number {
  const file = sys.task.files.get(a.fd);
  changeOwner(sys, inodeOf(file), file.path, a.user, a.group);
  return 0;
}

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;

/** Applies access and modification times to what (dirfd, name) names; null: now. */
function setTimes(
  sys: Sys,
  dirfd: number,
  name: number,
  flags: number,
  times: readonly [Timespec, Timespec] | null,
): number {
  const now = sys.kernel.clock.realtime();
  const [a, m] = times ?? [
    { sec: 0, nsec: UTIME_NOW },
    { sec: 0, nsec: UTIME_NOW },
  ];
  if (a.nsec === UTIME_OMIT && m.nsec === UTIME_OMIT) return 0;
  const pick = (t: Timespec): Timespec | null => {
    if (t.nsec === UTIME_NOW) return now;
    if (t.nsec === UTIME_OMIT) return null;
    if (t.nsec < 0 || t.nsec > 999999999) throw linuxError(EINVAL);
    return t;
  };
  const atime = pick(a);
  const mtime = pick(m);
  const touch = a.nsec === UTIME_NOW && m.nsec === UTIME_NOW;
  if (name === 0 && dirfd !== AT_FDCWD) {
    // futimens: the descriptor itself.
    if (flags !== 0) throw linuxError(EINVAL);
    const file = sys.task.files.get(dirfd);
    changeTimes(sys, inodeOf(file), file.path, atime, mtime, touch);
    return 0;
  }
  const path = lookupAt(sys, dirfd, name, flags);
  changeTimes(sys, path.inode, path, atime, mtime, touch);
  return 0;
}

function sysUtimensat(
  sys: Sys,
  a: { dfd: number; filename: number; utimes: number; flags: number },
): number {
  checkFlags(a.flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  if (a.utimes === 0) return setTimes(sys, a.dfd, a.filename, a.flags, null);
  const at = (addr: number): Timespec => {
    const nsec = sys.mem.readI64(addr + 8);
    return { sec: sys.mem.readI64(addr), nsec };
  };
  return setTimes(sys, a.dfd, a.filename, a.flags, [at(a.utimes), at(a.utimes + 16)]);
}

/** struct timeval[2]. */
function timevals(sys: Sys, addr: number): readonly [Timespec, Timespec] | null {
  if (addr === 0) return null;
  const at = (p: number): Timespec => {
    const usec = sys.mem.readI64(p + 8);
    if (usec < 0 || usec >= 1000000) throw linuxError(EINVAL);
    return { sec: sys.mem.readI64(p), nsec: usec * 1000 };
  };
  return [at(addr), at(addr + 16)];
}

function sysUtime(sys: Sys, a: { filename: number; times: number }): number {
  const at = (p: number): Timespec => ({ sec: sys.mem.readI64(p), nsec: 0 });
  const times = a.times === 0 ? null : ([at(a.times), at(a.times + 8)] as const);
  return setTimes(sys, AT_FDCWD, a.filename, 0, times);
}

function sysTruncate(sys: Sys, { path, length }: { path: number; length: number }): number {
  if (length < 0) throw linuxError(EINVAL);
  truncatePath(sys, lookupAt(sys, AT_FDCWD, path, 0), length);
  return 0;
}

function sysFtruncate(sys: Sys, { fd, length }: { fd: number; length: number }): number {
  if (length < 0) throw linuxError(EINVAL);
  const file = sys.task.files.get(fd);
  if ((file.flags & 3) === 0 || file.inode === null) throw linuxError(EINVAL);
  if ((file.inode.mode & S_IFMT) !== S_IFREG) throw linuxError(EINVAL);
  truncateInode(sys, file.inode, file.path, length);
  return 0;
}

/** Modes exclude each other, and not all go with FALLOC_FL_KEEP_SIZE. */
function checkFallocateMode(mode: number): void {
  const keep = (mode & FALLOC_FL_KEEP_SIZE) !== 0;
  switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
    case FALLOC_FL_ZERO_RANGE:
      return;
    case FALLOC_FL_PUNCH_HOLE:
      if (keep) return;
      break;
    case FALLOC_FL_COLLAPSE_RANGE:
    case FALLOC_FL_INSERT_RANGE:
      if (!keep) return;
      break;
  }
  throw linuxError(EOPNOTSUPP);
}

function sysFallocate(
  sys: Sys,
  a: { fd: number; mode: number; offset: number; len: number },
): number {
  sys.task.files.get(a.fd);
  if (a.offset < 0 || a.len <= 0) throw linuxError(EINVAL);
  checkFallocateMode(a.mode);
  const file = writableFile(sys, a.fd);
  const inode = file.inode;
  const type = inode === null ? S_IFIFO : inode.mode & S_IFMT;
  if (type === S_IFIFO) throw linuxError(ESPIPE);
  if (inode === null || (type !== S_IFREG && type !== S_IFDIR)) throw linuxError(ENODEV);
  if (a.offset + a.len > MAX_FILE_SIZE) throw linuxError(EFBIG);
  // Inserting and collapsing do not look at RLIMIT_FSIZE.
  const grows = a.mode === 0 || a.mode === FALLOC_FL_ZERO_RANGE;
  if (grows && a.offset + a.len > inode.size) checkFileSize(sys, a.offset + a.len);
  inode.fallocate(a.mode, a.offset, a.len);
  const { mode } = inode;
  const left = modeAfterWrite(sys, mode);
  if (left !== mode) inode.setattr({ mode: left });
  notifyInode(inode, file.path, IN_MODIFY);
  return 0;
}

function sysFsync(sys: Sys, { fd }: { fd: number }): number {
  sys.task.files.get(fd).fsync(false);
  return 0;
}

function sysFdatasync(sys: Sys, { fd }: { fd: number }): number {
  sys.task.files.get(fd).fsync(true);
  return 0;
}

function sysSync(sys: Sys): number {
  sys.kernel.vfs.sync();
  return 0;
}

function sysSyncfs(sys: Sys, { fd }: { fd: number }): number {
  sys.task.files.get(fd).inode?.fs.sync();
  return 0;
}

function sysSyncFileRange(
  sys: Sys,
  a: { fd: number; offset: number; nbytes: number; flags: number },
): number {
  checkFlags(a.flags, 7);
  if (a.offset < 0 || a.nbytes < 0) throw linuxError(EINVAL);
  const file = sys.task.files.get(a.fd);
  if (file.inode?.pages == null) throw linuxError(ESPIPE);
  file.inode.pages.sync();
  return 0;
}

/** Advice changes nothing: the page cache keeps what fits. */
function sysFadvise64(
  sys: Sys,
  a: { fd: number; offset: number; len: number; advice: number },
): number {
  const file = sys.task.files.get(a.fd);
  if (file.inode === null || (file.inode.mode & S_IFMT) === S_IFIFO) throw linuxError(ESPIPE);
  if (a.len < 0 || a.advice < 0 || a.advice > 5) throw linuxError(EINVAL);
  return 0;
}

function sysReadahead(sys: Sys, a: { fd: number; offset: number; count: number }): number {
  const file = readableFile(sys, a.fd);
  if (file.inode?.pages == null) throw linuxError(EINVAL);
  return 0;
}

const AT_NAMES = { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH } as const;
const FALLOC_NAMES = {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_ZERO_RANGE,
  FALLOC_FL_INSERT_RANGE,
} as const;

const atFlags = Flags('AT', AT_NAMES);
const owner = { user: Uid, group: Uid } as const;

export const ATTRIBUTE_SYSCALLS: readonly SyscallRow[] = [
  syscall(74, 'fsync', { fd: Fd }, sysFsync),
  syscall(75, 'fdatasync', { fd: Fd }, sysFdatasync),
  syscall(76, 'truncate', { path: CString, length: Off }, sysTruncate),
  syscall(77, 'ftruncate', { fd: Fd, length: Off }, sysFtruncate),
  syscall(90, 'chmod', { filename: CString, mode: Mode }, (sys, a) =>
    chmodAt(sys, AT_FDCWD, a.filename, a.mode, 0),
  ),
  syscall(91, 'fchmod', { fd: Fd, mode: Mode }, sysFchmod),
  syscall(92, 'chown', { filename: CString, ...owner }, (sys, a) =>
    chownAt(sys, AT_FDCWD, a.filename, a.user, a.group, 0),
  ),
  syscall(93, 'fchown', { fd: Fd, ...owner }, sysFchown),
  syscall(94, 'lchown', { filename: CString, ...owner }, (sys, a) =>
    chownAt(sys, AT_FDCWD, a.filename, a.user, a.group, AT_SYMLINK_NOFOLLOW),
  ),
  syscall(132, 'utime', { filename: CString, times: Ptr }, sysUtime),
  syscall(162, 'sync', {}, sysSync),
  syscall(187, 'readahead', { fd: Fd, offset: Off, count: Size }, sysReadahead),
  syscall(221, 'fadvise64', { fd: Fd, offset: Off, len: Off, advice: Int }, sysFadvise64),
  syscall(235, 'utimes', { filename: CString, utimes: Ptr }, (sys, a) =>
    setTimes(sys, AT_FDCWD, a.filename, 0, timevals(sys, a.utimes)),
  ),
  syscall(260, 'fchownat', { dfd: DirFd, filename: CString, ...owner, flag: atFlags }, (sys, a) =>
    chownAt(sys, a.dfd, a.filename, a.user, a.group, a.flag),
  ),
  syscall(261, 'futimesat', { dfd: DirFd, filename: CString, utimes: Ptr }, (sys, a) =>
    setTimes(sys, a.dfd, a.filename, 0, timevals(sys, a.utimes)),
  ),
  syscall(268, 'fchmodat', { dfd: DirFd, filename: CString, mode: Mode }, (sys, a) =>
    chmodAt(sys, a.dfd, a.filename, a.mode, 0),
  ),
  syscall(
    277,
    'sync_file_range',
    { fd: Fd, offset: Off, nbytes: Off, flags: HexInt },
    sysSyncFileRange,
  ),
  syscall(
    280,
    'utimensat',
    { dfd: DirFd, filename: CString, utimes: StructIn('timespec'), flags: atFlags },
    sysUtimensat,
  ),
  syscall(
    285,
    'fallocate',
    { fd: Fd, mode: Flags('FALLOC_FL', FALLOC_NAMES), offset: Off, len: Off },
    sysFallocate,
  ),
  refused(
    303,
    'name_to_handle_at',
    { dfd: DirFd, name: CString, handle: Ptr, mnt_id: Ptr, flag: HexInt },
    EOPNOTSUPP,
    'no file handles',
    true,
  ),
  refused(
    304,
    'open_by_handle_at',
    { mountdirfd: Fd, handle: Ptr, flags: HexInt },
    EPERM,
    'no file handles',
  ),
  syscall(306, 'syncfs', { fd: Fd }, sysSyncfs),
  syscall(
    452,
    'fchmodat2',
    { dfd: DirFd, filename: CString, mode: Mode, flags: atFlags },
    (sys, a) => chmodAt(sys, a.dfd, a.filename, a.mode, a.flags),
  ),
];
