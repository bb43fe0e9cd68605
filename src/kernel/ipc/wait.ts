/** What poll, select and epoll share: time limits and readiness of descriptors. */

import { EINVAL, linuxError } from '../errno.ts';
import { SigSet } from '../signal/sigset.ts';
import type { Sys } from '../syscall/types.ts';

const NSEC_PER_SEC = 1_000_000_000;

/** A deadline in monotonic milliseconds from `ms` now; negative: none. */
export function deadlineAfter(sys: Sys, ms: number): number {
  return ms < 0 ? Number.POSITIVE_INFINITY : sys.kernel.now() + ms;
}

/** Reads a struct timespec as milliseconds; throws EINVAL for one that is not normalized. */
export function readTimespecMs(sys: Sys, addr: number): number {
  const sec = sys.mem.readI64(addr);
  const nsec = sys.mem.readI64(addr + 8);
  if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC) throw linuxError(EINVAL);
  return sec * 1000 + nsec / 1e6;
}

/** Stores what is left until `deadline` as sec and a fraction (units per second: 1e9 or 1e6). */
export function writeTimeLeft(sys: Sys, addr: number, deadline: number, units: number): void {
  const ms = Math.max(0, deadline - sys.kernel.now());
  const sec = Math.floor(ms / 1000);
  sys.mem.writeU64(addr, sec);
  sys.mem.writeU64(addr + 8, Math.floor(((ms - sec * 1000) * units) / 1000));
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
