/** Connects a task's memory with the resource limits and rights of its process. */

import { CAP } from '../cred/cred.ts';
import { limitsOf } from '../mm/limits.ts';
import type { Task } from '../task.ts';

export function useLimits(task: Task): void {
  task.mm.limits = limitsOf(task.process.rlimits, () => task.cred.has(CAP.IPC_LOCK));
}
