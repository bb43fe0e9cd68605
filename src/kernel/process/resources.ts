/** Resource limits and usage: getrlimit(2), getrusage(2), times(2) (kernel/sys.c). */

import { CAP } from '../cred/cred.ts';
import { EINVAL, EPERM, ESRCH, linuxError } from '../errno.ts';
import { Enum, Pid, Ptr, StructIn, StructOut } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import type { Task } from '../task.ts';
import { taskCpuMs } from '../time/clocks.ts';
import { writeTimevalMs } from '../time/timespec.ts';
import { type Process, Usage } from './process.ts';
import { RLIM_NLIMITS, RLIMIT } from './rlimits.ts';

const RLIMIT_NAMES: Record<string, number> = {};
for (const [name, value] of Object.entries(RLIMIT)) RLIMIT_NAMES[`RLIMIT_${name}`] = value;
const Resource = Enum('RLIMIT', RLIMIT_NAMES);
/** fs.nr_open: RLIMIT_NOFILE cannot be above. */
const NR_OPEN = 1048576;
const CLOCK_TICK_MS = 10;
const RUSAGE_SIZE = 144;

/** All ones is infinity. */
function readLimit(sys: Sys, addr: number): number {
  const lo = sys.mem.readI32(addr);
  const hi = sys.mem.readI32(addr + 4);
  if (lo === -1 && hi === -1) return Number.POSITIVE_INFINITY;
  return (hi >>> 0) * 4294967296 + (lo >>> 0);
}

function writeLimit(sys: Sys, addr: number, value: number): void {
  if (value === Number.POSITIVE_INFINITY) sys.mem.writePair(addr, -1, -1);
  else sys.mem.writeU64(addr, value);
}

function writeLimits(sys: Sys, process: Process, resource: number, addr: number): void {
  writeLimit(sys, addr, process.rlimits.soft[resource] as number);
  writeLimit(sys, addr + 8, process.rlimits.hard[resource] as number);
}

function checkResource(resource: number): void {
  if (resource < 0 || resource >= RLIM_NLIMITS) throw linuxError(EINVAL);
}

function setLimits(sys: Sys, process: Process, resource: number, addr: number): void {
  const soft = readLimit(sys, addr);
  const hard = readLimit(sys, addr + 8);
  if (soft > hard) throw linuxError(EINVAL);
  if (resource === RLIMIT.NOFILE && hard > NR_OPEN) throw linuxError(EPERM);
  const { rlimits } = process;
  if (hard > (rlimits.hard[resource] as number) && !sys.task.cred.has(CAP.SYS_RESOURCE)) {
    throw linuxError(EPERM);
  }
  rlimits.soft[resource] = soft;
  rlimits.hard[resource] = hard;
  if (resource === RLIMIT.NOFILE) for (const t of process.threads) t.files.limit = soft;
}

function sysGetrlimit(sys: Sys, a: { resource: number; rlim: number }): number {
  checkResource(a.resource);
  writeLimits(sys, sys.task.process, a.resource, a.rlim);
  return 0;
}

function sysSetrlimit(sys: Sys, a: { resource: number; rlim: number }): number {
  checkResource(a.resource);
  setLimits(sys, sys.task.process, a.resource, a.rlim);
  return 0;
}

/** check_prlimit_permission */
function limitsTarget(sys: Sys, pid: number): Process {
  if (pid === 0) return sys.task.process;
  const target = sys.kernel.tasks.get(pid);
  if (target === undefined) throw linuxError(ESRCH);
  const { cred } = sys.task;
  const other = target.cred;
  const same =
    [other.uid, other.euid, other.suid].every((id) => id === cred.uid) &&
    [other.gid, other.egid, other.sgid].every((id) => id === cred.gid);
  if (target.process !== sys.task.process && !same && !cred.has(CAP.SYS_RESOURCE)) {
    throw linuxError(EPERM);
  }
  return target.process;
}

function sysPrlimit64(
  sys: Sys,
  a: { pid: number; resource: number; next: number; old: number },
): number {
  checkResource(a.resource);
  const process = limitsTarget(sys, a.pid);
  const soft = process.rlimits.soft[a.resource] as number;
  const hard = process.rlimits.hard[a.resource] as number;
  if (a.next !== 0) setLimits(sys, process, a.resource, a.next);
  if (a.old !== 0) {
    writeLimit(sys, a.old, soft);
    writeLimit(sys, a.old + 8, hard);
  }
  return 0;
}

/** struct rusage: 16 words of 8 bytes, two timevals first. */
export function writeRusage(sys: Sys, addr: number, usage: Usage): void {
  sys.mem.clear(addr, RUSAGE_SIZE);
  writeTimevalMs(sys.mem, addr, usage.userMs);
  writeTimevalMs(sys.mem, addr + 16, usage.systemMs);
  sys.mem.writeU64(addr + 32, usage.maxRssKb);
  sys.mem.writeU64(addr + 64, usage.minorFaults);
  sys.mem.writeU64(addr + 72, usage.majorFaults);
  sys.mem.writeU64(addr + 128, usage.voluntarySwitches);
  sys.mem.writeU64(addr + 136, usage.involuntarySwitches);
}

const RUSAGE_SELF = 0;
const RUSAGE_CHILDREN = -1;
const RUSAGE_THREAD = 1;

/** The present quantum counts as user time until it ends. */
function addTask(usage: Usage, t: Task): void {
  usage.userMs += taskCpuMs(t) - t.systemMs;
  usage.systemMs += t.systemMs;
}

function usageOf(sys: Sys, who: number): Usage {
  const usage = new Usage();
  const { task } = sys;
  switch (who) {
    case RUSAGE_CHILDREN:
      usage.add(task.process.childUsage);
      return usage;
    case RUSAGE_SELF:
      usage.add(task.process.usage);
      for (const t of task.process.threads) addTask(usage, t);
      break;
    case RUSAGE_THREAD:
      addTask(usage, task);
      break;
    default:
      throw linuxError(EINVAL);
  }
  usage.maxRssKb = Math.max(usage.maxRssKb, task.mm.residentPages * 4);
  return usage;
}

function sysGetrusage(sys: Sys, { who, usage }: { who: number; usage: number }): number {
  writeRusage(sys, usage, usageOf(sys, who));
  return 0;
}

/** struct tms: user, system, children's user, children's system, in ticks. */
function sysTimes(sys: Sys, { buf }: { buf: number }): number {
  const own = usageOf(sys, RUSAGE_SELF);
  const { childUsage } = sys.task.process;
  if (buf !== 0) {
    const times = [own.userMs, own.systemMs, childUsage.userMs, childUsage.systemMs];
    times.forEach((ms, i) => {
      sys.mem.writeU64(buf + i * 8, Math.floor(ms / CLOCK_TICK_MS));
    });
  }
  return Math.floor((sys.kernel.now() - sys.kernel.bootTime) / CLOCK_TICK_MS);
}

const Who = Enum('RUSAGE', { RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD });

export const RESOURCE_SYSCALLS: readonly SyscallRow[] = [
  syscall(97, 'getrlimit', { resource: Resource, rlim: StructOut('rlimit') }, sysGetrlimit),
  syscall(98, 'getrusage', { who: Who, usage: StructOut('rusage') }, sysGetrusage),
  syscall(100, 'times', { buf: Ptr }, sysTimes),
  syscall(160, 'setrlimit', { resource: Resource, rlim: StructIn('rlimit') }, sysSetrlimit),
  syscall(
    302,
    'prlimit64',
    { pid: Pid, resource: Resource, next: StructIn('rlimit'), old: StructOut('rlimit') },
    sysPrlimit64,
  ),
];
