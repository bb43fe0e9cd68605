/** The alternate signal stack: sigaltstack(2), kernel/signal.c do_sigaltstack. */

import { EINVAL, ENOMEM, EPERM } from '../errno.ts';
import { REG } from '../ports.ts';
import { SS_DISABLE, type Task } from '../task.ts';

export const SS_ONSTACK = 1;
export const SS_AUTODISARM = 0x80000000;
const MINSIGSTKSZ = 2048;

/** Does the stack pointer lie on the alternate stack? Never with SS_AUTODISARM. */
export function onAltStack(task: Task, sp: number): boolean {
  const { altStack } = task;
  if ((altStack.flags & SS_AUTODISARM) !== 0) return false;
  return sp > altStack.sp && sp - altStack.sp <= altStack.size;
}

/** @returns 0 or an errno */
export function setAltStack(task: Task, sp: number, flags: number, size: number): number {
  const { altStack, kernel } = task;
  if (onAltStack(task, kernel.cpu.getReg(REG.rsp))) return EPERM;
  const mode = (flags & ~SS_AUTODISARM) >>> 0;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) return EINVAL;
  if (mode === SS_DISABLE) {
    altStack.sp = 0;
    altStack.size = 0;
  } else {
    if (size < MINSIGSTKSZ) return ENOMEM;
    altStack.sp = sp;
    altStack.size = size;
  }
  altStack.flags = flags >>> 0;
  return 0;
}

/** ss_flags as sigaltstack(2) reports them. */
export function altStackFlags(task: Task): number {
  const { altStack, kernel } = task;
  const auto = (altStack.flags & SS_AUTODISARM) >>> 0;
  if (altStack.size === 0) return (SS_DISABLE | auto) >>> 0;
  return ((onAltStack(task, kernel.cpu.getReg(REG.rsp)) ? SS_ONSTACK : 0) | auto) >>> 0;
}
