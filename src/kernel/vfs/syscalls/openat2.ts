/**
 * openat2(2): open with all flags checked, and with limits on where the path may lead.
 *
 *     struct open_how: flags, mode, resolve (64 bits each)
 */

import { E2BIG, EAGAIN, EFAULT, EINVAL, ENOTDIR, linuxError } from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import {
  __O_TMPFILE,
  AT_FDCWD,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_PATH,
  VALID_OPEN_FLAGS,
} from '../constants.ts';
import { VfsPath } from '../path.ts';
import { RESOLVE } from '../walk.ts';
import { readPath, startOf } from './common.ts';

const HOW_SIZE = 24;
const MAX_SIZE = 4096;
const ALL_WAYS = 63;
const O_PATH_FLAGS = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;

interface How {
  readonly flags: number;
  readonly mode: number;
  readonly resolve: number;
}

function readHow(sys: Sys, addr: number, size: number): How {
  if (size < HOW_SIZE) throw linuxError(EINVAL);
  if (size > MAX_SIZE) throw linuxError(E2BIG);
  const bytes = new Uint8Array(size);
  if (sys.mem.copyInPartial(addr, bytes, 0, size) < size) throw linuxError(EFAULT);
  // A caller that knows more fields may use those only where they are zero.
  if (bytes.subarray(HOW_SIZE).some((b) => b !== 0)) throw linuxError(E2BIG);
  const d = new DataView(bytes.buffer);
  for (const high of [4, 12, 20]) if (d.getUint32(high, true) !== 0) throw linuxError(EINVAL);
  return {
    flags: d.getInt32(0, true),
    mode: d.getInt32(8, true),
    resolve: d.getInt32(16, true),
  };
}

/** build_open_flags(): what open(2) would ignore is refused. */
function checkHow({ flags, mode, resolve }: How): void {
  if ((flags & ~VALID_OPEN_FLAGS) !== 0 || (resolve & ~ALL_WAYS) !== 0) throw linuxError(EINVAL);
  const scopes = RESOLVE.BENEATH | RESOLVE.IN_ROOT;
  if ((resolve & scopes) === scopes) throw linuxError(EINVAL);
  const creates = (flags & (O_CREAT | __O_TMPFILE)) !== 0;
  if ((mode & ~(creates ? 0o7777 : 0)) !== 0) throw linuxError(EINVAL);
  if ((flags & O_PATH) !== 0 && (flags & ~O_PATH_FLAGS) !== 0) throw linuxError(EINVAL);
}

/** The directory a walk starts at; in it as root even where the name is absolute. */
function startIn(sys: Sys, dfd: number, name: string, resolve: number): VfsPath | null {
  if ((resolve & RESOLVE.IN_ROOT) === 0 || dfd === AT_FDCWD) return startOf(sys, dfd, name);
  const { path } = sys.task.files.getAny(dfd);
  if (!(path instanceof VfsPath)) throw linuxError(ENOTDIR);
  return path;
}

export function sysOpenat2(
  sys: Sys,
  a: { dfd: number; filename: number; how: number; usize: number },
): number {
  const how = readHow(sys, a.how, a.usize);
  checkHow(how);
  const { task, kernel } = sys;
  const { flags, mode, resolve } = how;
  // Callers try again without: here nothing is known to be cached before it is looked up.
  if ((resolve & RESOLVE.CACHED) !== 0) throw linuxError(EAGAIN);
  const name = readPath(sys, a.filename);
  task.files.checkRoom();
  const start = startIn(sys, a.dfd, name, resolve);
  const wanted = (flags & ~O_CLOEXEC) | (flags & O_PATH ? 0 : O_LARGEFILE);
  const { walker } = kernel.vfs;
  walker.scope = resolve;
  try {
    const file = kernel.vfs.open(sys, task, start, name, wanted, mode);
    if (typeof file === 'number') return file;
    return task.files.install(file, (flags & O_CLOEXEC) !== 0);
  } finally {
    walker.scope = 0;
  }
}
