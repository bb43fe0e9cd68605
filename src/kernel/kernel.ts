/**
 * The kernel: everything that is there once per machine, and how the host starts programs.
 *
 * Invariants: process and task ids are unique over both maps and over the ids of living process groups and sessions;
 * `init` is the first program (pid 1): orphans go to it, and all its descendants end with it. In a system
 * (KernelOptions.system) no signal ends it, and its end is the machine's.
 */

import type { LinearMemory } from '../common/memory.ts';
import type { HeapAccount } from '../mmu/heap-account.ts';
import type { Mmu } from '../mmu/mmu.ts';
import { startProgram } from './exec/spawn.ts';
import { FutexTable } from './futex/futex.ts';
import { Loopback } from './ipc/socket/loopback.ts';
import { KernelLog, LOG_LEVEL } from './log/kernel-log.ts';
import { DEFAULT_LAYOUT, type MmLayout, randomLayout } from './mm/layout.ts';
import type { CpuPort, HostPort } from './ports.ts';
import { Cgroup } from './process/cgroup.ts';
import { exitProcess } from './process/exit.ts';
import { PidTable } from './process/pids.ts';
import type { Process } from './process/process.ts';
import type { ControllingTty } from './process/session.ts';
import { Scheduler, type SliceResult } from './scheduler.ts';
import { SIGINT, SIGKILL } from './signal/numbers.ts';
import { sendToProcess, sendToTask } from './signal/send.ts';
import { kernelInfo, type SigInfo } from './signal/siginfo.ts';
import type { Strace } from './syscall/strace.ts';
import type { Task } from './task.ts';
import { SystemClock } from './time/system-clock.ts';
import { TimerQueue } from './time/timer-queue.ts';
import { VERSION_LINE } from './version.ts';
import type { OpenFile } from './vfs/types.ts';
import { Vfs } from './vfs/vfs.ts';

export interface KernelOptions {
  readonly memory: LinearMemory;
  readonly mmu: Mmu;
  readonly cpu: CpuPort;
  readonly host: HostPort;
  readonly hostname?: string;
  /** Random addresses for each program, as Linux has; default: none. */
  readonly aslr?: boolean;
  /**
   * Pid 1 is a whole system's init (default: any program, which is pid 1 as in a container). The machine then has
   * virtual consoles and a clock chip, init is protected from signals, and the machine does not outlive it.
   */
  readonly system?: boolean;
  /** Where programs' memory goes without `aslr`; default: DEFAULT_LAYOUT. */
  readonly layout?: MmLayout;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly groups?: readonly number[];
  /** Descriptors 0, 1, 2 …; null leaves one closed. */
  readonly stdio?: readonly (OpenFile | null)[];
  /** The terminal that shall control the new session. */
  readonly tty?: ControllingTty;
  readonly umask?: number;
  /** Called once with the wait status (exit code << 8 | signal). */
  readonly onExit?: (status: number) => void;
  /**
   * Called when the process stops, with the signal. Whoever gives this can continue the process, as a shell
   * can its jobs: its group does not count as orphaned, so SIGTSTP, SIGTTIN and SIGTTOU stop it.
   */
  readonly onStop?: (process: Process, sig: number) => void;
}

/** Lines that guests can cause (unknown system calls, instructions …). */
const MAX_LOGGED_ONCE = 200;

export class Kernel {
  readonly memory: LinearMemory;
  readonly mmu: Mmu;
  readonly cpu: CpuPort;
  readonly host: HostPort;
  readonly clock: SystemClock;
  readonly pids: PidTable = new PidTable();
  /** All tasks by thread id, zombies not included. */
  readonly tasks: Map<number, Task> = new Map();
  /** All processes by process id, zombies included. */
  readonly processes: Map<number, Process> = new Map();
  readonly timers: TimerQueue = new TimerQueue();
  readonly scheduler: Scheduler;
  readonly futexes: FutexTable = new FutexTable();
  readonly vfs: Vfs;
  /** The root of the control groups. */
  readonly cgroup: Cgroup = new Cgroup('', null);
  readonly loopback: Loopback = new Loopback();
  /** Pid 1, from its start to its end. */
  init: Process | null = null;
  strace: Strace | null = null;
  /** Called when a task is about to run a new program. */
  onProgram: ((task: Task) => void) | null = null;
  /** Called after each system call with its name and result (the audit). */
  onSyscall: ((name: string, task: Task, result: number) => void) | null = null;
  readonly aslr: boolean;
  readonly system: boolean;
  readonly messages: KernelLog;
  /** What ended a system: its init did. Null otherwise. */
  panicked: string | null = null;
  /** reboot(2): Ctrl-Alt-Del restarts at once, instead of asking init. */
  ctrlAltDelRestarts = true;
  /** Every process is being ended on purpose. */
  private ending = false;
  private readonly layout: MmLayout;
  hostname: string;
  domainname = '(none)';
  /** Monotonic milliseconds at boot. */
  readonly bootTime: number;
  /** Forks since boot (/proc/stat). */
  forks = 0;
  /** System calls since boot, by number, for statistics. */
  readonly syscallCounts: Uint32Array = new Uint32Array(512);
  /** Milliseconds that their handlers ran, likewise; null: not measured. */
  syscallMs: Float64Array | null = null;
  private readonly logged = new Set<string>();

