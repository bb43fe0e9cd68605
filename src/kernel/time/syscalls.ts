/** Clocks, sleeping and timers: kernel/time/. */

import { CAP } from '../cred/cred.ts';
import { EFAULT, EINVAL, EOPNOTSUPP, EPERM, linuxError, unlessErrno } from '../errno.ts';
import { NSIG } from '../signal/numbers.ts';
import { Enum, Flags, Int, Ptr, StructIn, StructOut, UInt } from '../syscall/args.ts';
import { formatStruct } from '../syscall/structs.ts';
import {
  type ArgType,
  ERESTART_RESTARTBLOCK,
  ERESTARTNOHAND,
  type Sys,
  type SyscallRow,
  syscall,
} from '../syscall/types.ts';
import {
  CLOCK_MONOTONIC,
  CLOCK_PROCESS_CPUTIME_ID,
  CLOCK_REALTIME,
  CLOCK_THREAD_CPUTIME_ID,
  checkTimerClock,
  deadlineOf,
  readClock,
} from './clocks.ts';
import {
  type PosixTimer,
  ProcessTimers,
  SIGEV_NONE,
  SIGEV_SIGNAL,
  SIGEV_THREAD_ID,
} from './process-timers.ts';
import { readTimespecMs, readTimevalMs, writeTimespecMs, writeTimevalMs } from './timespec.ts';

const TIMER_ABSTIME = 1;

const ClockId = Enum('CLOCK', {
  CLOCK_REALTIME: 0,
  CLOCK_MONOTONIC: 1,
  CLOCK_PROCESS_CPUTIME_ID: 2,
  CLOCK_THREAD_CPUTIME_ID: 3,
  CLOCK_MONOTONIC_RAW: 4,
  CLOCK_REALTIME_COARSE: 5,
  CLOCK_MONOTONIC_COARSE: 6,
  CLOCK_BOOTTIME: 7,
  CLOCK_REALTIME_ALARM: 8,
  CLOCK_BOOTTIME_ALARM: 9,
  CLOCK_TAI: 11,
});
const TimerFlags = Flags('TIMER', { TIMER_ABSTIME });

/** Time left of a sleep: filled only if a signal ended it. */
const Remaining: ArgType<number> = {
  ...Ptr,
  out: true,
  format: (v, ctx) =>
    v !== 0 && ctx.result === -ERESTART_RESTARTBLOCK
      ? formatStruct('timespec', v, ctx)
      : Ptr.format(v, ctx),
};

function sysClockGettime(sys: Sys, { clock, tp }: { clock: number; tp: number }): number {
  const time = readClock(sys.kernel, sys.task, clock);
  if (time === null) throw linuxError(EINVAL);
  sys.mem.writeU64(tp, time.sec);
  sys.mem.writeU64(tp + 8, time.nsec);
  return 0;
}

const COARSE_RESOLUTION_NS = 4_000_000;

function sysClockGetres(sys: Sys, { clock, res }: { clock: number; res: number }): number {
  if (readClock(sys.kernel, sys.task, clock) === null) throw linuxError(EINVAL);
  if (res === 0) return 0;
  sys.mem.writeU64(res, 0);
  sys.mem.writeU64(res + 8, clock === 5 || clock === 6 ? COARSE_RESOLUTION_NS : 1);
  return 0;
}

function sysClockSettime(sys: Sys, { clock, tp }: { clock: number; tp: number }): number {
  if (clock !== CLOCK_REALTIME) throw linuxError(EINVAL);
  readTimespecMs(sys.mem, tp);
  checkMaySetClock(sys);
  sys.kernel.clock.set(sys.mem.readU64(tp), sys.mem.readU64(tp + 8));
  return 0;
}

/** A system has its own clock; other programs are guests in the host's time, as in a container. */
function checkMaySetClock(sys: Sys): void {
  if (!sys.kernel.system || !sys.task.cred.has(CAP.SYS_TIME)) throw linuxError(EPERM);
}

