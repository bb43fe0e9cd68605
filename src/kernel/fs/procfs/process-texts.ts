/** /proc/PID/{stat,statm,status,limits,cmdline,environ,…}: proc(5), fs/proc/array.c, fs/proc/base.c. */

import type { CapSet } from '../../cred/cred.ts';
import { LinuxError } from '../../errno.ts';
import { VM_GROWSDOWN, VM_LOCKED, VM_SHARED } from '../../mm/vma.ts';
import type { Process } from '../../process/process.ts';
import { RLIMIT } from '../../process/rlimits.ts';
import type { SigSet } from '../../signal/sigset.ts';
import type { Task } from '../../task.ts';

const PAGE_KB = 4;
const USER_HZ_MS = 10;
const NSIG = 64;
const SIG_IGN = 1;
/** fpu and flags fields have no meaning here; Linux shows PF_RANDOMIZE for every program. */
const PF_RANDOMIZE = 0x400000;
const PROT_WRITE = 2;
const PROT_EXEC = 4;

const ticks = (ms: number): number => Math.floor(ms / USER_HZ_MS);

function cpuTimes(process: Process): { user: number; system: number } {
  let user = process.usage.userMs;
  let system = process.usage.systemMs;
  for (const t of process.threads) {
    user += t.userMs;
    system += t.systemMs;
  }
  return { user, system };
}

/** Virtual and resident size, in pages. */
function sizes(task: Task): { total: number; resident: number } {
  if (task.process.zombie) return { total: 0, resident: 0 };
  return { total: task.mm.areas.totalPages, resident: task.mm.residentPages };
}

interface Masks {
  pending: SigSet;
  shared: SigSet;
  blocked: SigSet;
  ignored: { lo: number; hi: number };
  caught: { lo: number; hi: number };
}

function masks(task: Task): Masks {
  const { process } = task;
  const ignored = { lo: 0, hi: 0 };
  const caught = { lo: 0, hi: 0 };
  for (let sig = 1; sig <= NSIG; sig++) {
    const { handler } = process.actions.get(sig);
    if (handler === 0) continue;
    const set = handler === SIG_IGN ? ignored : caught;
    if (sig <= 32) set.lo |= 1 << (sig - 1);
    else set.hi |= 1 << (sig - 33);
  }
  return {
    pending: task.pending.mask,
    shared: process.pending.mask,
    blocked: task.blocked,
    ignored,
    caught,
  };
}

/** /proc/PID/stat; `whole`: for the process, not for one of its threads. */
export function statLine(task: Task, whole: boolean): string {
  const { process, kernel } = task;
  const { image, usage, childUsage: children } = process;
  const { total, resident } = sizes(task);
  const times = whole ? cpuTimes(process) : { user: task.userMs, system: task.systemMs };
  const m = masks(task);
  const tty = process.session.tty;
  const rss = process.rlimits.soft[RLIMIT.RSS]!;
  const start = ticks((whole ? process.startTime : task.startTime) - kernel.bootTime);
  const shown = kernel.scheduler.current === task ? 'R' : stateOf(task, whole);
  return `${[
    `${task.pid} (${task.comm}) ${shown} ${process.ppid} ${process.pgid} ${process.sid}`,
    `${tty?.device ?? 0} ${tty?.foregroundPgid ?? -1} ${PF_RANDOMIZE}`,
    `${usage.minorFaults} ${children.minorFaults} ${usage.majorFaults} ${children.majorFaults}`,
    `${ticks(times.user)} ${ticks(times.system)} ${ticks(children.userMs)} ${ticks(children.systemMs)}`,
    `${20 + process.nice} ${process.nice} ${process.threads.size} 0 ${start}`,
    `${total * 4096} ${resident} ${Number.isFinite(rss) ? rss : '18446744073709551615'}`,
    `${image.startCode} ${image.endCode} ${image.startStack} 0 0`,
    // Only the first 32 signals are shown here.
    `${m.pending.lo >>> 0} ${m.blocked.lo >>> 0} ${m.ignored.lo >>> 0} ${m.caught.lo >>> 0}`,
    `0 0 0 ${process.exitSignal} 0 0 0 0 0 0`,
    `${image.startData} ${image.endData} ${image.startBrk}`,
    `${image.argStart} ${image.argEnd} ${image.envStart} ${image.envEnd} ${process.exitStatus}`,
  ].join(' ')}\n`;
}

