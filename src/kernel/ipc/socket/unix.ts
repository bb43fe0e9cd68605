/**
 * Unix sockets (unix(7), net/unix/af_unix.c): stream, seqpacket and datagram, named by files, by
 * abstract names, or not at all.
 *
 *   struct sockaddr_un: 0 family | 2 path (zero-terminated), or 0 and an abstract name up to the length
 */

import {
  EACCES,
  EADDRINUSE,
  ECONNREFUSED,
  ECONNRESET,
  EEXIST,
  EINVAL,
  EMSGSIZE,
  ENOENT,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTOTYPE,
  LinuxError,
  linuxError,
} from '../../errno.ts';
import { checkHeap } from '../../heap.ts';
import type { Kernel } from '../../kernel.ts';
import type { Sys } from '../../syscall/types.ts';
import { makeNode } from '../../vfs/names.ts';
import { MAY_WRITE, mayAccess } from '../../vfs/permissions.ts';
import {
  type FileSystem,
  type Inode,
  type IoSink,
  POLLERR,
  POLLHUP,
  POLLRDHUP,
  S_IFMT,
  S_IFSOCK,
} from '../../vfs/types.ts';
import { ConnectedSocket } from './connected.ts';
import {
  AF_UNIX,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_SEQPACKET,
} from './constants.ts';
import type { Received, Ucred } from './packets.ts';
import { type Outgoing, READABLE, Socket, ucredOf, WRITABLE } from './socket.ts';

const MAX_ADDRESS = 110;
/** net.unix.max_dgram_qlen: one more message may wait. */
const MAX_QUEUE = 10;
const UNNAMED: Uint8Array = Uint8Array.of(AF_UNIX, 0);

/** Names that are in use: sockets by file, and by type and abstract name. */
class NameTable {
  readonly abstract: Map<string, Socket> = new Map();
  readonly files: WeakMap<FileSystem, Map<number, Socket>> = new WeakMap();
  /** The next automatic name. */
  counter = 0;
}

const tables = new WeakMap<Kernel, NameTable>();

function namesOf(kernel: Kernel): NameTable {
  let t = tables.get(kernel);
  if (t === undefined) {
    t = new NameTable();
    tables.set(kernel, t);
  }
  return t;
}

function latin1(bytes: Uint8Array): string {
  let s = '';
  for (const b of bytes) s += String.fromCharCode(b);
  return s;
}

function isAbstract(address: Uint8Array): boolean {
  return address.length > 2 && address[2] === 0;
}

function pathIn(address: Uint8Array): string {
  const end = address.indexOf(0, 2);
  return latin1(address.subarray(2, end < 0 ? address.length : end));
}

function checkAddress(address: Uint8Array): void {
  const family = (address[0] as number) | ((address[1] as number) << 8);
  if (address.length < 2 || address.length > MAX_ADDRESS || family !== AF_UNIX) {
    throw linuxError(EINVAL);
  }
}

/** The name of one socket, as long as it is open. */
class UnixName {
  address: Uint8Array = UNNAMED;
  private inode: Inode | null = null;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get bound(): boolean {
    return this.address !== UNNAMED;
  }

  private key(address: Uint8Array): string {
    return `${this.socket.type}:${latin1(address.subarray(2))}`;
  }

  bind(sys: Sys, address: Uint8Array): number {
    checkAddress(address);
    if (this.bound) this.refuse(sys, address);
    if (address.length === 2) this.bindAutomatically();
    else if (isAbstract(address)) this.bindAbstract(address);
    else this.bindFile(sys, address);
    return 0;
  }

  /** A second bind(2): Linux makes the file first, so a name in use comes before the socket's state. */
  private refuse(sys: Sys, address: Uint8Array): never {
    if (address.length > 2 && !isAbstract(address)) {
      try {
        sys.kernel.vfs.lookup(sys.task, null, pathIn(address), false);
      } catch (e) {
        if (e instanceof LinuxError && e.errno === ENOENT) throw linuxError(EINVAL);
        throw e;
      }
      throw linuxError(EADDRINUSE);
    }
    throw linuxError(EINVAL);
  }

  private bindAbstract(address: Uint8Array): void {
    const { abstract } = namesOf(this.socket.kernel);
    const key = this.key(address);
    if (abstract.has(key)) throw linuxError(EADDRINUSE);
    abstract.set(key, this.socket);
    this.address = address;
  }

