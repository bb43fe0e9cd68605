/**
 * Which task runs: a round-robin queue, with time slices measured by the clock and enforced through
 * the CPU's instruction budget.
 *
 * Invariants: `loaded` is the task whose registers are in the CPU, `space` the address space that
 * is active; both change only in switchTo() and forget(). Nothing of a guest is on the JavaScript
 * stack between two quanta, so runSlice() may return to the host at any of them.
 */

import type { Kernel } from './kernel.ts';
import type { AddressSpace } from './mm/address-space.ts';
import { CPU_STOP } from './ports.ts';
import { deliverSignals } from './signal/deliver.ts';
import { raiseException } from './signal/exceptions.ts';
import { enterSyscall, retrySyscall } from './syscall/dispatch.ts';
import { TASK_STATE, type Task } from './task.ts';

/** What the host shall do before it calls runSlice() again. */
export type SliceResult =
  /** Call again soon: the slice is over, tasks are runnable. */
  | { readonly kind: 'busy' }
  /** Nothing is runnable before `deadline` (monotonic ms, maybe Infinity) or an event. */
  | { readonly kind: 'idle'; readonly deadline: number }
  /** No process is left. */
  | { readonly kind: 'exited' };

const BUSY: SliceResult = { kind: 'busy' };
const EXITED: SliceResult = { kind: 'exited' };

/** A task runs this long while others wait. */
const QUANTUM_MS = 4;
/** One run of the CPU should take about this long. */
const RUN_MS = 2;
const BUDGET_MIN = 10_000;
const BUDGET_MAX = 50_000_000;
/** System calls between two looks at the clock. */
const SYSCALLS_PER_CHECK = 32;
/** One system call in 16 is timed, and stands for the others (a look at the clock costs 40 ns). */
const SAMPLE_MASK = 15;

export class Scheduler {
  private readonly kernel: Kernel;
  private head: Task | null = null;
  private tail: Task | null = null;
  private loaded: Task | null = null;
  private space: AddressSpace | null = null;
  /** The task that runs now. */
  current: Task | null = null;
  private currentSince = 0;
  private yielded = false;
  /** System time of the present quantum, estimated. */
  private systemMs = 0;
  private budget = 50_000;
  private inSlice = false;
  /** Called when there is work while the host may sleep. */
  onWork: (() => void) | null = null;
  contextSwitches = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Makes a task run in its turn. A task of a process that is stopped or frozen waits for the end of that instead. */
  enqueue(task: Task): void {
    if (task.queued || task === this.current || task.process.held) return;
    if (task.state !== TASK_STATE.runnable) return;
    task.queued = true;
    task.nextRunning = null;
    if (this.tail === null) this.head = task;
    else this.tail.nextRunning = task;
    this.tail = task;
    if (!this.inSlice) this.onWork?.();
  }

  /** Removes a task (dead, stopped) from the queue. */
  dequeue(task: Task): void {
    if (!task.queued) return;
    let previous: Task | null = null;
    for (let t = this.head; t !== null; previous = t, t = t.nextRunning) {
      if (t !== task) continue;
      if (previous === null) this.head = t.nextRunning;
      else previous.nextRunning = t.nextRunning;
      if (this.tail === t) this.tail = previous;
      break;
    }
    task.queued = false;
    task.nextRunning = null;
  }

  /** sched_yield(2): the present quantum ends if others want to run. */
  yieldCurrent(): void {
    if (this.head !== null) this.yielded = true;
  }

  /** Milliseconds the task has run in its present quantum. */
  runningMs(task: Task): number {
    return task === this.current ? this.kernel.now() - this.currentSince : 0;
  }

  get idle(): boolean {
    return this.head === null;
  }

  /** Runs guests for about `limitMs`, then says what to wait for. */
  runSlice(limitMs = 8): SliceResult {
    const kernel = this.kernel;
    const clock = kernel.host.clock;
    let now = clock.monotonicMs();
    const end = now + limitMs;
    this.inSlice = true;
    try {
      do {
        kernel.timers.run(now);
        const task = this.take();
        if (task === null) {
          if (kernel.processes.size === 0) return EXITED;
          return { kind: 'idle', deadline: kernel.timers.next };
        }
        now = this.runQuantum(task, now);
      } while (now < end);
      return BUSY;
    } finally {
      this.inSlice = false;
    }
  }

