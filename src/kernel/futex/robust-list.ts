/**
 * Robust futexes (Documentation/locking/robust-futexes.rst): locks that a thread held when it ended
 * are marked and one waiter is woken. struct robust_list_head: 0 list.next, 8 futex_offset, 16 list_op_pending;
 * bit 0 of an entry means a priority-inheritance futex.
 */

import { LinuxError } from '../errno.ts';
import type { Task } from '../task.ts';
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS } from './pi.ts';

const ROBUST_LIST_LIMIT = 2048;

export function exitRobustList(task: Task): void {
  const head = task.robustList;
  if (head === 0) return;
  task.robustList = 0;
  try {
    walk(task, head);
  } catch (e) {
    // The list is in user memory: what cannot be read ends the walk.
    if (!(e instanceof LinuxError)) throw e;
  }
}

function walk(task: Task, head: number): void {
  const { mem } = task.mm;
  const offset = mem.readI64(head + 8);
  const pending = mem.readU64(head + 16);
  const pendingEntry = pending - (pending % 2);
  let entry = mem.readU64(head);
  for (let n = 0; n < ROBUST_LIST_LIMIT; n++) {
    const isPi = entry % 2 === 1;
    const address = entry - (isPi ? 1 : 0);
    if (address === head) break;
    const next = mem.readU64(address);
    if (address !== pendingEntry) handleDeath(task, address + offset, isPi, false);
    entry = next;
  }
  if (pendingEntry !== 0) handleDeath(task, pendingEntry + offset, pending % 2 === 1, true);
}

function handleDeath(task: Task, addr: number, isPi: boolean, isPending: boolean): void {
  const { mm, kernel } = task;
  if (addr % 4 !== 0) return;
  const value = mm.mem.readU32(addr);
  if (isPending && !isPi && value === 0) {
    kernel.futexes.wake(mm, addr, 1);
    return;
  }
  if ((value & FUTEX_TID_MASK) !== task.pid) return;
  const next = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
  mm.mem.compareExchange(addr, value, next);
  if (!isPi && (value & FUTEX_WAITERS) !== 0) kernel.futexes.wake(mm, addr, 1);
}
