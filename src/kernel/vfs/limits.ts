/** RLIMIT_FSIZE (getrlimit(2)): writes stop at it, and raise SIGXFSZ when they could not begin. */

import { EFBIG, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';

const RLIMIT_FSIZE = 1;
const SIGXFSZ = 25;

/** How many of `length` bytes at `offset` the limit permits; throws EFBIG if none. */
export function limitFileSize(sys: Sys, offset: number, length: number): number {
  const limit = sys.task.process.rlimits.soft[RLIMIT_FSIZE]!;
  if (offset + length <= limit) return length;
  if (offset >= limit) exceeded(sys);
  return limit - offset;
}

/** For truncate and fallocate: a size beyond the limit is refused. */
export function checkFileSize(sys: Sys, size: number): void {
  if (size > sys.task.process.rlimits.soft[RLIMIT_FSIZE]!) exceeded(sys);
}

function exceeded(sys: Sys): never {
  sys.kernel.sendSignalToTask(sys.task, SIGXFSZ);
  throw linuxError(EFBIG);
}
