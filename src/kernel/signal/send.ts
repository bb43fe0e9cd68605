/**
 * Sending signals (kernel/signal.c: prepare_signal, send_signal_locked, complete_signal).
 *
 * Invariants: a pending stop signal and a pending SIGCONT exclude each other; SIGCONT continues a
 * stopped process when it is sent, whatever becomes of it; SIGKILL takes effect at once; a signal
 * that is ignored and not blocked is never queued. Pid 1 of a system ignores what it does not handle,
 * SIGKILL and SIGSTOP included; only a fault of its own ends it.
 */

import type { Process } from '../process/process.ts';
import { TASK_STATE, type Task } from '../task.ts';
import { continueProcess } from './job-control.ts';
import { SIG_DFL, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU } from './numbers.ts';
import type { PendingSignals } from './pending.ts';
import type { SigInfo } from './siginfo.ts';
import { SigSet } from './sigset.ts';

const STOPS = SigSet.of(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU);
const CONT = SigSet.of(SIGCONT);

function discardEverywhere(process: Process, set: SigSet): void {
  process.pending.discard(set);
  for (const t of process.threads) t.pending.discard(set);
}

/** What the signal does before it is queued. @returns false if it is not to be queued */
function prepare(process: Process, target: Task, sig: number): boolean {
  if (process.zombie || process.exiting) return false;
  if (STOPS.has(sig)) discardEverywhere(process, CONT);
  else if (sig === SIGCONT) {
    discardEverywhere(process, STOPS);
    continueProcess(process);
  }
  return target.blocked.has(sig) || !ignored(process, sig);
}

/** sig_task_ignored(): what pid 1 of a system has no handler for does not reach it, SIGSTOP included. */
function ignored(process: Process, sig: number): boolean {
  const { actions } = process;
  return actions.ignores(sig) || (process.unkillable && actions.get(sig).handler === SIG_DFL);
}

function wakeForSignal(task: Task): void {
  task.signalFlag = true;
  if (task.state === TASK_STATE.blocked && !task.sys.uninterruptible) task.wake();
}

function queue(process: Process, pending: PendingSignals, info: SigInfo): boolean {
  if (!pending.add(info)) return false;
  process.signalWait.wake();
  return true;
}

/** Sends a signal to one thread. @returns false if it was not queued (ignored, or pending already) */
export function sendToTask(task: Task, info: SigInfo): boolean {
  const { process } = task;
  if (info.signo === SIGKILL) {
    if (process.unkillable) return false;
    if (!process.zombie) process.kernel.killProcess(process, SIGKILL);
    return true;
  }
  if (task.dead || !prepare(process, task, info.signo)) return false;
  if (!queue(process, task.pending, info)) return false;
  if (!task.blocked.has(info.signo)) wakeForSignal(task);
  return true;
}

/** Sends a signal to a process: some thread that does not block it takes it. */
export function sendToProcess(process: Process, info: SigInfo): boolean {
  const sig = info.signo;
  if (process.zombie) return false;
  if (sig === SIGKILL) {
    if (process.unkillable) return false;
    process.kernel.killProcess(process, SIGKILL);
    return true;
  }
  const main = process.aliveThread();
  if (main === null || !prepare(process, main, sig)) return false;
  if (!queue(process, process.pending, info)) return false;
  const taker = chooseThread(process, main, sig);
  if (taker !== null) wakeForSignal(taker);
  return true;
}

function chooseThread(process: Process, main: Task, sig: number): Task | null {
  if (!main.blocked.has(sig)) return main;
  for (const t of process.threads) if (!t.blocked.has(sig)) return t;
  return null;
}

/** A thread ends or blocks more signals: others may have to take what the process has pending. */
export function retargetSignals(process: Process): void {
  if (process.pending.mask.empty) return;
  for (const t of process.threads) {
    if (t.signalFlag) continue;
    t.recalcSignals();
    if (t.signalFlag) wakeForSignal(t);
  }
}

/**
 * Sends a signal that a task caused itself by a fault (force_sig_info): if it is blocked or ignored, it
 * kills.
 */
export function forceSignal(task: Task, info: SigInfo): void {
  const { process } = task;
  if (process.exiting || task.dead) return;
  const action = process.actions.get(info.signo);
  if (task.blocked.has(info.signo) || process.actions.ignores(info.signo)) {
    action.handler = SIG_DFL;
    action.flags = 0;
    task.blocked.delete(info.signo);
  }
  // Pid 1 cannot go on after this either.
  if (action.handler === SIG_DFL) process.unkillable = false;
  task.pending.add(info);
  task.signalFlag = true;
}
