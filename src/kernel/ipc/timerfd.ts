/**
 * timerfd_create(2), timerfd_settime(2), timerfd_gettime(2) (fs/timerfd.c).
 *
 *   struct itimerspec: 0 it_interval | 16 it_value
 *
 * Times are kept in monotonic milliseconds; an absolute time of CLOCK_REALTIME is converted when it is set.
 */

import { CAP } from '../cred/cred.ts';
import { EAGAIN, EINVAL, EPERM, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { Enum, Fd, Flags, StructIn, StructOut } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import {
  CLOCK_BOOTTIME,
  CLOCK_BOOTTIME_ALARM,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  CLOCK_REALTIME_ALARM,
  isRealtime,
} from '../time/clocks.ts';
import { Timer } from '../time/timer-queue.ts';
import { readTimespecMs } from '../time/timespec.ts';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import { type IoSink, POLLIN } from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';

const TFD_TIMER_ABSTIME = 1;
/** Accepted, but the clock is never set here. */
const TFD_TIMER_CANCEL_ON_SET = 2;
const SIZE = 8;

class TimerFile extends BaseFile {
  readonly clock: number;
  private readonly kernel: Kernel;
  private readonly timer: Timer = new Timer(() => this.expire());
  private readonly queue = new WaitQueue(POLLIN);
  /** Expirations that were not read. */
  private ticks = 0;
  private interval = 0;

  constructor(kernel: Kernel, clock: number, flags: number) {
    super(null, null, O_RDWR | flags);
    this.kernel = kernel;
    this.clock = clock;
  }

  override describe(): string {
    return 'anon_inode:[timerfd]';
  }

  private expire(): void {
    const { timers } = this.kernel;
    const due = this.timer.deadline;
    if (this.interval > 0) {
      const missed = Math.max(0, Math.floor((this.kernel.now() - due) / this.interval));
      this.ticks += missed + 1;
      timers.arm(this.timer, due + (missed + 1) * this.interval);
    } else this.ticks++;
    this.queue.wake();
  }

  /** @param value milliseconds from now, or of the clock if `absolute`; 0 disarms */
  set(value: number, interval: number, absolute: boolean): void {
    const { timers } = this.kernel;
    timers.cancel(this.timer);
    this.ticks = 0;
    this.interval = interval;
    if (value === 0) return;
    let deadline = value;
    if (!absolute) deadline += this.kernel.now();
    else if (isRealtime(this.clock)) {
      const { sec, nsec } = this.kernel.clock.realtime();
      deadline += this.kernel.now() - (sec * 1000 + nsec / 1e6);
    }
    timers.arm(this.timer, deadline);
  }

  /** Interval, and time until the next expiration, in milliseconds. */
  get(): [number, number] {
    const left = this.timer.armed ? Math.max(this.timer.deadline - this.kernel.now(), 1e-6) : 0;
    return [this.interval, left];
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining < SIZE) throw linuxError(EINVAL);
    if (this.ticks === 0) {
      if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
      return sys.block([this.queue]);
    }
    const bytes = new Uint8Array(SIZE);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(this.ticks), true);
    this.ticks = 0;
    return to.put(bytes, 0, SIZE);
  }

  override poll(): number {
    return this.ticks > 0 ? POLLIN : 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return [this.queue];
  }

  protected override closed(): void {
    this.kernel.timers.cancel(this.timer);
  }
}

const CLOCKS = {
  CLOCK_REALTIME,
  CLOCK_MONOTONIC,
  CLOCK_BOOTTIME,
  CLOCK_REALTIME_ALARM,
  CLOCK_BOOTTIME_ALARM,
} as const;

function sysTimerfdCreate(sys: Sys, a: { clockid: number; flags: number }): number {
  if ((a.flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) throw linuxError(EINVAL);
  const { clockid } = a;
  if (!(Object.values(CLOCKS) as number[]).includes(clockid)) throw linuxError(EINVAL);
  const alarm = clockid === CLOCK_REALTIME_ALARM || clockid === CLOCK_BOOTTIME_ALARM;
  if (alarm && !sys.task.cred.has(CAP.SYS_TIME)) throw linuxError(EPERM);
  const file = new TimerFile(sys.kernel, clockid, a.flags & O_NONBLOCK);
  return sys.task.files.install(file, (a.flags & O_CLOEXEC) !== 0);
}

function timerFile(sys: Sys, fd: number): TimerFile {
  const file = sys.task.files.get(fd);
  if (!(file instanceof TimerFile)) throw linuxError(EINVAL);
  return file;
}

function writeTimer(sys: Sys, addr: number, file: TimerFile): void {
  const bytes = new Uint8Array(32);
  const d = new DataView(bytes.buffer);
  file.get().forEach((ms, i) => {
    const ns = Math.round(ms * 1e6);
    d.setBigInt64(i * 16, BigInt(Math.floor(ns / 1e9)), true);
    d.setBigInt64(i * 16 + 8, BigInt(ns % 1e9), true);
  });
  sys.mem.copyOut(addr, bytes);
}

interface SetTime {
  ufd: number;
  flags: number;
  utmr: number;
  otmr: number;
}

function sysTimerfdSettime(sys: Sys, a: SetTime): number {
  const interval = readTimespecMs(sys.mem, a.utmr);
  const value = readTimespecMs(sys.mem, a.utmr + 16);
  if ((a.flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) throw linuxError(EINVAL);
  const file = timerFile(sys, a.ufd);
  if (a.otmr !== 0) writeTimer(sys, a.otmr, file);
  file.set(value, interval, (a.flags & TFD_TIMER_ABSTIME) !== 0);
  return 0;
}

function sysTimerfdGettime(sys: Sys, a: { ufd: number; otmr: number }): number {
  writeTimer(sys, a.otmr, timerFile(sys, a.ufd));
  return 0;
}

const CREATE_FLAGS = { TFD_CLOEXEC: O_CLOEXEC, TFD_NONBLOCK: O_NONBLOCK } as const;
const SET_FLAGS = { TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } as const;

export const TIMERFD_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    283,
    'timerfd_create',
    { clockid: Enum('CLOCK', CLOCKS), flags: Flags('TFD', CREATE_FLAGS) },
    sysTimerfdCreate,
  ),
  syscall(
    286,
    'timerfd_settime',
    {
      ufd: Fd,
      flags: Flags('TFD', SET_FLAGS),
      utmr: StructIn('itimerspec'),
      otmr: StructOut('itimerspec'),
    },
    sysTimerfdSettime,
    'TFD_TIMER_CANCEL_ON_SET',
  ),
  syscall(287, 'timerfd_gettime', { ufd: Fd, otmr: StructOut('itimerspec') }, sysTimerfdGettime),
];
