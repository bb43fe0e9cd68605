/** The signal system calls (kernel/signal.c). */

import { CAP } from '../cred/cred.ts';
import { EAGAIN, EINTR, EINVAL, EPERM, ESRCH, linuxError, unlessErrno } from '../errno.ts';
import type { Process } from '../process/process.ts';
import { RLIMIT } from '../process/rlimits.ts';
import { formatEnum, Pid, Size, StructIn, StructOut } from '../syscall/args.ts';
import {
  type ArgType,
  ERESTARTNOHAND,
  KEEP_REGISTERS,
  type Sys,
  type SyscallRow,
  syscall,
} from '../syscall/types.ts';
import type { Task } from '../task.ts';
import { readTimespecMs } from '../time/timespec.ts';
import { altStackFlags, setAltStack } from './alt-stack.ts';
import { dequeueWanted } from './deliver.ts';
import { readFrame } from './frame.ts';
import {
  NSIG,
  SA_NOCLDSTOP,
  SA_NOCLDWAIT,
  SA_NODEFER,
  SA_ONSTACK,
  SA_RESETHAND,
  SA_RESTART,
  SA_RESTORER,
  SA_SIGINFO,
  SI_TKILL,
  SI_USER,
  SIGCONT,
  SIGKILL,
  SIGSEGV,
  SIGSTOP,
  signalName,
} from './numbers.ts';
import { forceSignal, retargetSignals, sendToProcess, sendToTask } from './send.ts';
import { encodeSigInfo, kernelInfo, killInfo, rawInfo, SIGINFO_SIZE } from './siginfo.ts';
import { SigSet } from './sigset.ts';
import './formats.ts';

const SIGSET_SIZE = 8;
const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;
const SA_UNSUPPORTED = 0x400;
/** UAPI_SA_FLAGS; other bits are cleared. */
const SA_KNOWN =
  (SA_NOCLDSTOP |
    SA_NOCLDWAIT |
    SA_SIGINFO |
    SA_ONSTACK |
    SA_RESTART |
    SA_NODEFER |
    SA_RESETHAND |
    SA_RESTORER |
    0x800) >>>
  0;

export const Signal: ArgType<number> = {
  name: 'int',
  decode: (lo) => lo | 0,
  format: (v) => signalName(v),
};

export function readSigSet(sys: Sys, addr: number): SigSet {
  return new SigSet(sys.mem.readI32(addr), sys.mem.readI32(addr + 4));
}

function checkSize(size: number): void {
  if (size !== SIGSET_SIZE) throw linuxError(EINVAL);
}

function isValid(sig: number): boolean {
  return sig >= 1 && sig <= NSIG;
}

function sysRtSigaction(
  sys: Sys,
  a: { signum: number; act: number; oldact: number; sigsetsize: number },
): number {
  checkSize(a.sigsetsize);
  const { mem, task } = sys;
  if (!isValid(a.signum)) throw linuxError(EINVAL);
  let next: { handler: number; flags: number; restorer: number; mask: SigSet } | null = null;
  if (a.act !== 0) {
    next = {
      handler: mem.readU64(a.act),
      flags: (mem.readU32(a.act + 8) & SA_KNOWN & ~SA_UNSUPPORTED) >>> 0,
      restorer: mem.readU64(a.act + 16),
      mask: readSigSet(sys, a.act + 24),
    };
    if (a.signum === SIGKILL || a.signum === SIGSTOP) throw linuxError(EINVAL);
  }
  const action = task.process.actions.get(a.signum);
  const old = { handler: action.handler, flags: action.flags, restorer: action.restorer };
  const oldMask = action.mask.clone();
  if (next !== null) {
    action.handler = next.handler;
    action.flags = next.flags;
    action.restorer = next.restorer;
    action.mask.assign(next.mask);
    action.mask.removeUnblockable();
    // A signal that is now ignored is no longer pending, even if blocked (POSIX 3.3.1.3).
    if (task.process.actions.ignores(a.signum)) discardPending(task.process, a.signum);
  }
  if (a.oldact !== 0) {
    mem.writeU64(a.oldact, old.handler);
    mem.writePair(a.oldact + 8, old.flags, 0);
    mem.writeU64(a.oldact + 16, old.restorer);
    mem.writePair(a.oldact + 24, oldMask.lo, oldMask.hi);
  }
  return 0;
}

