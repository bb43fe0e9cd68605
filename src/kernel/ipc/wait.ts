/** What poll, select and epoll share: time limits and readiness of descriptors. */

import { EINVAL, linuxError } from '../errno.ts';
import { SigSet } from '../signal/sigset.ts';
import type { Sys } from '../syscall/types.ts';

/** A deadline in monotonic milliseconds from `ms` now; negative: none. */
export function deadlineAfter(sys: Sys, ms: number): number {
  return ms < 0 ? Number.POSITIVE_INFINITY : sys.kernel.now() + ms;
}

/** The signal mask argument of ppoll, pselect6 and epoll_pwait: in force until the call ends. */
export function useSignalMask(sys: Sys, addr: number, size: number): void {
  if (addr === 0) return;
  if (size !== 8) throw linuxError(EINVAL);
  sys.task.useTemporaryMask(sys.mem.readI32(addr), sys.mem.readI32(addr + 4));
}

/** A signal mask of a caller, without what can not be blocked. */
export function readSigSet(sys: Sys, addr: number, size: number): SigSet {
  if (size !== 8) throw linuxError(EINVAL);
  const set = new SigSet(sys.mem.readI32(addr), sys.mem.readI32(addr + 4));
  set.removeUnblockable();
  return set;
}
