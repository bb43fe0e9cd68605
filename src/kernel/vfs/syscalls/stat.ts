/**
 * stat family, statx, access, readlink, statfs, getdents. Layouts: struct stat (arch/x86/include/uapi/
 * asm/stat.h), struct statx (linux/stat.h), struct statfs (asm-generic/statfs.h), linux_dirent64.
 */

import { EACCES, EINVAL, ENOENT, linuxError } from '../../errno.ts';
import {
  CString,
  DirFd,
  Fd,
  Flags,
  HexInt,
  Int,
  OutBuf,
  StructOut,
  UInt,
} from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { pathOfFile, statFile } from '../anonymous.ts';
import {
  AT_EACCESS,
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_NO_AUTOMOUNT,
  AT_STATX_SYNC_TYPE,
  AT_SYMLINK_NOFOLLOW,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  major,
  minor,
} from '../constants.ts';
import type { Mount } from '../mount.ts';
import type { VfsPath } from '../path.ts';
import {
  checkAccess,
  checkWritable,
  type FsCred,
  KERNEL_CRED,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
} from '../permissions.ts';
import type { FileSystem, OpenFile, Stat, Timespec } from '../types.ts';
import { S_IFLNK, S_IFMT, S_IFREG } from '../types.ts';
import { checkFlags, lookupAt } from './common.ts';

export const STAT_SIZE = 144;
const STATX_SIZE = 256;
const STATFS_SIZE = 120;
const TWO_32 = 4294967296;