function discardPending(process: Process, sig: number): void {
  const set = SigSet.of(sig);
  process.pending.discard(set);
  for (const t of process.threads) t.pending.discard(set);
}

/** Changes a task's mask; other threads take over what it now blocks. */
export function setMask(task: Task, lo: number, hi: number): void {
  task.blocked.set(lo, hi);
  task.blocked.removeUnblockable();
  task.recalcSignals();
  if (!task.process.pending.mask.empty) retargetSignals(task.process);
}

function sysRtSigprocmask(
  sys: Sys,
  a: { how: number; set: number; oldset: number; sigsetsize: number },
): number {
  checkSize(a.sigsetsize);
  const { blocked } = sys.task;
  const oldLo = blocked.lo;
  const oldHi = blocked.hi;
  if (a.set !== 0) {
    const lo = sys.mem.readI32(a.set);
    const hi = sys.mem.readI32(a.set + 4);
    if (a.how === SIG_BLOCK) setMask(sys.task, oldLo | lo, oldHi | hi);
    else if (a.how === SIG_UNBLOCK) setMask(sys.task, oldLo & ~lo, oldHi & ~hi);
    else if (a.how === SIG_SETMASK) setMask(sys.task, lo, hi);
    else throw linuxError(EINVAL);
  }
  if (a.oldset !== 0) sys.mem.writePair(a.oldset, oldLo, oldHi);
  return 0;
}

function sysRtSigpending(sys: Sys, a: { set: number; sigsetsize: number }): number {
  if (a.sigsetsize > SIGSET_SIZE) throw linuxError(EINVAL);
  const { pending, process, blocked } = sys.task;
  const lo = (pending.mask.lo | process.pending.mask.lo) & blocked.lo;
  const hi = (pending.mask.hi | process.pending.mask.hi) & blocked.hi;
  const bytes = new Uint8Array(8);
  const d = new DataView(bytes.buffer);
  d.setInt32(0, lo, true);
  d.setInt32(4, hi, true);
  sys.mem.copyOut(a.set, bytes, 0, a.sigsetsize);
  return 0;
}

function sysRtSigsuspend(sys: Sys, a: { mask: number; sigsetsize: number }): number {
  checkSize(a.sigsetsize);
  const set = readSigSet(sys, a.mask);
  sys.task.useTemporaryMask(set.lo, set.hi);
  return sys.block([], { interrupted: -ERESTARTNOHAND });
}

function sysPause(sys: Sys): number {
  return sys.block([], { interrupted: -ERESTARTNOHAND });
}

interface TimedWait {
  readonly deadline: number | undefined;
}

function sysRtSigtimedwait(
  sys: Sys,
  a: { set: number; info: number; timeout: number; sigsetsize: number },
): number {
  checkSize(a.sigsetsize);
  const { task } = sys;
  const wanted = readSigSet(sys, a.set);
  wanted.removeUnblockable();
  let state = sys.state as TimedWait | undefined;
  if (state === undefined) {
    const ms = a.timeout === 0 ? undefined : readTimespecMs(sys.mem, a.timeout);
    state = { deadline: ms === undefined ? undefined : sys.kernel.now() + ms };
    sys.state = state;
  }
  const info = dequeueWanted(task, wanted);
  if (info !== null) {
    if (a.info !== 0) {
      const bytes = new Uint8Array(SIGINFO_SIZE);
      encodeSigInfo(info, bytes);
      sys.mem.copyOut(a.info, bytes, 0, SIGINFO_SIZE);
    }
    return info.signo;
  }
  const { deadline } = state;
  if (deadline !== undefined && (sys.timedOut || deadline <= sys.kernel.now())) {
    throw linuxError(EAGAIN);
  }
  return sys.block(
    [task.process.signalWait],
    deadline === undefined ? { interrupted: -EINTR } : { interrupted: -EINTR, deadline },
  );
}

function sysRtSigreturn(sys: Sys): number {
  if (!readFrame(sys.task)) forceSignal(sys.task, kernelInfo(SIGSEGV));
  return KEEP_REGISTERS;
}

function sysSigaltstack(sys: Sys, a: { ss: number; old: number }): number {
  const { mem, task } = sys;
  const { sp, size } = task.altStack;
  const flags = altStackFlags(task);
  if (a.ss !== 0) {
    const newFlags = mem.readU32(a.ss + 8);
    const errno = setAltStack(task, mem.readU64(a.ss), newFlags, mem.readU64(a.ss + 16));
    if (errno !== 0) throw linuxError(errno);
  }
  if (a.old !== 0) {
    mem.writeU64(a.old, sp);
    mem.writePair(a.old + 8, flags, 0);
    mem.writeU64(a.old + 16, size);
  }
  return 0;
}

