/** Allocation of process and thread ids: ascending, from 1, wrapping at pid_max to 300 as Linux does. */

import { EAGAIN, linuxError } from '../errno.ts';

export const PID_MAX = 32768;
const RESERVED = 300;

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
