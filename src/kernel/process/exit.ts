/**
 * The end of tasks and processes (kernel/exit.c, kernel/fork.c mm_release).
 *
 * Invariants: a task can be ended from any context (it has no stack of its own), so killing is
 * immediate; afterwards it is in no queue, no map, and holds no memory, files or directories.
 * A process stays a zombie in `kernel.processes` until it is reaped.
 */

import { LinuxError } from '../errno.ts';
import { exitPiWords } from '../futex/pi.ts';
import { exitRobustList } from '../futex/robust-list.ts';
import type { Kernel } from '../kernel.ts';
import { childInfo } from '../signal/job-control.ts';
import {
  CLD_EXITED,
  CLD_KILLED,
  NSIG,
  SA_NOCLDWAIT,
  SIG_IGN,
  SIGCHLD,
  SIGCONT,
  SIGHUP,
  SIGKILL,
} from '../signal/numbers.ts';
import { retargetSignals, sendToProcess } from '../signal/send.ts';
import { killInfo } from '../signal/siginfo.ts';
import { TASK_STATE, type Task } from '../task.ts';
import { hangUpIfOrphaned } from './groups.ts';
import type { Process } from './process.ts';

/** Ends a whole process with a wait status (exit code << 8, or a signal). */
export function exitProcess(process: Process, status: number): void {
  if (process.exiting || process.zombie) return;
  process.exiting = true;
  process.exitStatus = status;
  for (const task of [...process.threads]) exitTask(task, status);
}

/** Ends one thread (exit(2), or as part of its process); the last one ends the process. */
export function exitTask(task: Task, status: number): void {
  if (task.dead) return;
  const { kernel, process } = task;
  kernel.strace?.taskEnded(task, status);
  kernel.scheduler.chargeNow(task);
  task.stopWaiting();
  task.state = TASK_STATE.dead;
  task.signalFlag = false;
  const rssKb = task.mm.residentPages * 4;
  releaseMemory(task);
  task.files.release();
  task.fs.release();
  task.pending.clear();
  kernel.scheduler.forget(task);
  kernel.tasks.delete(task.pid);
  process.threads.delete(task);
  process.usage.userMs += task.userMs;
  process.usage.systemMs += task.systemMs;
  process.usage.maxRssKb = Math.max(process.usage.maxRssKb, rssKb);
  if (task === process.leader && !process.exiting) process.exitStatus = status;
  if (task.pid !== process.tgid) kernel.pids.release(task.pid);
  if (process.threads.size > 0) retargetSignals(process);
  else endProcess(process);
}

/** Tells futexes and a vfork parent that the task leaves its memory, and leaves it. */
export function releaseMemory(task: Task): void {
  detachMemory(task);
  const { mm } = task;
  if (mm.userCount === 1) task.kernel.scheduler.forgetSpace(mm);
  mm.release();
}

/** mm_release(): robust futexes, CLONE_CHILD_CLEARTID, vfork. Also done by execve. */
export function detachMemory(task: Task): void {
  const { kernel, mm, process } = task;
  exitRobustList(task);
  exitPiWords(task);
  if (task.clearChildTid !== 0) {
    try {
      mm.mem.writeU32(task.clearChildTid, 0);
      kernel.futexes.wake(mm, task.clearChildTid, 1);
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
    }
    task.clearChildTid = 0;
  }
  if (process.vforkPending) {
    process.vforkPending = false;
    process.vforkWait.wake();
  }
}

function endProcess(process: Process): void {
  const { kernel } = process;
  process.exiting = true;
  process.zombie = true;
  process.stopSignal = 0;
  process.cgroup.leave(process);
  process.timers?.cancelAll();
  if (process.semaphores !== null) for (const set of process.semaphores) set.processEnded(process);
  process.pending.clear();
  if (process.session.leader === process) endSession(process);
  const wasInit = kernel.init === process;
  if (wasInit) kernel.init = null;
  reparentChildren(process);
  hangUpIfOrphaned(process, process.parent, true);
  process.image.release();
  const { onExit } = process;
  process.onExit = null;
  notifyParent(process);
  process.exitWait?.wake();
  onExit?.(process.exitStatus);
  if (!wasInit) return;
  kernel.initEnded(process.exitStatus);
  endWithInit(kernel);
}

/** Pid 1 has ended: so do all, except what the host started beside it and the children of that. */
function endWithInit(kernel: Kernel): void {
  for (const process of [...kernel.processes.values()]) {
    let root = process;
    while (root.parent !== null) root = root.parent;
    if (!root.hostStarted) exitProcess(process, SIGKILL);
  }
}

/** The session leader has gone: the terminal's foreground group is hung up. */
function endSession(process: Process): void {
  const { session, kernel } = process;
  session.leader = null;
  const { tty } = session;
  if (tty === null) return;
  session.tty = null;
  const { foregroundPgid } = tty;
  if (foregroundPgid > 0) {
    kernel.signalProcessGroup(foregroundPgid, SIGHUP);
    kernel.signalProcessGroup(foregroundPgid, SIGCONT);
  }
  tty.disassociate();
}

/** Who takes over orphans: the nearest subreaper above, else init, else nobody. */
function newParent(process: Process): Process | null {
  for (let p = process.parent; p !== null; p = p.parent) {
    if (p.childSubreaper && !p.zombie) return p;
  }
  const { init } = process.kernel;
  return init !== null && init !== process ? init : null;
}

function reparentChildren(process: Process): void {
  if (process.children.size === 0) return;
  const reaper = newParent(process);
  const children = [...process.children];
  process.children.clear();
  for (const child of children) {
    child.parent = reaper;
    reaper?.children.add(child);
    for (const t of child.threads) {
      if (t.parentDeathSignal !== 0) {
        sendToProcess(child, killInfo(t.parentDeathSignal, process.tgid, process.cred.uid));
      }
    }
    if (child.zombie) notifyParent(child);
    else hangUpIfOrphaned(child, process, false);
  }
}

/** Sends the exit signal; the process is reaped at once if nobody will wait for it. */
function notifyParent(process: Process): void {
  const { parent } = process;
  if (parent === null) {
    reap(process);
    return;
  }
  const action = parent.actions.get(SIGCHLD);
  const ignored = action.handler === SIG_IGN;
  const sig = process.exitSignal;
  const autoReap = sig === SIGCHLD && (ignored || (action.flags & SA_NOCLDWAIT) !== 0);
  // clone(2) takes any byte as exit signal; one that does not exist is not sent.
  if (sig !== 0 && sig <= NSIG && !(sig === SIGCHLD && ignored)) {
    const signal = process.exitStatus & 0x7f;
    const code = signal === 0 ? CLD_EXITED : CLD_KILLED;
    const status = signal === 0 ? process.exitStatus >>> 8 : signal;
    sendToProcess(parent, childInfo(process, code, status, sig));
  }
  if (autoReap) reap(process);
  parent.childWait.wake();
}

/** The zombie goes: its ids are free. */
export function reap(process: Process): void {
  const { kernel, parent } = process;
  if (process.reaped) return;
  process.reaped = true;
  kernel.processes.delete(process.tgid);
  kernel.pids.release(process.tgid);
  process.exitWait?.wake();
  leaveGroup(kernel, process);
  if (parent === null) return;
  parent.children.delete(process);
  parent.childUsage.add(process.usage);
  parent.childUsage.add(process.childUsage);
}

function leaveGroup(kernel: Kernel, process: Process): void {
  kernel.pids.release(process.pgid);
  kernel.pids.release(process.session.sid);
}
