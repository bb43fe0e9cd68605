/**
 * inotify instances (inotify(7)): a descriptor from which events of watched inodes are read.
 *
 *   struct inotify_event: wd 4, mask 4, cookie 4, len 4, name[len] (zero-padded to 16 bytes)
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { EAGAIN, EEXIST, EINVAL, EMFILE, ENOSPC, linuxError } from '../errno.ts';
import { takeHeap } from '../heap.ts';
import type { Kernel } from '../kernel.ts';
import type { Sys } from '../syscall/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import {
  IN_ALL_EVENTS,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  O_NONBLOCK,
} from './constants.ts';
import { BaseFile } from './file.ts';
import { addWatch, removeWatch, type Watch } from './notify.ts';
import type { Inode, IoSink } from './types.ts';
import { POLLIN, POLLRDNORM } from './types.ts';

const HEADER = 16;
const MAX_QUEUED = 16384;
const MAX_WATCHES = 65536;
/** fs.inotify.max_user_instances. */
const MAX_INSTANCES = 128;
const WATCH_COST = 512;
const EVENT_COST = 128;
const FIONREAD = 0x541b;

interface Event {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: string;
}

class InotifyWatch implements Watch {
  readonly inode: Inode;
  readonly wd: number;
  mask: number;
  private readonly file: InotifyFile;

  constructor(file: InotifyFile, wd: number, inode: Inode, mask: number) {
    this.file = file;
    this.wd = wd;
    this.inode = inode;
    this.mask = mask;
    inode.retain();
  }

  event(mask: number, cookie: number, name: string): void {
    const wanted = (this.mask & IN_ALL_EVENTS & mask) | (mask & (IN_ISDIR | IN_UNMOUNT));
    this.file.queue({ wd: this.wd, mask: wanted >>> 0, cookie, name });
  }

  gone(): void {
    this.file.forget(this);
  }
}

/** What a user has of both. */
interface InotifyUser {
  instances: number;
  watches: number;
}

const users = new WeakMap<Kernel, Map<number, InotifyUser>>();

function userOf(kernel: Kernel, uid: number): InotifyUser {
  const known = users.get(kernel) ?? new Map<number, InotifyUser>();
  users.set(kernel, known);
  for (const [id, user] of known) if (user.instances === 0) known.delete(id);
  const user = known.get(uid) ?? { instances: 0, watches: 0 };
  known.set(uid, user);
  return user;
}

export class InotifyFile extends BaseFile {
  private readonly watches = new Map<number, InotifyWatch>();
  private events: Event[] = [];
  private readonly waiters = new WaitQueue();
  private readonly queues = [this.waiters];
  private lastWd = 0;

  private readonly heap: HeapAccount;
  private readonly owner: InotifyUser;

  /** Throws EMFILE if the user has too many instances. */
  constructor(kernel: Kernel, uid: number, flags: number) {
    super(null, null, flags & O_NONBLOCK);
    this.heap = kernel.heap;
    this.owner = userOf(kernel, uid);
    if (this.owner.instances >= MAX_INSTANCES) throw linuxError(EMFILE);
    this.owner.instances++;
  }

  override get canSignal(): boolean {
    return true;
  }

  override describe(): string {
    return 'anon_inode:inotify';
  }

  /** Watches `inode`, or changes its watch. @returns the watch descriptor */
  add(inode: Inode, mask: number): number {
    if ((mask & IN_ALL_EVENTS) === 0) throw linuxError(EINVAL);
    if (mask & IN_MASK_ADD && mask & IN_MASK_CREATE) throw linuxError(EINVAL);
    const kept = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
    for (const w of this.watches.values()) {
      if (w.inode !== inode) continue;
      if (mask & IN_MASK_CREATE) throw linuxError(EEXIST);
      w.mask = mask & IN_MASK_ADD ? w.mask | kept : kept;
      return w.wd;
    }
    if (this.owner.watches >= MAX_WATCHES) throw linuxError(ENOSPC);
    takeHeap(this.heap, WATCH_COST);
    const watch = new InotifyWatch(this, ++this.lastWd, inode, kept);
    this.watches.set(watch.wd, watch);
    this.owner.watches++;
    addWatch(watch);
    return watch.wd;
  }

  remove(wd: number): void {
    const watch = this.watches.get(wd);
    if (watch === undefined) throw linuxError(EINVAL);
    removeWatch(watch);
    this.forget(watch);
  }

  /** A watch ended: its last event. */
  forget(watch: InotifyWatch): void {
    if (!this.watches.delete(watch.wd)) return;
    this.heap.give(WATCH_COST);
    this.owner.watches--;
    this.queue({ wd: watch.wd, mask: IN_IGNORED, cookie: 0, name: '' });
    watch.inode.release();
  }

  queue(event: Event): void {
    const last = this.events.at(-1);
    if (last !== undefined && sameEvent(last, event)) return;
    if (this.events.length < MAX_QUEUED && this.heap.take(EVENT_COST)) {
      this.events.push(event);
    } else {
      if (last?.mask === IN_Q_OVERFLOW) return;
      this.heap.takeAnyway(EVENT_COST);
      this.events.push({ wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: '' });
    }
    this.waiters.wake();
  }

  override read(sys: Sys, to: IoSink): number {
    if (this.events.length === 0) {
      if (this.flags & O_NONBLOCK) throw linuxError(EAGAIN);
      return sys.block(this.queues);
    }
    let done = 0;
    let taken = 0;
    for (const event of this.events) {
      const size = sizeOf(event);
      if (size > to.remaining) break;
      done += to.put(encode(event, size), 0, size);
      taken++;
    }
    if (taken === 0) throw linuxError(EINVAL);
    this.events = this.events.slice(taken);
    this.heap.give(taken * EVENT_COST);
    return done;
  }

  /** There is no position, but asking for one is no error (noop_llseek). */
  override seek(): number {
    return 0;
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (request !== FIONREAD) return super.ioctl(sys, request, arg);
    sys.mem.writeU32(
      arg,
      this.events.reduce((sum, e) => sum + sizeOf(e), 0),
    );
    return 0;
  }

  override poll(): number {
    return this.events.length > 0 ? POLLIN | POLLRDNORM : 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }

  protected override closed(): void {
    for (const watch of this.watches.values()) {
      removeWatch(watch);
      watch.inode.release();
    }
    this.heap.give(this.watches.size * WATCH_COST + this.events.length * EVENT_COST);
    this.owner.watches -= this.watches.size;
    this.owner.instances--;
    this.watches.clear();
    this.events = [];
  }
}

/** Identical successive events are merged. */
function sameEvent(a: Event, b: Event): boolean {
  return a.wd === b.wd && a.mask === b.mask && a.cookie === b.cookie && a.name === b.name;
}

function sizeOf(event: Event): number {
  return event.name === '' ? HEADER : HEADER + ((event.name.length + 1 + 15) & ~15);
}

function encode(event: Event, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const d = new DataView(bytes.buffer);
  d.setInt32(0, event.wd, true);
  d.setUint32(4, event.mask, true);
  d.setUint32(8, event.cookie, true);
  d.setUint32(12, size - HEADER, true);
  for (let i = 0; i < event.name.length; i++) bytes[HEADER + i] = event.name.charCodeAt(i);
  return bytes;
}
