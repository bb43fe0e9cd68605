/**
 * epoll(7): a set of descriptors and the list of those that are ready (fs/eventpoll.c).
 *
 * Invariants: an item observes the queues of its file as long as it is in the set, and leaves the set when
 * its file is closed for good. An item is in `ready` if its file has woken it since epoll_wait last looked
 * (edge-triggered), or may still be ready (level-triggered). epoll_wait asks poll() of those in `ready`
 * only, so its cost does not grow with the set.
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { EEXIST, EINVAL, ELOOP, ENOENT, EPERM, linuxError } from '../errno.ts';
import { takeHeap } from '../heap.ts';
import { O_RDWR } from '../vfs/constants.ts';
import { BaseFile, type CloseListener } from '../vfs/file.ts';
import type { OpenFile } from '../vfs/types.ts';
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM } from '../vfs/types.ts';
import { type Observer, WaitQueue } from '../wait-queue.ts';

export const EPOLLEXCLUSIVE: number = 1 << 28;
export const EPOLLWAKEUP: number = 1 << 29;
export const EPOLLONESHOT: number = 1 << 30;
export const EPOLLET: number = -0x80000000;
const PRIVATE_BITS = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET;
const EXCLUSIVE_OK = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET;
/** Sets in sets: at most this many levels. */
const MAX_NESTS = 4;
const ITEM_COST = 512;

/** What epoll_wait reports: the events and the caller's 64 bits. */
export interface ReadyEvent {
  events: number;
  dataLo: number;
  dataHi: number;
}

class Item implements Observer, CloseListener {
  readonly epoll: EpollFile;
  readonly file: BaseFile;
  readonly fd: number;
  readonly queues: readonly WaitQueue[];
  events = 0;
  dataLo = 0;
  dataHi = 0;

  constructor(epoll: EpollFile, file: BaseFile, fd: number) {
    this.epoll = epoll;
    this.file = file;
    this.fd = fd;
    this.queues = file.pollQueues();
  }

  /** Fired once (EPOLLONESHOT) and not set again. */
  get disabled(): boolean {
    return (this.events & ~PRIVATE_BITS) === 0;
  }

  /** The events that are true now and wanted. */
  current(): number {
    if (this.disabled) return 0;
    return this.file.poll() & (this.events | POLLERR | POLLHUP) & ~PRIVATE_BITS;
  }

  notify(events: number): void {
    if (this.disabled) return;
    if ((events & (this.events | POLLERR | POLLHUP)) !== 0) this.epoll.itemReady(this);
  }

  fileClosed(): void {
    this.epoll.removeItem(this);
  }
}

export class EpollFile extends BaseFile {
  private readonly items = new Map<OpenFile, Map<number, Item>>();
  private readonly ready = new Set<Item>();
  readonly queue: WaitQueue = new WaitQueue(POLLIN | POLLRDNORM);

  private readonly heap: HeapAccount;

  constructor(heap: HeapAccount) {
    super(null, null, O_RDWR);
    this.heap = heap;
  }

  /** What other sets know this one by. */
  private readonly watchers = new Set<Item>();

  override describe(): string {
    return 'anon_inode:[eventpoll]';
  }

  add(file: OpenFile, fd: number, event: ReadyEvent): void {
    if (!(file instanceof BaseFile) || !file.canPoll) throw linuxError(EPERM);
    if (file === this) throw linuxError(EINVAL);
    this.checkExclusive(file, event.events);
    if (this.find(file, fd) !== null) throw linuxError(EEXIST);
    if (file instanceof EpollFile) {
      const nests = file.depth() + this.height();
      if (file.reaches(this) || nests > MAX_NESTS) throw linuxError(ELOOP);
    }
    takeHeap(this.heap, ITEM_COST);
    const item = new Item(this, file, fd);
    let byFd = this.items.get(file);
    if (byFd === undefined) {
      byFd = new Map();
      this.items.set(file, byFd);
    }
    byFd.set(fd, item);
    for (const q of item.queues) q.observe(item);
    file.addCloseListener(item);
    this.set(item, event);
  }

