/** futex(2), set_robust_list(2), get_robust_list(2). */

import { EAGAIN, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH, ETIMEDOUT, linuxError } from '../errno.ts';
import { Pid, Ptr, Size, UInt } from '../syscall/args.ts';
import { reportMissing } from '../syscall/missing.ts';
import { formatStruct } from '../syscall/structs.ts';
import { hex } from '../syscall/text.ts';
import {
  type ArgType,
  ERESTART_RESTARTBLOCK,
  ERESTARTSYS,
  type Sys,
  type SyscallRow,
  syscall,
} from '../syscall/types.ts';
import { CLOCK_MONOTONIC, CLOCK_REALTIME, deadlineOf } from '../time/clocks.ts';
import { readTimespecMs } from '../time/timespec.ts';
import { FUTEX_BITSET_MATCH_ANY, FutexWaiter } from './futex.ts';
import { lockPi, tryLockPi, unlockPi } from './pi.ts';

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAKE_OP = 5;
const FUTEX_LOCK_PI = 6;
const FUTEX_UNLOCK_PI = 7;
const FUTEX_TRYLOCK_PI = 8;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_LOCK_PI2 = 13;
const FUTEX_PRIVATE_FLAG = 128;
const FUTEX_CLOCK_REALTIME = 256;
const CMD_MASK = ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);

/** Those that may use CLOCK_REALTIME for timeouts instead of CLOCK_MONOTONIC. */
const TAKES_CLOCK: readonly number[] = [FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI2];

interface FutexArgs {
  uaddr: number;
  op: number;
  val: number;
  timeout: number;
  uaddr2: number;
  val3: number;
}

function sysFutex(sys: Sys, a: FutexArgs): number {
  const isPrivate = (a.op & FUTEX_PRIVATE_FLAG) !== 0;
  const command = a.op & CMD_MASK;
  const realtime = (a.op & FUTEX_CLOCK_REALTIME) !== 0;
  if (realtime && !TAKES_CLOCK.includes(command)) throw linuxError(ENOSYS);
  const { futexes } = sys.kernel;
  const { mm } = sys.task;
  switch (command) {
    case FUTEX_WAIT:
      return wait(sys, a, isPrivate, FUTEX_BITSET_MATCH_ANY, false, realtime);
    case FUTEX_WAIT_BITSET:
      return wait(sys, a, isPrivate, a.val3 | 0, true, realtime);
    case FUTEX_WAKE:
      return futexes.wake(mm, a.uaddr, wakeCount(a.val), FUTEX_BITSET_MATCH_ANY, isPrivate);
    case FUTEX_WAKE_BITSET:
      if (a.val3 === 0) throw linuxError(EINVAL);
      return futexes.wake(mm, a.uaddr, wakeCount(a.val), a.val3 | 0, isPrivate);
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
      return requeue(sys, a, isPrivate, command === FUTEX_CMP_REQUEUE);
    case FUTEX_WAKE_OP:
      return wakeOp(sys, a, isPrivate);
    case FUTEX_LOCK_PI:
      return lockPi(sys, a.uaddr, isPrivate, () => deadlineAt(sys, a.timeout, true, true));
    case FUTEX_LOCK_PI2:
      return lockPi(sys, a.uaddr, isPrivate, () => deadlineAt(sys, a.timeout, true, realtime));
    case FUTEX_TRYLOCK_PI:
      return tryLockPi(sys, a.uaddr, isPrivate);
    case FUTEX_UNLOCK_PI:
      return unlockPi(sys, a.uaddr, isPrivate);
    default:
      reportMissing(sys.task, `futex operation ${command} is not supported`);
      throw linuxError(ENOSYS);
  }
}

/** When a wait ends by the timeout at `addr`; never if that is NULL. */
function deadlineAt(
  sys: Sys,
  addr: number,
  absolute: boolean,
  realtime: boolean,
): number | undefined {
  if (addr === 0) return undefined;
  const clock = realtime ? CLOCK_REALTIME : CLOCK_MONOTONIC;
  return deadlineOf(sys.kernel, clock, readTimespecMs(sys.mem, addr), absolute);
}

/** A count of 0 wakes one, as in Linux. */
function wakeCount(val: number): number {
  return Math.max(val | 0, 1);
}