function stateOf(task: Task, whole: boolean): string {
  return whole ? task.process.stateLetter() : task.stateLetter();
}

const STATE_NAMES: Readonly<Record<string, string>> = {
  R: 'R (running)',
  S: 'S (sleeping)',
  D: 'D (disk sleep)',
  T: 'T (stopped)',
  Z: 'Z (zombie)',
};

/** Areas by what they are for, in pages. */
function areaSizes(task: Task): {
  data: number;
  stack: number;
  exe: number;
  lib: number;
  locked: number;
} {
  const { mm, process } = task;
  let data = 0;
  let stack = 0;
  let exec = 0;
  let locked = 0;
  for (const vma of mm.areas.items) {
    if (vma.flags & VM_GROWSDOWN) stack += vma.pages;
    else if (vma.prot & PROT_WRITE && (vma.flags & VM_SHARED) === 0) data += vma.pages;
    else if (vma.prot & PROT_EXEC) exec += vma.pages;
    if (vma.flags & VM_LOCKED) locked += vma.pages;
  }
  const { image } = process;
  const exe = Math.min(exec, Math.ceil((image.endCode - image.startCode) / 4096));
  return { data, stack, exe, lib: exec - exe, locked };
}

/** /proc/PID/statm: size resident shared text lib data dirty, in pages. */
export function statmLine(task: Task): string {
  const { total, resident } = sizes(task);
  if (total === 0) return '0 0 0 0 0 0 0\n';
  const a = areaSizes(task);
  return `${total} ${resident} 0 ${a.exe} 0 ${a.data + a.stack} 0\n`;
}

const kb = (pages: number): string => `${String(pages * PAGE_KB).padStart(8)} kB`;
const hex8 = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
const mask = (s: { lo: number; hi: number }): string => hex8(s.hi) + hex8(s.lo);

function memoryLines(task: Task): string[] {
  const { total, resident } = sizes(task);
  const a = areaSizes(task);
  return [
    `VmPeak:\t${kb(total)}`,
    `VmSize:\t${kb(total)}`,
    `VmLck:\t${kb(a.locked)}`,
    `VmPin:\t${kb(0)}`,
    `VmHWM:\t${kb(resident)}`,
    `VmRSS:\t${kb(resident)}`,
    `VmData:\t${kb(a.data)}`,
    `VmStk:\t${kb(a.stack)}`,
    `VmExe:\t${kb(a.exe)}`,
    `VmLib:\t${kb(a.lib)}`,
    `VmSwap:\t${kb(0)}`,
    'CoreDumping:\t0',
    'THP_enabled:\t1',
  ];
}

