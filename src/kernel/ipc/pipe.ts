/**
 * Pipes and FIFOs (pipe(7), fifo(7); fs/pipe.c).
 *
 * Invariants: `readers` and `writers` count open descriptions; a writer without readers gets EPIPE
 * and SIGPIPE, a reader without writers the end of file once the buffer is empty. A write of more
 * than fits goes in parts (blocking-write.ts); one of at most PIPE_BUF bytes goes in whole or not at
 * all (pipe-buffer.ts).
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { CAP, type Cred } from '../cred/cred.ts';
import { EAGAIN, EBADF, EBUSY, EINVAL, ENOMEM, EPERM, EPIPE, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { SIGPIPE } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import {
  F_GETPIPE_SZ,
  F_SETPIPE_SZ,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  PIPEFS_MAGIC,
} from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type Inode,
  type IoSink,
  type IoSource,
  type Path,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFIFO,
} from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import { KernelInode, kernelFs } from './anonymous-inode.ts';
import { continuesWrite, type WriteEnd, writeInParts } from './blocking-write.ts';
import { PIPE_BUF, PipeBuffer } from './pipe-buffer.ts';

export const FIONREAD = 0x541b;
/** /proc/sys/fs/pipe-max-size: more needs CAP_SYS_RESOURCE. */
const PIPE_MAX_SIZE = 0x100000;

const READABLE = POLLIN | POLLRDNORM;
const WRITABLE = POLLOUT | POLLWRNORM;
const PIPE_FS = kernelFs('pipefs', 0xc, PIPEFS_MAGIC);

/** A call of open(2) that waits for the other end (fifo.ts). */
export interface Opening {
  readonly write: boolean;
  /** False once its task was killed. */
  readonly alive: boolean;
}

export class Pipe implements WriteEnd {
  readonly buffer: PipeBuffer;
  readers = 0;
  writers = 0;
  /** Opens so far, by which a blocked open(2) of the other end sees that somebody came. */
  readOpens = 0;
  writeOpens = 0;
  readonly readQueue: WaitQueue = new WaitQueue(READABLE);
  readonly writeQueue: WaitQueue = new WaitQueue(WRITABLE);
  readonly roomQueues: readonly WaitQueue[] = [this.writeQueue];
  /** Woken when a reader or writer comes (blocked opens of FIFOs). */
  readonly openQueue: WaitQueue = new WaitQueue(0);

  /** Called when the last end was closed. */
  onUnused: (() => void) | null = null;
  /** Calls of open(2) that wait for the other end. They count as open. */
  private readonly openings = new Set<Opening>();

  constructor(heap: HeapAccount) {
    this.buffer = new PipeBuffer(heap);
  }

  hasReaders(): boolean {
    return this.readers > 0 || this.isOpening(false);
  }

  hasWriters(): boolean {
    return this.writers > 0 || this.isOpening(true);
  }

  beginOpening(opening: Opening): void {
    this.openings.add(opening);
  }

  /** The call has ended or was interrupted. */
  endOpening(opening: Opening): void {
    this.openings.delete(opening);
  }

  /** Forgets those whose task was killed meanwhile. */
  private isOpening(write: boolean): boolean {
    let found = false;
    for (const o of this.openings) {
      if (!o.alive) this.openings.delete(o);
      else if (o.write === write) found = true;
    }
    return found;
  }

  /** An end was closed: the other one learns it, and what nobody can read any more is dropped. */
  hangUp(): void {
    const readers = this.hasReaders();
    const writers = this.hasWriters();
    if (!readers && !writers) {
      this.buffer.clear();
      this.onUnused?.();
    }
    if (readers === writers) return;
    this.readQueue.wake(Number.POSITIVE_INFINITY, -1);
    this.writeQueue.wake(Number.POSITIVE_INFINITY, -1);
  }

  writeError(sys: Sys): number {
    if (this.hasReaders()) return this.buffer.full || this.buffer.hasMemory ? 0 : ENOMEM;
    sys.kernel.sendSignalToTask(sys.task, SIGPIPE);
    return EPIPE;
  }

  /** @param packets each page is a packet of its own */
  accept(from: IoSource, first: boolean, packets: boolean = false): number {
    const { buffer } = this;
    const wasEmpty = buffer.empty;
    let done = first && !packets ? buffer.merge(from) : 0;
    while (from.remaining > 0 && !buffer.full) {
      const n = buffer.append(from, packets);
      if (n === 0) break;
      done += n;
    }
    if (done > 0 && (wasEmpty || this.readQueue.observed)) this.readQueue.wake();
    return done;
  }

  /** Copies what is there, but no more than `count` bytes, into `to`, which has room. */
  copyTo(to: Pipe, count: number): number {
    const n = this.buffer.copyTo(to.buffer, count);
    if (n > 0) to.readQueue.wake();
    return n;
  }

  /** Gives what is there to `to`. @returns bytes given; writers are woken */
  drain(to: IoSink): number {
    const wasFull = this.buffer.full;
    const n = this.buffer.drain(to);
    if (wasFull && !this.buffer.full) this.writeQueue.wake();
    return n;
  }
}

