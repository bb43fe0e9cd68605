/** Process system calls: creation, end, waiting, ids. Others of the family are in files of their own. */

import { CAP } from '../cred/cred.ts';
import { EACCES, EAGAIN, EINVAL, EPERM, ESRCH, linuxError } from '../errno.ts';
import { Enum, Flags, Int, Pid, Ptr, Size, StructOut } from '../syscall/args.ts';
import {
  type ArgType,
  BLOCKED,
  KEEP_REGISTERS,
  type Sys,
  type SyscallRow,
  syscall,
} from '../syscall/types.ts';
import { CLONE, clone, NO_REQUEST } from './clone.ts';
import { sysClone, sysClone3 } from './clone-calls.ts';
import { CLONE_ARGS } from './clone-format.ts';
import { exitProcess, exitTask } from './exit.ts';
import './formats.ts';
import { LOG_SYSCALLS } from '../log/syscalls.ts';
import { MISC_SYSCALLS } from './misc-syscalls.ts';
import { PIDFD_SYSCALLS, waitTarget } from './pidfd.ts';
import { PRCTL_SYSCALLS } from './prctl.ts';
import { REBOOT_SYSCALLS } from './reboot.ts';
import { RESOURCE_SYSCALLS, writeRusage } from './resources.ts';
import { SCHED_SYSCALLS } from './sched-syscalls.ts';
import { Session } from './session.ts';
import {
  type ChildEvent,
  type ChildFilter,
  checkOptions,
  filterByPid,
  WAIT4_OPTIONS,
  WAITID_OPTIONS,
  WCONTINUED,
  WEXITED,
  WNOHANG,
  WNOWAIT,
  WSTOPPED,
  waitForChild,
} from './wait.ts';

const SIGCHLD = 17;

function plainFork(sys: Sys, flags: number): number {
  return clone(sys, { ...NO_REQUEST, flags, exitSignal: SIGCHLD });
}

function sysExit(sys: Sys, { status }: { status: number }): number {
  exitTask(sys.task, (status & 0xff) << 8);
  return KEEP_REGISTERS;
}

function sysExitGroup(sys: Sys, { status }: { status: number }): number {
  exitProcess(sys.task.process, (status & 0xff) << 8);
  return KEEP_REGISTERS;
}

function sysWait4(
  sys: Sys,
  a: { pid: number; wstatus: number; options: number; rusage: number },
): number {
  checkOptions(a.options, WAIT4_OPTIONS);
  if (a.pid === -0x80000000) throw linuxError(ESRCH);
  const event = waitForChild(sys, filterByPid(sys, a.pid), a.options | WEXITED);
  if (event === null) return 0;
  if (typeof event === 'number') return event;
  if (a.wstatus !== 0) sys.mem.writeU32(a.wstatus, event.status);
  if (a.rusage !== 0) writeRusage(sys, a.rusage, event.usage);
  return event.child.tgid;
}

const P_ALL = 0;
const P_PID = 1;
const P_PGID = 2;
const P_PIDFD = 3;

function waitidFilter(sys: Sys, type: number, id: number): ChildFilter {
  switch (type) {
    case P_ALL:
      return () => true;
    case P_PID:
      if (id <= 0) throw linuxError(EINVAL);
      return (c) => c.tgid === id;
    case P_PGID: {
      if (id < 0) throw linuxError(EINVAL);
      const pgid = id === 0 ? sys.task.process.pgid : id;
      return (c) => c.pgid === pgid;
    }
    case P_PIDFD: {
      if (id < 0) throw linuxError(EINVAL);
      const { process } = waitTarget(sys, id);
      return (c) => c === process;
    }
    default:
      throw linuxError(EINVAL);
  }
}

