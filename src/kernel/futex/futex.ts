/**
 * Futexes (futex(2), kernel/futex/): who waits on which word.
 *
 * A word is known by (owner, offset): the address space and address for private memory, the page
 * cache and file offset for shared mappings, so that processes that share memory meet; as in Linux
 * both FUTEX_PRIVATE_FLAG and plain calls find the same key in private memory.
 *
 * Invariants: a waiter is in exactly one bucket until it is woken, requeued, or gives up; waiters
 * of dead tasks are skipped; empty buckets are dropped.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { EFAULT, EINVAL, linuxError } from '../errno.ts';
import type { AddressSpace } from '../mm/address-space.ts';
import type { Task } from '../task.ts';
import { WaitQueue } from '../wait-queue.ts';

export const FUTEX_BITSET_MATCH_ANY = -1;

export class FutexWaiter {
  readonly task: Task;
  readonly bitset: number;
  readonly queue: WaitQueue = new WaitQueue();
  /** Waits for an owner to hand the word over (pi.ts). */
  readonly inherits: boolean = false;
  bucket: Bucket | null = null;
  woken = false;

  constructor(task: Task, bitset: number) {
    this.task = task;
    this.bitset = bitset;
  }
}

class Bucket {
  readonly waiters: Set<FutexWaiter> = new Set();
  readonly owner: object;
  readonly offset: number;

  constructor(owner: object, offset: number) {
    this.owner = owner;
    this.offset = offset;
  }
}

function living(bucket: Bucket): FutexWaiter[] {
  return [...bucket.waiters].filter((w) => !w.task.dead);
}

export class FutexTable {
  /** Waiters that an owner's end may concern: mostly none, which spares each exit a look at all words. */
  inheriting = 0;
  private readonly owners = new Map<object, Map<number, Bucket>>();

  /** Waits on the word at `addr` from now on. */
  enqueue(waiter: FutexWaiter, mm: AddressSpace, addr: number, isPrivate: boolean): void {
    const bucket = this.bucketAt(mm, addr, isPrivate, true) as Bucket;
    bucket.waiters.add(waiter);
    waiter.bucket = bucket;
    if (waiter.inherits) this.inheriting++;
  }

  /** Stops waiting without having been woken. */
  remove(waiter: FutexWaiter): void {
    const { bucket } = waiter;
    if (bucket === null) return;
    bucket.waiters.delete(waiter);
    waiter.bucket = null;
    if (waiter.inherits) this.inheriting--;
    this.dropIfEmpty(bucket);
  }

  /** Wakes up to `count` waiters with a bit of `bitset`. @returns how many */
  wake(
    mm: AddressSpace,
    addr: number,
    count: number,
    bitset: number = FUTEX_BITSET_MATCH_ANY,
    isPrivate = false,
  ): number {
    const bucket = this.bucketAt(mm, addr, isPrivate, false);
    if (bucket === null) return 0;
    let n = 0;
    for (const waiter of [...bucket.waiters]) {
      if (n >= count) break;
      if (!waiter.task.dead && (waiter.bitset & bitset) === 0) continue;
      this.remove(waiter);
      if (waiter.task.dead) continue;
      waiter.woken = true;
      waiter.queue.wake();
      n++;
    }
    return n;
  }

  /** Moves up to `count` waiters from one word to another. @returns how many */
  requeue(mm: AddressSpace, from: number, to: number, count: number, isPrivate: boolean): number {
    const bucket = this.bucketAt(mm, from, isPrivate, false);
    if (bucket === null) return 0;
    let n = 0;
    for (const waiter of [...bucket.waiters]) {
      if (n >= count) break;
      this.remove(waiter);
      if (waiter.task.dead) continue;
      this.enqueue(waiter, mm, to, isPrivate);
      n++;
    }
    return n;
  }

  /** Who waits on the word at `addr`, first come first, without the dead. */
  waitersAt(mm: AddressSpace, addr: number, isPrivate: boolean): FutexWaiter[] {
    const bucket = this.bucketAt(mm, addr, isPrivate, false);
    return bucket === null ? [] : living(bucket);
  }

  /** The same for all words. */
  buckets(): FutexWaiter[][] {
    return [...this.owners.values()].flatMap((words) => [...words.values()].map(living));
  }

  private bucketAt(
    mm: AddressSpace,
    addr: number,
    isPrivate: boolean,
    create: boolean,
  ): Bucket | null {
    if (addr % 4 !== 0) throw linuxError(EINVAL);
    let owner: object = mm;
    let offset = addr;
    if (!isPrivate) {
      const vma = mm.areas.find(addr);
      if (vma === null) throw linuxError(EFAULT);
      if (vma.shared && vma.file !== null) {
        owner = vma.file.pages;
        offset = vma.filePage * PAGE_SIZE + (addr - vma.start);
      }
    }
    let buckets = this.owners.get(owner);
    let bucket = buckets?.get(offset);
    if (bucket !== undefined || !create) return bucket ?? null;
    if (buckets === undefined) {
      buckets = new Map();
      this.owners.set(owner, buckets);
    }
    bucket = new Bucket(owner, offset);
    buckets.set(offset, bucket);
    return bucket;
  }

  private dropIfEmpty(bucket: Bucket): void {
    if (bucket.waiters.size > 0) return;
    const buckets = this.owners.get(bucket.owner);
    buckets?.delete(bucket.offset);
    if (buckets?.size === 0) this.owners.delete(bucket.owner);
  }
}
