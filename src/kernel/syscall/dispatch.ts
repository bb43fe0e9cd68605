/**
 * System call entry: number and arguments from the registers, the handler, and its result back.
 *
 * Invariants: an errno thrown by a handler becomes -errno here and nowhere else; a handler that
 * returned BLOCKED runs again with the same arguments object; what a handler returns reaches rax
 * unless it is KEEP_REGISTERS (rt_sigreturn, execve, exit) or a restart code, which the return to
 * user mode turns into a restart or EINTR (arch/x86/kernel/signal.c, handle_signal).
 */

import { ENOSYS, LinuxError } from '../errno.ts';
import { REG } from '../ports.ts';
import { pushHandler, takeSignal } from '../signal/deliver.ts';
import type { Task } from '../task.ts';
import { reportMissing, unknownName } from './missing.ts';
import { setResult } from './restart.ts';
import { rowOf } from './table.ts';
import {
  type ArgType,
  BLOCKED,
  ERESTART_RESTARTBLOCK,
  ERESTARTSYS,
  KEEP_REGISTERS,
  type SyscallRow,
} from './types.ts';

/** Registers of the arguments, in order. */
const ARG_REGS = [REG.rdi, REG.rsi, REG.rdx, REG.r10, REG.r8, REG.r9] as const;

interface Decoder {
  readonly names: readonly string[];
  readonly types: readonly ArgType<unknown>[];
}

const decoders = new Map<SyscallRow, Decoder>();

function decoderOf(row: SyscallRow): Decoder {
  let d = decoders.get(row);
  if (d === undefined) {
    d = { names: Object.keys(row.args), types: Object.values(row.args) };
    decoders.set(row, d);
  }
  return d;
}

/** The task has executed SYSCALL; rip is behind it. */
export function enterSyscall(task: Task): void {
  const { cpu } = task.kernel;
  const { sys } = task;
  const nr = cpu.getRegLo(REG.rax) | 0;
  sys.nr = nr;
  task.kernel.syscallCounts[nr]!++;
  for (let i = 0; i < 6; i++) {
    const reg = ARG_REGS[i] as number;
    sys.argLo[i] = cpu.getRegLo(reg);
    sys.argHi[i] = cpu.getRegHi(reg);
  }
  const row = rowOf(nr);
  sys.row = row;
  if (row === null) {
    unknownSyscall(task, nr);
    return;
  }
  const { names, types } = decoderOf(row);
  const args: Record<string, unknown> = {};
  for (let i = 0; i < names.length; i++) {
    const type = types[i] as ArgType<unknown>;
    args[names[i] as string] = type.decode(sys.argLo[i] as number, sys.argHi[i] as number);
  }
  sys.args = args;
  task.inSyscall = true;
  const { strace } = task.kernel;
  if (strace !== null) strace.enter(task);
  runHandler(task, row);
}

/** The task was woken in a system call: its handler runs again. */
export function retrySyscall(task: Task): void {
  const { row } = task.sys;
  if (row !== null) runHandler(task, row);
}

function unknownSyscall(task: Task, nr: number): void {
  reportMissing(task, unknownName(nr));
  task.kernel.strace?.unknown(task, nr);
  setResult(task, -ENOSYS);
}

/** Runs a handler. @returns its result, or the error it threw below zero */
function resultOf({ sys }: Task, row: SyscallRow): number {
  try {
    return row.handler(sys, sys.args);
  } catch (e) {
    if (!(e instanceof LinuxError)) throw e;
    return -e.errno;
  }
}

function runHandler(task: Task, row: SyscallRow): void {
  const { sys, kernel } = task;
  const { syscallMs } = kernel;
  const start = syscallMs === null ? 0 : kernel.now();
  const result = resultOf(task, row);
  if (syscallMs !== null) syscallMs[sys.nr]! += kernel.now() - start;
  if (result === BLOCKED) blockTask(task);
  else {
    finishSyscall(task, result, false);
    task.kernel.onSyscall?.(row.name, task, result);
  }
}

/** The handler cannot finish: sleeps, unless a signal handler must run first. */
function blockTask(task: Task): void {
  const { sys } = task;
  if (task.dead) return;
  if (task.signalFlag && !sys.uninterruptible) {
    const caught = takeSignal(task);
    if (task.dead) return;
    if (caught !== null) {
      finishSyscall(task, sys.interruptedResult(), true);
      pushHandler(task, caught);
      return;
    }
  }
  sys.timedOut = false;
  task.block(sys.queues, sys.deadline);
}

/** @param interrupted the mask of a sigsuspend-like call stays until the handler's frame is made */
function finishSyscall(task: Task, result: number, interrupted: boolean): void {
  const { sys } = task;
  const { strace } = task.kernel;
  if (strace !== null && !task.dead) strace.exit(task, result);
  sys.finish();
  task.inSyscall = false;
  if (task.dead) return;
  if (task.hasSavedMask && !interrupted) task.restoreMask();
  if (result === KEEP_REGISTERS) return;
  if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK) sys.restart = -result;
  else setResult(task, result);
}