function sysWaitid(
  sys: Sys,
  a: { type: number; id: number; info: number; options: number; rusage: number },
): number {
  checkOptions(a.options, WAITID_OPTIONS);
  if ((a.options & (WEXITED | WSTOPPED | WCONTINUED)) === 0) throw linuxError(EINVAL);
  const event = waitForChild(sys, waitidFilter(sys, a.type, a.id), a.options);
  if (event === BLOCKED) {
    if (a.type === P_PIDFD && waitTarget(sys, a.id).nonBlocking) throw linuxError(EAGAIN);
    return BLOCKED;
  }
  const found = event as ChildEvent | null;
  if (found !== null && a.rusage !== 0) writeRusage(sys, a.rusage, found.usage);
  if (a.info !== 0) writeWaitInfo(sys, a.info, found);
  return 0;
}

/** The fields of siginfo that waitid(2) sets; all zero if there was nothing. */
function writeWaitInfo(sys: Sys, addr: number, event: ChildEvent | null): void {
  const { mem } = sys;
  mem.writeU32(addr, event === null ? 0 : SIGCHLD);
  mem.writeU32(addr + 4, 0);
  mem.writeU32(addr + 8, event === null ? 0 : event.code);
  mem.writeU32(addr + 16, event === null ? 0 : event.child.tgid);
  mem.writeU32(addr + 20, event === null ? 0 : event.child.cred.uid);
  mem.writeU32(addr + 24, event === null ? 0 : event.value);
}

function sysSetpgid(sys: Sys, a: { pid: number; pgid: number }): number {
  const { kernel, task } = sys;
  const self = task.process;
  const pid = a.pid === 0 ? self.tgid : a.pid;
  const pgid = a.pgid === 0 ? pid : a.pgid;
  if (pgid < 0) throw linuxError(EINVAL);
  const target = kernel.processes.get(pid);
  if (target === undefined) throw linuxError(ESRCH);
  if (target !== self) {
    if (target.parent !== self) throw linuxError(ESRCH);
    if (target.session !== self.session) throw linuxError(EPERM);
    if (target.hasExecuted) throw linuxError(EACCES);
  }
  if (target.session.leader === target) throw linuxError(EPERM);
  if (pgid !== pid) {
    let exists = false;
    for (const p of kernel.processes.values()) {
      exists ||= p.pgid === pgid && p.session === self.session;
    }
    if (!exists) throw linuxError(EPERM);
  }
  kernel.pids.retain(pgid);
  kernel.pids.release(target.pgid);
  target.pgid = pgid;
  return 0;
}

function sysGetpgid(sys: Sys, { pid }: { pid: number }): number {
  return find(sys, pid).pgid;
}

function sysGetsid(sys: Sys, { pid }: { pid: number }): number {
  return find(sys, pid).sid;
}

function find(sys: Sys, pid: number): Sys['task']['process'] {
  if (pid === 0) return sys.task.process;
  const process = sys.kernel.processes.get(pid) ?? sys.kernel.tasks.get(pid)?.process;
  if (process === undefined) throw linuxError(ESRCH);
  return process;
}

function sysSetsid(sys: Sys): number {
  const { kernel, task } = sys;
  const { process } = task;
  for (const p of kernel.processes.values()) if (p.pgid === process.tgid) throw linuxError(EPERM);
  const session = new Session(process.tgid);
  session.leader = process;
  kernel.pids.retain(process.tgid);
  kernel.pids.retain(process.tgid);
  kernel.pids.release(process.pgid);
  kernel.pids.release(process.session.sid);
  process.session = session;
  process.pgid = process.tgid;
  return process.tgid;
}

function sysVhangup(sys: Sys): number {
  const { cred, process } = sys.task;
  if (!cred.has(CAP.SYS_TTY_CONFIG)) throw linuxError(EPERM);
  const { tty } = process.session;
  if (tty?.controls(process)) tty.hangUp();
  return 0;
}

function sysSetTidAddress(sys: Sys, { tidptr }: { tidptr: number }): number {
  sys.task.clearChildTid = tidptr;
  return sys.task.pid;
}

const ARCH_SET_GS = 0x1001;
const ARCH_SET_FS = 0x1002;
const ARCH_GET_FS = 0x1003;
const ARCH_GET_GS = 0x1004;
const TASK_SIZE = 0x7ffffffff000;