  constructor(options: KernelOptions) {
    this.memory = options.memory;
    this.mmu = options.mmu;
    this.cpu = options.cpu;
    this.host = options.host;
    this.clock = new SystemClock(this.host.clock);
    this.aslr = options.aslr ?? false;
    this.system = options.system ?? false;
    this.layout = options.layout ?? DEFAULT_LAYOUT;
    this.hostname = options.hostname ?? 'kevlar';
    this.bootTime = this.now();
    this.messages = new KernelLog(() => this.now() - this.bootTime);
    this.messages.add(LOG_LEVEL.notice, VERSION_LINE);
    this.scheduler = new Scheduler(this);
    this.vfs = new Vfs();
  }

  /** What is kept outside guest RAM for guests. */
  get heap(): HeapAccount {
    return this.mmu.paging.heap;
  }

  /** Monotonic milliseconds now. */
  now(): number {
    return this.clock.monotonicMs();
  }

  /** A line for the user. Names that guests choose cannot control the user's terminal. */
  log(text: string): void {
    const line = text.replace(/[^ -~]/g, '?');
    this.messages.add(LOG_LEVEL.warning, line);
    this.host.log(line);
  }

  /** Logs a line the first time that `key` is given; how many there are is limited, since guests cause them. */
  logOnce(key: string, line: () => string): void {
    if (this.logged.size >= MAX_LOGGED_ONCE || this.logged.has(key)) return;
    this.logged.add(key);
    this.log(line());
    if (this.logged.size === MAX_LOGGED_ONCE) this.log('further lines like these are not shown');
  }

  /** See Scheduler.runSlice. */
  runSlice(limitMs?: number): SliceResult {
    return this.scheduler.runSlice(limitMs);
  }

  /** Starts a program for the host: `argv[0]` is found as execvp(3) does. Throws LinuxError. */
  spawn(argv: readonly string[], env: readonly string[], options: SpawnOptions = {}): Process {
    return startProgram(this, argv, env, options);
  }

  /** Ends a process at once with a wait status. */
  killProcess(process: Process, status: number): void {
    exitProcess(process, status);
  }

  /** Ends every process at once. */
  killAll(status: number): void {
    this.ending = true;
    for (const process of [...this.processes.values()]) exitProcess(process, status);
  }

  /** The machine's power button, or Ctrl-Alt-Del: init is asked to shut down (kernel/reboot.c). */
  ctrlAltDel(): void {
    if (this.ctrlAltDelRestarts || this.init === null) this.shutDown('Restarting system');
    else sendToProcess(this.init, kernelInfo(SIGINT));
  }

  /** Writes everything back and ends the machine. */
  shutDown(message: string): void {
    this.vfs.sync();
    this.messages.add(LOG_LEVEL.emergency, `reboot: ${message}`);
    this.killAll(0);
  }

  /** Pid 1 has ended with a wait status: a system cannot go on without it. */
  initEnded(status: number): void {
    if (!this.system || this.ending) return;
    const code = status.toString(16).padStart(8, '0');
    this.panicked = `Attempted to kill init! exitcode=0x${code}`;
    this.messages.add(LOG_LEVEL.emergency, `Kernel panic - not syncing: ${this.panicked}`);
    this.killAll(SIGKILL);
  }

  /** Sends a signal from the kernel itself, or the given one. */
  sendSignalToTask(task: Task, sig: number, info: SigInfo = kernelInfo(sig)): void {
    sendToTask(task, info);
  }

  sendSignalToProcess(process: Process, sig: number, info: SigInfo = kernelInfo(sig)): void {
    sendToProcess(process, info);
  }

  /** @returns how many processes got the signal */
  signalProcessGroup(pgid: number, sig: number, info: SigInfo = kernelInfo(sig)): number {
    let n = 0;
    for (const process of this.processes.values()) {
      if (process.pgid !== pgid) continue;
      if (!process.zombie) sendToProcess(process, info);
      n++;
    }
    return n;
  }

  processById(pid: number): Process | null {
    return this.processes.get(pid) ?? null;
  }

  /** CPU time used by a task: into its process's timers and limits. */
  accountCpu(task: Task, ms: number): void {
    task.process.timers?.account(ms);
  }

  /** Where the next program's memory goes. */
  chooseLayout(): MmLayout {
    return this.aslr ? randomLayout((below) => this.randomBelow(below)) : this.layout;
  }

  private randomBelow(below: number): number {
    const bytes = new Uint8Array(4);
    this.host.random(bytes);
    return new DataView(bytes.buffer).getUint32(0, true) % below;
  }
}