  /** Five hexadecimal digits. */
  bindAutomatically(): void {
    const names = namesOf(this.socket.kernel);
    for (;;) {
      const digits = (names.counter++ & 0xfffff).toString(16).padStart(5, '0');
      const address = Uint8Array.from(
        [AF_UNIX, 0, 0, ...digits].map((c) => (typeof c === 'number' ? c : c.charCodeAt(0))),
      );
      if (names.abstract.has(this.key(address))) continue;
      this.bindAbstract(address);
      return;
    }
  }

  private bindFile(sys: Sys, address: Uint8Array): void {
    const path = pathIn(address);
    const { vfs } = sys.kernel;
    let inode: Inode;
    try {
      inode = makeNode(vfs, sys.task, null, path, S_IFSOCK | 0o777, 0);
    } catch (e) {
      if (e instanceof LinuxError && e.errno === EEXIST) throw linuxError(EADDRINUSE);
      throw e;
    }
    inode.retain();
    this.inode = inode;
    const { files } = namesOf(this.socket.kernel);
    const table = files.get(inode.fs) ?? new Map<number, Socket>();
    files.set(inode.fs, table);
    table.set(inode.ino, this.socket);
    this.address = Uint8Array.from([AF_UNIX, 0, ...[...path].map((c) => c.charCodeAt(0)), 0]);
  }

  release(): void {
    const names = namesOf(this.socket.kernel);
    if (this.inode !== null) {
      names.files.get(this.inode.fs)?.delete(this.inode.ino);
      this.inode.release();
      this.inode = null;
    } else if (this.bound) names.abstract.delete(this.key(this.address));
  }

  /** The socket that has the name `address`, of the same type. */
  find(sys: Sys, address: Uint8Array): Socket {
    checkAddress(address);
    if (address.length === 2) throw linuxError(EINVAL);
    const names = namesOf(this.socket.kernel);
    if (isAbstract(address)) {
      const found = names.abstract.get(this.key(address));
      if (found === undefined) throw linuxError(ECONNREFUSED);
      return found;
    }
    const { inode } = sys.kernel.vfs.lookup(sys.task, null, pathIn(address), true);
    if (!mayAccess(sys.task.cred, inode, MAY_WRITE)) throw linuxError(EACCES);
    const found = names.files.get(inode.fs)?.get(inode.ino);
    if ((inode.mode & S_IFMT) !== S_IFSOCK || found === undefined) throw linuxError(ECONNREFUSED);
    if (found.type !== this.socket.type) throw linuxError(EPROTOTYPE);
    return found;
  }
}

/** SOCK_STREAM and SOCK_SEQPACKET. */
export class UnixStream extends ConnectedSocket {
  private readonly name = new UnixName(this);

  override bind(sys: Sys, address: Uint8Array): number {
    return this.name.bind(sys, address);
  }

  override connect(sys: Sys, address: Uint8Array): number {
    const listener = this.name.find(sys, address);
    return this.connectTo(sys, listener instanceof ConnectedSocket ? listener : null);
  }

  protected override prepareListen(): void {
    if (!this.name.bound) throw linuxError(EINVAL);
  }

  protected override createPeer(_sys: Sys, client: ConnectedSocket): ConnectedSocket {
    const peer = new UnixStream(this.kernel, null, this.domain, this.type, this.protocol);
    // The accepted socket has the listener's name, but does not own it.
    peer.name.address = this.name.address;
    peer.borrowed = true;
    peer.peer = client;
    return peer;
  }

  private borrowed = false;

  protected override notReadable(): void {
    throw linuxError(this.type === SOCK_SEQPACKET ? ENOTCONN : EINVAL);
  }

  override localName(): Uint8Array {
    return this.name.address;
  }

  protected override closed(): void {
    if (!this.borrowed) this.name.release();
    super.closed();
  }
}

/** SOCK_DGRAM. */
export class UnixDatagram extends Socket {
  private readonly name = new UnixName(this);
  private peer: UnixDatagram | null = null;
  private open = true;
  private readShut = false;
  private writeShut = false;
  /** Sockets that are connected to this one. */
  private readonly connected = new Set<UnixDatagram>();

  static pair(a: UnixDatagram, b: UnixDatagram): void {
    a.join(b);
    b.join(a);
  }

  private join(peer: UnixDatagram | null): void {
    this.peer?.connected.delete(this);
    this.peer = peer;
    peer?.connected.add(this);
  }

  override bind(sys: Sys, address: Uint8Array): number {
    return this.name.bind(sys, address);
  }

  override connect(sys: Sys, address: Uint8Array): number {
    if (address.length >= 2 && address[0] === 0 && address[1] === 0) {
      this.join(null);
      return 0;
    }
    const found = this.find(sys, address);
    if (found.peer !== null && found.peer !== this) throw linuxError(EPERM);
    this.join(found);
    this.writeQueue.wake();
    return 0;
  }

