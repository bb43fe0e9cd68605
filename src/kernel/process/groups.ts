/** Process groups: who is in one, and when it is orphaned (POSIX 3.264; kernel/exit.c). */

import type { Kernel } from '../kernel.ts';
import { SIGCONT, SIGHUP } from '../signal/numbers.ts';
import type { Process } from './process.ts';

/** Living members of a process group. */
export function groupMembers(kernel: Kernel, pgid: number): Process[] {
  const members: Process[] = [];
  for (const p of kernel.processes.values()) if (p.pgid === pgid) members.push(p);
  return members;
}

/**
 * A group is orphaned if no member's parent is in another group of the same session: nobody could
 * continue its stopped members. `ignored` counts as gone. Pid 1 counts as a parent like any other, as in a
 * container: it may be the shell that controls the jobs; and so does the host, if it takes `onStop`.
 */
export function isOrphanedGroup(
  kernel: Kernel,
  pgid: number,
  sid: number,
  ignored: Process | null = null,
): boolean {
  for (const p of kernel.processes.values()) {
    if (p.pgid !== pgid || p === ignored || p.zombie) continue;
    const { parent } = p;
    if (p.onStop !== null) return false;
    if (parent === null) continue;
    if (parent.pgid !== pgid && parent.sid === sid) return false;
  }
  return true;
}

/** `process` leaves `parent` (one of them exits): a stopped group that is orphaned by it is hung up. */
export function hangUpIfOrphaned(process: Process, parent: Process | null, exiting: boolean): void {
  const { kernel, pgid, sid } = process;
  if (parent === null || parent.pgid === pgid || parent.sid !== sid) return;
  if (!isOrphanedGroup(kernel, pgid, sid, exiting ? process : null)) return;
  if (!groupMembers(kernel, pgid).some((p) => p.stopped && !p.zombie)) return;
  kernel.signalProcessGroup(pgid, SIGHUP);
  kernel.signalProcessGroup(pgid, SIGCONT);
}
