/**
 * Taking pending signals on the way to user mode (kernel/signal.c get_signal, arch/x86/kernel/
 * signal.c arch_do_signal_or_restart).
 *
 * Invariant: when takeSignal returns null without having stopped or ended the process, signalFlag
 * is false, so the scheduler's loop makes progress.
 */

import { exitProcess } from '../process/exit.ts';
import { isOrphanedGroup } from '../process/groups.ts';
import { applyRestart } from '../syscall/restart.ts';
import type { Task } from '../task.ts';
import type { SigAction } from './actions.ts';
import { writeFrame } from './frame.ts';
import { stopProcess } from './job-control.ts';
import {
  DEFAULT_ACTION,
  defaultAction,
  SA_NODEFER,
  SA_RESETHAND,
  SA_RESTART,
  SIG_DFL,
  SIG_IGN,
  SIGSEGV,
  SIGSTOP,
} from './numbers.ts';
import { forceSignal } from './send.ts';
import { kernelInfo, type SigInfo } from './siginfo.ts';
import type { SigSet } from './sigset.ts';

/** A signal whose handler must run. */
export interface CaughtSignal {
  readonly info: SigInfo;
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: SigSet;
}

function dequeue(task: Task): SigInfo | null {
  const { blocked, pending, process } = task;
  let sig = pending.next(blocked);
  if (sig !== 0) return pending.take(sig);
  sig = process.pending.next(blocked);
  return sig === 0 ? null : process.pending.take(sig);
}

/** Removes one signal of `set` for sigtimedwait(2) and signalfd(2): thread-directed ones first. */
export function dequeueWanted(task: Task, wanted: SigSet): SigInfo | null {
  const { pending, process } = task;
  const others = wanted.clone();
  others.set(~wanted.lo, ~wanted.hi);
  let from = pending;
  let sig = pending.next(others);
  if (sig === 0) {
    from = process.pending;
    sig = from.next(others);
  }
  if (sig === 0) return null;
  const info = from.take(sig);
  task.recalcSignals();
  if (info !== null && info.kind === 'timer') process.timers?.taken(info);
  return info;
}

/** Runs default actions until a signal with a handler turns up; null if there is none. */
export function takeSignal(task: Task): CaughtSignal | null {
  const { process } = task;
  for (;;) {
    if (task.dead || process.stopped) return null;
    const info = dequeue(task);
    if (info === null) {
      task.signalFlag = false;
      return null;
    }
    if (info.kind === 'timer' && process.timers?.taken(info) === false) continue;
    const action = process.actions.get(info.signo);
    // The handler's signal is shown when the system call that it interrupts has been.
    if (action.handler > SIG_IGN) return caught(info, action);
    task.kernel.strace?.signal(task, info);
    // Pid 1 may have blocked what it does not handle.
    if (action.handler === SIG_IGN || process.unkillable) continue;
    runDefault(task, info.signo);
  }
}

function caught(info: SigInfo, action: SigAction): CaughtSignal {
  const { handler, flags, restorer } = action;
  if ((flags & SA_RESETHAND) !== 0) action.handler = SIG_DFL;
  return { info, handler, flags, restorer, mask: action.mask.clone() };
}

function runDefault(task: Task, sig: number): void {
  const { process } = task;
  switch (defaultAction(sig)) {
    case DEFAULT_ACTION.ignore:
    case DEFAULT_ACTION.continue:
      return;
    case DEFAULT_ACTION.stop:
      if (sig !== SIGSTOP && isOrphanedGroup(process.kernel, process.pgid, process.sid)) return;
      stopProcess(process, sig);
      task.kernel.strace?.stopped(task, sig);
      return;
    default:
      exitProcess(process, sig);
  }
}

/** Makes the handler run next: frame, mask, registers. */
export function pushHandler(task: Task, signal: CaughtSignal): void {
  task.kernel.strace?.signal(task, signal.info);
  applyRestart(task, (signal.flags & SA_RESTART) !== 0);
  const sig = signal.info.signo;
  if (!writeFrame(task, signal)) {
    // No room for the frame: SIGSEGV, which kills if that was the signal.
    if (sig === SIGSEGV) task.process.actions.get(SIGSEGV).handler = SIG_DFL;
    task.hasSavedMask = false;
    forceSignal(task, kernelInfo(SIGSEGV));
    return;
  }
  task.hasSavedMask = false;
  task.blocked.lo |= signal.mask.lo;
  task.blocked.hi |= signal.mask.hi;
  if ((signal.flags & SA_NODEFER) === 0) task.blocked.add(sig);
  task.blocked.removeUnblockable();
  task.recalcSignals();
}

/** Called before a task with signalFlag or a restart code goes on in user mode. */
export function deliverSignals(task: Task): void {
  const signal = takeSignal(task);
  if (task.dead || task.process.stopped) return;
  if (signal !== null) {
    pushHandler(task, signal);
    return;
  }
  applyRestart(task, null);
  if (task.hasSavedMask) task.restoreMask();
}
