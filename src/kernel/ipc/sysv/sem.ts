/** System V semaphores: the calls (semget(2), semop(2), semctl(2)). */

import { E2BIG, EAGAIN, EFBIG, EIDRM, EINTR, EINVAL, ERANGE, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import { Enum, Flags, Hex, HexInt, Int, Ptr, Size } from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { readTimespecMs } from '../../time/timespec.ts';
import {
  copyView,
  IPC_COMMANDS,
  IPC_CREAT,
  IPC_EXCL,
  IPC_INFO,
  IPC_NOWAIT,
  IPC_RMID,
  IPC_SET,
  IPC_STAT,
  IpcTable,
  READ,
  WRITE,
} from './objects.ts';
import { SEMVMX, type SemOperation, SemSet, type SemWait } from './sem-set.ts';

const SEMMNI = 32000;
const SEMMSL = 32000;
const SEMOPM = 500;
const SEMMNS = SEMMNI * SEMMSL;
const SEMBUF_SIZE = 6;
const GETPID = 11;
const GETVAL = 12;
const GETALL = 13;
const GETNCNT = 14;
const GETZCNT = 15;
const SETVAL = 16;
const SETALL = 17;
const SEM_STAT = 18;
const SEM_INFO = 19;
const SEM_STAT_ANY = 20;

const tables = new WeakMap<Kernel, IpcTable<SemSet>>();

function setsOf(kernel: Kernel): IpcTable<SemSet> {
  let table = tables.get(kernel);
  if (table === undefined) {
    table = new IpcTable(SEMMNI);
    tables.set(kernel, table);
  }
  return table;
}

function sysSemget(sys: Sys, a: { key: number; nsems: number; semflg: number }): number {
  if (a.nsems < 0 || a.nsems > SEMMSL) throw linuxError(EINVAL);
  const fits = (set: SemSet): void => {
    if (a.nsems > set.values.length) throw linuxError(EINVAL);
  };
  return setsOf(sys.kernel).get(sys, a.key, a.semflg, fits, () => {
    if (a.nsems === 0) throw linuxError(EINVAL);
    return new SemSet(sys, a.key, a.nsems, a.semflg);
  });
}

function readOperations(sys: Sys, addr: number, count: number): SemOperation[] {
  const bytes = new Uint8Array(count * SEMBUF_SIZE);
  sys.mem.copyIn(addr, bytes);
  const d = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, i) => ({
    num: d.getUint16(i * SEMBUF_SIZE, true),
    op: d.getInt16(i * SEMBUF_SIZE + 2, true),
    flags: d.getUint16(i * SEMBUF_SIZE + 4, true),
  }));
}

interface Operate {
  semid: number;
  tsops: number;
  nsops: number;
  timeout: number;
}

function sysSemtimedop(sys: Sys, a: Operate): number {
  const { task, kernel } = sys;
  const waiting = sys.state as SemWait | undefined;
  if (a.nsops < 1 || a.semid < 0) throw linuxError(EINVAL);
  if (a.nsops > SEMOPM) throw linuxError(E2BIG);
  const operations = readOperations(sys, a.tsops, a.nsops);
  const limit =
    a.timeout === 0 ? Number.POSITIVE_INFINITY : kernel.now() + readTimespecMs(sys.mem, a.timeout);
  if (waiting?.set.removed === true) throw linuxError(EIDRM);
  const set = waiting?.set ?? setsOf(kernel).find(a.semid);
  if (waiting !== undefined) set.endWait(waiting);
  if (operations.some(({ num }) => num >= set.values.length)) throw linuxError(EFBIG);
  set.check(task.cred, operations.some(({ op }) => op !== 0) ? WRITE : READ);
  const stuck = set.perform(sys, operations);
  if (stuck === null) return 0;
  const deadline = waiting?.deadline ?? limit;
  if ((stuck.flags & IPC_NOWAIT) !== 0 || sys.timedOut || deadline <= kernel.now()) {
    throw linuxError(EAGAIN);
  }
  const wait: SemWait = { task, set, deadline, num: stuck.num, zero: stuck.op === 0 };
  sys.state = wait;
  set.addWait(wait);
  return sys.block([set.changed], { deadline, interrupted: -EINTR });
}

interface Control {
  semid: number;
  semnum: number;
  cmd: number;
  arg: number;
}

