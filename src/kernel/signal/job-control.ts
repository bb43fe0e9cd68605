/**
 * Stopping and continuing of processes, and what their parents learn of it; freezing of control groups.
 *
 * Invariants: `process.stopSignal` is not 0 exactly while stopped; none of its tasks is in the run
 * queue then. Unlike Linux a stop does not abort the system call that a thread sleeps in: after SIGCONT it looks
 * again at what it waits for.
 */

import type { Process } from '../process/process.ts';
import { CLD_CONTINUED, CLD_STOPPED, SA_NOCLDSTOP, SIG_IGN, SIGCHLD, SIGCONT } from './numbers.ts';
import { sigInfo } from './siginfo.ts';

export function stopProcess(process: Process, sig: number): void {
  process.stopSignal = sig;
  process.stops++;
  process.stopUnreported = true;
  process.continueUnreported = false;
  const { scheduler } = process.kernel;
  for (const t of process.threads) scheduler.dequeue(t);
  tellParent(process, CLD_STOPPED, sig);
  process.onStop?.(process, sig);
}

export function continueProcess(process: Process): void {
  if (!process.stopped) return;
  process.stopSignal = 0;
  process.stopUnreported = false;
  process.continueUnreported = true;
  goOn(process);
  tellParent(process, CLD_CONTINUED, SIGCONT);
}

function goOn(process: Process): void {
  const { scheduler } = process.kernel;
  for (const t of process.threads) {
    t.wake();
    scheduler.enqueue(t);
  }
}

/** A process that is frozen runs no more, like a stopped one, but nobody is told; only SIGKILL reaches it. */
export function setFrozen(process: Process, frozen: boolean): void {
  if (process.frozen === frozen) return;
  process.frozen = frozen;
  if (frozen) for (const t of process.threads) process.kernel.scheduler.dequeue(t);
  else goOn(process);
}

function tellParent(process: Process, code: number, status: number): void {
  const { parent } = process;
  if (parent === null) return;
  const action = parent.actions.get(SIGCHLD);
  if (action.handler !== SIG_IGN && (action.flags & SA_NOCLDSTOP) === 0) {
    process.kernel.sendSignalToProcess(parent, SIGCHLD, childInfo(process, code, status));
  }
  parent.childWait.wake();
}

/** The siginfo of SIGCHLD. */
export function childInfo(
  process: Process,
  code: number,
  status: number,
  signo: number = SIGCHLD,
): ReturnType<typeof sigInfo> {
  return sigInfo({
    signo,
    code,
    kind: 'chld',
    pid: process.tgid,
    uid: process.cred.uid,
    status,
    utime: Math.floor(process.usage.userMs / 10),
    stime: Math.floor(process.usage.systemMs / 10),
  });
}
