/** /dev/kmsg and /proc/kmsg: the kernel's log as files (Documentation/ABI/testing/dev-kmsg, proc(5)). */

import { EAGAIN, EINVAL, EPIPE, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Sys } from '../syscall/types.ts';
import {
  O_ACCMODE,
  O_NONBLOCK,
  O_WRONLY,
  SEEK_DATA,
  SEEK_END,
  SEEK_SET,
} from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type Inode,
  type IoSink,
  type IoSource,
  type Path,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { type KernelLog, kmsgLine, LOG_LEVEL, latin1 } from './kernel-log.ts';
import { checkSyslog, takeUnread } from './syscalls.ts';

const MEM_MAJOR = 1;
const KMSG_MINOR = 11;
const LOG_USER = 1;
/** CONSOLE_EXT_LOG_MAX, and LOG_LINE_MAX for what is written. */
const MAX_WRITE = 976;

/** One record for each read; each open file has its own position. */
class KmsgFile extends BaseFile {
  private readonly log: KernelLog;
  private seq: number;

  constructor(log: KernelLog, inode: Inode, path: Path, flags: number) {
    super(inode, path, flags);
    this.log = log;
    this.seq = log.first;
  }

  override read(sys: Sys, to: IoSink): number {
    const { log } = this;
    const record = log.from(this.seq);
    if (record === null) {
      if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
      return sys.block([log.queue]);
    }
    const lost = record.seq > this.seq;
    this.seq = record.seq;
    if (lost) throw linuxError(EPIPE);
    const line = latin1(kmsgLine(record));
    if (to.remaining < line.length) throw linuxError(EINVAL);
    this.seq++;
    return to.put(line, 0, line.length);
  }

  /** "<priority>text": the facility is never the kernel's. */
  override write(_sys: Sys, from: IoSource): number {
    if (from.remaining > MAX_WRITE) throw linuxError(EINVAL);
    const bytes = new Uint8Array(from.remaining);
    const n = from.take(bytes, 0, bytes.length);
    const text = String.fromCharCode(...bytes.subarray(0, n)).replace(/\n$/, '');
    const prefix = /^<(\d+)>/.exec(text);
    const given = prefix === null ? LOG_LEVEL.warning : Number(prefix[1]) & 0x7ff;
    const priority = given >> 3 === 0 ? (LOG_USER << 3) | given : given;
    this.log.add(priority, text.slice(prefix?.[0].length ?? 0));
    return n;
  }

  override seek(_sys: Sys, offset: number, whence: number): number {
    if (offset !== 0) throw linuxError(EINVAL);
    if (whence === SEEK_SET) this.seq = this.log.first;
    else if (whence === SEEK_DATA) this.seq = Math.max(this.log.cleared, this.log.first);
    else if (whence === SEEK_END) this.seq = this.log.end;
    else throw linuxError(EINVAL);
    return 0;
  }

  override poll(): number {
    const input = this.log.from(this.seq) === null ? 0 : POLLIN | POLLRDNORM;
    return input | POLLOUT | POLLWRNORM;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.log.queue];
  }
}

export function registerKmsg(kernel: Kernel): void {
  kernel.vfs.devices.registerCharDevice(MEM_MAJOR, KMSG_MINOR, (sys, inode, flags, path) => {
    if ((flags & O_ACCMODE) !== O_WRONLY) checkSyslog(sys);
    return new KmsgFile(kernel.messages, inode, path, flags);
  });
}

/** /proc/kmsg: syslog(2) as a file, with whose position it reads. */
export class ProcKmsgFile extends BaseFile {
  private readonly log: KernelLog;

  constructor(log: KernelLog, inode: Inode, path: Path, flags: number) {
    super(inode, path, flags);
    this.log = log;
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining === 0) return 0;
    const bytes = takeUnread(this.log, to.remaining);
    if (bytes.length > 0) return to.put(bytes, 0, bytes.length);
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([this.log.queue]);
  }

  override poll(): number {
    return this.log.from(this.log.unread) === null ? 0 : POLLIN | POLLRDNORM;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.log.queue];
  }
}
