/** Descriptors for files that a call has just made. */

import type { Sys } from '../syscall/types.ts';
import type { OpenFile } from '../vfs/types.ts';

/** Installs two files and stores their descriptors at `addr`; on an error neither is left open. */
export function installPair(
  sys: Sys,
  first: OpenFile,
  second: OpenFile,
  cloexec: boolean,
  addr: number,
): number {
  const { files } = sys.task;
  // Held here, so that a failed install of one does not leave the other half-closed.
  first.retain();
  second.retain();
  const installed: number[] = [];
  try {
    installed.push(files.install(first, cloexec));
    installed.push(files.install(second, cloexec));
    sys.mem.writeU32(addr, installed[0] as number);
    sys.mem.writeU32(addr + 4, installed[1] as number);
  } catch (e) {
    for (const fd of installed) files.close(fd);
    throw e;
  } finally {
    first.release();
    second.release();
  }
  return 0;
}