/** kill_ok_by_cred and the SIGCONT rule of check_kill_permission. */
export function mayKill(sys: Sys, target: Process, sig: number): boolean {
  const { cred, process } = sys.task;
  if (process === target) return true;
  const other = target.cred;
  if (cred.euid === other.suid || cred.euid === other.uid) return true;
  if (cred.uid === other.suid || cred.uid === other.uid) return true;
  if (cred.has(CAP.KILL)) return true;
  return sig === SIGCONT && target.session === process.session;
}

function killOne(sys: Sys, target: Process, sig: number): void {
  if (!mayKill(sys, target, sig)) throw linuxError(EPERM);
  if (sig === 0) return;
  sendToProcess(target, killInfo(sig, sys.task.tgid, sys.task.cred.uid));
}

/** kill(-pgid) and kill(-1): success if at least one could be signalled. */
function killMany(sys: Sys, targets: readonly Process[], sig: number): number {
  if (targets.length === 0) throw linuxError(ESRCH);
  let sent = false;
  for (const target of targets) {
    if (!mayKill(sys, target, sig)) continue;
    sent = true;
    if (sig !== 0) sendToProcess(target, killInfo(sig, sys.task.tgid, sys.task.cred.uid));
  }
  if (!sent) throw linuxError(EPERM);
  return 0;
}

function sysKill(sys: Sys, { pid, sig }: { pid: number; sig: number }): number {
  if (sig < 0 || sig > NSIG) throw linuxError(EINVAL);
  const { kernel, task } = sys;
  if (pid > 0) {
    const target = kernel.processes.get(pid) ?? kernel.tasks.get(pid)?.process;
    if (target === undefined) throw linuxError(ESRCH);
    killOne(sys, target, sig);
    return 0;
  }
  const all = [...kernel.processes.values()];
  if (pid === -1) {
    return killMany(
      sys,
      all.filter((p) => p !== kernel.init && p !== task.process),
      sig,
    );
  }
  if (pid === -0x80000000) throw linuxError(ESRCH);
  const pgid = pid === 0 ? task.process.pgid : -pid;
  return killMany(
    sys,
    all.filter((p) => p.pgid === pgid),
    sig,
  );
}

function findThread(sys: Sys, tgid: number, tid: number): Task {
  const target = sys.kernel.tasks.get(tid);
  if (target === undefined || (tgid > 0 && target.tgid !== tgid)) throw linuxError(ESRCH);
  return target;
}

function sysTgkill(sys: Sys, a: { tgid: number; tid: number; sig: number }): number {
  if (a.tgid <= 0 || a.tid <= 0) throw linuxError(EINVAL);
  return killThread(sys, a.tgid, a.tid, a.sig);
}

function sysTkill(sys: Sys, a: { tid: number; sig: number }): number {
  if (a.tid <= 0) throw linuxError(EINVAL);
  return killThread(sys, 0, a.tid, a.sig);
}

function killThread(sys: Sys, tgid: number, tid: number, sig: number): number {
  if (sig < 0 || sig > NSIG) throw linuxError(EINVAL);
  const target = findThread(sys, tgid, tid);
  if (!mayKill(sys, target.process, sig)) throw linuxError(EPERM);
  if (sig !== 0) sendToTask(target, killInfo(sig, sys.task.tgid, sys.task.cred.uid, true));
  return 0;
}

export function readInfo(sys: Sys, sig: number, addr: number): ReturnType<typeof rawInfo> {
  if (!isValid(sig) && sig !== 0) throw linuxError(EINVAL);
  const bytes = new Uint8Array(SIGINFO_SIZE);
  sys.mem.copyIn(addr, bytes, 0, SIGINFO_SIZE);
  return rawInfo(sig, bytes);
}

/** Only the kernel sends codes ≥ 0, and SI_TKILL, to others. */
export function checkCode(sys: Sys, code: number, target: Process): void {
  if ((code >= SI_USER || code === SI_TKILL) && target !== sys.task.process) {
    throw linuxError(EPERM);
  }
}

