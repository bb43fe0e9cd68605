/**
 * The form of the syscall table: one row per system call, with number, typed arguments and handler.
 * The dispatcher decodes arguments by their types, strace and docs/SYSCALLS.md format with the
 * same types, and the handler's parameter types follow from the row.
 *
 *     syscall(0, 'read', { fd: Fd, buf: OutBuf('count'), count: Size }, sysRead)
 *
 * Handlers that cannot finish call `sys.block(...)` and return its value. When a queue wakes the
 * task the handler runs again from the start, with `sys.state` as it left it.
 */

import { linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import type { IoSink, IoSource } from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { reportMissing } from './missing.ts';

/** What `sys.block` returns and a blocked handler hands on. Never a valid result. */
export const BLOCKED = -0x10000000;
/** Returned by a handler that has set all registers itself (rt_sigreturn, execve, exit). */
export const KEEP_REGISTERS = -0x10000001;
/** Restart codes (include/linux/errno.h), never seen by users: what an interrupted call becomes. */
export const ERESTARTSYS = 512;
export const ERESTARTNOINTR = 513;
export const ERESTARTNOHAND = 514;
export const ERESTART_RESTARTBLOCK = 516;

export interface BlockOptions {
  /** Monotonic time in ms (Clock.monotonicMs) at which the handler runs again with sys.timedOut. */
  readonly deadline?: number;
  /**
   * What the call returns when a signal interrupts it: -ERESTARTSYS (default: restarted after the
   * handler if SA_RESTART, else EINTR), -EINTR, or a count of what was done already.
   */
  readonly interrupted?: number | (() => number);
  /** Not interruptible by signals (vfork's parent). */
  readonly uninterruptible?: boolean;
}

/** The running system call: whose it is and what it may touch. One object per task, reused. */
export interface Sys {
  readonly kernel: Kernel;
  readonly task: Task;
  /** The caller's memory: copyIn/copyOut throw EFAULT. */
  readonly mem: UserMemory;
  /** Raw arguments (rdi rsi rdx r10 r8 r9) as pairs, for ioctl-like calls. */
  readonly argLo: Int32Array;
  readonly argHi: Int32Array;
  /** Kept across retries of the same call; undefined on the first run. */
  state: unknown;
  /** True when this retry comes from the deadline. */
  timedOut: boolean;
  block(queues: readonly WaitQueue[], options?: BlockOptions): number;
  /** A sink / source over user memory, for read/write-like calls. */
  sink(addr: number, length: number): IoSink;
  source(addr: number, length: number): IoSource;
  sinkv(iov: number, count: number): IoSink;
  sourcev(iov: number, count: number): IoSource;
}

/** How strace shows a value: the call's other arguments, its result, and memory to look at. */
export interface FormatContext {
  readonly args: Readonly<Record<string, unknown>>;
  /** Result, or null before the call. */
  readonly result: number | null;
  readonly mem: UserMemory;
  readonly task: Task;
}

export interface ArgType<T> {
  readonly name: string;
  decode(lo: number, hi: number): T;
  format(value: T, ctx: FormatContext): string;
  /** Shown after the call because the kernel fills it. */
  readonly out?: boolean;
  /** May be left away (format gives ''): strace writes its comma together with it. */
  readonly optional?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: the value type is inferred per row
export type ArgTypes = Readonly<Record<string, ArgType<any>>>;
export type ArgValues<A extends ArgTypes> = {
  [K in keyof A]: A[K] extends ArgType<infer T> ? T : never;
};
export type Handler<A extends ArgTypes> = (sys: Sys, args: ArgValues<A>) => number;

/** How much of what Linux does is there (docs/SYSCALLS.md). */
export type Support =
  | { readonly kind: 'complete' }
  | { readonly kind: 'partial'; readonly missing: string }
  | { readonly kind: 'refused'; readonly errno: number; readonly reason: string };

export interface SyscallRow {
  readonly nr: number;
  readonly name: string;
  readonly args: ArgTypes;
  // biome-ignore lint/suspicious/noExplicitAny: erased here, checked in syscall()
  readonly handler: (sys: Sys, args: any) => number;
  readonly support: Support;
}

const COMPLETE: Support = { kind: 'complete' };

/** @param missing what Linux does and this does not, in a few words */
export function syscall<A extends ArgTypes>(
  nr: number,
  name: string,
  args: A,
  handler: Handler<A>,
  missing?: string,
): SyscallRow {
  const support: Support = missing === undefined ? COMPLETE : { kind: 'partial', missing };
  return { nr, name, args, handler, support };
}

/**
 * A call that this kernel does not have.
 * @param silently without a line in the log: libraries ask for it and have another way
 */
export function refused(
  nr: number,
  name: string,
  args: ArgTypes,
  errno: number,
  reason: string,
  silently = false,
): SyscallRow {
  const handler = (sys: Sys): never => {
    if (!silently) reportMissing(sys.task, `refused system call ${name} (${nr}: ${reason})`);
    throw linuxError(errno);
  };
  return { nr, name, args, handler, support: { kind: 'refused', errno, reason } };
}