/** A pipe that is written in packets (O_DIRECT). */
class PacketEnd implements WriteEnd {
  readonly roomQueues: readonly WaitQueue[];
  private readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    this.pipe = pipe;
    this.roomQueues = pipe.roomQueues;
  }

  writeError(sys: Sys): number {
    return this.pipe.writeError(sys);
  }

  accept(from: IoSource, first: boolean): number {
    return this.pipe.accept(from, first, true);
  }
}

/** One end of a pipe (or both, for a FIFO opened with O_RDWR). */
export class PipeFile extends BaseFile {
  readonly pipe: Pipe;
  /** writeOpens when a FIFO was opened for reading: before the next writer comes there is no POLLHUP. */
  private readonly sawWriters: number;
  private readonly queues: readonly WaitQueue[];

  constructor(pipe: Pipe, inode: Inode, path: Path | null, flags: number, sawWriters: number = -1) {
    super(inode, path, flags);
    this.pipe = pipe;
    const queues: WaitQueue[] = [];
    if (this.readable) {
      pipe.readers++;
      queues.push(pipe.readQueue);
    }
    if (this.writable) {
      pipe.writers++;
      queues.push(pipe.writeQueue);
    }
    this.queues = queues;
    this.sawWriters = sawWriters;
  }

  override get canSignal(): boolean {
    return true;
  }

  override describe(): string {
    return this.path?.absolute() ?? `pipe:[${this.inode?.ino}]`;
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining === 0) return 0;
    const { pipe } = this;
    if (!pipe.buffer.empty) return pipe.drain(to);
    if (!pipe.hasWriters()) return 0;
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([pipe.readQueue]);
  }

  override write(sys: Sys, from: IoSource): number {
    if (from.remaining === 0 && !continuesWrite(sys)) return 0;
    const { pipe } = this;
    const end = (this.flags & O_DIRECT) === 0 ? pipe : new PacketEnd(pipe);
    return writeInParts(sys, end, from, (this.flags & O_NONBLOCK) !== 0);
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (request !== FIONREAD) return super.ioctl(sys, request, arg);
    sys.mem.writeU32(arg, this.pipe.buffer.length);
    return 0;
  }

  fcntl(sys: Sys, command: number, arg: number): number {
    const { buffer } = this.pipe;
    if (command === F_GETPIPE_SZ) return buffer.capacity;
    if (command !== F_SETPIPE_SZ) throw linuxError(EBADF);
    const size = arg > 0x80000000 ? 0 : roundToPower(arg);
    if (size === 0) throw linuxError(EINVAL);
    if (size > PIPE_MAX_SIZE && size > buffer.capacity && !sys.task.cred.has(CAP.SYS_RESOURCE)) {
      throw linuxError(EPERM);
    }
    const wasFull = buffer.full;
    if (!buffer.resize(size / PIPE_BUF)) throw linuxError(EBUSY);
    if (wasFull && !buffer.full) this.pipe.writeQueue.wake();
    return size;
  }

  override poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.readable) {
      if (!pipe.buffer.empty) events |= READABLE;
      if (!pipe.hasWriters() && this.sawWriters !== pipe.writeOpens) events |= POLLHUP;
    }
    if (this.writable) {
      if (!pipe.buffer.full) events |= WRITABLE;
      if (!pipe.hasReaders()) events |= POLLERR;
    }
    return events;
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }

  protected override closed(): void {
    const { pipe } = this;
    if (this.readable) pipe.readers--;
    if (this.writable) pipe.writers--;
    pipe.hangUp();
  }
}

/** tee(2): copies from pipe to pipe; nothing leaves the first. */
export function teePipe(
  sys: Sys,
  from: Pipe,
  to: Pipe,
  count: number,
  nonBlocking: boolean,
): number {
  if (from.buffer.empty) {
    if (!from.hasWriters()) return 0;
    if (nonBlocking) throw linuxError(EAGAIN);
    return sys.block([from.readQueue]);
  }
  const errno = to.writeError(sys);
  if (errno !== 0) throw linuxError(errno);
  if (to.buffer.full) {
    if (nonBlocking) throw linuxError(EAGAIN);
    return sys.block([to.writeQueue]);
  }
  return from.copyTo(to, count);
}

/** The inode of a pipe without a name. Opening it through /proc/PID/fd opens the same pipe again. */
export class PipeInode extends KernelInode {
  readonly pipe: Pipe;

  constructor(kernel: Kernel, cred: Cred | null) {
    super(kernel, PIPE_FS, S_IFIFO | 0o600, cred);
    this.pipe = new Pipe(kernel.heap);
  }
}

/** The two ends of a new pipe. */
export function createPipe(
  kernel: Kernel,
  cred: Cred | null,
  flags: number,
): { read: PipeFile; write: PipeFile } {
  const inode = new PipeInode(kernel, cred);
  const { pipe } = inode;
  pipe.readOpens = pipe.writeOpens = 1;
  return {
    read: new PipeFile(pipe, inode, null, O_RDONLY | flags),
    write: new PipeFile(pipe, inode, null, O_WRONLY | flags),
  };
}

function roundToPower(size: number): number {
  if (size <= PIPE_BUF) return PIPE_BUF;
  return 2 ** (32 - Math.clz32(size - 1));
}
