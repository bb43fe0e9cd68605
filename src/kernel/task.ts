/**
 * A task: one thread of execution, as the scheduler and the system calls see it.
 *
 * Invariants: a task is in the run queue if and only if it is runnable, not running now and its
 * process is not stopped; `waits` is empty unless it is blocked; the registers of the task that is
 * loaded are in the CPU, those of others in `registers`.
 */

import type { Cred } from './cred/cred.ts';
import type { Kernel } from './kernel.ts';
import type { AddressSpace } from './mm/address-space.ts';
import type { Process } from './process/process.ts';
import { PendingSignals } from './signal/pending.ts';
import { SigSet } from './signal/sigset.ts';
import { SyscallContext } from './syscall/context.ts';
import { Timer } from './time/timer-queue.ts';
import type { FdTable } from './vfs/fd-table.ts';
import type { FsContext } from './vfs/fs-context.ts';
import type { Waiter, WaitQueue } from './wait-queue.ts';

export const TASK_STATE = { runnable: 0, blocked: 1, dead: 2 } as const;
export type TaskState = (typeof TASK_STATE)[keyof typeof TASK_STATE];

/** Alternate signal stack (sigaltstack(2)). */
export interface AltStack {
  sp: number;
  size: number;
  flags: number;
}

export const SS_DISABLE = 2;

export class Task implements Waiter {
  readonly kernel: Kernel;
  /** Thread id (gettid); execve in another thread than the leader changes it. */
  pid: number;
  process: Process;
  mm: AddressSpace;
  files: FdTable;
  fs: FsContext;
  cred: Cred;
  comm = '';

  state: TaskState = TASK_STATE.runnable;
  /** Links of the run queue. */
  nextRunning: Task | null = null;
  queued = false;
  /** Saved registers while the task is not loaded. */
  readonly registers: Uint8Array;
  /** The system call that waits for its retry, if the task is blocked or was woken. */
  inSyscall = false;
  readonly sys: SyscallContext;
  /** Queues it waits on, and the timer of its deadline. */
  waits: readonly WaitQueue[] = [];
  readonly deadline: Timer;

  /** Signals: mask, mask to restore after sigsuspend-like calls, thread-directed pending ones. */
  readonly blocked: SigSet = new SigSet();
  readonly savedMask: SigSet = new SigSet();
  hasSavedMask = false;
  readonly pending: PendingSignals;
  /** A signal may be deliverable: look before returning to user mode. */
  signalFlag = false;
  readonly altStack: AltStack = { sp: 0, size: 0, flags: SS_DISABLE };
  /** sigcontext: exception number, error code and address of the last fault. */
  trapNumber = 0;
  trapError = 0;
  faultAddress = 0;
  /** It was a fault, of which no signal frame tells yet: that will have EFLAGS.RF set. */
  faulted = false;

  /** set_tid_address / CLONE_CHILD_CLEARTID: zeroed and woken at exit. */
  clearChildTid = 0;
  /** set_robust_list: address of the list's head, 0: none. */
  robustList = 0;
  /** Signal when the parent dies (PR_SET_PDEATHSIG), and which process is that parent's. */
  parentDeathSignal = 0;
  /** Milliseconds of CPU time. */
  userMs = 0;
  systemMs = 0;
  timerSlackNs = 50000;
  /** sched_setscheduler(2): kept, not acted on. */
  schedPolicy = 0;
  schedPriority = 0;
  schedResetOnFork = false;
  readonly startTime: number;

  constructor(
    kernel: Kernel,
    pid: number,
    process: Process,
    resources: { mm: AddressSpace; files: FdTable; fs: FsContext; cred: Cred },
  ) {
    this.kernel = kernel;
    this.pending = new PendingSignals(kernel.heap);
    this.pid = pid;
    this.process = process;
    this.mm = resources.mm;
    this.files = resources.files;
    this.fs = resources.fs;
    this.cred = resources.cred;
    this.registers = new Uint8Array(kernel.cpu.stateSize);
    this.startTime = kernel.now();
    this.deadline = new Timer(() => {
      this.sys.timedOut = true;
      this.wake();
    });
    this.sys = new SyscallContext(kernel, this);
  }

  get tgid(): number {
    return this.process.tgid;
  }

  get dead(): boolean {
    return this.state === TASK_STATE.dead;
  }

  /** Starts to wait: the scheduler runs other tasks until wake(). */
  block(queues: readonly WaitQueue[], deadline: number | undefined): void {
    this.state = TASK_STATE.blocked;
    this.waits = queues;
    for (let i = 0; i < queues.length; i++) (queues[i] as WaitQueue).add(this);
    if (deadline !== undefined && deadline !== Number.POSITIVE_INFINITY) {
      this.kernel.timers.arm(this.deadline, deadline);
    }
  }

  /** Leaves all queues. */
  stopWaiting(): void {
    const queues = this.waits;
    for (let i = 0; i < queues.length; i++) (queues[i] as WaitQueue).remove(this);
    this.waits = [];
    this.kernel.timers.cancel(this.deadline);
  }

  /** Wait queues and timers call this: the blocked system call runs again. */
  wake(): void {
    if (this.state !== TASK_STATE.blocked) return;
    this.stopWaiting();
    this.state = TASK_STATE.runnable;
    this.kernel.scheduler.enqueue(this);
  }

  /**
   * A mask for the duration of a system call (sigsuspend, ppoll, epoll_pwait …): the old one comes
   * back when the call has ended, or after the handler of the signal that interrupted it. May be
   * called again by every retry.
   */
  useTemporaryMask(lo: number, hi: number): void {
    if (this.hasSavedMask) return;
    this.savedMask.assign(this.blocked);
    this.hasSavedMask = true;
    this.blocked.set(lo, hi);
    this.blocked.removeUnblockable();
    this.recalcSignals();
  }

  restoreMask(): void {
    this.hasSavedMask = false;
    this.blocked.assign(this.savedMask);
    this.recalcSignals();
  }

  /** Sets signalFlag from what is pending and not blocked. */
  recalcSignals(): void {
    const { blocked, pending } = this;
    const shared = this.process.pending.mask;
    this.signalFlag =
      (((pending.mask.lo | shared.lo) & ~blocked.lo) |
        ((pending.mask.hi | shared.hi) & ~blocked.hi)) !==
      0;
  }

  /** The state letter of /proc/PID/stat. */
  stateLetter(): string {
    if (this.dead) return 'Z';
    if (this.process.stopped) return 'T';
    if (this.state === TASK_STATE.runnable) return 'R';
    return this.sys.uninterruptible ? 'D' : 'S';
  }
}
