/** Open directories: getdents continues at `pos`, an opaque position of the file system. */

import { EINVAL, EISDIR, ENOENT, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { IN_ACCESS, SEEK_CUR, SEEK_SET } from './constants.ts';
import { BaseFile } from './file.ts';
import { FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, ioctlFlags } from './inode-flags.ts';
import { notifyInode } from './notify.ts';
import type { DirEntry, Inode } from './types.ts';

export class DirectoryFile extends BaseFile {
  declare readonly inode: Inode;

  override read(): number {
    throw linuxError(EISDIR);
  }

  override pread(): number {
    throw linuxError(EISDIR);
  }

  /** Entries from the position; the one that `emit` refuses is the next. */
  override readdir(_sys: Sys, emit: (e: DirEntry) => boolean): void {
    if (this.inode.nlink === 0) throw linuxError(ENOENT);
    this.inode.readdir(this.pos, (e) => {
      if (!emit(e)) return false;
      this.pos = e.next;
      return true;
    });
    notifyInode(this.inode, this.path, IN_ACCESS);
  }

  override seek(_sys: Sys, offset: number, whence: number): number {
    if (whence !== SEEK_SET && whence !== SEEK_CUR) throw linuxError(EINVAL);
    const to = whence === SEEK_CUR ? this.pos + offset : offset;
    if (to < 0) throw linuxError(EINVAL);
    this.pos = to;
    return to;
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (request === FS_IOC_GETFLAGS || request === FS_IOC_SETFLAGS)
      return ioctlFlags(sys, this.inode, this.path, request, arg);
    return super.ioctl(sys, request, arg);
  }

  override fsync(dataOnly: boolean): void {
    this.inode.fsync(dataOnly);
  }
}
