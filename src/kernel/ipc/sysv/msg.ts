/**
 * System V message queues (ipc/msg.c, msgop(2), msgctl(2)).
 *
 *     struct msqid64_ds: perm (48 bytes), stime, rtime, ctime, cbytes, qnum, qbytes (64 bits each), lspid, lrpid (32)
 *
 * Invariant: a queue holds at most `maxBytes` bytes and as many messages; what waits for room or for a message
 * waits on `changed`, also to learn that the queue was removed (EIDRM).
 */

import type { HeapAccount } from '../../../mmu/heap-account.ts';
import { CAP } from '../../cred/cred.ts';
import { E2BIG, EAGAIN, EIDRM, EINVAL, ENOMSG, ENOSYS, EPERM, linuxError } from '../../errno.ts';
import { takeHeap } from '../../heap.ts';
import type { Kernel } from '../../kernel.ts';
import { Enum, Flags, HexInt, Int, Long, Ptr } from '../../syscall/args.ts';
import { ERESTARTNOHAND, type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { WaitQueue } from '../../wait-queue.ts';
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
  IpcObject,
  IpcTable,
  READ,
  seconds,
  setLong,
  WRITE,
} from './objects.ts';

const MSGMNI = 32000;
const MSGMAX = 8192;
const MSGMNB = 16384;
const MSG_NOERROR = 0o10000;
const MSG_EXCEPT = 0o20000;
const MSG_COPY = 0o40000;
const MSG_STAT = 11;
const MSG_INFO = 12;
const MSG_STAT_ANY = 13;
const QBYTES_AT = 88;

/** Of a message beside its bytes. */
const MESSAGE_COST = 256;

interface Message {
  readonly type: number;
  readonly bytes: Uint8Array;
}

class Queue extends IpcObject {
  readonly changed: WaitQueue = new WaitQueue();
  readonly messages: Message[] = [];
  bytes = 0;
  maxBytes = MSGMNB;
  private sendTime = 0;
  private receiveTime = 0;
  private lastSender = 0;
  private lastReceiver = 0;

  hasRoom(length: number): boolean {
    return this.bytes + length <= this.maxBytes && this.messages.length < this.maxBytes;
  }

  push(sys: Sys, message: Message): void {
    takeHeap(sys.kernel.heap, MESSAGE_COST + message.bytes.length);
    this.messages.push(message);
    this.bytes += message.bytes.length;
    this.sendTime = seconds(sys.kernel);
    this.lastSender = sys.task.tgid;
    this.changed.wake();
  }

  take(sys: Sys, index: number): void {
    const [message] = this.messages.splice(index, 1) as [Message];
    this.bytes -= message.bytes.length;
    sys.kernel.heap.give(MESSAGE_COST + message.bytes.length);
    this.receiveTime = seconds(sys.kernel);
    this.lastReceiver = sys.task.tgid;
    this.changed.wake();
  }

  /** The queue is gone. */
  drop(heap: HeapAccount): void {
    heap.give(this.bytes + this.messages.length * MESSAGE_COST);
    this.messages.length = 0;
    this.bytes = 0;
  }

  /** The index of the message that a receiver of `type` gets, or -1. */
  search(type: number, except: boolean): number {
    const { messages } = this;
    if (type === 0) return messages.length > 0 ? 0 : -1;
    if (type > 0) return messages.findIndex((m) => (m.type === type) !== except);
    let best = -1;
    messages.forEach((m, i) => {
      if (m.type <= -type && (best < 0 || m.type < (messages[best] as Message).type)) best = i;
    });
    return best;
  }

  toStruct(): DataView {
    const d = this.describe(120);
    setLong(d, 48, this.sendTime);
    setLong(d, 56, this.receiveTime);
    setLong(d, 64, this.changeTime);
    setLong(d, 72, this.bytes);
    setLong(d, 80, this.messages.length);
    setLong(d, QBYTES_AT, this.maxBytes);
    d.setInt32(96, this.lastSender, true);
    d.setInt32(100, this.lastReceiver, true);
    return d;
  }
}

const tables = new WeakMap<Kernel, IpcTable<Queue>>();

function queuesOf(kernel: Kernel): IpcTable<Queue> {
  let table = tables.get(kernel);
  if (table === undefined) {
    table = new IpcTable(MSGMNI);
    tables.set(kernel, table);
  }
  return table;
}

/** The queue of a call: when it runs again that may have been removed. */
function queueOf(sys: Sys, id: number, access: number): Queue {
  const known = sys.state instanceof Queue ? sys.state : null;
  if (known?.removed === true) throw linuxError(EIDRM);
  const queue = known ?? queuesOf(sys.kernel).find(id);
  queue.check(sys.task.cred, access);
  return queue;
}

function waitForChange(sys: Sys, queue: Queue): number {
  sys.state = queue;
  return sys.block([queue.changed], { interrupted: -ERESTARTNOHAND });
}

function sysMsgget(sys: Sys, a: { key: number; msgflg: number }): number {
  const create = (): Queue => new Queue(sys, a.key, a.msgflg);
  return queuesOf(sys.kernel).get(sys, a.key, a.msgflg, () => {}, create);
}