  private take(): Task | null {
    const task = this.head;
    if (task === null) return null;
    this.head = task.nextRunning;
    if (this.head === null) this.tail = null;
    task.nextRunning = null;
    task.queued = false;
    return task;
  }

  /** Runs one task until it blocks, ends, or has used its quantum. @returns the time now */
  private runQuantum(task: Task, start: number): number {
    this.switchTo(task);
    this.current = task;
    this.currentSince = start;
    let now = start;
    try {
      now = this.runTask(task, start);
    } finally {
      this.current = null;
    }
    this.charge(task, now - start);
    this.enqueue(task);
    return now;
  }

  /** Divides the time of a quantum into user and system time. */
  private charge(task: Task, ms: number): void {
    const system = Math.min(this.systemMs, ms);
    this.systemMs = 0;
    // A task that has ended was charged when it did.
    if (task.dead) return;
    task.systemMs += system;
    const user = ms - system;
    task.userMs += user;
    const { cgroup, nice } = task.process;
    cgroup.charge({ user, system, nice: nice > 0 ? user : 0 });
    this.kernel.accountCpu(task, ms);
  }

  /** The running task is about to end: its last quantum counts too. */
  chargeNow(task: Task): void {
    if (task !== this.current) return;
    this.charge(task, this.kernel.now() - this.currentSince);
  }

  private runTask(task: Task, start: number): number {
    const { cpu, timers } = this.kernel;
    const clock = this.kernel.host.clock;
    let syscalls = 0;
    let runStart = start;
    if (task.inSyscall) retrySyscall(task);
    for (;;) {
      if (task.state !== TASK_STATE.runnable || task.process.held) return clock.monotonicMs();
      if (task.signalFlag || task.sys.restart !== 0) {
        deliverSignals(task);
        continue;
      }
      const stop = cpu.run(this.budget);
      if (stop === CPU_STOP.syscall) {
        if ((syscalls & SAMPLE_MASK) === 0) this.timeSyscall(task);
        else enterSyscall(task);
        if (++syscalls % SYSCALLS_PER_CHECK !== 0 && !this.yielded) continue;
      } else if (stop === CPU_STOP.exception) raiseException(task);
      const now = clock.monotonicMs();
      if (stop === CPU_STOP.budget) this.adaptBudget(now - runStart);
      runStart = now;
      if (this.yielded || now - start >= QUANTUM_MS || timers.next <= now) {
        this.yielded = false;
        return now;
      }
    }
  }

  private timeSyscall(task: Task): void {
    const { clock } = this.kernel.host;
    const before = clock.monotonicMs();
    enterSyscall(task);
    this.systemMs += (clock.monotonicMs() - before) * (SAMPLE_MASK + 1);
  }

  /** Keeps a run of the CPU near RUN_MS, whatever the engine's speed. */
  private adaptBudget(ms: number): void {
    const ideal = ms <= 0 ? this.budget * 2 : (this.budget * RUN_MS) / ms;
    const bounded = Math.min(Math.max(ideal, this.budget / 2), this.budget * 2);
    this.budget = Math.round(Math.min(Math.max(bounded, BUDGET_MIN), BUDGET_MAX));
  }

  /** Loads a task's registers and address space, if they are not. */
  switchTo(task: Task): void {
    if (this.loaded !== task) {
      const cpu = this.kernel.cpu;
      if (this.loaded !== null) cpu.saveState(this.loaded.registers);
      cpu.loadState(task.registers);
      this.loaded = task;
      this.contextSwitches++;
    }
    this.useSpace(task.mm);
  }

  useSpace(space: AddressSpace): void {
    if (this.space === space) return;
    space.activate();
    this.space = space;
  }

  /** The address space is about to be destroyed. */
  forgetSpace(space: AddressSpace): void {
    if (this.space !== space) return;
    this.kernel.mmu.activate(null);
    this.space = null;
  }

  /** The task is dead: its registers need not be saved. */
  forget(task: Task): void {
    this.dequeue(task);
    if (this.loaded === task) this.loaded = null;
  }
}
