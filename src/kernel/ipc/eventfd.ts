/** eventfd(2): a 64-bit counter that is read, added to and waited for (fs/eventfd.c). */

import { EAGAIN, EINVAL, linuxError } from '../errno.ts';
import { Flags, UInt } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type IoSink,
  type IoSource,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';

const EFD_SEMAPHORE = 1;
const SIZE = 8;
const MAX = 0xffffffffffffffffn;

class EventFile extends BaseFile {
  private count: bigint;
  private readonly semaphore: boolean;
  private readonly bytes = new Uint8Array(SIZE);
  private readonly readQueue = new WaitQueue(POLLIN | POLLRDNORM);
  private readonly writeQueue = new WaitQueue(POLLOUT | POLLWRNORM);

  constructor(count: number, semaphore: boolean, flags: number) {
    super(null, null, O_RDWR | flags);
    this.count = BigInt(count);
    this.semaphore = semaphore;
  }

  override describe(): string {
    return 'anon_inode:[eventfd]';
  }

  private wait(sys: Sys, queue: WaitQueue): number {
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([queue]);
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining < SIZE) throw linuxError(EINVAL);
    if (this.count === 0n) return this.wait(sys, this.readQueue);
    const value = this.semaphore ? 1n : this.count;
    this.count -= value;
    this.writeQueue.wake();
    new DataView(this.bytes.buffer).setBigUint64(0, value, true);
    return to.put(this.bytes, 0, SIZE);
  }

  /** The count stays below 2^64 - 1: a write that would reach it waits. */
  override write(sys: Sys, from: IoSource): number {
    const { bytes } = this;
    if (sys.state === undefined) {
      if (from.remaining < SIZE) throw linuxError(EINVAL);
      from.take(bytes, 0, SIZE);
    } else bytes.set(sys.state as Uint8Array);
    const value = new DataView(bytes.buffer).getBigUint64(0, true);
    if (value === MAX) throw linuxError(EINVAL);
    if (this.count + value >= MAX) {
      sys.state = bytes.slice();
      return this.wait(sys, this.writeQueue);
    }
    this.count += value;
    this.readQueue.wake();
    return SIZE;
  }

  override poll(): number {
    let events = 0;
    if (this.count > 0n) events |= POLLIN | POLLRDNORM;
    if (this.count < MAX - 1n) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.readQueue, this.writeQueue];
  }
}

function sysEventfd2(sys: Sys, a: { count: number; flags: number }): number {
  if ((a.flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK)) !== 0) throw linuxError(EINVAL);
  const semaphore = (a.flags & EFD_SEMAPHORE) !== 0;
  const file = new EventFile(a.count, semaphore, a.flags & O_NONBLOCK);
  return sys.task.files.install(file, (a.flags & O_CLOEXEC) !== 0);
}

const EVENTFD_FLAGS = {
  EFD_SEMAPHORE,
  EFD_CLOEXEC: O_CLOEXEC,
  EFD_NONBLOCK: O_NONBLOCK,
} as const;

export const EVENTFD_SYSCALLS: readonly SyscallRow[] = [
  syscall(284, 'eventfd', { count: UInt }, (sys, a) => sysEventfd2(sys, { ...a, flags: 0 })),
  syscall(290, 'eventfd2', { count: UInt, flags: Flags('EFD', EVENTFD_FLAGS) }, sysEventfd2),
];
