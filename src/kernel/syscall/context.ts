/**
 * The state of a task's system call: arguments, what the handler keeps between retries, and what
 * it blocks on. One object per task, reused.
 */

import type { Kernel } from '../kernel.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import type { Task } from '../task.ts';
import type { IoSink, IoSource } from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { readIovec, UserSink, UserSource } from './io.ts';
import { BLOCKED, type BlockOptions, ERESTARTSYS, type Sys, type SyscallRow } from './types.ts';

const NO_QUEUES: readonly WaitQueue[] = [];
const NO_OPTIONS: BlockOptions = {};

export class SyscallContext implements Sys {
  readonly kernel: Kernel;
  readonly task: Task;
  readonly argLo: Int32Array = new Int32Array(6);
  readonly argHi: Int32Array = new Int32Array(6);
  state: unknown = undefined;
  timedOut = false;

  /** Number and row of the call; the row is null for an unknown one. */
  nr = -1;
  row: SyscallRow | null = null;
  args: unknown = null;
  /** The last sys.block(). */
  queues: readonly WaitQueue[] = NO_QUEUES;
  private options: BlockOptions = NO_OPTIONS;
  /** A restart code (ERESTARTSYS …) that the return to user mode must act on; 0: none. */
  restart = 0;
  /** strace has shown `<unfinished ...>`. */
  unfinished = false;

  constructor(kernel: Kernel, task: Task) {
    this.kernel = kernel;
    this.task = task;
  }

  get mem(): UserMemory {
    return this.task.mm.mem;
  }

  block(queues: readonly WaitQueue[], options: BlockOptions = NO_OPTIONS): number {
    this.queues = queues;
    this.options = options;
    return BLOCKED;
  }

  get deadline(): number | undefined {
    return this.options.deadline;
  }

  get uninterruptible(): boolean {
    return this.options.uninterruptible === true;
  }

  /** What the call returns when a signal interrupts it now. */
  interruptedResult(): number {
    const result = this.options.interrupted;
    if (result === undefined) return -ERESTARTSYS;
    return typeof result === 'number' ? result : result();
  }

  /** The call is over. */
  finish(): void {
    this.state = undefined;
    this.timedOut = false;
    this.args = null;
    this.queues = NO_QUEUES;
    this.options = NO_OPTIONS;
  }

  sink(addr: number, length: number): IoSink {
    return new UserSink(this.mem, [{ base: addr, length }]);
  }

  source(addr: number, length: number): IoSource {
    return new UserSource(this.mem, [{ base: addr, length }]);
  }

  sinkv(iov: number, count: number): IoSink {
    return new UserSink(this.mem, readIovec(this.mem, iov, count));
  }

  sourcev(iov: number, count: number): IoSource {
    return new UserSource(this.mem, readIovec(this.mem, iov, count));
  }
}
