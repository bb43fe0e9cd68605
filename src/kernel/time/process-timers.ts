/**
 * The timers of a process: setitimer(2) and timer_create(2) (kernel/time/itimer.c, posix-timers.c).
 *
 * Invariants: a POSIX timer has at most one signal queued; expirations meanwhile count as overruns
 * and are reported when that signal is taken. CPU-time timers run down as the scheduler accounts time.
 */

import { EAGAIN, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import { RLIMIT } from '../process/rlimits.ts';
import { SI_TIMER, SIGALRM, SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU } from '../signal/numbers.ts';
import { sendToProcess, sendToTask } from '../signal/send.ts';
import { kernelInfo, type SigInfo, sigInfo } from '../signal/siginfo.ts';
import { Timer } from './timer-queue.ts';

export const SIGEV_SIGNAL = 0;
export const SIGEV_NONE = 1;
export const SIGEV_THREAD = 2;
export const SIGEV_THREAD_ID = 4;

const OVERRUN_MAX = 0x7fffffff;
const TIMER_COST = 512;

export class PosixTimer {
  readonly id: number;
  readonly clock: number;
  readonly notify: number;
  readonly signo: number;
  readonly valueLo: number;
  readonly valueHi: number;
  /** Target of SIGEV_THREAD_ID. */
  readonly tid: number;
  readonly timer: Timer;
  intervalMs = 0;
  /** Milliseconds of CPU time left, for CPU clocks; 0: disarmed. */
  cpuLeftMs = 0;
  queued = false;
  pendingOverrun = 0;
  overrun = 0;

  constructor(
    id: number,
    clock: number,
    event: { notify: number; signo: number; valueLo: number; valueHi: number; tid: number },
    fire: (timer: PosixTimer) => void,
  ) {
    this.id = id;
    this.clock = clock;
    this.notify = event.notify;
    this.signo = event.signo;
    this.valueLo = event.valueLo;
    this.valueHi = event.valueHi;
    this.tid = event.tid;
    this.timer = new Timer(() => fire(this));
  }
}

/** An interval timer that counts CPU time. */
interface CpuTimer {
  leftMs: number;
  intervalMs: number;
}

export class ProcessTimers {
  private readonly process: Process;
  private readonly kernel: Kernel;
  readonly real: Timer;
  realIntervalMs = 0;
  readonly virtual: CpuTimer = { leftMs: 0, intervalMs: 0 };
  readonly prof: CpuTimer = { leftMs: 0, intervalMs: 0 };
  readonly posix: Map<number, PosixTimer> = new Map();
  private nextId = 0;
  /** CPU time so far in ms, for RLIMIT_CPU. */
  private usedMs = 0;

  constructor(process: Process) {
    this.process = process;
    this.kernel = process.kernel;
    this.real = new Timer(() => this.realExpired());
  }

  static of(process: Process): ProcessTimers {
    process.timers ??= new ProcessTimers(process);
    return process.timers;
  }

  /** The scheduler ran the process for `ms`. */
  account(ms: number): void {
    this.usedMs += ms;
    this.countDown(this.virtual, ms, SIGVTALRM);
    this.countDown(this.prof, ms, SIGPROF);
    for (const t of this.posix.values()) {
      if (t.cpuLeftMs === 0) continue;
      t.cpuLeftMs -= ms;
      if (t.cpuLeftMs > 0) continue;
      t.cpuLeftMs = t.intervalMs > 0 ? Math.max(t.cpuLeftMs + t.intervalMs, 0.001) : 0;
      this.notify(t, 0);
    }
    this.checkCpuLimit();
  }

  private countDown(timer: CpuTimer, ms: number, sig: number): void {
    if (timer.leftMs === 0) return;
    timer.leftMs -= ms;
    if (timer.leftMs > 0) return;
    timer.leftMs = timer.intervalMs > 0 ? Math.max(timer.leftMs + timer.intervalMs, 0.001) : 0;
    sendToProcess(this.process, kernelInfo(sig));
  }

  /** RLIMIT_CPU: SIGXCPU each second beyond the soft limit, SIGKILL at the hard one. */
  private checkCpuLimit(): void {
    const { soft, hard } = this.process.rlimits;
    const seconds = this.usedMs / 1000;
    if (seconds >= (hard[RLIMIT.CPU] as number)) {
      sendToProcess(this.process, kernelInfo(SIGKILL));
    } else if (seconds >= (soft[RLIMIT.CPU] as number)) {
      // The limit itself moves, as getrlimit(2) tells.
      soft[RLIMIT.CPU] = (soft[RLIMIT.CPU] as number) + 1;
      sendToProcess(this.process, kernelInfo(SIGXCPU));
    }
  }

  private realExpired(): void {
    if (this.realIntervalMs > 0) {
      const { next } = this.following(this.real.deadline, this.realIntervalMs);
      this.kernel.timers.arm(this.real, next);
    }
    sendToProcess(this.process, kernelInfo(SIGALRM));
  }

  /** The next expiration after now, and how many were missed before it. */
  private following(deadline: number, intervalMs: number): { missed: number; next: number } {
    const late = this.kernel.now() - deadline;
    const missed = late > 0 ? Math.floor(late / intervalMs) : 0;
    return { missed, next: deadline + (missed + 1) * intervalMs };
  }

  createPosix(
    clock: number,
    event: ConstructorParameters<typeof PosixTimer>[2] | null,
  ): PosixTimer {
    const limit = this.process.rlimits.soft[RLIMIT.SIGPENDING] as number;
    // Each has a signal that it may queue.
    if (this.posix.size + this.process.pending.count >= limit) throw linuxError(EAGAIN);
    if (!this.kernel.heap.take(TIMER_COST)) throw linuxError(EAGAIN);
    const id = this.nextId++;
    const sigevent = event ?? {
      notify: SIGEV_SIGNAL,
      signo: SIGALRM,
      valueLo: id,
      valueHi: 0,
      tid: 0,
    };
    const timer = new PosixTimer(id, clock, sigevent, (t) => this.posixExpired(t));
    this.posix.set(id, timer);
    return timer;
  }

  private posixExpired(t: PosixTimer): void {
    let missed = 0;
    if (t.intervalMs > 0) {
      const f = this.following(t.timer.deadline, t.intervalMs);
      missed = f.missed;
      this.kernel.timers.arm(t.timer, f.next);
    }
    this.notify(t, missed);
  }

  private notify(t: PosixTimer, missed: number): void {
    if (t.notify === SIGEV_NONE) return;
    if (t.queued) {
      t.pendingOverrun = Math.min(t.pendingOverrun + missed + 1, OVERRUN_MAX);
      return;
    }
    t.pendingOverrun = missed;
    const info = sigInfo({
      signo: t.signo,
      code: SI_TIMER,
      kind: 'timer',
      timerId: t.id,
      valueLo: t.valueLo,
      valueHi: t.valueHi,
    });
    const target = t.notify === SIGEV_THREAD_ID ? this.kernel.tasks.get(t.tid) : undefined;
    t.queued = target !== undefined ? sendToTask(target, info) : sendToProcess(this.process, info);
  }

  /** A timer's signal is taken. @returns false if the timer is gone and the signal void */
  taken(info: SigInfo): boolean {
    const t = this.posix.get(info.timerId);
    if (t === undefined) return false;
    t.queued = false;
    t.overrun = t.pendingOverrun;
    t.pendingOverrun = 0;
    info.overrun = t.overrun;
    return true;
  }

  deletePosix(t: PosixTimer): void {
    this.kernel.timers.cancel(t.timer);
    if (this.posix.delete(t.id)) this.kernel.heap.give(TIMER_COST);
  }

  deletePosixTimers(): void {
    for (const t of [...this.posix.values()]) this.deletePosix(t);
  }

  cancelAll(): void {
    this.kernel.timers.cancel(this.real);
    this.deletePosixTimers();
  }
}
