/**
 * Open regular files of every file system that keeps its data in the page cache.
 *
 * Invariants: the cache holds no bytes beyond the inode's size that a reader could see; a write first
 * reserves space, then fills the cache, then sets the size; times follow relatime (read) and every
 * write (mtime, ctime). read(2), write(2), lseek(2).
 */

import { EFBIG, EINVAL, ENOSPC, ENOTTY, ENXIO, LinuxError, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import {
  IN_ACCESS,
  IN_MODIFY,
  MAX_FILE_SIZE,
  MS_NOATIME,
  MS_STRICTATIME,
  O_APPEND,
  O_DSYNC,
  O_NOATIME,
  S_ISGID,
  S_ISUID,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from './constants.ts';
import { BaseFile } from './file.ts';
import {
  FS_IOC_GETFLAGS,
  FS_IOC_SETFLAGS,
  ioctlFlags,
  isSynchronous,
  keepsAtime,
} from './inode-flags.ts';
import { limitFileSize } from './limits.ts';
import { notifyInode } from './notify.ts';
import { VfsPath } from './path.ts';
import { CAP_FSETID } from './permissions.ts';
import { makeRoom } from './room.ts';
import type { FilePages, Inode, IoSink, IoSource, SetAttr, Timespec } from './types.ts';
import { addWriter, removeWriter } from './write-access.ts';

const FIONREAD = 0x541b;
const FIGETBSZ = 2;
/** Bytes that write(2) moves before the file has its new size. */
const WRITE_CHUNK = 1 << 20;
const DAY_SECONDS = 86400;

export class RegularFile extends BaseFile {
  declare readonly inode: Inode;
  /** The access time was looked at since the file was opened or last written through it. */
  private atimeChecked = false;
  private countsAsWriter = false;

  /** The file was opened by its name: while it is open for writing it cannot be executed. */
  opened(): void {
    if (!this.writable) return;
    addWriter(this.inode);
    this.countsAsWriter = true;
    if (this.path instanceof VfsPath) this.path.mount.writers++;
  }

  protected override closed(): void {
    if (!this.countsAsWriter) return;
    removeWriter(this.inode);
    if (this.path instanceof VfsPath) this.path.mount.writers--;
  }

  override read(sys: Sys, to: IoSink): number {
    const n = this.pread(sys, to, this.pos);
    this.pos += n;
    return n;
  }

  override pread(sys: Sys, to: IoSink, offset: number): number {
    const left = this.inode.size - offset;
    const length = to.remaining < left ? to.remaining : left;
    if (length <= 0) return 0;
    const n = this.pagesOf().read(offset, length, to);
    if (!this.atimeChecked) this.updateAtime(sys);
    notifyInode(this.inode, this.path, IN_ACCESS);
    return n;
  }

  override write(sys: Sys, from: IoSource): number {
    if (this.flags & O_APPEND) this.pos = this.inode.size;
    const n = this.writeAt(sys, from, this.pos);
    this.pos += n;
    return n;
  }

  /** As Linux does (and POSIX does not say): O_APPEND wins over the offset. */
  override pwrite(sys: Sys, from: IoSource, offset: number): number {
    return this.writeAt(sys, from, this.flags & O_APPEND ? this.inode.size : offset);
  }

  protected writeAt(sys: Sys, from: IoSource, offset: number): number {
    const inode = this.inode;
    if (from.remaining === 0) return 0;
    const wanted = limitFileSize(sys, offset, from.remaining);
    if (offset + wanted > MAX_FILE_SIZE) throw linuxError(EFBIG);
    let done = 0;
    try {
      while (done < wanted) {
        const length = Math.min(wanted - done, WRITE_CHUNK);
        const n = this.writeChunk(sys, from, offset + done, length);
        done += n;
        if (n < length) break;
      }
    } catch (e) {
      if (done === 0 || !(e instanceof LinuxError)) throw e;
    }
    if (done === 0) return 0;
    if (this.flags & O_DSYNC || isSynchronous(inode)) inode.fsync(true);
    notifyInode(inode, this.path, IN_MODIFY);
    return done;
  }

  /** A part of a write(2) that is small enough to be in memory as a whole: with the size set it can be written back. */
  private writeChunk(sys: Sys, from: IoSource, offset: number, wanted: number): number {
    const length = makeRoom(sys, this.inode, offset, wanted);
    if (length === 0) throw linuxError(ENOSPC);
    const n = this.pagesOf().write(offset, length, from);
    if (n > 0) this.stampWrite(sys, offset + n, sys.kernel.clock.realtime());
    return n;
  }

  private stampWrite(sys: Sys, end: number, now: Timespec): void {
    const inode = this.inode;
    const old = inode.mode;
    const mode = modeAfterWrite(sys, old);
    const attr: SetAttr = { mtime: now, ctime: now };
    if (mode !== old) attr.mode = mode;
    if (end > inode.size) attr.size = end;
    inode.setattr(attr);
    this.atimeChecked = false;
  }

  private updateAtime(sys: Sys): void {
    this.atimeChecked = true;
    const path = this.path;
    if (this.flags & O_NOATIME || !(path instanceof VfsPath) || path.mount.readOnly) return;
    if (path.mount.flags & MS_NOATIME || keepsAtime(this.inode)) return;
    const now = sys.kernel.clock.realtime();
    const st = this.inode.stat();
    const strict = (path.mount.flags & MS_STRICTATIME) !== 0;
    const due =
      strict ||
      !later(st.atime, st.mtime) ||
      !later(st.atime, st.ctime) ||
      now.sec - st.atime.sec >= DAY_SECONDS;
    if (due) this.inode.setattr({ atime: now });
    if (strict) this.atimeChecked = false;
  }

  override seek(_sys: Sys, offset: number, whence: number): number {
    this.pos = seekRegular(this.inode, this.pos, offset, whence);
    return this.pos;
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (request === FS_IOC_GETFLAGS || request === FS_IOC_SETFLAGS)
      return ioctlFlags(sys, this.inode, this.path, request, arg);
    if (request !== FIONREAD && request !== FIGETBSZ) throw linuxError(ENOTTY);
    const value = request === FIONREAD ? this.inode.size - this.pos : this.inode.stat().blksize;
    sys.mem.writeU32(arg, value);
    return 0;
  }

  override fsync(dataOnly: boolean): void {
    this.inode.fsync(dataOnly);
  }

  protected pagesOf(): FilePages {
    const pages = this.inode.pages;
    if (pages === null) throw linuxError(EINVAL);
    return pages;
  }
}

/** a > b */
function later(a: Timespec, b: Timespec): boolean {
  return a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec);
}

/** A write by others than a privileged user takes set-user-ID and set-group-ID away. */
export function modeAfterWrite(sys: Sys, mode: number): number {
  if ((mode & (S_ISUID | S_ISGID)) === 0 || sys.task.cred.has(CAP_FSETID)) return mode;
  const kept = mode & ~S_ISUID;
  return kept & 0o010 ? kept & ~S_ISGID : kept;
}

/** lseek(2) on a file with a size. @returns the new position */
export function seekRegular(inode: Inode, pos: number, offset: number, whence: number): number {
  let to: number;
  switch (whence) {
    case SEEK_SET:
      to = offset;
      break;
    case SEEK_CUR:
      to = pos + offset;
      break;
    case SEEK_END:
      to = inode.size + offset;
      break;
    case SEEK_DATA:
    case SEEK_HOLE:
      return seekSparse(inode, offset, whence);
    default:
      throw linuxError(EINVAL);
  }
  if (to < 0 || to > Number.MAX_SAFE_INTEGER) throw linuxError(EINVAL);
  return to;
}

function seekSparse(inode: Inode, offset: number, whence: number): number {
  const size = inode.size;
  if (offset < 0 || offset >= size) throw linuxError(ENXIO);
  if (inode.seekSparse === undefined) return whence === SEEK_DATA ? offset : size;
  const found = inode.seekSparse(offset, whence);
  if (found < 0) throw linuxError(ENXIO);
  return found > size ? size : found;
}
