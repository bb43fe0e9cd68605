/** The clocks of clock_gettime(2), and deadlines on them. */

import { EINVAL, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { Task } from '../task.ts';

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
export const CLOCK_PROCESS_CPUTIME_ID = 2;
export const CLOCK_THREAD_CPUTIME_ID = 3;
export const CLOCK_MONOTONIC_RAW = 4;
export const CLOCK_REALTIME_COARSE = 5;
export const CLOCK_MONOTONIC_COARSE = 6;
export const CLOCK_BOOTTIME = 7;
export const CLOCK_REALTIME_ALARM = 8;
export const CLOCK_BOOTTIME_ALARM = 9;
export const CLOCK_TAI = 11;

export interface TimeValue {
  sec: number;
  nsec: number;
}

/** CPU time of a process in milliseconds, its living threads included. */
export function processCpuMs(process: Process): number {
  let ms = process.usage.userMs + process.usage.systemMs;
  for (const t of process.threads) ms += taskCpuMs(t);
  return ms;
}

/** CPU time of a task, the current quantum included. */
export function taskCpuMs(task: Task): number {
  return task.userMs + task.systemMs + task.kernel.scheduler.runningMs(task);
}

function fromMs(ms: number): TimeValue {
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: Math.min(Math.floor((ms - sec * 1000) * 1e6), 999_999_999) };
}

/** The time of a clock, or null if there is no such clock. */
export function readClock(kernel: Kernel, task: Task, clock: number): TimeValue | null {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI:
      return kernel.clock.realtime();
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
      return fromMs(kernel.now());
    case CLOCK_PROCESS_CPUTIME_ID:
      return fromMs(processCpuMs(task.process));
    case CLOCK_THREAD_CPUTIME_ID:
      return fromMs(taskCpuMs(task));
    default:
      return clock < 0 ? dynamicClock(kernel, task, clock) : null;
  }
}

/** CPU clocks of other tasks: ~id << 3 | 4 (thread) | 2 (scheduler clock) (posix-cpu-timers). */
function dynamicClock(kernel: Kernel, task: Task, clock: number): TimeValue | null {
  const id = ~(clock >> 3);
  if ((clock & 3) === 3) return null;
  if ((clock & 4) !== 0) {
    const other = id === 0 ? task : kernel.tasks.get(id);
    if (other === undefined || other.process !== task.process) return null;
    return fromMs(taskCpuMs(other));
  }
  const process = id === 0 ? task.process : kernel.processes.get(id);
  return process === undefined ? null : fromMs(processCpuMs(process));
}

export function isRealtime(clock: number): boolean {
  return clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_ALARM || clock === CLOCK_TAI;
}

/** Milliseconds of CLOCK_REALTIME minus those of CLOCK_MONOTONIC. */
export function realtimeOffset(kernel: Kernel): number {
  const { sec, nsec } = kernel.clock.realtime();
  return sec * 1000 + nsec / 1e6 - kernel.now();
}

/** The monotonic time in ms at which `ms` on `clock` is reached: absolute, or from now on. */
export function deadlineOf(kernel: Kernel, clock: number, ms: number, absolute: boolean): number {
  if (!absolute) return kernel.now() + ms;
  if (isRealtime(clock)) return ms - realtimeOffset(kernel);
  return ms;
}

/** Throws EINVAL unless sleeps and timers work with the clock. */
export function checkTimerClock(clock: number): void {
  const known =
    isRealtime(clock) ||
    clock === CLOCK_MONOTONIC ||
    clock === CLOCK_BOOTTIME ||
    clock === CLOCK_BOOTTIME_ALARM ||
    clock === CLOCK_PROCESS_CPUTIME_ID;
  if (!known) throw linuxError(EINVAL);
}