function sysMsgsnd(
  sys: Sys,
  a: { msqid: number; msgp: number; msgsz: number; msgflg: number },
): number {
  const type = sys.mem.readI64(a.msgp);
  if (a.msgsz < 0 || a.msgsz > MSGMAX || a.msqid < 0 || type < 1) throw linuxError(EINVAL);
  const bytes = new Uint8Array(a.msgsz);
  sys.mem.copyIn(a.msgp + 8, bytes);
  const queue = queueOf(sys, a.msqid, WRITE);
  if (queue.hasRoom(bytes.length)) {
    queue.push(sys, { type, bytes });
    return 0;
  }
  if ((a.msgflg & IPC_NOWAIT) !== 0) throw linuxError(EAGAIN);
  return waitForChange(sys, queue);
}

function sysMsgrcv(
  sys: Sys,
  a: { msqid: number; msgp: number; msgsz: number; msgtyp: number; msgflg: number },
): number {
  if (a.msqid < 0 || a.msgsz < 0) throw linuxError(EINVAL);
  // As a kernel without CONFIG_CHECKPOINT_RESTORE.
  if ((a.msgflg & MSG_COPY) !== 0) throw linuxError(ENOSYS);
  const queue = queueOf(sys, a.msqid, READ);
  const index = queue.search(a.msgtyp, (a.msgflg & MSG_EXCEPT) !== 0);
  const message = queue.messages[index];
  if (message === undefined) {
    if ((a.msgflg & IPC_NOWAIT) !== 0) throw linuxError(ENOMSG);
    return waitForChange(sys, queue);
  }
  const { type, bytes } = message;
  if (bytes.length > a.msgsz && (a.msgflg & MSG_NOERROR) === 0) throw linuxError(E2BIG);
  const length = Math.min(bytes.length, a.msgsz);
  // It is gone even if it cannot be stored, as in Linux.
  queue.take(sys, index);
  sys.mem.writeU64(a.msgp, type);
  sys.mem.copyOut(a.msgp + 8, bytes, 0, length);
  return length;
}

function sysMsgctl(sys: Sys, a: { msqid: number; cmd: number; buf: number }): number {
  if (a.cmd < 0 || a.msqid < 0) throw linuxError(EINVAL);
  const table = queuesOf(sys.kernel);
  const { cred } = sys.task;
  switch (a.cmd) {
    case IPC_INFO:
    case MSG_INFO:
      copyView(sys, a.buf, info(table, a.cmd === MSG_INFO));
      return table.highest;
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY: {
      const queue = a.cmd === IPC_STAT ? table.find(a.msqid) : table.at(a.msqid);
      if (a.cmd !== MSG_STAT_ANY) queue.check(cred, READ);
      copyView(sys, a.buf, queue.toStruct());
      return a.cmd === IPC_STAT ? 0 : queue.id;
    }
    case IPC_SET:
      setQueue(sys, table.find(a.msqid), a.buf);
      return 0;
    case IPC_RMID: {
      const queue = table.find(a.msqid);
      queue.checkOwner(cred);
      table.remove(queue);
      queue.drop(sys.kernel.heap);
      queue.changed.wake();
      return 0;
    }
    default:
      throw linuxError(EINVAL);
  }
}

function setQueue(sys: Sys, queue: Queue, addr: number): void {
  const maxBytes = sys.mem.readU64(addr + QBYTES_AT);
  queue.checkOwner(sys.task.cred);
  if (maxBytes > MSGMNB && !sys.task.cred.has(CAP.SYS_RESOURCE)) throw linuxError(EPERM);
  queue.assign(sys, addr);
  queue.maxBytes = maxBytes;
  queue.changed.wake();
}

/** struct msginfo: msgpool, msgmap, msgmax, msgmnb, msgmni, msgssz, msgtql (32 bits each), msgseg (16) */
function info(table: IpcTable<Queue>, usage: boolean): DataView {
  const d = new DataView(new ArrayBuffer(32));
  const all = table.all();
  const sum = (of: (q: Queue) => number): number => all.reduce((n, q) => n + of(q), 0);
  const total = Math.floor((MSGMNI * MSGMNB) / 1024);
  d.setInt32(0, usage ? all.length : total, true);
  d.setInt32(4, usage ? sum((q) => q.messages.length) : MSGMNB, true);
  d.setInt32(8, MSGMAX, true);
  d.setInt32(12, MSGMNB, true);
  d.setInt32(16, MSGMNI, true);
  d.setInt32(20, 16, true);
  d.setInt32(24, usage ? sum((q) => q.bytes) : MSGMNB, true);
  d.setUint16(28, 0xffff, true);
  return d;
}

const GET_FLAGS = { IPC_CREAT, IPC_EXCL } as const;
const COMMANDS = { ...IPC_COMMANDS, MSG_STAT, MSG_INFO, MSG_STAT_ANY } as const;
const MessageFlags = Flags('MSG', { IPC_NOWAIT, MSG_NOERROR, MSG_EXCEPT, MSG_COPY });

export const MSG_SYSCALLS: readonly SyscallRow[] = [
  syscall(68, 'msgget', { key: HexInt, msgflg: Flags('IPC', GET_FLAGS) }, sysMsgget),
  syscall(69, 'msgsnd', { msqid: Int, msgp: Ptr, msgsz: Long, msgflg: MessageFlags }, sysMsgsnd),
  syscall(
    70,
    'msgrcv',
    { msqid: Int, msgp: Ptr, msgsz: Long, msgtyp: Long, msgflg: MessageFlags },
    sysMsgrcv,
    'MSG_COPY',
  ),
  syscall(71, 'msgctl', { msqid: Int, cmd: Enum('MSG', COMMANDS), buf: Ptr }, sysMsgctl),
];