export function statusText(task: Task, whole: boolean): string {
  const { process, cred, kernel } = task;
  const m = masks(task);
  const caps = (name: string, set: CapSet): string => `${name}:\t${mask(set)}`;
  const state = kernel.scheduler.current === task ? 'R' : stateOf(task, whole);
  const queued = process.pending.entries().length + task.pending.entries().length;
  const lines = [
    `Name:\t${task.comm.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `Umask:\t${task.fs.umask.toString(8).padStart(4, '0')}`,
    `State:\t${STATE_NAMES[state] ?? state}`,
    `Tgid:\t${process.tgid}`,
    'Ngid:\t0',
    `Pid:\t${task.pid}`,
    `PPid:\t${process.ppid}`,
    'TracerPid:\t0',
    `Uid:\t${cred.uid}\t${cred.euid}\t${cred.suid}\t${cred.fsuid}`,
    `Gid:\t${cred.gid}\t${cred.egid}\t${cred.sgid}\t${cred.fsgid}`,
    `FDSize:\t${process.zombie ? 0 : Math.max(64, 2 ** Math.ceil(Math.log2(task.files.size || 1)))}`,
    `Groups:\t${cred.groups.join(' ')} `,
    `NStgid:\t${process.tgid}`,
    `NSpid:\t${task.pid}`,
    `NSpgid:\t${process.pgid}`,
    `NSsid:\t${process.sid}`,
    'Kthread:\t0',
    ...(process.zombie ? [] : memoryLines(task)),
    `Threads:\t${process.threads.size}`,
    `SigQ:\t${queued}/${process.rlimits.soft[RLIMIT.SIGPENDING]}`,
    `SigPnd:\t${mask(m.pending)}`,
    `ShdPnd:\t${mask(m.shared)}`,
    `SigBlk:\t${mask(m.blocked)}`,
    `SigIgn:\t${mask(m.ignored)}`,
    `SigCgt:\t${mask(m.caught)}`,
    caps('CapInh', cred.inheritable),
    caps('CapPrm', cred.permitted),
    caps('CapEff', cred.effective),
    caps('CapBnd', cred.bounding),
    caps('CapAmb', cred.ambient),
    `NoNewPrivs:\t${cred.noNewPrivs ? 1 : 0}`,
    'Seccomp:\t0',
    'Seccomp_filters:\t0',
    'Cpus_allowed:\t1',
    'Cpus_allowed_list:\t0',
    'Mems_allowed:\t1',
    'Mems_allowed_list:\t0',
    `voluntary_ctxt_switches:\t${process.usage.voluntarySwitches}`,
    `nonvoluntary_ctxt_switches:\t${process.usage.involuntarySwitches}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Name and unit, by RLIMIT number, in the order shown. */
const LIMIT_ROWS: readonly (readonly [string, string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
];

export function limitsText(process: Process): string {
  const shown = (n: number): string => (Number.isFinite(n) ? String(n) : 'unlimited').padEnd(20);
  const row = (name: string, soft: string, hard: string, unit: string): string =>
    `${name.padEnd(25)} ${soft} ${hard} ${unit === '' ? '' : unit.padEnd(10)}\n`;
  let text = row('Limit', 'Soft Limit'.padEnd(20), 'Hard Limit'.padEnd(20), 'Units');
  LIMIT_ROWS.forEach(([name, unit], i) => {
    const { soft, hard } = process.rlimits;
    text += row(name, shown(soft[i]!), shown(hard[i]!), unit);
  });
  return text;
}

/** Bytes of the program's own memory, as it is now; none if they cannot be read. */
function userBytes(process: Process, start: number, end: number): Uint8Array {
  const task = process.aliveThread();
  if (task === null || process.zombie || end <= start) return new Uint8Array(0);
  const bytes = new Uint8Array(Math.min(end - start, 1 << 21));
  try {
    task.mm.mem.copyIn(start, bytes, 0, bytes.length);
  } catch (e) {
    if (e instanceof LinuxError) return new Uint8Array(0);
    throw e;
  }
  return bytes;
}

export function cmdlineBytes(process: Process): Uint8Array {
  const { argStart, argEnd, envEnd } = process.image;
  const args = userBytes(process, argStart, argEnd);
  // A program that overwrote its last terminating zero (setproctitle) goes on into the environment.
  if (args.length === 0 || args[args.length - 1] === 0) return args;
  const all = userBytes(process, argStart, Math.max(argEnd, envEnd));
  const end = all.indexOf(0, args.length);
  return end < 0 ? all : all.subarray(0, end);
}

export function environBytes(process: Process): Uint8Array {
  return userBytes(process, process.image.envStart, process.image.envEnd);
}