function checkQueueLimit(sys: Sys, target: Process): void {
  const limit = sys.task.process.rlimits.soft[RLIMIT.SIGPENDING] as number;
  if (target.pending.count >= limit || !target.pending.hasRoom) throw linuxError(EAGAIN);
}

function sysRtSigqueueinfo(sys: Sys, a: { tgid: number; sig: number; info: number }): number {
  const info = readInfo(sys, a.sig, a.info);
  const target = sys.kernel.processes.get(a.tgid) ?? sys.kernel.tasks.get(a.tgid)?.process;
  if ((info.code >= SI_USER || info.code === SI_TKILL) && a.tgid !== sys.task.tgid) {
    throw linuxError(EPERM);
  }
  if (target === undefined) throw linuxError(ESRCH);
  if (!mayKill(sys, target, a.sig)) throw linuxError(EPERM);
  checkQueueLimit(sys, target);
  if (a.sig !== 0) sendToProcess(target, info);
  return 0;
}

function sysRtTgsigqueueinfo(
  sys: Sys,
  a: { tgid: number; tid: number; sig: number; info: number },
): number {
  if (a.tgid <= 0 || a.tid <= 0) throw linuxError(EINVAL);
  const info = readInfo(sys, a.sig, a.info);
  const target = findThread(sys, a.tgid, a.tid);
  checkCode(sys, info.code, target.process);
  if (!mayKill(sys, target.process, a.sig)) throw linuxError(EPERM);
  checkQueueLimit(sys, target.process);
  if (a.sig !== 0) sendToTask(target, info);
  return 0;
}

/** Nothing is left to restart: interrupted calls that would use it gave EINTR to a handler. */
function sysRestartSyscall(): number {
  throw linuxError(EINTR);
}

const How: ArgType<number> = {
  name: 'int',
  decode: (lo) => lo | 0,
  format: (v) => formatEnum(v, { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK }, 'SIG'),
};

/** rt_sigreturn has no arguments: strace shows the mask that comes back. */
const SavedMask: ArgType<number> = {
  name: 'void',
  decode: () => 0,
  format(_v, ctx) {
    const sp = ctx.task.kernel.cpu.getReg(4);
    const { mem } = ctx;
    const mask = unlessErrno(
      () => new SigSet(mem.readI32(sp - 8 + 304), mem.readI32(sp - 8 + 308)),
    );
    return mask === null ? '' : `{mask=${mask}}`;
  },
};

export const SIGNAL_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    13,
    'rt_sigaction',
    {
      signum: Signal,
      act: StructIn('sigaction'),
      oldact: StructOut('sigaction'),
      sigsetsize: Size,
    },
    sysRtSigaction,
  ),
  syscall(
    14,
    'rt_sigprocmask',
    { how: How, set: StructIn('sigset'), oldset: StructOut('sigset'), sigsetsize: Size },
    sysRtSigprocmask,
  ),
  syscall(15, 'rt_sigreturn', { frame: SavedMask }, sysRtSigreturn),
  syscall(34, 'pause', {}, sysPause),
  syscall(62, 'kill', { pid: Pid, sig: Signal }, sysKill),
  syscall(127, 'rt_sigpending', { set: StructOut('sigset'), sigsetsize: Size }, sysRtSigpending),
  syscall(
    128,
    'rt_sigtimedwait',
    {
      set: StructIn('sigset'),
      info: StructOut('siginfo'),
      timeout: StructIn('timespec'),
      sigsetsize: Size,
    },
    sysRtSigtimedwait,
  ),
  syscall(
    129,
    'rt_sigqueueinfo',
    { tgid: Pid, sig: Signal, info: StructIn('siginfo') },
    sysRtSigqueueinfo,
  ),
  syscall(130, 'rt_sigsuspend', { mask: StructIn('sigset'), sigsetsize: Size }, sysRtSigsuspend),
  syscall(
    131,
    'sigaltstack',
    { ss: StructIn('stack_t'), old: StructOut('stack_t') },
    sysSigaltstack,
  ),
  syscall(200, 'tkill', { tid: Pid, sig: Signal }, sysTkill),
  syscall(219, 'restart_syscall', {}, sysRestartSyscall),
  syscall(234, 'tgkill', { tgid: Pid, tid: Pid, sig: Signal }, sysTgkill),
  syscall(
    297,
    'rt_tgsigqueueinfo',
    { tgid: Pid, tid: Pid, sig: Signal, info: StructIn('siginfo') },
    sysRtTgsigqueueinfo,
  ),
];
