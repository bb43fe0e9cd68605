/**
 * A process: a thread group and what its threads share apart from memory and files.
 *
 * Invariants: `threads` holds the tasks that have not exited; a process is a zombie when the last
 * one has, and is gone (`reaped`) when its parent has waited for it or need not. `parent` is null
 * for programs that the host started.
 */

import type { Cred } from '../cred/cred.ts';
import type { ProgramImage } from '../exec/image.ts';
import type { Kernel } from '../kernel.ts';
import { SigActions } from '../signal/actions.ts';
import { CLD_CONTINUED, CLD_STOPPED, SIGCHLD } from '../signal/numbers.ts';
import { PendingSignals } from '../signal/pending.ts';
import type { Task } from '../task.ts';
import type { ProcessTimers } from '../time/process-timers.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { Cgroup } from './cgroup.ts';
import { Rlimits } from './rlimits.ts';
import type { Session } from './session.ts';

/** CPU times in milliseconds, and the counts of getrusage(2). */
export class Usage {
  userMs = 0;
  systemMs = 0;
  minorFaults = 0;
  majorFaults = 0;
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  maxRssKb = 0;

  add(other: Usage): void {
    this.userMs += other.userMs;
    this.systemMs += other.systemMs;
    this.minorFaults += other.minorFaults;
    this.majorFaults += other.majorFaults;
    this.voluntarySwitches += other.voluntarySwitches;
    this.involuntarySwitches += other.involuntarySwitches;
    this.maxRssKb = Math.max(this.maxRssKb, other.maxRssKb);
  }
}

export class Process {
  readonly kernel: Kernel;
  readonly tgid: number;
  /** The first task, whose id is the tgid; it may exit before the others. */
  leader!: Task;
  readonly threads: Set<Task> = new Set();
  parent: Process | null;
  readonly children: Set<Process> = new Set();
  pgid: number;
  session: Session;
  /** Dispositions: shared between processes after clone(CLONE_SIGHAND) without CLONE_THREAD. */
  actions: SigActions = new SigActions();
  readonly pending: PendingSignals;
  /** Woken whenever a signal is queued for the process or one of its threads. */
  readonly signalWait: WaitQueue = new WaitQueue();
  /** Woken when a child's state changes. */
  readonly childWait: WaitQueue = new WaitQueue();
  /** Woken when this process has ended, and when it was waited for; null until somebody looks (pidfd.ts). */
  exitWait: WaitQueue | null = null;
  /** Woken when this process (as a vfork child) executes a program or exits. */
  readonly vforkWait: WaitQueue = new WaitQueue();
  /** True while a vfork parent waits for this process. */
  vforkPending = false;
  /** Signal sent to the parent at exit; 0: none. */
  exitSignal: number = SIGCHLD;

  /** Wait status: exit code << 8 | signal. Valid from exit_group on. */
  exitStatus = 0;
  /** exit_group or a fatal signal: every thread is on its way out. */
  exiting = false;
  zombie = false;
  reaped = false;

  /** Job control: stopped by this signal (0: running), and what wait(2) has not reported yet. */
  stopSignal = 0;
  /** Its control group stands still (cgroup.freeze). */
  frozen = false;
  /** How often it was stopped so far. */
  stops = 0;
  stopUnreported = false;
  continueUnreported = false;

  /** Told at the end: semaphores with operations that are undone then (SEM_UNDO). */
  semaphores: Set<{ processEnded(process: Process): void }> | null = null;

  rlimits: Rlimits = new Rlimits();
  readonly usage: Usage = new Usage();
  readonly childUsage: Usage = new Usage();
  timers: ProcessTimers | null = null;
  /** What execve loaded (shared with forked children until they execute). */
  image: ProgramImage;
  /** Monotonic milliseconds at fork. */
  readonly startTime: number;
  cgroup: Cgroup;
  /** prctl(2). */
  dumpable = 1;
  childSubreaper = false;
  nice = 0;
  oomScoreAdj = 0;
  personality = 0;
  membarrierRegistered = false;
  /** Started by the host, not by another process: lives on when pid 1 ends. */
  hostStarted = false;
  /** Pid 1 of a system (SIGNAL_UNKILLABLE): signals that it does not handle do nothing. */
  unkillable = false;
  /** False until the first execve: setpgid(2) on a child is then allowed. */
  hasExecuted = false;
  /** Called once with the wait status when the process has ended; from spawn(). */
  onExit: ((status: number) => void) | null = null;
  /** For the host side: called at each stop. Not null: the host controls it as a job. */
  onStop: ((process: Process, sig: number) => void) | null = null;

  constructor(
    kernel: Kernel,
    tgid: number,
    parent: Process | null,
    session: Session,
    image: ProgramImage,
  ) {
    this.kernel = kernel;
    this.pending = new PendingSignals(kernel.heap);
    this.tgid = tgid;
    this.parent = parent;
    this.session = session;
    this.pgid = parent === null ? tgid : parent.pgid;
    this.image = image;
    this.cgroup = parent?.cgroup ?? kernel.cgroup;
    this.cgroup.take(this);
    this.startTime = kernel.now();
  }

  get pid(): number {
    return this.tgid;
  }

  get sid(): number {
    return this.session.sid;
  }

  /** Parent's process id as getppid(2) sees it: 0 without one. */
  get ppid(): number {
    return this.parent === null ? 0 : this.parent.tgid;
  }

  get stopped(): boolean {
    return this.stopSignal !== 0;
  }

  /** Its tasks do not run. */
  get held(): boolean {
    return this.stopSignal !== 0 || this.frozen;
  }

  /** Credentials that stand for the process: those of its leader. */
  get cred(): Cred {
    return this.leader.cred;
  }

  /** A thread that still runs, the leader if possible; null for a zombie. */
  aliveThread(): Task | null {
    if (this.threads.has(this.leader)) return this.leader;
    for (const t of this.threads) return t;
    return null;
  }

  /** The state letter of /proc/PID/stat. */
  stateLetter(): string {
    if (this.zombie) return 'Z';
    if (this.stopped) return 'T';
    return this.leader.stateLetter();
  }

  /** SIGCHLD code of the change of state that is not reported yet. */
  get jobChange(): number {
    return this.stopped ? CLD_STOPPED : CLD_CONTINUED;
  }
}
