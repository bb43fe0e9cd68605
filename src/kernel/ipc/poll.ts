/**
 * poll(2) and ppoll(2) (fs/select.c).
 *
 *   struct pollfd, 8 bytes: 0 fd | 4 events | 6 revents
 *
 * Every retry looks at all descriptors again; the first run fixes the deadline in `sys.state`.
 */

import { EFAULT, EINVAL, ENOMEM, LinuxError, linuxError } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import { RLIMIT } from '../process/rlimits.ts';
import { Int, Ptr, Size, StructIn, StructInOut, UInt } from '../syscall/args.ts';
import { ERESTARTNOHAND, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { readTimespecMs, writeTimespecMs } from '../time/timespec.ts';
import { O_PATH } from '../vfs/constants.ts';
import { POLLERR, POLLHUP, POLLNVAL } from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { deadlineAfter, useSignalMask } from './wait.ts';

const POLLFD_SIZE = 8;

class PollWait {
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

/** Looks at all descriptors. @returns how many have events; `queues` gets where to wait */
function scan(sys: Sys, table: DataView, count: number, queues: WaitQueue[]): number {
  const { files } = sys.task;
  let ready = 0;
  for (let i = 0; i < count; i++) {
    const at = i * POLLFD_SIZE;
    const fd = table.getInt32(at, true);
    let events = 0;
    if (fd >= 0) {
      if (!files.has(fd) || (files.getAny(fd).flags & O_PATH) !== 0) events = POLLNVAL;
      else {
        const file = files.getAny(fd);
        const wanted = table.getUint16(at + 4, true) | POLLERR | POLLHUP;
        events = file.poll() & wanted;
        if (events === 0 && ready === 0) queues.push(...file.pollQueues());
      }
    }
    table.setUint16(at + 6, events, true);
    if (events !== 0) ready++;
  }
  return ready;
}

function pollFiles(sys: Sys, fds: number, count: number, deadline: number): number {
  const bytes = new Uint8Array(count * POLLFD_SIZE);
  sys.mem.copyIn(fds, bytes);
  const table = new DataView(bytes.buffer);
  const queues: WaitQueue[] = [];
  const ready = scan(sys, table, count, queues);
  if (ready === 0 && !sys.timedOut && deadline > sys.kernel.now()) {
    return sys.block(queues, { deadline, interrupted: -ERESTARTNOHAND });
  }
  for (let i = 0; i < count; i++) {
    sys.mem.writeU16(fds + i * POLLFD_SIZE + 6, table.getUint16(i * POLLFD_SIZE + 6, true));
  }
  return ready;
}

function checkCount(sys: Sys, count: number): void {
  if (count > (sys.task.process.rlimits.soft[RLIMIT.NOFILE] as number)) throw linuxError(EINVAL);
  if (count > 0x1000000) throw linuxError(ENOMEM);
}

function sysPoll(sys: Sys, a: { fds: number; nfds: number; timeout: number }): number {
  checkCount(sys, a.nfds);
  const wait = (sys.state ??= new PollWait(deadlineAfter(sys, a.timeout))) as PollWait;
  return pollFiles(sys, a.fds, a.nfds, wait.deadline);
}

interface Ppoll {
  fds: number;
  nfds: number;
  tsp: number;
  sigmask: number;
  sigsetsize: number;
}

/** Like Linux, stores the time left in `tsp` when the call ends. */
function sysPpoll(sys: Sys, a: Ppoll): number {
  if (sys.state === undefined) {
    const ms = a.tsp === 0 ? -1 : readTimespecMs(sys.mem, a.tsp);
    useSignalMask(sys, a.sigmask, a.sigsetsize);
    sys.state = new PollWait(deadlineAfter(sys, ms));
  }
  const { deadline } = sys.state as PollWait;
  checkCount(sys, a.nfds);
  const n = pollFiles(sys, a.fds, a.nfds, deadline);
  if (n >= 0 && a.tsp !== 0) storeTimeLeft(sys, a.tsp, deadline, writeTimespecMs);
  return n;
}

/** Stores what is left of the time. The argument may be in read-only memory: then it stays as it is. */
export function storeTimeLeft(
  sys: Sys,
  addr: number,
  deadline: number,
  write: (mem: UserMemory, addr: number, ms: number) => void,
): void {
  try {
    write(sys.mem, addr, Math.max(0, deadline - sys.kernel.now()));
  } catch (e) {
    if (!(e instanceof LinuxError) || e.errno !== EFAULT) throw e;
  }
}

export const POLL_SYSCALLS: readonly SyscallRow[] = [
  syscall(7, 'poll', { fds: StructInOut('pollfd'), nfds: UInt, timeout: Int }, sysPoll),
  syscall(
    271,
    'ppoll',
    {
      fds: StructInOut('pollfd'),
      nfds: UInt,
      tsp: StructIn('timespec'),
      sigmask: Ptr,
      sigsetsize: Size,
    },
    sysPpoll,
  ),
];