  private find(sys: Sys, address: Uint8Array): UnixDatagram {
    const found = this.name.find(sys, address);
    if (!(found instanceof UnixDatagram)) throw linuxError(EPROTOTYPE);
    return found;
  }

  override send(sys: Sys, message: Outgoing): number {
    if ((message.flags & MSG_OOB) !== 0) throw linuxError(EOPNOTSUPP);
    const to = this.destination(sys, message);
    if (this.writeShut) {
      this.raisePipe(sys, message.flags);
      throw linuxError(EPIPE);
    }
    const length = message.from.remaining;
    if (length > this.sendBuffer - 32) throw linuxError(EMSGSIZE);
    if (to.readShut) throw linuxError(EPIPE);
    if (this.fullFor(to)) {
      return this.wait(sys, to.writeQueue, message.flags, this.sendTimeout);
    }
    checkHeap(this.kernel.heap, length);
    const bytes = new Uint8Array(length);
    message.from.take(bytes, 0, length);
    const { rights, cred } = message;
    const { name } = this;
    to.received.push({
      bytes,
      start: 0,
      end: length,
      // The sender's name when the message is received, not when it was sent.
      get from() {
        return name.bound ? name.address : null;
      },
      rights,
      cred,
    });
    message.rights = null;
    to.readQueue.wake();
    return length;
  }

  /** Two that are connected to each other are limited by the buffer, others by the number of messages. */
  private fullFor(to: UnixDatagram): boolean {
    if (to.peer === this) return to.backlogCost > this.sendBuffer;
    return to !== this && to.received.count > MAX_QUEUE;
  }

  private get backlogCost(): number {
    return this.received.cost;
  }

  private destination(sys: Sys, message: Outgoing): UnixDatagram {
    if (message.to !== null) {
      const to = this.find(sys, message.to);
      if (to.peer !== null && to.peer !== this) throw linuxError(EPERM);
      return to;
    }
    const { peer } = this;
    if (peer === null) throw linuxError(this.error !== 0 ? this.takeError() : ENOTCONN);
    if (!peer.open) {
      this.join(null);
      throw linuxError(ECONNREFUSED);
    }
    return peer;
  }

  override receive(sys: Sys, to: IoSink, flags: number, got: Received): number {
    if ((flags & MSG_OOB) !== 0) throw linuxError(EOPNOTSUPP);
    if (this.received.count === 0) {
      if (this.error !== 0) throw linuxError(this.takeError());
      if (this.readShut) return 0;
      return this.wait(sys, this.readQueue, flags, this.receiveTimeout);
    }
    const peek = (flags & MSG_PEEK) !== 0;
    const n = this.received.takeMessage(to, peek, got);
    if (!peek) this.roomMade();
    return (flags & MSG_TRUNC) !== 0 ? got.full : n;
  }

  private roomMade(): void {
    this.writeQueue.wake();
    for (const sender of this.connected) sender.writeQueue.wake();
  }

  override unread(): number {
    return this.received.firstLength;
  }

  override shutdown(how: number): number {
    if (how < SHUT_RD || how > SHUT_RDWR) throw linuxError(EINVAL);
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD) this.writeShut = true;
    this.wakeAll();
    for (const sender of this.connected) sender.wakeAll();
    return 0;
  }

  override localName(): Uint8Array {
    return this.name.address;
  }

  override peerName(): Uint8Array {
    if (this.peer === null) throw linuxError(ENOTCONN);
    return this.peer.name.address;
  }

  override get peerCred(): Ucred {
    return this.pairCred ?? super.peerCred;
  }

  private pairCred: Ucred | null = null;

  /** socketpair(2) records who made it. */
  rememberMaker(sys: Sys): void {
    this.pairCred = ucredOf(sys);
  }

  override poll(): number {
    let events = this.error !== 0 ? POLLERR : 0;
    if (this.readShut) events |= READABLE | POLLRDHUP;
    if (this.readShut && this.writeShut) events |= POLLHUP;
    if (this.received.count > 0) events |= READABLE;
    const { peer } = this;
    if (peer === null) return events | WRITABLE;
    const full = peer.peer === this ? peer.backlogCost * 4 > this.sendBuffer : this.fullFor(peer);
    return full ? events : events | WRITABLE;
  }

  /** Those connected to it learn it: their next call fails. */
  protected override closed(): void {
    this.open = false;
    this.name.release();
    const unread = this.received.count > 0;
    this.received.clear();
    for (const sender of this.connected) {
      if (unread && sender === this.peer) sender.error = ECONNRESET;
      sender.wakeAll();
    }
    this.join(null);
    this.writeQueue.wake();
  }
}
