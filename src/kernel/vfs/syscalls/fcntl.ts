/** fcntl(2): descriptor and status flags, byte-range locks, seals. */

import { EAGAIN, EBADF, EINVAL, EOVERFLOW, EPERM, LinuxError, linuxError } from '../../errno.ts';
import { TmpFile } from '../../fs/tmpfs/file.ts';
import type { FlagTable } from '../../syscall/args.ts';
import { ERESTARTSYS, type Sys } from '../../syscall/types.ts';
import {
  getOwner,
  getOwnerEx,
  getSignal,
  setAsync,
  setOwner,
  setOwnerEx,
  setSignal,
} from '../async-io.ts';
import {
  F_ADD_SEALS,
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  F_GET_SEALS,
  F_GETFD,
  F_GETFL,
  F_GETLEASE,
  F_GETLK,
  F_GETOWN,
  F_GETOWN_EX,
  F_GETPIPE_SZ,
  F_GETSIG,
  F_NOTIFY,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_SETFD,
  F_SETFL,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_SETOWN_EX,
  F_SETPIPE_SZ,
  F_SETSIG,
  F_UNLCK,
  F_WRLCK,
  FD_CLOEXEC,
  O_ACCMODE,
  O_APPEND,
  O_ASYNC,
  O_DIRECT,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../constants.ts';
import { setDirectoryNotify } from '../dnotify.ts';
import { isAppendOnly } from '../inode-flags.ts';
import {
  END_OF_FILE,
  findConflict,
  lockQueue,
  type RangeLock,
  setRangeLock,
  stopWaitingForLock,
  waitForLock,
} from '../locks.ts';
import type { OpenFile } from '../types.ts';
import { inodeOf } from './common.ts';

/** Status flags that F_SETFL may change. */
const SETFL_MASK = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
/** struct flock: type @0, whence @2, start @8, len @16, pid @24. */
const FLOCK_SIZE = 32;
/** F_SEAL_SEAL to F_SEAL_FUTURE_WRITE. */
const ALL_SEALS = 31;
/** OFFSET_MAX. */
const MAX_OFFSET = 0x7fffffffffffffffn;

export const FCNTL_NAMES: FlagTable = {
  F_DUPFD,
  F_GETFD,
  F_SETFD,
  F_GETFL,
  F_SETFL,
  F_GETLK,
  F_SETLK,
  F_SETLKW,
  F_SETOWN,
  F_GETOWN,
  F_SETSIG,
  F_GETSIG,
  F_SETOWN_EX,
  F_GETOWN_EX,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_GETLEASE,
  F_NOTIFY,
  F_DUPFD_CLOEXEC,
  F_SETPIPE_SZ,
  F_GETPIPE_SZ,
  F_ADD_SEALS,
  F_GET_SEALS,
};

export function sysFcntl(
  sys: Sys,
  { fd, cmd, arg }: { fd: number; cmd: number; arg: number },
): number {
  const { files } = sys.task;
  const file = files.getAny(fd);
  switch (cmd) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
      if (arg >= files.limit) throw linuxError(EINVAL);
      return files.install(file, cmd === F_DUPFD_CLOEXEC, arg | 0);
    case F_GETFD:
      return files.isCloexec(fd) ? FD_CLOEXEC : 0;
    case F_SETFD:
      files.setCloexec(fd, (arg & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return file.flags;
  }
  if (file.flags & O_PATH) throw linuxError(EBADF);
  if (cmd === F_SETFL) {
    setFlags(sys, file, fd, arg);
    return 0;
  }
  if (cmd === F_NOTIFY) {
    setDirectoryNotify(sys, file, fd, arg);
    return 0;
  }
  return fileCommand(sys, file, cmd, arg);
}

function setFlags(sys: Sys, file: OpenFile, fd: number, flags: number): void {
  const appends = ((file.flags ^ flags) & O_APPEND) !== 0;
  if (appends && file.inode !== null && isAppendOnly(file.inode)) throw linuxError(EPERM);
  if ((file.flags ^ flags) & O_ASYNC) setAsync(sys, file, fd, (flags & O_ASYNC) !== 0);
  file.flags = (file.flags & ~SETFL_MASK) | (flags & SETFL_MASK);
}

function fileCommand(sys: Sys, file: OpenFile, cmd: number, arg: number): number {
  switch (cmd) {
    case F_GETLK:
    case F_OFD_GETLK:
      return getLock(sys, file, arg, cmd === F_OFD_GETLK);
    case F_SETLK:
    case F_OFD_SETLK:
      return setLock(sys, file, arg, cmd === F_OFD_SETLK, false);
    case F_SETLKW:
    case F_OFD_SETLKW:
      return setLock(sys, file, arg, cmd === F_OFD_SETLKW, true);
    case F_SETOWN:
      setOwner(sys, file, arg | 0);
      return 0;
    case F_GETOWN:
      return getOwner(file);
    case F_SETOWN_EX:
      setOwnerEx(sys, file, arg);
      return 0;
    case F_GETOWN_EX:
      getOwnerEx(sys, file, arg);
      return 0;
    case F_SETSIG:
      setSignal(sys, file, arg | 0);
      return 0;
    case F_GETSIG:
      return getSignal(file);
    case F_GETLEASE:
      return F_UNLCK;
    case F_ADD_SEALS:
    case F_GET_SEALS:
      return seals(file, cmd, arg);
    case F_SETPIPE_SZ:
    case F_GETPIPE_SZ:
      if (file.fcntl === undefined) throw linuxError(EBADF);
      return file.fcntl(sys, cmd, arg);
    default:
      throw linuxError(EINVAL);
  }
}

function seals(file: OpenFile, cmd: number, arg: number): number {
  const { inode } = file;
  if (!(inode instanceof TmpFile) || inode.seals === null) throw linuxError(EINVAL);
  if (cmd === F_GET_SEALS) return inode.seals;
  if ((file.flags & O_ACCMODE) === O_RDONLY) throw linuxError(EPERM);
  if (arg & ~ALL_SEALS) throw linuxError(EINVAL);
  inode.addSeals(arg);
  return 0;
}

/** The inclusive range of struct flock (flock64_to_posix_lock of fs/locks.c). */
function rangeOf(file: OpenFile, d: DataView): { start: number; end: number } {
  const whence = d.getInt16(2, true);
  const length = d.getBigInt64(16, true);
  let start = d.getBigInt64(8, true);
  if (whence === SEEK_CUR) start += BigInt(file.pos);
  else if (whence === SEEK_END) start += BigInt(inodeOf(file).size);
  else if (whence !== SEEK_SET) throw linuxError(EINVAL);
  if (start > MAX_OFFSET) throw linuxError(EOVERFLOW);
  let end = start + length - 1n;
  if (length < 0n) {
    end = start - 1n;
    start += length;
  }
  if (start < 0n) throw linuxError(EINVAL);
  if (length > 0n && end > MAX_OFFSET) throw linuxError(EOVERFLOW);
  if (length === 0n || end > BigInt(END_OF_FILE)) return { start: Number(start), end: END_OF_FILE };
  return { start: Number(start), end: Number(end) };
}

/** Reads struct flock. `ofd`: owned by the description. */
function readLock(sys: Sys, file: OpenFile, addr: number, ofd: boolean): RangeLock {
  const bytes = new Uint8Array(FLOCK_SIZE);
  sys.mem.copyIn(addr, bytes, 0, FLOCK_SIZE);
  const d = new DataView(bytes.buffer);
  const type = d.getInt16(0, true);
  const { start, end } = rangeOf(file, d);
  if (type < F_RDLCK || type > F_UNLCK) throw linuxError(EINVAL);
  if (ofd && d.getInt32(24, true) !== 0) throw linuxError(EINVAL);
  const owner = ofd ? file : sys.task.files;
  return { owner, pid: ofd ? -1 : sys.task.tgid, type, start, end };
}

function getLock(sys: Sys, file: OpenFile, addr: number, ofd: boolean): number {
  const wanted = readLock(sys, file, addr, ofd);
  if (wanted.type === F_UNLCK) throw linuxError(EINVAL);
  const conflict = findConflict(inodeOf(file), wanted);
  const bytes = new Uint8Array(FLOCK_SIZE);
  sys.mem.copyIn(addr, bytes, 0, FLOCK_SIZE);
  const d = new DataView(bytes.buffer);
  if (conflict === null) {
    d.setInt16(0, F_UNLCK, true);
  } else {
    const toEnd = conflict.end === END_OF_FILE;
    d.setInt16(0, conflict.type, true);
    d.setInt16(2, SEEK_SET, true);
    d.setBigInt64(8, BigInt(conflict.start), true);
    d.setBigInt64(16, toEnd ? 0n : BigInt(conflict.end - conflict.start + 1), true);
    d.setInt32(24, conflict.pid, true);
  }
  sys.mem.copyOut(addr, bytes, 0, FLOCK_SIZE);
  return 0;
}

function setLock(sys: Sys, file: OpenFile, addr: number, ofd: boolean, wait: boolean): number {
  const wanted = readLock(sys, file, addr, ofd);
  const inode = inodeOf(file);
  const access = file.flags & O_ACCMODE;
  if (wanted.type === F_RDLCK && access === O_WRONLY) throw linuxError(EBADF);
  if (wanted.type === F_WRLCK && access === O_RDONLY) throw linuxError(EBADF);
  stopWaitingForLock(wanted.owner);
  try {
    setRangeLock(inode, wanted);
    return 0;
  } catch (e) {
    const blocked = e instanceof LinuxError && e.errno === EAGAIN;
    if (!wait || !blocked) throw e;
  }
  if (!ofd) waitForLock(wanted.owner, findConflict(inode, wanted)!);
  return sys.block([lockQueue(inode)], {
    interrupted: () => {
      stopWaitingForLock(wanted.owner);
      return -ERESTARTSYS;
    },
  });
}