function wait(
  sys: Sys,
  a: FutexArgs,
  isPrivate: boolean,
  bitset: number,
  absolute: boolean,
  realtime: boolean,
): number {
  let waiter = sys.state as (FutexWaiter & { deadline?: number }) | undefined;
  if (waiter === undefined) {
    if (bitset === 0) throw linuxError(EINVAL);
    if (a.uaddr % 4 !== 0) throw linuxError(EINVAL);
    const deadline = deadlineAt(sys, a.timeout, absolute, realtime);
    if (sys.mem.readU32(a.uaddr) !== a.val) throw linuxError(EAGAIN);
    waiter = new FutexWaiter(sys.task, bitset);
    if (deadline !== undefined) waiter.deadline = deadline;
    sys.kernel.futexes.enqueue(waiter, sys.task.mm, a.uaddr, isPrivate);
    sys.state = waiter;
  }
  if (waiter.woken) return 0;
  if (sys.timedOut) {
    sys.kernel.futexes.remove(waiter);
    throw linuxError(ETIMEDOUT);
  }
  return block(sys, waiter);
}

function block(sys: Sys, waiter: FutexWaiter & { deadline?: number }): number {
  const { deadline } = waiter;
  const interrupted = (): number => {
    sys.kernel.futexes.remove(waiter);
    return deadline === undefined ? -ERESTARTSYS : -ERESTART_RESTARTBLOCK;
  };
  return sys.block(
    [waiter.queue],
    deadline === undefined ? { interrupted } : { interrupted, deadline },
  );
}

function requeue(sys: Sys, a: FutexArgs, isPrivate: boolean, compare: boolean): number {
  const nrWake = a.val | 0;
  // The fourth argument is a count here, not a pointer.
  const nrRequeue = a.timeout >= 2 ** 63 ? -1 : a.timeout | 0;
  if (nrWake < 0 || nrRequeue < 0) throw linuxError(EINVAL);
  const { futexes } = sys.kernel;
  const { mm } = sys.task;
  if (a.uaddr2 % 4 !== 0) throw linuxError(EINVAL);
  if (compare && sys.mem.readU32(a.uaddr) !== a.val3) throw linuxError(EAGAIN);
  const woken =
    nrWake === 0 ? 0 : futexes.wake(mm, a.uaddr, nrWake, FUTEX_BITSET_MATCH_ANY, isPrivate);
  const moved = futexes.requeue(mm, a.uaddr, a.uaddr2, nrRequeue, isPrivate);
  return woken + moved;
}

/** val3 = op (4 bits) | cmp (4) | oparg (12) | cmparg (12), both signed. */
function wakeOp(sys: Sys, a: FutexArgs, isPrivate: boolean): number {
  const op = (a.val3 >>> 28) & 7;
  const cmp = (a.val3 >>> 24) & 15;
  let oparg = (a.val3 << 8) >> 20;
  const cmparg = (a.val3 << 20) >> 20;
  if (((a.val3 >>> 28) & 8) !== 0) oparg = 1 << (oparg & 31);
  if (a.uaddr2 % 4 !== 0) throw linuxError(EINVAL);
  const old = sys.mem.readI32(a.uaddr2);
  sys.mem.writeU32(a.uaddr2, applyOp(op, old, oparg));
  const { futexes } = sys.kernel;
  const { mm } = sys.task;
  let n = futexes.wake(mm, a.uaddr, wakeCount(a.val), FUTEX_BITSET_MATCH_ANY, isPrivate);
  if (compares(cmp, old, cmparg)) {
    const count = wakeCount(a.timeout);
    n += futexes.wake(mm, a.uaddr2, count, FUTEX_BITSET_MATCH_ANY, isPrivate);
  }
  return n;
}

function applyOp(op: number, old: number, arg: number): number {
  switch (op) {
    case 0:
      return arg;
    case 1:
      return (old + arg) | 0;
    case 2:
      return old | arg;
    case 3:
      return old & ~arg;
    case 4:
      return old ^ arg;
    default:
      throw linuxError(ENOSYS);
  }
}

function compares(cmp: number, old: number, arg: number): boolean {
  switch (cmp) {
    case 0:
      return old === arg;
    case 1:
      return old !== arg;
    case 2:
      return old < arg;
    case 3:
      return old <= arg;
    case 4:
      return old > arg;
    case 5:
      return old >= arg;
    default:
      throw linuxError(ENOSYS);
  }
}

