/** read, write and their vector and positional forms, lseek, sendfile, copy_file_range, splice. */

import { EAGAIN, EBADF, EINVAL, EISDIR, EOPNOTSUPP, ESPIPE, linuxError } from '../../errno.ts';
import { PipeFile, teePipe } from '../../ipc/pipe.ts';
import { Enum, Fd, HexInt, InBuf, Int, Off, OutBuf, Ptr, Size, UInt } from '../../syscall/args.ts';
import { BLOCKED, type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { statFile } from '../anonymous.ts';
import { MAX_RW_COUNT, O_APPEND, O_NONBLOCK } from '../constants.ts';
import { transfer } from '../transfer.ts';
import type { OpenFile } from '../types.ts';
import { S_IFDIR, S_IFIFO, S_IFMT, S_IFREG } from '../types.ts';
import { checkFlags, readableFile, writableFile } from './common.ts';

const RWF_HIPRI = 1;
const RWF_DSYNC = 2;
const RWF_SYNC = 4;
const RWF_NOWAIT = 8;
const RWF_APPEND = 16;
const SPLICE_F_NONBLOCK = 2;

interface Buffer {
  fd: number;
  buf: number;
  count: number;
}

interface Vector {
  fd: number;
  iov: number;
  iovcnt: number;
}

function sysRead(sys: Sys, { fd, buf, count }: Buffer): number {
  return readableFile(sys, fd).read(sys, sys.sink(buf, count));
}

function sysWrite(sys: Sys, { fd, buf, count }: Buffer): number {
  return writableFile(sys, fd).write(sys, sys.source(buf, count));
}

function sysPread(sys: Sys, { fd, buf, count, offset }: Buffer & { offset: number }): number {
  if (offset < 0) throw linuxError(EINVAL);
  return readableFile(sys, fd).pread(sys, sys.sink(buf, count), offset);
}

function sysPwrite(sys: Sys, { fd, buf, count, offset }: Buffer & { offset: number }): number {
  if (offset < 0) throw linuxError(EINVAL);
  return writableFile(sys, fd).pwrite(sys, sys.source(buf, count), offset);
}

function sysReadv(sys: Sys, { fd, iov, iovcnt }: Vector): number {
  return readableFile(sys, fd).read(sys, sys.sinkv(iov, iovcnt));
}

function sysWritev(sys: Sys, { fd, iov, iovcnt }: Vector): number {
  return writableFile(sys, fd).write(sys, sys.sourcev(iov, iovcnt));
}

function sysPreadv(sys: Sys, { fd, iov, iovcnt, offset }: Vector & { offset: number }): number {
  if (offset < 0) throw linuxError(EINVAL);
  return readableFile(sys, fd).pread(sys, sys.sinkv(iov, iovcnt), offset);
}

function sysPwritev(sys: Sys, { fd, iov, iovcnt, offset }: Vector & { offset: number }): number {
  if (offset < 0) throw linuxError(EINVAL);
  return writableFile(sys, fd).pwrite(sys, sys.sourcev(iov, iovcnt), offset);
}

function sysPreadv2(sys: Sys, a: Vector & { offset: number; flags: number }): number {
  // Everything here is ready at once, so RWF_NOWAIT and RWF_HIPRI change nothing for regular files.
  if (a.flags & ~(RWF_HIPRI | RWF_NOWAIT)) throw linuxError(EOPNOTSUPP);
  return a.offset === -1 ? sysReadv(sys, a) : sysPreadv(sys, a);
}

function sysPwritev2(sys: Sys, a: Vector & { offset: number; flags: number }): number {
  if (a.flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)) throw linuxError(EOPNOTSUPP);
  const file = writableFile(sys, a.fd);
  const appended = (a.flags & RWF_APPEND) !== 0 && (file.flags & O_APPEND) === 0;
  if (appended) file.flags |= O_APPEND;
  try {
    const n = a.offset === -1 ? sysWritev(sys, a) : sysPwritev(sys, a);
    if (n > 0 && a.flags & (RWF_DSYNC | RWF_SYNC)) file.fsync((a.flags & RWF_SYNC) === 0);
    return n;
  } finally {
    if (appended) file.flags &= ~O_APPEND;
  }
}