function sysGettimeofday(sys: Sys, { tv, tz }: { tv: number; tz: number }): number {
  const { sec, nsec } = sys.kernel.clock.realtime();
  if (tv !== 0) {
    sys.mem.writeU64(tv, sec);
    sys.mem.writeU64(tv + 8, Math.floor(nsec / 1000));
  }
  if (tz !== 0) sys.mem.writePair(tz, 0, 0);
  return 0;
}

/** Minutes west of Greenwich in a struct timezone: 15 hours. */
const MAX_WEST = 15 * 60;

/** The time zone, in minutes west of Greenwich, is only checked: nothing here looks at it. */
function sysSettimeofday(sys: Sys, { tv, tz }: { tv: number; tz: number }): number {
  if (tv !== 0) readTimevalMs(sys.mem, tv);
  const west = tz === 0 ? 0 : sys.mem.readI32(tz);
  if (Math.abs(west) > MAX_WEST) throw linuxError(EINVAL);
  checkMaySetClock(sys);
  if (tv !== 0) sys.kernel.clock.set(sys.mem.readU64(tv), sys.mem.readU64(tv + 8) * 1000);
  return 0;
}

function sysTime(sys: Sys, { tloc }: { tloc: number }): number {
  const { sec } = sys.kernel.clock.realtime();
  if (tloc !== 0) sys.mem.writeU64(tloc, sec);
  return sec;
}

interface Sleep {
  readonly deadline: number;
}

/** Sleeps; a signal handler ends it with EINTR and the time left in `rem`. */
function sleep(sys: Sys, clock: number, absolute: boolean, req: number, rem: number): number {
  let state = sys.state as Sleep | undefined;
  if (state === undefined) {
    const ms = readTimespecMs(sys.mem, req);
    state = { deadline: deadlineOf(sys.kernel, clock, ms, absolute) };
    sys.state = state;
  }
  const { deadline } = state;
  if (sys.timedOut || deadline <= sys.kernel.now()) return 0;
  const interrupted = (): number => {
    if (absolute) return -ERESTARTNOHAND;
    const left = Math.max(deadline - sys.kernel.now(), 0);
    const stored =
      rem === 0 ||
      unlessErrno(() => {
        writeTimespecMs(sys.mem, rem, left);
        return true;
      });
    return stored === null ? -EFAULT : -ERESTART_RESTARTBLOCK;
  };
  return sys.block([], { deadline, interrupted });
}

function sysNanosleep(sys: Sys, { req, rem }: { req: number; rem: number }): number {
  return sleep(sys, CLOCK_MONOTONIC, false, req, rem);
}

function sysClockNanosleep(
  sys: Sys,
  a: { clock: number; flags: number; req: number; rem: number },
): number {
  if (a.clock === CLOCK_THREAD_CPUTIME_ID) throw linuxError(EOPNOTSUPP);
  checkTimerClock(a.clock);
  if (a.clock === CLOCK_PROCESS_CPUTIME_ID) throw linuxError(EOPNOTSUPP);
  return sleep(sys, a.clock, (a.flags & TIMER_ABSTIME) !== 0, a.req, a.rem);
}

const ITIMER_REAL = 0;
const ITIMER_VIRTUAL = 1;
const ITIMER_PROF = 2;
const Which = Enum('ITIMER', { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF });

function currentItimer(sys: Sys, which: number): { value: number; interval: number } {
  const timers = ProcessTimers.of(sys.task.process);
  if (which === ITIMER_REAL) {
    const { real } = timers;
    const left = real.armed ? Math.max(real.deadline - sys.kernel.now(), 0.001) : 0;
    return { value: left, interval: timers.realIntervalMs };
  }
  if (which !== ITIMER_VIRTUAL && which !== ITIMER_PROF) throw linuxError(EINVAL);
  const timer = which === ITIMER_VIRTUAL ? timers.virtual : timers.prof;
  return { value: timer.leftMs, interval: timer.intervalMs };
}