const ROBUST_HEAD_SIZE = 24;

function sysSetRobustList(sys: Sys, a: { head: number; len: number }): number {
  if (a.len !== ROBUST_HEAD_SIZE) throw linuxError(EINVAL);
  sys.task.robustList = a.head;
  return 0;
}

function sysGetRobustList(sys: Sys, a: { pid: number; head: number; len: number }): number {
  const task = a.pid === 0 ? sys.task : sys.kernel.tasks.get(a.pid);
  if (task === undefined) throw linuxError(ESRCH);
  if (task.cred.uid !== sys.task.cred.euid && sys.task.cred.euid !== 0) throw linuxError(EPERM);
  if (a.head === 0 || a.len === 0) throw linuxError(EFAULT);
  sys.mem.writeU64(a.len, ROBUST_HEAD_SIZE);
  sys.mem.writeU64(a.head, task.robustList);
  return 0;
}

const COMMANDS = [
  'FUTEX_WAIT',
  'FUTEX_WAKE',
  'FUTEX_FD',
  'FUTEX_REQUEUE',
  'FUTEX_CMP_REQUEUE',
  'FUTEX_WAKE_OP',
  'FUTEX_LOCK_PI',
  'FUTEX_UNLOCK_PI',
  'FUTEX_TRYLOCK_PI',
  'FUTEX_WAIT_BITSET',
  'FUTEX_WAKE_BITSET',
  'FUTEX_WAIT_REQUEUE_PI',
  'FUTEX_CMP_REQUEUE_PI',
  'FUTEX_LOCK_PI2',
] as const;

const FutexOp: ArgType<number> = {
  name: 'int',
  decode: (lo) => lo | 0,
  format(v) {
    const name = COMMANDS[v & CMD_MASK] ?? hex(v & CMD_MASK);
    const suffix = (v & FUTEX_PRIVATE_FLAG) !== 0 ? '_PRIVATE' : '';
    return `${name}${suffix}${(v & FUTEX_CLOCK_REALTIME) !== 0 ? '|FUTEX_CLOCK_REALTIME' : ''}`;
  },
};

function commandOf(args: Readonly<Record<string, unknown>>): number {
  return Number(args['op']) & CMD_MASK;
}

function usesTimeout(command: number): boolean {
  return (
    command === FUTEX_WAIT ||
    command === FUTEX_WAIT_BITSET ||
    command === FUTEX_LOCK_PI ||
    command === FUTEX_LOCK_PI2
  );
}

/** A timeout for waits, a count for requeues, nothing for wakes. */
const Timeout: ArgType<number> = {
  name: 'const struct timespec *',
  decode: Ptr.decode,
  format(v, ctx) {
    const command = commandOf(ctx.args);
    if (command === FUTEX_WAKE || command === FUTEX_WAKE_BITSET) return '';
    if (!usesTimeout(command)) return String(v);
    return v === 0 ? 'NULL' : formatStruct('timespec', v, ctx);
  },
};

const Second: ArgType<number> = {
  name: 'uint32_t *',
  decode: Ptr.decode,
  format: (v, ctx) => {
    const command = commandOf(ctx.args);
    if (command === FUTEX_WAIT || command === FUTEX_WAKE || command === FUTEX_WAKE_BITSET)
      return '';
    return v === 0 ? 'NULL' : hex(v);
  },
};

const Third: ArgType<number> = {
  name: 'uint32_t',
  decode: (lo) => lo >>> 0,
  format: (v, ctx) => {
    const command = commandOf(ctx.args);
    if (command === FUTEX_WAIT || command === FUTEX_WAKE || command === FUTEX_REQUEUE) return '';
    if (command !== FUTEX_WAIT_BITSET && command !== FUTEX_WAKE_BITSET) return hex(v);
    return v === 0xffffffff ? 'FUTEX_BITSET_MATCH_ANY' : hex(v);
  },
};

export const FUTEX_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    202,
    'futex',
    { uaddr: Ptr, op: FutexOp, val: UInt, timeout: Timeout, uaddr2: Second, val3: Third },
    sysFutex,
    'FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI',
  ),
  syscall(273, 'set_robust_list', { head: Ptr, len: Size }, sysSetRobustList),
  syscall(274, 'get_robust_list', { pid: Pid, head: Ptr, len: Ptr }, sysGetRobustList),
];