function sysLseek(sys: Sys, a: { fd: number; offset: number; whence: number }): number {
  return sys.task.files.get(a.fd).seek(sys, a.offset, a.whence);
}

/** An in/out offset argument: its address, or 0 for the file's own position. */
function readOffset(sys: Sys, addr: number): number {
  const offset = sys.mem.readI64(addr);
  if (offset < 0) throw linuxError(EINVAL);
  return offset;
}

function isType(file: OpenFile, type: number): boolean {
  return ((file.inode ?? statFile(file)).mode & S_IFMT) === type;
}

/** Moves bytes between two files, updating the offsets at `inOff` / `outOff` (0: the positions). */
function move(
  sys: Sys,
  input: OpenFile,
  inOff: number,
  output: OpenFile,
  outOff: number,
  count: number,
): number {
  const from = inOff === 0 ? null : readOffset(sys, inOff);
  const to = outOff === 0 ? null : readOffset(sys, outOff);
  const n = transfer(sys, input, from, output, to, Math.min(count, MAX_RW_COUNT));
  if (n > 0 && from !== null) sys.mem.writeU64(inOff, from + n);
  if (n > 0 && to !== null) sys.mem.writeU64(outOff, to + n);
  return n;
}

function sysSendfile(
  sys: Sys,
  a: { out_fd: number; in_fd: number; offset: number; count: number },
): number {
  const input = readableFile(sys, a.in_fd);
  const output = writableFile(sys, a.out_fd);
  if (isType(input, S_IFDIR)) throw linuxError(EINVAL);
  // The source must have pages: a pipe or socket cannot be one.
  if (input.inode === null || isType(input, S_IFIFO)) throw linuxError(a.offset ? ESPIPE : EINVAL);
  if (output.flags & O_APPEND) throw linuxError(EINVAL);
  return move(sys, input, a.offset, output, 0, a.count);
}

interface CopyRange {
  fd_in: number;
  off_in: number;
  fd_out: number;
  off_out: number;
  len: number;
  flags: number;
}

function sysCopyFileRange(sys: Sys, a: CopyRange): number {
  checkFlags(a.flags, 0);
  const input = readableFile(sys, a.fd_in);
  const output = writableFile(sys, a.fd_out);
  if (isType(input, S_IFDIR) || isType(output, S_IFDIR)) throw linuxError(EISDIR);
  if (!isType(input, S_IFREG) || !isType(output, S_IFREG)) throw linuxError(EINVAL);
  if (output.flags & O_APPEND) throw linuxError(EBADF);
  const from = a.off_in === 0 ? input.pos : readOffset(sys, a.off_in);
  const to = a.off_out === 0 ? output.pos : readOffset(sys, a.off_out);
  if (input.inode === output.inode && from < to + a.len && to < from + a.len) {
    throw linuxError(EINVAL);
  }
  return move(sys, input, a.off_in, output, a.off_out, a.len);
}

/** splice(2) by copying: one side is a pipe. */
function sysSplice(sys: Sys, a: CopyRange): number {
  checkFlags(a.flags, 15);
  const input = readableFile(sys, a.fd_in);
  const output = writableFile(sys, a.fd_out);
  const fromPipe = isType(input, S_IFIFO);
  const toPipe = isType(output, S_IFIFO);
  if ((!fromPipe && !toPipe) || isType(input, S_IFDIR)) throw linuxError(EINVAL);
  if ((fromPipe && a.off_in !== 0) || (toPipe && a.off_out !== 0)) throw linuxError(ESPIPE);
  if (output.flags & O_APPEND) throw linuxError(EINVAL);
  if (fromPipe && toPipe && input.inode === output.inode) throw linuxError(EINVAL);
  if (a.len === 0) return 0;
  const n = move(sys, input, a.off_in, output, a.off_out, a.len);
  if (n === BLOCKED && (a.flags & SPLICE_F_NONBLOCK) !== 0) throw linuxError(EAGAIN);
  return n;
}

