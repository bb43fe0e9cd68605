/**
 * signalfd(2): signals that are pending and blocked, read as structures (fs/signalfd.c).
 *
 *   struct signalfd_siginfo, 128 bytes: 0 signo | 4 errno | 8 code | 12 pid | 16 uid | 20 fd | 24 tid |
 *   28 band | 32 overrun | 36 trapno | 40 status | 44 int | 48 ptr | 56 utime | 64 stime | 72 addr
 *
 * As in Linux, which signals there are depends on who reads or polls, not on who made the descriptor.
 */

import { EAGAIN, EBADF, EINVAL, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { SigInfo } from '../signal/siginfo.ts';
import { SigSet } from '../signal/sigset.ts';
import { Fd, Flags, Ptr, Size } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import type { Task } from '../task.ts';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import { type IoSink, POLLIN } from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { readSigSet } from './wait.ts';

const INFO_SIZE = 128;
const TWO_32 = 4294967296;
const NO_QUEUES: readonly WaitQueue[] = [];

function encode(info: SigInfo): Uint8Array {
  const bytes = new Uint8Array(INFO_SIZE);
  const d = new DataView(bytes.buffer);
  d.setInt32(0, info.signo, true);
  d.setInt32(4, info.errno, true);
  d.setInt32(8, info.code, true);
  d.setInt32(12, info.pid, true);
  d.setUint32(16, info.uid, true);
  d.setInt32(20, info.fd, true);
  d.setInt32(24, info.timerId, true);
  d.setUint32(28, info.band, true);
  d.setUint32(32, info.overrun, true);
  d.setUint32(36, 0, true);
  d.setInt32(40, info.status, true);
  d.setInt32(44, info.valueLo, true);
  d.setInt32(48, info.valueLo, true);
  d.setInt32(52, info.valueHi, true);
  d.setUint32(56, info.utime, true);
  d.setUint32(64, info.stime, true);
  d.setUint32(72, info.addr, true);
  d.setUint32(76, Math.floor(info.addr / TWO_32), true);
  return bytes;
}

class SignalFile extends BaseFile {
  /** What is not wanted: PendingSignals takes it as the set of blocked signals. */
  readonly others: SigSet = new SigSet();
  private readonly kernel: Kernel;

  constructor(kernel: Kernel, flags: number) {
    super(null, null, O_RDWR | flags);
    this.kernel = kernel;
  }

  setMask(mask: SigSet): void {
    this.others.set(~mask.lo, ~mask.hi);
  }

  override describe(): string {
    return 'anon_inode:[signalfd]';
  }

  private take(task: Task): SigInfo | null {
    const own = task.pending.next(this.others);
    const shared = task.process.pending.next(this.others);
    if (own === 0 && shared === 0) return null;
    const info = own !== 0 ? task.pending.take(own) : task.process.pending.take(shared);
    task.recalcSignals();
    return info;
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining < INFO_SIZE) throw linuxError(EINVAL);
    let done = 0;
    while (to.remaining >= INFO_SIZE) {
      const info = this.take(sys.task);
      if (info === null) break;
      done += to.put(encode(info), 0, INFO_SIZE);
    }
    if (done > 0) return done;
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([sys.task.process.signalWait]);
  }

  override poll(): number {
    const task = this.kernel.scheduler.current;
    if (task === null) return 0;
    const { others } = this;
    return task.pending.next(others) !== 0 || task.process.pending.next(others) !== 0 ? POLLIN : 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    const task = this.kernel.scheduler.current;
    return task === null ? NO_QUEUES : [task.process.signalWait];
  }
}

interface Signalfd {
  ufd: number;
  user_mask: number;
  sizemask: number;
}

function sysSignalfd4(sys: Sys, a: Signalfd & { flags: number }): number {
  if ((a.flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw linuxError(EINVAL);
  const mask = readSigSet(sys, a.user_mask, a.sizemask);
  const { files, process } = sys.task;
  if (a.ufd === -1) {
    const file = new SignalFile(sys.kernel, a.flags & O_NONBLOCK);
    file.setMask(mask);
    return files.install(file, (a.flags & O_CLOEXEC) !== 0);
  }
  if (!files.has(a.ufd)) throw linuxError(EBADF);
  const file = files.get(a.ufd);
  if (!(file instanceof SignalFile)) throw linuxError(EINVAL);
  file.setMask(mask);
  process.signalWait.wake();
  return a.ufd;
}

const SIGNALFD_FLAGS = { SFD_CLOEXEC: O_CLOEXEC, SFD_NONBLOCK: O_NONBLOCK } as const;
const args = { ufd: Fd, user_mask: Ptr, sizemask: Size } as const;

export const SIGNALFD_SYSCALLS: readonly SyscallRow[] = [
  syscall(282, 'signalfd', args, (sys, a) => sysSignalfd4(sys, { ...a, flags: 0 })),
  syscall(289, 'signalfd4', { ...args, flags: Flags('SFD', SIGNALFD_FLAGS) }, sysSignalfd4),
];