function setItimer(sys: Sys, which: number, value: number, interval: number): void {
  const timers = ProcessTimers.of(sys.task.process);
  if (which === ITIMER_REAL) {
    timers.realIntervalMs = interval;
    if (value > 0) sys.kernel.timers.arm(timers.real, sys.kernel.now() + value);
    else sys.kernel.timers.cancel(timers.real);
    return;
  }
  const timer = which === ITIMER_VIRTUAL ? timers.virtual : timers.prof;
  timer.leftMs = value;
  timer.intervalMs = interval;
}

function sysGetitimer(sys: Sys, { which, curr }: { which: number; curr: number }): number {
  const { value, interval } = currentItimer(sys, which);
  writeTimevalMs(sys.mem, curr, interval);
  writeTimevalMs(sys.mem, curr + 16, value);
  return 0;
}

function sysSetitimer(
  sys: Sys,
  { which, next, old }: { which: number; next: number; old: number },
): number {
  let interval = 0;
  let value = 0;
  if (next !== 0) {
    interval = readTimevalMs(sys.mem, next);
    value = readTimevalMs(sys.mem, next + 16);
  }
  const before = currentItimer(sys, which);
  setItimer(sys, which, value, interval);
  if (old !== 0) {
    writeTimevalMs(sys.mem, old, before.interval);
    writeTimevalMs(sys.mem, old + 16, before.value);
  }
  return 0;
}

function sysAlarm(sys: Sys, { seconds }: { seconds: number }): number {
  const { value } = currentItimer(sys, ITIMER_REAL);
  setItimer(sys, ITIMER_REAL, seconds * 1000, 0);
  if (value === 0) return 0;
  // Rounded, but never 0 while an alarm was set.
  return Math.max(Math.round(value / 1000), 1);
}

/** struct sigevent: 0 value, 8 signo, 12 notify, 16 tid. */
function readSigevent(sys: Sys, addr: number): ConstructorParameters<typeof PosixTimer>[2] | null {
  if (addr === 0) return null;
  const { mem } = sys;
  const event = {
    valueLo: mem.readI32(addr),
    valueHi: mem.readI32(addr + 4),
    signo: mem.readI32(addr + 8),
    notify: mem.readI32(addr + 12),
    tid: mem.readI32(addr + 16),
  };
  const { notify, signo, tid } = event;
  if (notify === SIGEV_NONE) return event;
  if (notify !== SIGEV_SIGNAL && notify !== SIGEV_THREAD_ID && notify !== 2) {
    throw linuxError(EINVAL);
  }
  if (signo <= 0 || signo > NSIG) throw linuxError(EINVAL);
  if (notify === SIGEV_THREAD_ID && sys.kernel.tasks.get(tid)?.process !== sys.task.process) {
    throw linuxError(EINVAL);
  }
  return event;
}

function sysTimerCreate(
  sys: Sys,
  { clock, event, id }: { clock: number; event: number; id: number },
): number {
  if (clock !== CLOCK_THREAD_CPUTIME_ID) checkTimerClock(clock);
  const timers = ProcessTimers.of(sys.task.process);
  const timer = timers.createPosix(clock, readSigevent(sys, event));
  try {
    sys.mem.writeU32(id, timer.id);
  } catch (e) {
    timers.deletePosix(timer);
    throw e;
  }
  return 0;
}

function findTimer(sys: Sys, id: number): PosixTimer {
  const timer = sys.task.process.timers?.posix.get(id);
  if (timer === undefined) throw linuxError(EINVAL);
  return timer;
}

function isCpuClock(clock: number): boolean {
  return clock === CLOCK_PROCESS_CPUTIME_ID || clock === CLOCK_THREAD_CPUTIME_ID;
}

function timeLeft(sys: Sys, timer: PosixTimer): number {
  if (isCpuClock(timer.clock)) return timer.cpuLeftMs;
  if (!timer.timer.armed) return 0;
  return Math.max(timer.timer.deadline - sys.kernel.now(), 1e-6);
}

function writeItimerspec(sys: Sys, addr: number, value: number, interval: number): void {
  writeTimespecMs(sys.mem, addr, interval);
  writeTimespecMs(sys.mem, addr + 16, value);
}