export function setU64(d: DataView, at: number, value: number): void {
  if (value >= 0 && value < TWO_32) {
    d.setUint32(at, value, true);
    d.setUint32(at + 4, 0, true);
    return;
  }
  d.setUint32(at, value % TWO_32, true);
  d.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function setTime(d: DataView, at: number, t: Timespec): void {
  setU64(d, at, t.sec);
  setU64(d, at + 8, t.nsec);
}

/** What encodeStat returns; its padding stays zero. */
const statBytes = new Uint8Array(STAT_SIZE);
const statView = new DataView(statBytes.buffer);

/** struct stat of x86-64. @returns bytes that the next call overwrites */
export function encodeStat(st: Stat, dev: number): Uint8Array {
  const d = statView;
  setU64(d, 0, dev);
  setU64(d, 8, st.ino);
  setU64(d, 16, st.nlink);
  d.setUint32(24, st.mode, true);
  d.setUint32(28, st.uid, true);
  d.setUint32(32, st.gid, true);
  setU64(d, 40, st.rdev);
  setU64(d, 48, st.size);
  setU64(d, 56, st.blksize);
  setU64(d, 64, st.blocks);
  setTime(d, 72, st.atime);
  setTime(d, 88, st.mtime);
  setTime(d, 104, st.ctime);
  return statBytes;
}

/** STATX_BASIC_STATS | STATX_BTIME, and STATX_MNT_ID. */
const STATX_GIVEN = 0xfff;
const STATX_MNT_ID = 0x1000;
const STATX_RESERVED = 0x80000000;
const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** STATX_ATTR_IMMUTABLE, _APPEND and _NODUMP, which have the bits of FS_*_FL. */
const STATX_ATTR_FLAGS = 0x70;

/** @param flags FS_*_FL, where a file system has them */
export function encodeStatx(
  st: Stat,
  dev: number,
  mount: Mount | null,
  root: boolean,
  flags: number | undefined,
): Uint8Array {
  const bytes = new Uint8Array(STATX_SIZE);
  const d = new DataView(bytes.buffer);
  d.setUint32(0, STATX_GIVEN | (mount === null ? 0 : STATX_MNT_ID), true);
  d.setUint32(4, st.blksize, true);
  setU64(d, 8, (root ? STATX_ATTR_MOUNT_ROOT : 0) | ((flags ?? 0) & STATX_ATTR_FLAGS));
  d.setUint32(16, st.nlink, true);
  d.setUint32(20, st.uid, true);
  d.setUint32(24, st.gid, true);
  d.setUint16(28, st.mode, true);
  setU64(d, 32, st.ino);
  setU64(d, 40, st.size);
  setU64(d, 48, st.blocks);
  setU64(d, 56, STATX_ATTR_MOUNT_ROOT | (flags === undefined ? 0 : STATX_ATTR_FLAGS));
  const times = [st.atime, st.btime, st.ctime, st.mtime];
  times.forEach((t, i) => {
    setU64(d, 64 + 16 * i, t.sec);
    d.setUint32(72 + 16 * i, t.nsec, true);
  });
  d.setUint32(128, major(st.rdev), true);
  d.setUint32(132, minor(st.rdev), true);
  d.setUint32(136, major(dev), true);
  d.setUint32(140, minor(dev), true);
  setU64(d, 144, mount?.id ?? 0);
  return bytes;
}

function putStat(sys: Sys, addr: number, st: Stat, dev: number): number {
  sys.mem.copyOut(addr, encodeStat(st, dev), 0, STAT_SIZE);
  return 0;
}

function statAt(sys: Sys, dirfd: number, name: number, addr: number, flags: number): number {
  const { inode } = lookupAt(sys, dirfd, name, flags);
  return putStat(sys, addr, inode.stat(), inode.fs.dev);
}

interface Named {
  filename: number;
  statbuf: number;
}

function sysStat(sys: Sys, a: Named): number {
  return statAt(sys, AT_FDCWD, a.filename, a.statbuf, 0);
}

function sysLstat(sys: Sys, a: Named): number {
  return statAt(sys, AT_FDCWD, a.filename, a.statbuf, AT_SYMLINK_NOFOLLOW);
}

/** st_dev of files without an inode (anon_inodefs). */
const ANONYMOUS_DEV = 0xe;

function sysFstat(sys: Sys, { fd, statbuf }: { fd: number; statbuf: number }): number {
  const file = sys.task.files.getAny(fd);
  return putStat(sys, statbuf, statFile(file), file.inode?.fs.dev ?? ANONYMOUS_DEV);
}

function sysNewfstatat(
  sys: Sys,
  a: { dfd: number; filename: number; statbuf: number; flag: number },
): number {
  checkFlags(a.flag, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH);
  return statAt(sys, a.dfd, a.filename, a.statbuf, a.flag);
}

function sysStatx(
  sys: Sys,
  a: { dfd: number; filename: number; flags: number; mask: number; buffer: number },
): number {
  checkFlags(a.flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE);
  if (a.mask & STATX_RESERVED) throw linuxError(EINVAL);
  if ((a.flags & AT_STATX_SYNC_TYPE) === AT_STATX_SYNC_TYPE) throw linuxError(EINVAL);
  const path = lookupAt(sys, a.dfd, a.filename, a.flags);
  const isRoot = path.dentry === path.mount.root;
  const { inode } = path;
  const bytes = encodeStatx(inode.stat(), inode.fs.dev, path.mount, isRoot, inode.attributeFlags);
  sys.mem.copyOut(a.buffer, bytes, 0, STATX_SIZE);
  return 0;
}

/** access(2) checks with the real ids, and the capabilities that go with them. */
function accessCred(sys: Sys): FsCred {
  const { cred } = sys.task;
  const permitted = cred.permitted;
  const has = (cap: number): boolean =>
    cred.uid === 0 && ((cap < 32 ? permitted.lo >>> cap : permitted.hi >>> (cap - 32)) & 1) === 1;
  return { fsuid: cred.uid, fsgid: cred.gid, groups: cred.groups, has };
}

function accessAt(sys: Sys, dirfd: number, name: number, mode: number, flags: number): number {
  if (mode & ~7) throw linuxError(EINVAL);
  checkFlags(flags, AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  const cred = flags & AT_EACCESS ? sys.task.cred : accessCred(sys);
  const path = lookupAt(sys, dirfd, name, flags);
  const { inode } = path;
  // R_OK, W_OK, X_OK have the values of MAY_READ, MAY_WRITE, MAY_EXEC.
  if (mode & MAY_EXEC && (inode.mode & S_IFMT) === S_IFREG && path.mount.flags & MS_NOEXEC) {
    throw linuxError(EACCES);
  }
  if ((inode.mode & S_IFMT) === S_IFLNK) return 0;
  if (mode & MAY_WRITE) checkWritableKind(path, cred);
  if (mode !== 0) checkAccess(cred, inode, mode & (MAY_READ | MAY_WRITE | MAY_EXEC));
  return 0;
}

/** EROFS counts only if the mode bits would permit writing; the kernel's own rights show which it is. */
function checkWritableKind(path: VfsPath, cred: FsCred): void {
  checkAccess(cred, path.inode, MAY_WRITE);
  checkWritable(KERNEL_CRED, path);
}

function sysAccess(sys: Sys, a: { filename: number; mode: number }): number {
  return accessAt(sys, AT_FDCWD, a.filename, a.mode, 0);
}

function sysFaccessat(sys: Sys, a: { dfd: number; filename: number; mode: number }): number {
  return accessAt(sys, a.dfd, a.filename, a.mode, 0);
}

function sysFaccessat2(
  sys: Sys,
  a: { dfd: number; filename: number; mode: number; flags: number },
): number {
  return accessAt(sys, a.dfd, a.filename, a.mode, a.flags);
}

/** Truncates what does not fit, never fails for it. "" names the link that `dirfd` is (O_PATH). */
function readlinkAt(sys: Sys, dirfd: number, name: number, buf: number, size: number): number {
  if (size <= 0) throw linuxError(EINVAL);
  const { inode } = lookupAt(sys, dirfd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH);
  if ((inode.mode & S_IFMT) !== S_IFLNK) {
    throw linuxError(sys.mem.readU8(name) === 0 ? ENOENT : EINVAL);
  }
  const target = inode.readlink();
  const length = Math.min(target.length, size);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = target.charCodeAt(i);
  sys.mem.copyOut(buf, bytes, 0, length);
  return length;
}

function sysReadlink(sys: Sys, a: { path: number; buf: number; bufsiz: number }): number {
  return readlinkAt(sys, AT_FDCWD, a.path, a.buf, a.bufsiz);
}

function sysReadlinkat(
  sys: Sys,
  a: { dfd: number; path: number; buf: number; bufsiz: number },
): number {
  return readlinkAt(sys, a.dfd, a.path, a.buf, a.bufsiz);
}

const ST_VALID = 0x20;
const ST_RELATIME = 0x1000;

function putStatfs(sys: Sys, addr: number, fs: FileSystem, mount: Mount | null): number {
  const st = fs.statfs();
  const bytes = new Uint8Array(STATFS_SIZE);
  const d = new DataView(bytes.buffer);
  const numbers = [st.type, st.bsize, st.blocks, st.bfree, st.bavail, st.files, st.ffree];
  numbers.forEach((n, i) => {
    setU64(d, 8 * i, n);
  });
  setU64(d, 56, fs.dev);
  setU64(d, 64, st.namelen);
  setU64(d, 72, st.bsize);
  const kept = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME;
  let flags = ST_VALID | ((mount?.flags ?? 0) & kept);
  if (mount?.readOnly ?? fs.readOnly) flags |= 1;
  if ((flags & MS_NOATIME) === 0) flags |= ST_RELATIME;
  setU64(d, 80, flags);
  sys.mem.copyOut(addr, bytes, 0, STATFS_SIZE);
  return 0;
}

function sysStatfs(sys: Sys, a: { path: number; buf: number }): number {
  const path = lookupAt(sys, AT_FDCWD, a.path, 0);
  return putStatfs(sys, a.buf, path.inode.fs, path.mount);
}

function sysFstatfs(sys: Sys, a: { fd: number; buf: number }): number {
  const path = pathOfFile(sys.task.files.getAny(a.fd));
  return putStatfs(sys, a.buf, path.inode.fs, path.mount);
}

interface Dents {
  fd: number;
  dirent: number;
  count: number;
}

/** Most bytes one call gives; a caller's larger buffer is filled by several. */
const MAX_DENTS = 65536;

/** Fills the buffer; an entry that does not fit stays for the next call. */
function readEntries(sys: Sys, a: Dents, old: boolean): number {
  const file: OpenFile = sys.task.files.get(a.fd);
  const size = Math.min(a.count, MAX_DENTS);
  const bytes = new Uint8Array(size);
  const d = new DataView(bytes.buffer);
  let used = 0;
  let tooSmall = false;
  // linux_dirent has its type in the last byte, linux_dirent64 before the name.
  const header = old ? 18 : 19;
  file.readdir(sys, (e) => {
    const length = (header + e.name.length + (old ? 2 : 1) + 7) & ~7;
    if (used + length > size) {
      tooSmall = used === 0;
      return false;
    }
    setU64(d, used, e.ino);
    setU64(d, used + 8, e.next);
    d.setUint16(used + 16, length, true);
    for (let i = 0; i < e.name.length; i++) bytes[used + header + i] = e.name.charCodeAt(i);
    bytes[used + (old ? length - 1 : 18)] = e.type >>> 12;
    used += length;
    return true;
  });
  if (tooSmall) throw linuxError(EINVAL);
  sys.mem.copyOut(a.dirent, bytes, 0, used);
  return used;
}

function sysGetdents(sys: Sys, a: Dents): number {
  return readEntries(sys, a, true);
}

function sysGetdents64(sys: Sys, a: Dents): number {
  return readEntries(sys, a, false);
}

const ACCESS_NAMES = { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 } as const;
const AT_NAMES = {
  AT_SYMLINK_NOFOLLOW,
  AT_NO_AUTOMOUNT,
  AT_EMPTY_PATH,
  AT_STATX_FORCE_SYNC: 0x2000,
  AT_STATX_DONT_SYNC: 0x4000,
} as const;
const AT_ACCESS_NAMES = { AT_SYMLINK_NOFOLLOW, AT_EACCESS, AT_EMPTY_PATH } as const;

const named = { filename: CString, statbuf: StructOut('stat') } as const;
const access = { filename: CString, mode: Flags('?_OK', ACCESS_NAMES) } as const;
const dents = { fd: Fd, dirent: OutBuf('count'), count: UInt } as const;

export const STAT_SYSCALLS: readonly SyscallRow[] = [
  syscall(4, 'stat', named, sysStat),
  syscall(5, 'fstat', { fd: Fd, statbuf: StructOut('stat') }, sysFstat),
  syscall(6, 'lstat', named, sysLstat),
  syscall(21, 'access', access, sysAccess),
  syscall(78, 'getdents', dents, sysGetdents),
  syscall(89, 'readlink', { path: CString, buf: OutBuf('bufsiz'), bufsiz: Int }, sysReadlink),
  syscall(137, 'statfs', { path: CString, buf: StructOut('statfs') }, sysStatfs),
  syscall(138, 'fstatfs', { fd: Fd, buf: StructOut('statfs') }, sysFstatfs),
  syscall(217, 'getdents64', dents, sysGetdents64),
  syscall(262, 'newfstatat', { dfd: DirFd, ...named, flag: Flags('AT', AT_NAMES) }, sysNewfstatat),
  syscall(
    267,
    'readlinkat',
    { dfd: DirFd, path: CString, buf: OutBuf('bufsiz'), bufsiz: Int },
    sysReadlinkat,
  ),
  syscall(269, 'faccessat', { dfd: DirFd, ...access }, sysFaccessat),
  syscall(
    332,
    'statx',
    {
      dfd: DirFd,
      filename: CString,
      flags: Flags('AT', AT_NAMES),
      mask: HexInt,
      buffer: StructOut('statx'),
    },
    sysStatx,
  ),
  syscall(
    439,
    'faccessat2',
    { dfd: DirFd, ...access, flags: Flags('AT', AT_ACCESS_NAMES) },
    sysFaccessat2,
  ),
];
