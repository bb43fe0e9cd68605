/** Allocation of process and thread ids: ascending, from 1, wrapping at pid_max to 300 as Linux does. */

import { EAGAIN, linuxError } from '../errno.ts';

export const PID_MAX = 32768;
const RESERVED = 300;
/** 8 * THREAD_SIZE of Linux. */
const PAGES_PER_TASK = 32;
const MIN_THREADS = 20;

/** kernel.threads-max: tasks that may be there at once, zombies included, with `pages` of RAM (set_max_threads()). */
export function threadsMax(pages: number): number {
  return Math.max(MIN_THREADS, Math.floor(pages / PAGES_PER_TASK));
}

export class PidTable {
  private last = 0;
  /** Reference counts: as a task, as a process group, as a session. */
  private readonly used = new Map<number, number>();

  alloc(): number {
    let pid = this.last;
    for (let tries = 0; tries < PID_MAX; tries++) {
      pid = pid + 1 >= PID_MAX ? RESERVED : pid + 1;
      if (this.used.has(pid)) continue;
      this.last = pid;
      this.used.set(pid, 1);
      return pid;
    }
    throw linuxError(EAGAIN);
  }

  /** The id of the last allocation (/proc/loadavg). */
  get lastPid(): number {
    return this.last;
  }

  retain(pid: number): void {
    this.used.set(pid, (this.used.get(pid) ?? 0) + 1);
  }

  release(pid: number): void {
    const n = this.used.get(pid) ?? 0;
    if (n <= 1) this.used.delete(pid);
    else this.used.set(pid, n - 1);
  }
}
