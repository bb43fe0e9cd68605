/**
 * clone(2) and clone3(2): two ways to write a CloneRequest.
 *
 *     struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls,
 *                        set_tid, set_tid_size, cgroup (64 bits each; 64, 80 or 88 bytes)
 */

import { E2BIG, EFAULT, EINVAL, EOPNOTSUPP, EPERM, linuxError } from '../errno.ts';
import { NSIG } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { CLONE, type CloneRequest, clone } from './clone.ts';

/** Exit signal in the low byte of the flags. */
const CSIGNAL = 0xff;
const FIRST_SIZE = 64;
const LAST_SIZE = 88;
const MAX_SIZE = 4096;
/** In the high half of clone3's flags. */
const CLEAR_SIGHAND = 1;
const INTO_CGROUP = 2;
/** The place of CLONE_NEWTIME in the low byte. */
const NEWTIME = 0x80;

export function sysClone(
  sys: Sys,
  a: { flags: number; stack: number; parentTid: number; childTid: number; tls: number },
): number {
  const { stack, parentTid, childTid, tls } = a;
  const flags = (a.flags & ~CSIGNAL) >>> 0;
  // Both would be stored there.
  if ((flags & CLONE.PIDFD) !== 0 && (flags & CLONE.PARENT_SETTID) !== 0) throw linuxError(EINVAL);
  return clone(sys, {
    flags,
    exitSignal: a.flags & CSIGNAL,
    clearHandlers: false,
    pidfd: parentTid,
    stack,
    parentTid,
    childTid,
    tls,
  });
}

export function sysClone3(sys: Sys, { uargs, size }: { uargs: number; size: number }): number {
  return clone(sys, readRequest(sys, uargs, size));
}

function readArgs(sys: Sys, addr: number, size: number): DataView {
  if (size > MAX_SIZE) throw linuxError(E2BIG);
  if (size < FIRST_SIZE) throw linuxError(EINVAL);
  const bytes = new Uint8Array(Math.max(size, LAST_SIZE));
  if (sys.mem.copyInPartial(addr, bytes, 0, size) < size) throw linuxError(EFAULT);
  // A caller that knows more fields may use those only where they are zero.
  if (bytes.subarray(LAST_SIZE).some((b) => b !== 0)) throw linuxError(E2BIG);
  return new DataView(bytes.buffer);
}

/** copy_clone_args_from_user() and clone3_args_valid() */
function readRequest(sys: Sys, addr: number, size: number): CloneRequest {
  const d = readArgs(sys, addr, size);
  const word = (index: number): number =>
    d.getUint32(index * 8 + 4, true) * 4294967296 + d.getUint32(index * 8, true);
  const flags = d.getUint32(0, true);
  const high = d.getUint32(4, true);
  const exitSignal = word(4);
  const stack = word(5);
  const stackSize = word(6);
  const clearHandlers = (high & CLEAR_SIGHAND) !== 0;
  if ((high & ~(CLEAR_SIGHAND | INTO_CGROUP)) !== 0) throw linuxError(EINVAL);
  if ((flags & (CLONE.DETACHED | (CSIGNAL & ~NEWTIME))) !== 0) throw linuxError(EINVAL);
  if (clearHandlers && (flags & CLONE.SIGHAND) !== 0) throw linuxError(EINVAL);
  if ((flags & (CLONE.THREAD | CLONE.PARENT)) !== 0 && exitSignal !== 0) throw linuxError(EINVAL);
  if (exitSignal > NSIG) throw linuxError(EINVAL);
  if ((stack === 0) !== (stackSize === 0)) throw linuxError(EINVAL);
  // Chosen ids are for those who restore checkpoints; there are no groups of processes (cgroups) here.
  if (word(9) !== 0 || (flags & NEWTIME) !== 0) throw linuxError(EPERM);
  if ((high & INTO_CGROUP) !== 0) throw linuxError(EOPNOTSUPP);
  return {
    flags,
    exitSignal,
    clearHandlers,
    pidfd: word(1),
    stack: stack + stackSize,
    parentTid: word(3),
    childTid: word(2),
    tls: word(7),
  };
}
