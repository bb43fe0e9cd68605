/**
 * fork(2), vfork(2), clone(2): kernel/fork.c copy_process.
 *
 * Invariants: the child's registers are the parent's with rax 0 (and its stack and TLS); what the
 * flags do not share is copied; ids of process group and session are counted per process.
 */

import { EAGAIN, EFAULT, EINVAL, EPERM, linuxError } from '../errno.ts';
import { forkAddressSpace } from '../mm/fork.ts';
import { REG } from '../ports.ts';
import type { Sys } from '../syscall/types.ts';
import { SS_DISABLE, Task } from '../task.ts';
import type { FsContext } from '../vfs/fs-context.ts';
import { installPidFile } from './pidfd.ts';
import { threadsMax } from './pids.ts';
import { Process } from './process.ts';
import { RLIMIT } from './rlimits.ts';
import { useLimits } from './use-limits.ts';

export const CLONE = {
  VM: 0x100,
  FS: 0x200,
  FILES: 0x400,
  SIGHAND: 0x800,
  PIDFD: 0x1000,
  PTRACE: 0x2000,
  VFORK: 0x4000,
  PARENT: 0x8000,
  THREAD: 0x10000,
  NEWNS: 0x20000,
  SYSVSEM: 0x40000,
  SETTLS: 0x80000,
  PARENT_SETTID: 0x100000,
  CHILD_CLEARTID: 0x200000,
  DETACHED: 0x400000,
  UNTRACED: 0x800000,
  CHILD_SETTID: 0x1000000,
  NEWCGROUP: 0x2000000,
  NEWUTS: 0x4000000,
  NEWIPC: 0x8000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
  IO: 0x80000000,
} as const;

const NAMESPACES =
  CLONE.NEWNS |
  CLONE.NEWCGROUP |
  CLONE.NEWUTS |
  CLONE.NEWIPC |
  CLONE.NEWUSER |
  CLONE.NEWPID |
  CLONE.NEWNET;

/** What a call asks for, whichever of them it is. */
export interface CloneRequest {
  /** CLONE_* without the signal. */
  readonly flags: number;
  readonly exitSignal: number;
  /** Handlers of the child become SIG_DFL (CLONE_CLEAR_SIGHAND). */
  readonly clearHandlers: boolean;
  /** Where the pidfd goes (CLONE_PIDFD). */
  readonly pidfd: number;
  readonly stack: number;
  readonly parentTid: number;
  readonly childTid: number;
  readonly tls: number;
}

export const NO_REQUEST: CloneRequest = {
  flags: 0,
  exitSignal: 0,
  clearHandlers: false,
  pidfd: 0,
  stack: 0,
  parentTid: 0,
  childTid: 0,
  tls: 0,
};

/** What a vfork parent keeps while it waits. */
interface VforkState {
  readonly pid: number;
  readonly child: Process;
}

/** Runs clone and waits for a vfork child. @returns the child's thread id */
export function clone(sys: Sys, request: CloneRequest): number {
  const waiting = sys.state as VforkState | undefined;
  if (waiting !== undefined) return waitVfork(sys, waiting);
  const child = createTask(sys, request);
  sys.kernel.scheduler.enqueue(child);
  if ((request.flags & CLONE.VFORK) === 0) return child.pid;
  const state: VforkState = { pid: child.pid, child: child.process };
  sys.state = state;
  return waitVfork(sys, state);
}

function waitVfork(sys: Sys, state: VforkState): number {
  if (!state.child.vforkPending) return state.pid;
  return sys.block([state.child.vforkWait], { uninterruptible: true });
}

function checkFlags(sys: Sys, flags: number): void {
  const threadBits = flags & (CLONE.THREAD | CLONE.SIGHAND | CLONE.VM);
  if ((threadBits & CLONE.THREAD) !== 0 && (threadBits & CLONE.SIGHAND) === 0) {
    throw linuxError(EINVAL);
  }
  if ((threadBits & CLONE.SIGHAND) !== 0 && (threadBits & CLONE.VM) === 0) {
    throw linuxError(EINVAL);
  }
  if ((flags & CLONE.FS) !== 0 && (flags & (CLONE.NEWNS | CLONE.NEWUSER)) !== 0) {
    throw linuxError(EINVAL);
  }
  // A descriptor of a thread would need PIDFD_THREAD.
  if ((flags & CLONE.PIDFD) !== 0 && (flags & (CLONE.THREAD | CLONE.DETACHED)) !== 0) {
    throw linuxError(EINVAL);
  }
  if ((flags & CLONE.PARENT) !== 0 && sys.task.process.parent === null) throw linuxError(EINVAL);
  // Namespaces are refused as to an unprivileged user: programs that want them have a way without.
  if ((flags & NAMESPACES) !== 0) throw linuxError(EPERM);
}

function checkProcessLimit(sys: Sys): void {
  const { tasks, processes, mmu } = sys.kernel;
  const most = threadsMax(mmu.paging.frames.total);
  if (tasks.size >= most || processes.size >= most) throw linuxError(EAGAIN);
  const { cred, process } = sys.task;
  const limit = process.rlimits.soft[RLIMIT.NPROC] as number;
  if (cred.uid === 0 || limit === Number.POSITIVE_INFINITY) return;
  let n = 0;
  for (const t of sys.kernel.tasks.values()) if (t.cred.uid === cred.uid) n++;
  if (n >= limit) throw linuxError(EAGAIN);
}