function sysTimerSettime(
  sys: Sys,
  { id, flags, next, old }: { id: number; flags: number; next: number; old: number },
): number {
  if (next === 0) throw linuxError(EINVAL);
  const interval = readTimespecMs(sys.mem, next);
  const value = readTimespecMs(sys.mem, next + 16);
  const timer = findTimer(sys, id);
  const before = { value: timeLeft(sys, timer), interval: timer.intervalMs };
  sys.kernel.timers.cancel(timer.timer);
  timer.intervalMs = interval;
  timer.pendingOverrun = 0;
  timer.cpuLeftMs = 0;
  if (value > 0) armPosix(sys, timer, value, (flags & TIMER_ABSTIME) !== 0);
  if (old !== 0) writeItimerspec(sys, old, before.value, before.interval);
  return 0;
}

function armPosix(sys: Sys, timer: PosixTimer, value: number, absolute: boolean): void {
  if (!isCpuClock(timer.clock)) {
    const deadline = deadlineOf(sys.kernel, timer.clock, value, absolute);
    sys.kernel.timers.arm(timer.timer, deadline);
    return;
  }
  const now = readClock(sys.kernel, sys.task, timer.clock);
  const used = now === null ? 0 : now.sec * 1000 + now.nsec / 1e6;
  timer.cpuLeftMs = absolute ? Math.max(value - used, 1e-6) : value;
}

function sysTimerGettime(sys: Sys, { id, curr }: { id: number; curr: number }): number {
  const timer = findTimer(sys, id);
  writeItimerspec(sys, curr, timeLeft(sys, timer), timer.intervalMs);
  return 0;
}

function sysTimerDelete(sys: Sys, { id }: { id: number }): number {
  ProcessTimers.of(sys.task.process).deletePosix(findTimer(sys, id));
  return 0;
}

export const TIME_SYSCALLS: readonly SyscallRow[] = [
  syscall(35, 'nanosleep', { req: StructIn('timespec'), rem: Remaining }, sysNanosleep),
  syscall(36, 'getitimer', { which: Which, curr: StructOut('itimerval') }, sysGetitimer),
  syscall(37, 'alarm', { seconds: UInt }, sysAlarm),
  syscall(
    38,
    'setitimer',
    { which: Which, next: StructIn('itimerval'), old: StructOut('itimerval') },
    sysSetitimer,
  ),
  syscall(96, 'gettimeofday', { tv: StructOut('timeval'), tz: Ptr }, sysGettimeofday),
  syscall(
    164,
    'settimeofday',
    { tv: StructIn('timeval'), tz: Ptr },
    sysSettimeofday,
    'an effect of the time zone',
  ),
  syscall(201, 'time', { tloc: Ptr }, sysTime),
  syscall(
    222,
    'timer_create',
    { clock: ClockId, event: Ptr, id: StructOut('int') },
    sysTimerCreate,
  ),
  syscall(
    223,
    'timer_settime',
    { id: Int, flags: TimerFlags, next: StructIn('itimerspec'), old: StructOut('itimerspec') },
    sysTimerSettime,
  ),
  syscall(224, 'timer_gettime', { id: Int, curr: StructOut('itimerspec') }, sysTimerGettime),
  syscall(225, 'timer_getoverrun', { id: Int }, (sys, { id }) => findTimer(sys, id).overrun),
  syscall(226, 'timer_delete', { id: Int }, sysTimerDelete),
  syscall(227, 'clock_settime', { clock: ClockId, tp: StructIn('timespec') }, sysClockSettime),
  syscall(228, 'clock_gettime', { clock: ClockId, tp: StructOut('timespec') }, sysClockGettime),
  syscall(229, 'clock_getres', { clock: ClockId, res: StructOut('timespec') }, sysClockGetres),
  syscall(
    230,
    'clock_nanosleep',
    { clock: ClockId, flags: TimerFlags, req: StructIn('timespec'), rem: Remaining },
    sysClockNanosleep,
  ),
];
