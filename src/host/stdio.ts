/**
 * Standard streams of a guest program that are not a terminal: what the host gives arrives at a
 * HostReader, what the guest writes leaves through a HostWriter. To the guest both are the ends
 * of pipes (S_IFIFO, not seekable, EPIPE and SIGPIPE when the host's side is closed).
 */

import { EACCES, EAGAIN, EBADF, EPIPE, linuxError } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Sys } from '../kernel/syscall/types.ts';
import { O_ACCMODE, O_NONBLOCK, O_RDONLY, O_WRONLY } from '../kernel/vfs/constants.ts';
import { BaseFile } from '../kernel/vfs/file.ts';
import { BaseInode } from '../kernel/vfs/inode.ts';
import {
  type FileSystem,
  type Inode,
  type IoSink,
  type IoSource,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFIFO,
  type Stat,
} from '../kernel/vfs/types.ts';
import { WaitQueue } from '../kernel/wait-queue.ts';

const SIGPIPE = 13;
const CHUNK = 65536;
/** Bytes the host side buffers before the guest's writes block. */
const WRITE_BUFFER = 256 * 1024;

const PIPE_FS: FileSystem = {
  type: 'pipefs',
  dev: 12,
  readOnly: false,
  get root(): Inode {
    throw linuxError(EBADF);
  },
  statfs: () => ({
    type: 0x50495045,
    bsize: 4096,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 0,
    ffree: 0,
    namelen: 255,
  }),
  sync: () => {},
};

let nextIno = 1;

/** The inode of a host pipe: only fstat sees it. */
class HostPipeInode extends BaseInode {
  private readonly born: { sec: number; nsec: number };

  constructor(kernel: Kernel) {
    super(PIPE_FS, nextIno++);
    this.born = kernel.clock.realtime();
  }

  get mode(): number {
    return S_IFIFO | 0o600;
  }

  get uid(): number {
    return 0;
  }

  get gid(): number {
    return 0;
  }

  get nlink(): number {
    return 1;
  }

  get size(): number {
    return 0;
  }

  get rdev(): number {
    return 0;
  }

  /** Changes of owner, mode and times are accepted and not kept: nobody else sees this inode. */
  override setattr(): void {}

  override stat(): Stat {
    const t = this.born;
    return {
      ino: this.ino,
      mode: this.mode,
      nlink: 1,
      uid: 0,
      gid: 0,
      rdev: 0,
      size: 0,
      blocks: 0,
      blksize: 4096,
      atime: t,
      mtime: t,
      ctime: t,
      btime: t,
    };
  }
}

/** The guest's reading end. */
export class HostReader extends BaseFile {
  /** Called when the guest wants more than is there; the host then pushes. */
  onWant: (() => void) | null = null;
  private readonly queue: WaitQueue = new WaitQueue();
  private readonly chunks: Uint8Array[] = [];
  private ended = false;

  constructor(kernel: Kernel) {
    super(new HostPipeInode(kernel), null, O_RDONLY);
  }

  /** open("/dev/stdin") and the like: there is only this one end, so it is shared. */
  reopen(_sys: Sys, flags: number): this {
    if ((flags & O_ACCMODE) !== (this.flags & O_ACCMODE)) throw linuxError(EACCES);
    return this;
  }

  override describe(): string {
    return `pipe:[${this.inode?.ino}]`;
  }

  /** Data from the host. The array is kept. */
  push(data: Uint8Array): void {
    if (data.length > 0) this.chunks.push(data);
    this.queue.wake();
  }

  /** End of file. */
  end(): void {
    this.ended = true;
    this.queue.wake();
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining === 0) return 0;
    const chunk = this.chunks[0];
    if (chunk === undefined) {
      if (this.ended) return 0;
      this.onWant?.();
      if (this.chunks.length > 0 || this.ended) return this.read(sys, to);
      if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
      return sys.block([this.queue]);
    }
    const n = to.put(chunk, 0, chunk.length);
    if (n === chunk.length) this.chunks.shift();
    else this.chunks[0] = chunk.subarray(n);
    return n;
  }

  override poll(): number {
    if (this.chunks.length > 0) return POLLIN | POLLRDNORM;
    if (this.ended) return POLLIN | POLLRDNORM | POLLHUP;
    this.onWant?.();
    return 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.queue];
  }
}

/** The guest's writing end. */
export class HostWriter extends BaseFile {
  private readonly queue: WaitQueue = new WaitQueue();
  private readonly deliver: (data: Uint8Array) => void;
  private readonly whenClosed: (() => void) | null;
  private pending = 0;
  private broken = false;

  /**
   * @param deliver takes a copy of what was written; the host calls `drained` when it is out
   * @param onClose the guest's last descriptor is closed
   */
  constructor(
    kernel: Kernel,
    deliver: (data: Uint8Array) => void,
    onClose: (() => void) | null = null,
  ) {
    super(new HostPipeInode(kernel), null, O_WRONLY);
    this.deliver = deliver;
    this.whenClosed = onClose;
  }

  /** open("/dev/stdin") and the like: there is only this one end, so it is shared. */
  reopen(_sys: Sys, flags: number): this {
    if ((flags & O_ACCMODE) !== (this.flags & O_ACCMODE)) throw linuxError(EACCES);
    return this;
  }

  override describe(): string {
    return `pipe:[${this.inode?.ino}]`;
  }

  /** The host has taken `bytes` of what was delivered. */
  drained(bytes: number): void {
    this.pending -= bytes;
    if (this.pending < WRITE_BUFFER) this.queue.wake();
  }

  /** `bytes` of what was delivered are still waiting at the host. */
  queued(bytes: number): void {
    this.drained(this.pending - bytes);
  }

  /** Nobody reads any more. */
  break(): void {
    this.broken = true;
    this.queue.wake();
  }

  override write(sys: Sys, from: IoSource): number {
    if (this.broken) {
      sys.kernel.sendSignalToTask(sys.task, SIGPIPE);
      throw linuxError(EPIPE);
    }
    if (this.pending >= WRITE_BUFFER) {
      if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
      return sys.block([this.queue]);
    }
    let done = 0;
    while (from.remaining > 0) {
      const data = new Uint8Array(Math.min(from.remaining, CHUNK));
      const n = from.take(data, 0, data.length);
      this.pending += n;
      this.deliver(n === data.length ? data : data.subarray(0, n));
      done += n;
      if (n < data.length) break;
    }
    return done;
  }

  override poll(): number {
    if (this.broken) return POLLERR | POLLOUT | POLLWRNORM;
    return this.pending < WRITE_BUFFER ? POLLOUT | POLLWRNORM : 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.queue];
  }

  protected override closed(): void {
    this.whenClosed?.();
  }
}
