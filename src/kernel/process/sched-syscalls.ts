/**
 * Scheduling: one CPU, one policy (SCHED_OTHER) that takes effect. Nice values and other policies
 * are kept and reported, subject to Linux's permission checks (kernel/sched/syscalls.c).
 */

import { CAP } from '../cred/cred.ts';
import { EACCES, EINVAL, EPERM, ESRCH, linuxError } from '../errno.ts';
import { Enum, Int, Pid, Ptr, Size, UInt } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import type { Task } from '../task.ts';
import { writeTimespecMs } from '../time/timespec.ts';
import type { Process } from './process.ts';

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_BATCH = 3;
const SCHED_IDLE = 5;
const SCHED_DEADLINE = 6;
const RESET_ON_FORK = 0x40000000;
const RT_MAX = 99;
const Policy = Enum('SCHED', { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE });

function findTask(sys: Sys, pid: number): Task {
  if (pid < 0) throw linuxError(EINVAL);
  const task = pid === 0 ? sys.task : sys.kernel.tasks.get(pid);
  if (task === undefined) throw linuxError(ESRCH);
  return task;
}

/** For the calls that know no negative ids: those are just not there. */
function findAffinityTask(sys: Sys, pid: number): Task {
  if (pid < 0) throw linuxError(ESRCH);
  return findTask(sys, pid);
}

/** Who may change a task: its owner, or with CAP_SYS_NICE. */
function checkMayChange(sys: Sys, task: Task): void {
  const { cred } = sys.task;
  const own = cred.euid === task.cred.euid || cred.euid === task.cred.uid;
  if (!own && !cred.has(CAP.SYS_NICE)) throw linuxError(EPERM);
}

function readPriority(sys: Sys, param: number): number {
  if (param === 0) throw linuxError(EINVAL);
  return sys.mem.readI32(param);
}

/** Gives the CPU to others: the task goes to the end of the run queue. */
function sysSchedYield(sys: Sys): number {
  sys.kernel.scheduler.yieldCurrent();
  return 0;
}