  private checkExclusive(file: OpenFile, events: number): void {
    if ((events & EPOLLEXCLUSIVE) === 0) return;
    if (file instanceof EpollFile || (events & ~EXCLUSIVE_OK) !== 0) throw linuxError(EINVAL);
  }

  modify(file: OpenFile, fd: number, event: ReadyEvent): void {
    if (file === this || (event.events & EPOLLEXCLUSIVE) !== 0) throw linuxError(EINVAL);
    const item = this.find(file, fd);
    if (item === null) throw linuxError(ENOENT);
    if ((item.events & EPOLLEXCLUSIVE) !== 0) throw linuxError(EINVAL);
    this.set(item, event);
  }

  remove(file: OpenFile, fd: number): void {
    if (file === this) throw linuxError(EINVAL);
    const item = this.find(file, fd);
    if (item === null) throw linuxError(ENOENT);
    this.removeItem(item);
  }

  private find(file: OpenFile, fd: number): Item | null {
    return this.items.get(file)?.get(fd) ?? null;
  }

  private set(item: Item, event: ReadyEvent): void {
    item.events = event.events | POLLERR | POLLHUP;
    item.dataLo = event.dataLo;
    item.dataHi = event.dataHi;
    if (item.current() !== 0) this.itemReady(item);
  }

  removeItem(item: Item): void {
    this.heap.give(ITEM_COST);
    for (const q of item.queues) q.unobserve(item);
    item.file.removeCloseListener(item);
    this.ready.delete(item);
    const byFd = this.items.get(item.file);
    byFd?.delete(item.fd);
    if (byFd?.size === 0) this.items.delete(item.file);
  }

  itemReady(item: Item): void {
    this.ready.add(item);
    this.queue.wake();
  }

  /** Whether `other` is in this set, or in a set in it. */
  private reaches(other: EpollFile): boolean {
    for (const file of this.items.keys()) {
      if (file === other || (file instanceof EpollFile && file.reaches(other))) return true;
    }
    return false;
  }

  override addCloseListener(listener: CloseListener): void {
    super.addCloseListener(listener);
    if (listener instanceof Item) this.watchers.add(listener);
  }

  override removeCloseListener(listener: CloseListener): void {
    super.removeCloseListener(listener);
    if (listener instanceof Item) this.watchers.delete(listener);
  }

  /** How many sets are above this one: wake-ups go up through all of them. */
  private height(): number {
    let highest = 0;
    for (const { epoll } of this.watchers) highest = Math.max(highest, epoll.height() + 1);
    return highest;
  }

  private depth(): number {
    let deepest = 0;
    for (const file of this.items.keys()) {
      if (file instanceof EpollFile) deepest = Math.max(deepest, file.depth());
    }
    return deepest + 1;
  }

  /** Takes up to `max` events off the list. Level-triggered items stay on it, behind the others. */
  collect(max: number): ReadyEvent[] {
    const events: ReadyEvent[] = [];
    for (const item of [...this.ready]) {
      if (events.length >= max) break;
      this.ready.delete(item);
      const current = item.current();
      if (current === 0) continue;
      events.push({ events: current, dataLo: item.dataLo, dataHi: item.dataHi });
      if ((item.events & EPOLLONESHOT) !== 0) item.events &= PRIVATE_BITS;
      else if ((item.events & EPOLLET) === 0) this.ready.add(item);
    }
    return events;
  }

  override poll(): number {
    for (const item of this.ready) {
      if (item.current() !== 0) return POLLIN | POLLRDNORM;
      this.ready.delete(item);
    }
    return 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.queue];
  }

  protected override closed(): void {
    for (const byFd of [...this.items.values()]) {
      for (const item of [...byFd.values()]) this.removeItem(item);
    }
  }
}