function sysArchPrctl(sys: Sys, { code, addr }: { code: number; addr: number }): number {
  const { cpu } = sys.kernel;
  switch (code) {
    case ARCH_SET_FS:
    case ARCH_SET_GS:
      if (addr >= TASK_SIZE) throw linuxError(EPERM);
      if (code === ARCH_SET_FS) cpu.setFsBase(addr);
      else cpu.setGsBase(addr);
      return 0;
    case ARCH_GET_FS:
      sys.mem.writeU64(addr, cpu.getFsBase());
      return 0;
    case ARCH_GET_GS:
      sys.mem.writeU64(addr, cpu.getGsBase());
      return 0;
    default:
      throw linuxError(EINVAL);
  }
}

const WaitFlags = Flags('W', {
  WNOHANG,
  WSTOPPED,
  WEXITED,
  WCONTINUED,
  WNOWAIT,
  __WNOTHREAD: 0x20000000,
  __WALL: 0x40000000,
  __WCLONE: 0x80000000,
});

const ArchCode = Enum('ARCH', { ARCH_SET_GS, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS });

const WaitStatusOut: ArgType<number> = {
  ...StructOut('wstatus'),
  format(v, ctx) {
    if (v === 0 || ctx.result === null || ctx.result <= 0) return Ptr.format(v, ctx);
    return StructOut('wstatus').format(v, ctx);
  },
};

export const PROCESS_SYSCALLS: readonly SyscallRow[] = [
  syscall(39, 'getpid', {}, (sys) => sys.task.tgid),
  syscall(56, 'clone', CLONE_ARGS, sysClone, 'namespaces (EPERM)'),
  syscall(57, 'fork', {}, (sys) => plainFork(sys, 0)),
  syscall(58, 'vfork', {}, (sys) => plainFork(sys, CLONE.VFORK | CLONE.VM)),
  syscall(60, 'exit', { status: Int }, sysExit),
  syscall(
    61,
    'wait4',
    { pid: Pid, wstatus: WaitStatusOut, options: WaitFlags, rusage: StructOut('rusage') },
    sysWait4,
  ),
  syscall(109, 'setpgid', { pid: Pid, pgid: Pid }, sysSetpgid),
  syscall(110, 'getppid', {}, (sys) => sys.task.process.ppid),
  syscall(111, 'getpgrp', {}, (sys) => sys.task.process.pgid),
  syscall(112, 'setsid', {}, sysSetsid),
  syscall(121, 'getpgid', { pid: Pid }, sysGetpgid),
  syscall(124, 'getsid', { pid: Pid }, sysGetsid),
  syscall(153, 'vhangup', {}, sysVhangup),
  syscall(
    158,
    'arch_prctl',
    { code: ArchCode, addr: Ptr },
    sysArchPrctl,
    'CPUID faulting, shadow stacks, linear address masking',
  ),
  syscall(186, 'gettid', {}, (sys) => sys.task.pid),
  syscall(218, 'set_tid_address', { tidptr: Ptr }, sysSetTidAddress),
  syscall(231, 'exit_group', { status: Int }, sysExitGroup),
  syscall(
    247,
    'waitid',
    {
      type: Enum('P', { P_ALL, P_PID, P_PGID, P_PIDFD }),
      id: Pid,
      info: StructOut('siginfo'),
      options: WaitFlags,
      rusage: StructOut('rusage'),
    },
    sysWaitid,
  ),
  syscall(
    435,
    'clone3',
    { uargs: Ptr, size: Size },
    sysClone3,
    'namespaces and chosen ids (EPERM), CLONE_INTO_CGROUP',
  ),
  ...PIDFD_SYSCALLS,
  ...PRCTL_SYSCALLS,
  ...RESOURCE_SYSCALLS,
  ...SCHED_SYSCALLS,
  ...MISC_SYSCALLS,
  ...REBOOT_SYSCALLS,
  ...LOG_SYSCALLS,
];