function isRealtime(policy: number): boolean {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

function checkPolicy(sys: Sys, policy: number, priority: number): void {
  const plain = policy === SCHED_OTHER || policy === SCHED_BATCH || policy === SCHED_IDLE;
  if (!plain && !isRealtime(policy)) throw linuxError(EINVAL);
  if (plain ? priority !== 0 : priority < 1 || priority > RT_MAX) throw linuxError(EINVAL);
  if (isRealtime(policy) && !sys.task.cred.has(CAP.SYS_NICE)) throw linuxError(EPERM);
}

function sysSchedSetscheduler(sys: Sys, a: { pid: number; policy: number; param: number }): number {
  if (a.pid < 0) throw linuxError(EINVAL);
  const priority = readPriority(sys, a.param);
  const task = findTask(sys, a.pid);
  const policy = a.policy & ~RESET_ON_FORK;
  checkPolicy(sys, policy, priority);
  checkMayChange(sys, task);
  task.schedPolicy = policy;
  task.schedResetOnFork = (a.policy & RESET_ON_FORK) !== 0;
  task.schedPriority = priority;
  return 0;
}

function sysSchedSetparam(sys: Sys, a: { pid: number; param: number }): number {
  if (a.pid < 0) throw linuxError(EINVAL);
  const priority = readPriority(sys, a.param);
  const task = findTask(sys, a.pid);
  checkPolicy(sys, task.schedPolicy, priority);
  checkMayChange(sys, task);
  task.schedPriority = priority;
  return 0;
}

function sysSchedGetparam(sys: Sys, a: { pid: number; param: number }): number {
  if (a.param === 0) throw linuxError(EINVAL);
  sys.mem.writeU32(a.param, findTask(sys, a.pid).schedPriority);
  return 0;
}

function priorityRange(policy: number, realtime: number): number {
  if (isRealtime(policy)) return realtime;
  const others = [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE];
  if (others.includes(policy)) return 0;
  throw linuxError(EINVAL);
}

function sysSchedRrGetInterval(sys: Sys, a: { pid: number; tp: number }): number {
  const task = findTask(sys, a.pid);
  writeTimespecMs(sys.mem, a.tp, task.schedPolicy === SCHED_RR ? 100 : 4);
  return 0;
}

/** The mask of CPU 0 alone, as long as the kernel's own mask (8 bytes). */
function sysSchedGetaffinity(sys: Sys, a: { pid: number; size: number; mask: number }): number {
  if (a.size < 8 || a.size % 8 !== 0) throw linuxError(EINVAL);
  findAffinityTask(sys, a.pid);
  sys.mem.writePair(a.mask, 1, 0);
  return 8;
}

function sysSchedSetaffinity(sys: Sys, a: { pid: number; size: number; mask: number }): number {
  checkMayChange(sys, findAffinityTask(sys, a.pid));
  if (a.size === 0 || (sys.mem.readU8(a.mask) & 1) === 0) throw linuxError(EINVAL);
  return 0;
}

function sysGetcpu(sys: Sys, { cpu, node }: { cpu: number; node: number }): number {
  if (cpu !== 0) sys.mem.writeU32(cpu, 0);
  if (node !== 0) sys.mem.writeU32(node, 0);
  return 0;
}

const PRIO_PROCESS = 0;
const PRIO_PGRP = 1;
const PRIO_USER = 2;
const PrioWhich = Enum('PRIO', { PRIO_PROCESS, PRIO_PGRP, PRIO_USER });

function priorityTargets(sys: Sys, which: number, who: number): Process[] {
  const { process, cred } = sys.task;
  const all = [...sys.kernel.processes.values()].filter((p) => !p.zombie);
  let found: Process[];
  switch (which) {
    case PRIO_PROCESS:
      found = who === 0 ? [process] : all.filter((p) => p.tgid === who);
      break;
    case PRIO_PGRP:
      found = all.filter((p) => p.pgid === (who === 0 ? process.pgid : who));
      break;
    case PRIO_USER:
      found = all.filter((p) => p.cred.uid === (who === 0 ? cred.uid : who));
      break;
    default:
      throw linuxError(EINVAL);
  }
  if (found.length === 0) throw linuxError(ESRCH);
  return found;
}

/** The system call gives 20 - nice, so that it is never negative. */
function sysGetpriority(sys: Sys, { which, who }: { which: number; who: number }): number {
  return 20 - Math.min(...priorityTargets(sys, which, who).map((p) => p.nice));
}

function sysSetpriority(
  sys: Sys,
  { which, who, prio }: { which: number; who: number; prio: number },
): number {
  const nice = Math.min(Math.max(prio, -20), 19);
  const { cred } = sys.task;
  for (const p of priorityTargets(sys, which, who)) {
    const other = p.cred;
    const own = other.uid === cred.euid || other.euid === cred.euid;
    if (!own && !cred.has(CAP.SYS_NICE)) throw linuxError(EPERM);
    if (nice < p.nice && !cred.has(CAP.SYS_NICE)) throw linuxError(EACCES);
    p.nice = nice;
  }
  return 0;
}

export const SCHED_SYSCALLS: readonly SyscallRow[] = [
  syscall(24, 'sched_yield', {}, sysSchedYield),
  syscall(140, 'getpriority', { which: PrioWhich, who: Int }, sysGetpriority),
  syscall(
    141,
    'setpriority',
    { which: PrioWhich, who: Int, prio: Int },
    sysSetpriority,
    'an effect on scheduling',
  ),
  syscall(
    142,
    'sched_setparam',
    { pid: Pid, param: Ptr },
    sysSchedSetparam,
    'an effect on scheduling',
  ),
  syscall(143, 'sched_getparam', { pid: Pid, param: Ptr }, sysSchedGetparam),
  syscall(
    144,
    'sched_setscheduler',
    { pid: Pid, policy: Policy, param: Ptr },
    sysSchedSetscheduler,
    'an effect on scheduling, SCHED_DEADLINE',
  ),
  syscall(145, 'sched_getscheduler', { pid: Pid }, (sys, a) => {
    const { schedPolicy, schedResetOnFork } = findTask(sys, a.pid);
    return schedPolicy | (schedResetOnFork ? RESET_ON_FORK : 0);
  }),
  syscall(146, 'sched_get_priority_max', { policy: Policy }, (_sys, a) =>
    priorityRange(a.policy, RT_MAX),
  ),
  syscall(147, 'sched_get_priority_min', { policy: Policy }, (_sys, a) =>
    priorityRange(a.policy, 1),
  ),
  syscall(148, 'sched_rr_get_interval', { pid: Pid, tp: Ptr }, sysSchedRrGetInterval),
  syscall(203, 'sched_setaffinity', { pid: Pid, size: Size, mask: Ptr }, sysSchedSetaffinity),
  syscall(204, 'sched_getaffinity', { pid: Pid, size: UInt, mask: Ptr }, sysSchedGetaffinity),
  syscall(309, 'getcpu', { cpu: Ptr, node: Ptr, cache: Ptr }, sysGetcpu),
];