function sysSemctl(sys: Sys, a: Control): number {
  if (a.semid < 0) throw linuxError(EINVAL);
  const table = setsOf(sys.kernel);
  const { cred } = sys.task;
  switch (a.cmd) {
    case IPC_INFO:
    case SEM_INFO:
      copyView(sys, a.arg, info(table, a.cmd === SEM_INFO));
      return table.highest;
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY: {
      const set = a.cmd === IPC_STAT ? table.find(a.semid) : table.at(a.semid);
      if (a.cmd !== SEM_STAT_ANY) set.check(cred, READ);
      copyView(sys, a.arg, set.toStruct());
      return a.cmd === IPC_STAT ? 0 : set.id;
    }
    case IPC_SET:
      table.find(a.semid).assign(sys, a.arg);
      return 0;
    case IPC_RMID: {
      const set = table.find(a.semid);
      set.checkOwner(cred);
      table.remove(set);
      set.drop();
      set.changed.wake();
      return 0;
    }
    case GETALL:
    case SETALL:
      return a.cmd === GETALL ? getAll(sys, table, a) : setAll(sys, table, a);
    default:
      return oneSemaphore(sys, table, a);
  }
}

function oneSemaphore(
  sys: Sys,
  table: IpcTable<SemSet>,
  { semid, semnum, cmd, arg }: Control,
): number {
  if (cmd < GETPID || cmd > SETVAL) throw linuxError(EINVAL);
  const value = arg | 0;
  if (cmd === SETVAL && (value < 0 || value > SEMVMX)) throw linuxError(ERANGE);
  const set = table.find(semid);
  if (cmd !== SETVAL) set.check(sys.task.cred, READ);
  if (semnum < 0 || semnum >= set.values.length) throw linuxError(EINVAL);
  switch (cmd) {
    case GETPID:
      return set.pids[semnum] as number;
    case GETVAL:
      return set.values[semnum] as number;
    case GETNCNT:
    case GETZCNT:
      return set.countWaits(semnum, cmd === GETZCNT);
    default:
      set.check(sys.task.cred, WRITE);
      set.setValue(sys, semnum, value);
      set.changed.wake();
      return 0;
  }
}

function getAll(sys: Sys, table: IpcTable<SemSet>, a: Control): number {
  const set = table.find(a.semid);
  set.check(sys.task.cred, READ);
  sys.mem.copyOut(a.arg, new Uint8Array(Uint16Array.from(set.values).buffer));
  return 0;
}

function setAll(sys: Sys, table: IpcTable<SemSet>, a: Control): number {
  const set = table.find(a.semid);
  set.check(sys.task.cred, WRITE);
  const values = new Uint16Array(set.values.length);
  sys.mem.copyIn(a.arg, new Uint8Array(values.buffer));
  if (values.some((v) => v > SEMVMX)) throw linuxError(ERANGE);
  values.forEach((v, num) => {
    set.setValue(sys, num, v);
  });
  set.changed.wake();
  return 0;
}

/** struct seminfo: semmap, semmni, semmns, semmnu, semmsl, semopm, semume, semusz, semvmx, semaem */
function info(table: IpcTable<SemSet>, usage: boolean): DataView {
  const all = table.all();
  const total = all.reduce((n, set) => n + set.values.length, 0);
  const d = new DataView(new ArrayBuffer(40));
  const last = usage ? [all.length, SEMVMX, total] : [20, SEMVMX, SEMVMX];
  const fields = [SEMMNS, SEMMNI, SEMMNS, SEMMNS, SEMMSL, SEMOPM, SEMOPM, ...last];
  fields.forEach((v, i) => {
    d.setInt32(i * 4, v, true);
  });
  return d;
}

const GET_FLAGS = { IPC_CREAT, IPC_EXCL } as const;
const COMMANDS = {
  ...IPC_COMMANDS,
  ...{ GETPID, GETVAL, GETALL, GETNCNT, GETZCNT, SETVAL, SETALL },
  ...{ SEM_STAT, SEM_INFO, SEM_STAT_ANY },
} as const;
const operateArgs = { semid: Int, tsops: Ptr, nsops: Size } as const;

export const SEM_SYSCALLS: readonly SyscallRow[] = [
  syscall(64, 'semget', { key: HexInt, nsems: Int, semflg: Flags('IPC', GET_FLAGS) }, sysSemget),
  syscall(65, 'semop', operateArgs, (sys, a) => sysSemtimedop(sys, { ...a, timeout: 0 })),
  syscall(
    66,
    'semctl',
    { semid: Int, semnum: Int, cmd: Enum('SEM', COMMANDS), arg: Hex },
    sysSemctl,
  ),
  syscall(220, 'semtimedop', { ...operateArgs, timeout: Ptr }, sysSemtimedop),
];
