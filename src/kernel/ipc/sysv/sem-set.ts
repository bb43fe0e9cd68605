/**
 * A set of System V semaphores: values, operations on several of them at once, and what is undone at the end of a
 * process (ipc/sem.c).
 *
 * Invariants: operations happen all or none; a value is 0 to SEMVMX; the adjustments of a process (SEM_UNDO) are the
 * negated sums of its operations since the value was last set.
 */

import type { HeapAccount } from '../../../mmu/heap-account.ts';
import { ERANGE, linuxError } from '../../errno.ts';
import { takeHeap } from '../../heap.ts';
import type { Process } from '../../process/process.ts';
import type { Sys } from '../../syscall/types.ts';
import { TASK_STATE, type Task } from '../../task.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { IpcObject, seconds, setLong } from './objects.ts';

export const SEMVMX = 32767;
export const SEM_UNDO = 0o10000;
/** Bytes for a semaphore, and for what a process undoes. */
const SEM_COST = 8;
const UNDO_COST = 4;

/** struct sembuf */
export interface SemOperation {
  readonly num: number;
  readonly op: number;
  readonly flags: number;
}

/** A call that waits for a semaphore to become zero, or to grow. */
export interface SemWait {
  readonly task: Task;
  readonly set: SemSet;
  readonly deadline: number;
  num: number;
  zero: boolean;
}

export class SemSet extends IpcObject {
  readonly values: Int32Array;
  /** Process of the last operation on each (GETPID). */
  readonly pids: Int32Array;
  readonly changed: WaitQueue = new WaitQueue();
  private readonly waits = new Set<SemWait>();
  private readonly undo = new Map<Process, Int32Array>();
  private operationTime = 0;
  private readonly heap: HeapAccount;

  constructor(sys: Sys, key: number, count: number, mode: number) {
    takeHeap(sys.kernel.heap, count * SEM_COST);
    super(sys, key, mode);
    this.heap = sys.kernel.heap;
    this.values = new Int32Array(count);
    this.pids = new Int32Array(count);
  }

  /**
   * Does all operations if none has to wait. Throws ERANGE if a value would be too large.
   * @returns the operation that has to wait, or null
   */
  perform(sys: Sys, operations: readonly SemOperation[]): SemOperation | null {
    const { process } = sys.task;
    const values = this.values.slice();
    const undo = this.undo.get(process)?.slice() ?? new Int32Array(values.length);
    let undoes = false;
    for (const operation of operations) {
      const { num, op, flags } = operation;
      const value = (values[num] as number) + op;
      if (op === 0 ? value !== 0 : value < 0) return operation;
      if (value > SEMVMX) throw linuxError(ERANGE);
      values[num] = value;
      if (op === 0 || (flags & SEM_UNDO) === 0) continue;
      undoes = true;
      undo[num] = (undo[num] as number) - op;
      if (Math.abs(undo[num] as number) > SEMVMX) throw linuxError(ERANGE);
    }
    if (undoes) this.remember(process, undo);
    this.values.set(values);
    for (const { num } of operations) this.pids[num] = process.tgid;
    this.operationTime = seconds(sys.kernel);
    if (operations.some(({ op }) => op !== 0)) this.changed.wake();
    return null;
  }

  private remember(process: Process, undo: Int32Array): void {
    if (!this.undo.has(process)) takeHeap(this.heap, undo.length * UNDO_COST);
    this.undo.set(process, undo);
    process.semaphores ??= new Set();
    process.semaphores.add(this);
  }

  /** exit_sem(): what the process did with SEM_UNDO is taken back, as far as values allow it. */
  processEnded(process: Process): void {
    const undo = this.undo.get(process);
    if (undo === undefined) return;
    this.undo.delete(process);
    this.heap.give(undo.length * UNDO_COST);
    if (this.removed) return;
    undo.forEach((by, num) => {
      if (by === 0) return;
      const value = (this.values[num] as number) + by;
      this.values[num] = Math.min(Math.max(value, 0), SEMVMX);
      this.pids[num] = process.tgid;
    });
    this.operationTime = seconds(process.kernel);
    this.changed.wake();
  }

  /** IPC_RMID. */
  drop(): void {
    this.heap.give(this.values.length * (SEM_COST + this.undo.size * UNDO_COST));
    for (const process of this.undo.keys()) process.semaphores?.delete(this);
    this.undo.clear();
  }

  /** SETVAL and SETALL: nothing is undone beyond this. */
  setValue(sys: Sys, num: number, value: number): void {
    this.values[num] = value;
    this.pids[num] = sys.task.tgid;
    for (const undo of this.undo.values()) undo[num] = 0;
    this.changeTime = seconds(sys.kernel);
  }

  addWait(wait: SemWait): void {
    this.waits.add(wait);
  }

  /** GETNCNT, GETZCNT. Those whose call has ended are forgotten here. */
  countWaits(num: number, zero: boolean): number {
    let n = 0;
    for (const wait of this.waits) {
      const { task } = wait;
      if (task.state !== TASK_STATE.blocked || task.sys.state !== wait) this.waits.delete(wait);
      else if (wait.num === num && wait.zero === zero) n++;
    }
    return n;
  }

  endWait(wait: SemWait): void {
    this.waits.delete(wait);
  }

  /** struct semid64_ds: perm (48 bytes), otime, unused, ctime, unused, nsems (64 bits each) */
  toStruct(): DataView {
    const d = this.describe(104);
    setLong(d, 48, this.operationTime);
    setLong(d, 64, this.changeTime);
    setLong(d, 80, this.values.length);
    return d;
  }
}