/** tee(2), by copying. */
function sysTee(
  sys: Sys,
  a: { fd_in: number; fd_out: number; len: number; flags: number },
): number {
  checkFlags(a.flags, 15);
  if (a.len === 0) return 0;
  const from = readableFile(sys, a.fd_in);
  const to = writableFile(sys, a.fd_out);
  if (!(from instanceof PipeFile && to instanceof PipeFile) || from.pipe === to.pipe) {
    throw linuxError(EINVAL);
  }
  const nonBlocking = ((from.flags | to.flags) & O_NONBLOCK) !== 0;
  return teePipe(
    sys,
    from.pipe,
    to.pipe,
    a.len,
    nonBlocking || (a.flags & SPLICE_F_NONBLOCK) !== 0,
  );
}

/** vmsplice(2) into a pipe, by copying (the pages are not lent: SPLICE_F_GIFT is only a hint). */
function sysVmsplice(sys: Sys, a: Vector & { flags: number }): number {
  checkFlags(a.flags, 15);
  const file = sys.task.files.get(a.fd);
  if (!isType(file, S_IFIFO)) throw linuxError(EBADF);
  return (file.flags & 3) === 0 ? sysReadv(sys, a) : sysWritev(sys, a);
}

const SEEK_NAMES = { SEEK_SET: 0, SEEK_CUR: 1, SEEK_END: 2, SEEK_DATA: 3, SEEK_HOLE: 4 } as const;

const bufferArgs = { fd: Fd, buf: OutBuf('count'), count: Size } as const;
const sourceArgs = { fd: Fd, buf: InBuf('count'), count: Size } as const;
const vectorArgs = { fd: Fd, iov: Ptr, iovcnt: Int } as const;
/** The high half of the offset (pos_h) is not used where a long has 64 bits. */
const positionedArgs = { ...vectorArgs, offset: Off } as const;
const flaggedArgs = { ...vectorArgs, offset: Off, pos_h: UInt, flags: HexInt } as const;
const rangeArgs = {
  fd_in: Fd,
  off_in: Ptr,
  fd_out: Fd,
  off_out: Ptr,
  len: Size,
  flags: HexInt,
} as const;

export const IO_SYSCALLS: readonly SyscallRow[] = [
  syscall(0, 'read', bufferArgs, sysRead),
  syscall(1, 'write', sourceArgs, sysWrite),
  syscall(8, 'lseek', { fd: Fd, offset: Off, whence: Enum('SEEK', SEEK_NAMES) }, sysLseek),
  syscall(17, 'pread64', { ...bufferArgs, offset: Off }, sysPread),
  syscall(18, 'pwrite64', { ...sourceArgs, offset: Off }, sysPwrite),
  syscall(19, 'readv', vectorArgs, sysReadv),
  syscall(20, 'writev', vectorArgs, sysWritev),
  syscall(40, 'sendfile', { out_fd: Fd, in_fd: Fd, offset: Ptr, count: Size }, sysSendfile),
  syscall(275, 'splice', rangeArgs, sysSplice),
  syscall(276, 'tee', { fd_in: Fd, fd_out: Fd, len: Size, flags: HexInt }, sysTee),
  syscall(278, 'vmsplice', { ...vectorArgs, flags: HexInt }, sysVmsplice),
  syscall(295, 'preadv', positionedArgs, sysPreadv),
  syscall(296, 'pwritev', positionedArgs, sysPwritev),
  syscall(326, 'copy_file_range', rangeArgs, sysCopyFileRange),
  syscall(327, 'preadv2', flaggedArgs, sysPreadv2, 'RWF_NOWAIT on pipes and sockets'),
  syscall(328, 'pwritev2', flaggedArgs, sysPwritev2, 'RWF_NOWAIT, RWF_NOAPPEND'),
];
