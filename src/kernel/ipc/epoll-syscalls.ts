/**
 * epoll_create(2), epoll_ctl(2), epoll_wait(2) and their kin.
 *
 *   struct epoll_event, packed on x86-64, 12 bytes: 0 events | 4 data
 */

import { EINTR, EINVAL, LinuxError, linuxError } from '../errno.ts';
import { Enum, Fd, Flags, Int, Ptr, Size, StructIn } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { readTimespecMs } from '../time/timespec.ts';
import { O_CLOEXEC } from '../vfs/constants.ts';
import { EpollFile, type ReadyEvent } from './epoll.ts';
import { deadlineAfter, useSignalMask } from './wait.ts';

const EVENT_SIZE = 12;
const MAX_EVENTS = Math.floor(0x7fffffff / EVENT_SIZE);
const OPS = { EPOLL_CTL_ADD: 1, EPOLL_CTL_DEL: 2, EPOLL_CTL_MOD: 3 } as const;

function sysEpollCreate1(sys: Sys, { flags }: { flags: number }): number {
  if ((flags & ~O_CLOEXEC) !== 0) throw linuxError(EINVAL);
  return sys.task.files.install(new EpollFile(sys.kernel.heap), (flags & O_CLOEXEC) !== 0);
}

function sysEpollCreate(sys: Sys, { size }: { size: number }): number {
  if (size <= 0) throw linuxError(EINVAL);
  return sysEpollCreate1(sys, { flags: 0 });
}

function epollOf(sys: Sys, fd: number): EpollFile {
  const file = sys.task.files.get(fd);
  if (!(file instanceof EpollFile)) throw linuxError(EINVAL);
  return file;
}

function sysEpollCtl(sys: Sys, a: { epfd: number; op: number; fd: number; event: number }): number {
  const event: ReadyEvent = { events: 0, dataLo: 0, dataHi: 0 };
  if (a.op !== OPS.EPOLL_CTL_DEL) {
    event.events = sys.mem.readI32(a.event);
    event.dataLo = sys.mem.readI32(a.event + 4);
    event.dataHi = sys.mem.readI32(a.event + 8);
  }
  sys.task.files.get(a.epfd);
  const file = sys.task.files.get(a.fd);
  const epoll = epollOf(sys, a.epfd);
  if (a.op === OPS.EPOLL_CTL_ADD) epoll.add(file, a.fd, event);
  else if (a.op === OPS.EPOLL_CTL_MOD) epoll.modify(file, a.fd, event);
  else if (a.op === OPS.EPOLL_CTL_DEL) epoll.remove(file, a.fd);
  else throw linuxError(EINVAL);
  return 0;
}

class EpollWait {
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

function wait(sys: Sys, epfd: number, addr: number, max: number): number {
  if (max <= 0 || max > MAX_EVENTS) throw linuxError(EINVAL);
  const epoll = epollOf(sys, epfd);
  const { deadline } = sys.state as EpollWait;
  const events = epoll.collect(max);
  if (events.length === 0) {
    if (sys.timedOut || deadline <= sys.kernel.now()) return 0;
    return sys.block([epoll.queue], { deadline, interrupted: -EINTR });
  }
  return store(sys, addr, events);
}

/** What could be stored was reported; a fault before the first is the caller's. */
function store(sys: Sys, addr: number, events: readonly ReadyEvent[]): number {
  const bytes = new Uint8Array(EVENT_SIZE);
  const d = new DataView(bytes.buffer);
  let stored = 0;
  for (const e of events) {
    d.setInt32(0, e.events, true);
    d.setInt32(4, e.dataLo, true);
    d.setInt32(8, e.dataHi, true);
    try {
      sys.mem.copyOut(addr + stored * EVENT_SIZE, bytes);
    } catch (error) {
      if (stored > 0 && error instanceof LinuxError) break;
      throw error;
    }
    stored++;
  }
  return stored;
}

interface Wait {
  epfd: number;
  events: number;
  maxevents: number;
}

function sysEpollWait(sys: Sys, a: Wait & { timeout: number }): number {
  sys.state ??= new EpollWait(deadlineAfter(sys, a.timeout));
  return wait(sys, a.epfd, a.events, a.maxevents);
}

function sysEpollPwait(
  sys: Sys,
  a: Wait & { timeout: number; sigmask: number; sigsetsize: number },
): number {
  if (sys.state === undefined) {
    useSignalMask(sys, a.sigmask, a.sigsetsize);
    sys.state = new EpollWait(deadlineAfter(sys, a.timeout));
  }
  return wait(sys, a.epfd, a.events, a.maxevents);
}

function sysEpollPwait2(
  sys: Sys,
  a: Wait & { timeout: number; sigmask: number; sigsetsize: number },
): number {
  if (sys.state === undefined) {
    const ms = a.timeout === 0 ? -1 : readTimespecMs(sys.mem, a.timeout);
    useSignalMask(sys, a.sigmask, a.sigsetsize);
    sys.state = new EpollWait(deadlineAfter(sys, ms));
  }
  return wait(sys, a.epfd, a.events, a.maxevents);
}

const waitArgs = { epfd: Fd, events: Ptr, maxevents: Int } as const;
const maskArgs = { sigmask: Ptr, sigsetsize: Size } as const;

export const EPOLL_SYSCALLS: readonly SyscallRow[] = [
  syscall(213, 'epoll_create', { size: Int }, sysEpollCreate),
  syscall(232, 'epoll_wait', { ...waitArgs, timeout: Int }, sysEpollWait),
  syscall(
    233,
    'epoll_ctl',
    { epfd: Fd, op: Enum('EPOLL_CTL', OPS), fd: Fd, event: Ptr },
    sysEpollCtl,
  ),
  syscall(281, 'epoll_pwait', { ...waitArgs, timeout: Int, ...maskArgs }, sysEpollPwait),
  syscall(
    291,
    'epoll_create1',
    { flags: Flags('EPOLL', { EPOLL_CLOEXEC: O_CLOEXEC }) },
    sysEpollCreate1,
  ),
  syscall(
    441,
    'epoll_pwait2',
    { ...waitArgs, timeout: StructIn('timespec'), ...maskArgs },
    sysEpollPwait2,
  ),
];
