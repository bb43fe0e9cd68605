/**
 * What all sockets share: options, time limits, the receive queue, and read and write as receive and
 * send without flags (net/socket.c).
 */

import { EAGAIN, EINTR, EINVAL, ENOTCONN, EOPNOTSUPP, linuxError } from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import { SIGPIPE } from '../../signal/numbers.ts';
import { ERESTARTSYS, type Sys } from '../../syscall/types.ts';
import { O_NONBLOCK, O_RDWR } from '../../vfs/constants.ts';
import { BaseFile } from '../../vfs/file.ts';
import {
  type IoSink,
  type IoSource,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  S_IFSOCK,
} from '../../vfs/types.ts';
import { WaitQueue } from '../../wait-queue.ts';
import { KernelInode, kernelFs } from '../anonymous-inode.ts';
import { DEFAULT_BUFFER, MSG_DONTWAIT, MSG_NOSIGNAL } from './constants.ts';
import { interfaceIoctl } from './loopback.ts';
import {
  type Ancillary,
  nothingReceived,
  PacketQueue,
  type Received,
  releaseRights,
  type Ucred,
} from './packets.ts';

const FIONREAD = 0x541b;
const TIOCOUTQ = 0x5411;
const SOCKFS_MAGIC = 0x534f434b;
const SOCK_FS = kernelFs('sockfs', 8, SOCKFS_MAGIC);

export const READABLE: number = POLLIN | POLLRDNORM;
/** With POLLWRBAND, which sockets report too. */
export const WRITABLE: number = POLLOUT | POLLWRNORM | 0x200;

/** One send: bytes, destination (or null), and what goes with them. */
export interface Outgoing extends Ancillary {
  readonly from: IoSource;
  readonly to: Uint8Array | null;
  readonly flags: number;
}

export abstract class Socket extends BaseFile {
  readonly kernel: Kernel;
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  readonly received: PacketQueue;
  readonly readQueue: WaitQueue = new WaitQueue(READABLE);
  readonly writeQueue: WaitQueue = new WaitQueue(WRITABLE);
  /** Options that only have a value, by `level << 16 | name`. */
  readonly options: Map<number, number> = new Map();
  /** SO_ERROR: the next call gives it, once. */
  error = 0;
  passCred = false;
  sendBuffer: number = DEFAULT_BUFFER;
  receiveBuffer: number = DEFAULT_BUFFER;
  /** Milliseconds; 0: no limit. */
  receiveTimeout = 0;
  sendTimeout = 0;
  private readonly queues: readonly WaitQueue[];

  constructor(kernel: Kernel, sys: Sys | null, domain: number, type: number, protocol: number) {
    const cred = sys?.task.cred ?? null;
    super(new KernelInode(kernel, SOCK_FS, S_IFSOCK | 0o777, cred), null, O_RDWR);
    this.kernel = kernel;
    this.received = new PacketQueue(kernel.heap);
    this.domain = domain;
    this.type = type;
    this.protocol = protocol;
    this.queues = [this.readQueue, this.writeQueue];
  }

  abstract bind(sys: Sys, address: Uint8Array): number;
  abstract connect(sys: Sys, address: Uint8Array): number;
  abstract send(sys: Sys, message: Outgoing): number;
  /** @returns bytes received; `got` has what came with them */
  abstract receive(sys: Sys, to: IoSink, flags: number, got: Received): number;
  abstract shutdown(how: number): number;
  /** Encoded addresses; peerName throws ENOTCONN. */
  abstract localName(): Uint8Array;
  abstract peerName(): Uint8Array;

  listen(_sys: Sys, _backlog: number): number {
    throw linuxError(EOPNOTSUPP);
  }

  /** @returns the new socket, or what sys.block returned */
  accept(_sys: Sys): Socket | number {
    throw linuxError(EOPNOTSUPP);
  }

  get listening(): boolean {
    return false;
  }

  /** Has a local address. */
  get bound(): boolean {
    return false;
  }

  /** SO_PEERCRED. */
  get peerCred(): Ucred {
    return { pid: 0, uid: 0xffffffff, gid: 0xffffffff };
  }

  /** Receivers look at credentials only if they asked for them. */
  get wantsCred(): boolean {
    return this.passCred;
  }

  override get canSignal(): boolean {
    return true;
  }

  override describe(): string {
    return `socket:[${this.inode?.ino}]`;
  }

  override read(sys: Sys, to: IoSink): number {
    if (to.remaining === 0) return 0;
    const got = nothingReceived();
    const n = this.receive(sys, to, 0, got);
    releaseRights(got.rights);
    return n;
  }

  override write(sys: Sys, from: IoSource): number {
    return this.send(sys, { from, to: null, flags: 0, rights: null, cred: ucredOf(sys) });
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (request === FIONREAD) {
      if (this.listening) throw linuxError(EINVAL);
      sys.mem.writeU32(arg, this.unread());
      return 0;
    }
    if (request === TIOCOUTQ) {
      sys.mem.writeU32(arg, this.unsent());
      return 0;
    }
    return interfaceIoctl(sys, this.domain, request, arg) ?? super.ioctl(sys, request, arg);
  }

  /** FIONREAD. */
  unread(): number {
    return this.received.length;
  }

  /** SIOCOUTQ: bytes that the peer has not read. */
  unsent(): number {
    return 0;
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }

  /** The pending error, which is then forgotten. */
  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  nonBlocking(flags: number): boolean {
    return (this.flags & O_NONBLOCK) !== 0 || (flags & MSG_DONTWAIT) !== 0;
  }

  /** Waits for `queue`, unless that is not wanted or has taken too long: EAGAIN. */
  protected wait(
    sys: Sys,
    queue: WaitQueue,
    flags: number,
    timeout: number,
    interrupted: () => number = () => -ERESTARTSYS,
  ): number {
    if (this.nonBlocking(flags) || sys.timedOut) throw linuxError(EAGAIN);
    if (timeout === 0) return sys.block([queue], { interrupted });
    // A call with a time limit is not restarted (signal(7)).
    const ended = (): number => {
      const result = interrupted();
      return result === -ERESTARTSYS ? -EINTR : result;
    };
    return sys.block([queue], { interrupted: ended, deadline: this.deadline(sys, timeout) });
  }

  private readonly deadlines = new WeakMap<Sys, { state: unknown; at: number }>();

  /** The deadline of a call stays the same over its retries. */
  private deadline(sys: Sys, timeout: number): number {
    const known = this.deadlines.get(sys);
    if (known !== undefined && sys.state !== undefined && known.state === sys.state)
      return known.at;
    sys.state ??= {};
    const at = sys.kernel.now() + timeout;
    this.deadlines.set(sys, { state: sys.state, at });
    return at;
  }

  protected raisePipe(sys: Sys, flags: number): void {
    if ((flags & MSG_NOSIGNAL) === 0) sys.kernel.sendSignalToTask(sys.task, SIGPIPE);
  }

  /** Wakes everybody: the state has changed. */
  wakeAll(): void {
    this.readQueue.wake(Number.POSITIVE_INFINITY, -1);
    this.writeQueue.wake(Number.POSITIVE_INFINITY, -1);
  }

  protected notConnected(): never {
    throw linuxError(ENOTCONN);
  }
}

/** The caller's credentials as a receiver sees them. */
export function ucredOf(sys: Sys): Ucred {
  const { cred, tgid } = sys.task;
  return { pid: tgid, uid: cred.uid, gid: cred.gid };
}
