/**
 * Files without a name: pipes, sockets, epoll … What fstat shows of them, and the place that
 * /proc/PID/fd/N leads to, so that `open("/dev/stdin")` works when that is a pipe.
 */

import { EINVAL, ENXIO, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { PIPEFS_MAGIC } from './constants.ts';
import { Dentry } from './dentry.ts';
import { BaseInode } from './inode.ts';
import { Mount } from './mount.ts';
import { VfsPath } from './path.ts';
import type { FileSystem, Inode, OpenFile, Path, SetAttr, Stat, StatFs } from './types.ts';
import { S_IFIFO, S_IFREG, S_IFSOCK } from './types.ts';

const EPOCH = { sec: 0, nsec: 0 };

/** fstat of any open file. */
export function statFile(file: OpenFile): Stat {
  if (file.inode !== null) return file.inode.stat();
  return file.stat?.() ?? anonymousStat(file);
}

function anonymousStat(file: OpenFile): Stat {
  const text = file.describe();
  const ino = Number(/\[(\d+)\]/.exec(text)?.[1] ?? 1);
  let mode = 0o600;
  if (text.startsWith('pipe:')) mode = S_IFIFO | 0o600;
  else if (text.startsWith('socket:')) mode = S_IFSOCK | 0o777;
  return {
    ino,
    mode,
    nlink: 1,
    uid: 0,
    gid: 0,
    rdev: 0,
    size: 0,
    blocks: 0,
    blksize: 4096,
    atime: EPOCH,
    mtime: EPOCH,
    ctime: EPOCH,
    btime: EPOCH,
  };
}

class AnonymousFs implements FileSystem {
  readonly type = 'anon_inodefs';
  readonly dev = 0xe;
  readonly readOnly = false;

  get root(): Inode {
    throw linuxError(EINVAL);
  }

  statfs(): StatFs {
    return {
      type: PIPEFS_MAGIC,
      bsize: 4096,
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      namelen: 255,
    };
  }

  sync(): void {}
}

/** Stands for an open file without an inode in a path. */
class AnonymousInode extends BaseInode {
  readonly nlink = 1;
  readonly size = 0;
  readonly rdev = 0;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  private readonly file: OpenFile;

  constructor(fs: FileSystem, file: OpenFile) {
    const st = statFile(file);
    super(fs, st.ino);
    this.mode = (st.mode & 0o170000) === 0 ? S_IFREG | st.mode : st.mode;
    this.uid = st.uid;
    this.gid = st.gid;
    this.file = file;
  }

  stat(): Stat {
    return statFile(this.file);
  }

  setattr(_attr: SetAttr): void {
    throw linuxError(EINVAL);
  }

  override open(_sys: Sys | null, _flags: number, _path: Path): OpenFile {
    throw linuxError(ENXIO);
  }
}

const anonymousFs = new AnonymousFs();

/** Opening this inode opens an existing pipe, socket … again, not a FIFO of a file system. */
export function isAnonymous(inode: Inode): boolean {
  return inode.fs === anonymousFs;
}

/** open(2) of a file that knows how to be opened again; null if it is opened through its inode. */
export function reopenAnonymous(sys: Sys | null, path: VfsPath, flags: number): OpenFile | null {
  if (sys === null) return null;
  return path.mount.file?.reopen?.(sys, flags) ?? null;
}

/** Where the magic link of an open file leads. */
export function pathOfFile(file: OpenFile): VfsPath {
  if (file.path instanceof VfsPath) return file.path;
  const inode = file.inode ?? new AnonymousInode(anonymousFs, file);
  const dentry = new Dentry(file.describe(), null, inode);
  return new VfsPath(new Mount(0, anonymousFs, dentry, 0, 'none', file), dentry);
}