function createTask(sys: Sys, request: CloneRequest): Task {
  const { kernel, task: parent } = sys;
  const { flags } = request;
  checkFlags(sys, flags);
  if ((flags & CLONE.PIDFD) !== 0) checkPidfd(sys, request.pidfd);
  checkProcessLimit(sys);
  if ((flags & CLONE.FILES) === 0) parent.files.checkCopy();
  const mm = (flags & CLONE.VM) !== 0 ? parent.mm : forkAddressSpace(parent.mm);
  if ((flags & CLONE.VM) !== 0) mm.retain();
  const pid = kernel.pids.alloc();
  const isThread = (flags & CLONE.THREAD) !== 0;
  const process = isThread ? parent.process : createProcess(parent, pid, request);
  const files = (flags & CLONE.FILES) !== 0 ? parent.files : parent.files.clone();
  if ((flags & CLONE.FILES) !== 0) files.retain();
  const fs = shareFs(parent, (flags & CLONE.FS) !== 0);
  const child = new Task(kernel, pid, process, { mm, files, fs, cred: parent.cred.clone() });
  if (!isThread) {
    process.leader = child;
    if (mm !== parent.mm) useLimits(child);
  }
  process.threads.add(child);
  kernel.tasks.set(pid, child);
  kernel.forks++;
  inherit(parent, child, flags);
  if ((flags & CLONE.VFORK) !== 0) process.vforkPending = true;
  setThreadIds(sys, child, request);
  if ((flags & CLONE.PIDFD) !== 0) sys.mem.writeU32(request.pidfd, installPidFile(sys, process));
  copyRegisters(parent, child, request);
  return child;
}

function shareFs(parent: Task, shared: boolean): FsContext {
  if (!shared) return parent.fs.clone();
  parent.fs.retain();
  return parent.fs;
}

/** What could fail once the child is there. */
function checkPidfd(sys: Sys, addr: number): void {
  sys.task.files.checkRoom();
  if (!sys.mem.accessible(addr, 4, true)) throw linuxError(EFAULT);
}

function createProcess(parent: Task, pid: number, request: CloneRequest): Process {
  const { kernel, process: from } = parent;
  const { flags } = request;
  const father = (flags & CLONE.PARENT) !== 0 ? from.parent : from;
  const process = new Process(kernel, pid, father, from.session, from.image.share());
  from.cgroup.take(process);
  process.pgid = from.pgid;
  process.exitSignal = (flags & CLONE.PARENT) !== 0 ? from.exitSignal : request.exitSignal;
  process.actions = (flags & CLONE.SIGHAND) !== 0 ? from.actions : from.actions.clone();
  if (request.clearHandlers) process.actions.resetForExec();
  process.rlimits = from.rlimits.clone();
  process.nice = from.nice;
  process.dumpable = from.dumpable;
  process.personality = from.personality;
  process.oomScoreAdj = from.oomScoreAdj;
  kernel.pids.retain(process.pgid);
  kernel.pids.retain(process.session.sid);
  kernel.processes.set(pid, process);
  father?.children.add(process);
  return process;
}

function inherit(parent: Task, child: Task, flags: number): void {
  child.comm = parent.comm;
  child.blocked.assign(parent.hasSavedMask ? parent.savedMask : parent.blocked);
  child.timerSlackNs = parent.timerSlackNs;
  if (!parent.schedResetOnFork) {
    child.schedPolicy = parent.schedPolicy;
    child.schedPriority = parent.schedPriority;
  }
  const sharesStack = (flags & (CLONE.VM | CLONE.VFORK)) === CLONE.VM;
  if (sharesStack) {
    child.altStack.flags = SS_DISABLE;
    return;
  }
  child.altStack.sp = parent.altStack.sp;
  child.altStack.size = parent.altStack.size;
  child.altStack.flags = parent.altStack.flags;
}

function setThreadIds(sys: Sys, child: Task, request: CloneRequest): void {
  const { flags } = request;
  if ((flags & CLONE.PARENT_SETTID) !== 0) sys.mem.writeU32(request.parentTid, child.pid);
  if ((flags & CLONE.CHILD_SETTID) !== 0) child.mm.mem.writeU32(request.childTid, child.pid);
  if ((flags & CLONE.CHILD_CLEARTID) !== 0) child.clearChildTid = request.childTid;
}

/** The parent's registers are in the CPU: changes them, saves them for the child, and restores. */
function copyRegisters(parent: Task, child: Task, request: CloneRequest): void {
  const { cpu } = parent.kernel;
  cpu.saveState(parent.registers);
  cpu.setReg(REG.rax, 0);
  if (request.stack !== 0) cpu.setReg(REG.rsp, request.stack);
  if ((request.flags & CLONE.SETTLS) !== 0) cpu.setFsBase(request.tls);
  cpu.saveState(child.registers);
  cpu.loadState(parent.registers);
}
