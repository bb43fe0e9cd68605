/**
 * Connection-oriented sockets inside the machine: Unix stream and seqpacket, and TCP over loopback. Both ends
 * are objects here, so a connection is made at once and bytes go straight into the peer's queue.
 *
 * Invariants: `peer` is set exactly in connected sockets, and stays after the peer was closed
 * (`peerClosed`); senders wait on their own writeQueue, which the receiver wakes; a socket that waits in a
 * backlog is connected already.
 */

import {
  ECONNREFUSED,
  ECONNRESET,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOMEM,
  ENOTCONN,
  EOPNOTSUPP,
  EPIPE,
  linuxError,
} from '../../errno.ts';
import { checkHeap } from '../../heap.ts';
import { ERESTARTSYS, type Sys } from '../../syscall/types.ts';
import { type IoSink, type IoSource, POLLERR, POLLHUP, POLLRDHUP } from '../../vfs/types.ts';
import type { WaitQueue } from '../../wait-queue.ts';
import { continuesWrite, type WriteEnd, writeInParts } from '../blocking-write.ts';
import {
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SOCK_SEQPACKET,
  SOMAXCONN,
} from './constants.ts';
import type { Ancillary, Received, Ucred } from './packets.ts';
import { type Outgoing, READABLE, Socket, ucredOf, WRITABLE } from './socket.ts';

/** Bytes of a stream taken at a time. */
const CHUNK = 65536;

/** A receive that waits for all its bytes (MSG_WAITALL). */
class Receive {
  readonly to: IoSink;
  done = 0;

  constructor(to: IoSink) {
    this.to = to;
  }
}

export abstract class ConnectedSocket extends Socket {
  peer: ConnectedSocket | null = null;
  protected peerClosed = false;
  /** connect(2) has failed after it had returned (TCP). */
  protected failed = false;
  /** Ended at once, by either side: nothing can be sent any more. */
  protected reset = false;
  private readShut = false;
  private writeShut = false;
  private backlog: ConnectedSocket[] = [];
  /** -1: not listening. */
  private backlogMax = -1;
  private cred: Ucred | null = null;

  /** A socket for the accepting side of a new connection. */
  protected abstract createPeer(sys: Sys, client: ConnectedSocket): ConnectedSocket;
  /** Whether listen(2) is possible: the socket has a name, or gets one. */
  protected abstract prepareListen(sys: Sys): void;

  override get listening(): boolean {
    return this.backlogMax >= 0;
  }

  override get peerCred(): Ucred {
    return this.peer?.cred ?? super.peerCred;
  }

  private get messages(): boolean {
    return this.type === SOCK_SEQPACKET;
  }

  /** socketpair(2). */
  static pair(sys: Sys, a: ConnectedSocket, b: ConnectedSocket): void {
    a.join(b);
    a.cred = b.cred = ucredOf(sys);
  }

  private join(other: ConnectedSocket): void {
    this.peer = other;
    other.peer = this;
  }

  // ---- connections

  override listen(sys: Sys, backlog: number): number {
    if (this.peer !== null) throw linuxError(EINVAL);
    this.prepareListen(sys);
    this.backlogMax = Math.min(backlog < 0 ? SOMAXCONN : backlog, SOMAXCONN);
    this.cred = ucredOf(sys);
    this.writeQueue.wake();
    return 0;
  }

  /** Connects to a listening socket, or waits for room in its backlog. */
  protected connectTo(sys: Sys, listener: ConnectedSocket | null): number {
    if (this.peer !== null) throw linuxError(EISCONN);
    if (this.listening) throw linuxError(EINVAL);
    if (listener === null || !listener.listening || listener.readShut) {
      throw linuxError(ECONNREFUSED);
    }
    if (listener.backlog.length > listener.backlogMax) {
      return this.wait(sys, listener.writeQueue, 0, this.sendTimeout);
    }
    const accepted = listener.createPeer(sys, this);
    accepted.countIn(this.kernel.heap);
    this.join(accepted);
    this.cred = ucredOf(sys);
    accepted.cred = listener.cred;
    accepted.passCred = listener.passCred;
    listener.backlog.push(accepted);
    listener.readQueue.wake();
    return 0;
  }

  override accept(sys: Sys): Socket | number {
    if (!this.listening) throw linuxError(EINVAL);
    const next = this.backlog.shift();
    if (next !== undefined) {
      this.writeQueue.wake();
      return next;
    }
    if (this.readShut) throw linuxError(EINVAL);
    return this.wait(sys, this.readQueue, 0, this.receiveTimeout);
  }

  override shutdown(how: number): number {
    if (how < SHUT_RD || how > SHUT_RDWR) throw linuxError(EINVAL);
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD) this.writeShut = true;
    this.wakeAll();
    this.peer?.wakeAll();
    return 0;
  }

  protected override closed(): void {
    for (const waiting of this.backlog) {
      waiting.received.clear();
      waiting.disconnect(true);
      waiting.uncount();
    }
    this.backlog = [];
    this.disconnect(this.received.length > 0 || this.aborts);
    this.received.clear();
    // Those that wait for room in the backlog learn that nobody listens.
    this.backlogMax = -1;
    this.wakeAll();
  }

  private disconnect(reset: boolean): void {
    const { peer } = this;
    if (peer === null) return;
    peer.peerClosed = true;
    if (reset) {
      peer.reset = true;
      peer.error = ECONNRESET;
    }
    peer.wakeAll();
  }

  /** Whether close(2) resets the connection even if everything was read. */
  protected get aborts(): boolean {
    return false;
  }

  /** Whether what the peer has done is known to make sending pointless. */
  protected get peerRefuses(): boolean {
    return this.peerClosed || this.peer?.readShut === true;
  }

  override peerName(): Uint8Array {
    if (this.peer === null) throw linuxError(ENOTCONN);
    return this.peer.localName();
  }

  // ---- sending

  /** Bytes that the peer's queue has room for. */
  private room(): number {
    return this.peer === null ? 0 : this.sendBuffer - this.peer.received.length;
  }

  override unsent(): number {
    return this.peer?.received.length ?? 0;
  }

  private canNotSend(): number {
    const { peer } = this;
    if (this.error !== 0 && this.peerClosed) return this.takeError();
    if (peer === null) return this.writeShut ? EPIPE : this.sendUnconnected;
    return this.writeShut || this.peerRefuses ? EPIPE : 0;
  }

  override send(sys: Sys, message: Outgoing): number {
    if ((message.flags & MSG_OOB) !== 0) throw linuxError(EOPNOTSUPP);
    if (message.to !== null && !this.messages) this.checkDestination();
    if (this.messages) return this.sendMessage(sys, message);
    if (message.from.remaining === 0 && !continuesWrite(sys)) {
      const errno = this.canNotSend();
      if (errno !== 0) throw linuxError(errno);
      return 0;
    }
    const end = new StreamEnd(this, message);
    return writeInParts(sys, end, message.from, this.nonBlocking(message.flags));
  }

  /** The errno of a send without a connection. */
  protected get sendUnconnected(): number {
    return ENOTCONN;
  }

  /** An address in a send on a connected stream. */
  protected checkDestination(): void {
    throw linuxError(this.peer === null ? EOPNOTSUPP : EISCONN);
  }

  /** @returns an errno, having raised SIGPIPE if that is due */
  sendError(sys: Sys, flags: number): number {
    const errno = this.canNotSend();
    if (errno === EPIPE) this.raisePipe(sys, flags);
    if (errno === 0 && this.peer?.received.hasMemory === false) return ENOMEM;
    return errno;
  }

  /** Takes bytes of a stream that the peer has room for. */
  acceptBytes(from: IoSource, extra: Ancillary): number {
    const peer = this.peer as ConnectedSocket;
    let done = 0;
    while (from.remaining > 0) {
      const room = this.room();
      if (room <= 0) break;
      const n = peer.received.addStream(from, Math.min(room, CHUNK), extra);
      // The descriptors go with the first bytes only.
      extra.rights = null;
      if (n === 0) break;
      done += n;
    }
    if (done > 0) peer.readQueue.wake();
    return done;
  }

  /** Takes bytes that nobody will read. */
  protected loseBytes(from: IoSource): number {
    const lost = new Uint8Array(CHUNK);
    let done = 0;
    while (from.remaining > 0) {
      const n = from.take(lost, 0, Math.min(CHUNK, from.remaining));
      if (n === 0) break;
      done += n;
    }
    return done;
  }

  private sendMessage(sys: Sys, message: Outgoing): number {
    const errno = this.sendError(sys, message.flags);
    if (errno !== 0) throw linuxError(errno);
    const peer = this.peer as ConnectedSocket;
    const length = message.from.remaining;
    if (length > this.sendBuffer - 32) throw linuxError(EMSGSIZE);
    if (peer.received.count > 0 && this.sendBuffer - peer.received.cost < length) {
      return this.wait(sys, this.writeQueue, message.flags, this.sendTimeout);
    }
    checkHeap(this.kernel.heap, length);
    const bytes = new Uint8Array(length);
    message.from.take(bytes, 0, length);
    const { rights, cred } = message;
    peer.received.push({ bytes, start: 0, end: length, from: null, rights, cred });
    message.rights = null;
    peer.readQueue.wake();
    return length;
  }

  // ---- receiving

  override receive(sys: Sys, to: IoSink, flags: number, got: Received): number {
    if ((flags & MSG_OOB) !== 0) throw linuxError(EINVAL);
    if (this.peer === null) this.notReadable();
    return this.messages
      ? this.receiveMessage(sys, to, flags, got)
      : this.receiveBytes(sys, to, flags, got);
  }

  /** Not connected: EINVAL for Unix streams, ENOTCONN for TCP and seqpacket. */
  protected abstract notReadable(): void;

  private get atEnd(): boolean {
    const { peer } = this;
    return this.readShut || this.peerClosed || peer === null || peer.writeShut;
  }

  private receiveBytes(sys: Sys, sink: IoSink, flags: number, got: Received): number {
    const progress = sys.state instanceof Receive ? sys.state : new Receive(sink);
    const { to } = progress;
    const peek = (flags & MSG_PEEK) !== 0;
    const all = (flags & MSG_WAITALL) !== 0 && !peek;
    progress.done += this.take(to, peek, got);
    const { done } = progress;
    if (to.remaining === 0 || (done > 0 && (!all || got.rights !== null))) return done;
    // EPIPE is for senders: this end saw the peer's end of file before.
    if (this.error !== 0 && this.error !== EPIPE && done === 0) throw linuxError(this.takeError());
    if (this.atEnd) return done;
    if (done > 0 && (this.nonBlocking(flags) || sys.timedOut)) return done;
    if (all) sys.state = progress;
    return this.wait(sys, this.readQueue, flags, this.receiveTimeout, () =>
      done > 0 ? done : -ERESTARTSYS,
    );
  }

  private take(to: IoSink, peek: boolean, got: Received): number {
    const n = this.received.takeStream(to, peek, this.passCred, got);
    if (n > 0 && !peek) this.peer?.writeQueue.wake();
    return n;
  }

  private receiveMessage(sys: Sys, to: IoSink, flags: number, got: Received): number {
    const peek = (flags & MSG_PEEK) !== 0;
    if (this.received.count === 0) {
      if (this.error !== 0) throw linuxError(this.takeError());
      if (this.atEnd) return 0;
      return this.wait(sys, this.readQueue, flags, this.receiveTimeout);
    }
    const n = this.received.takeMessage(to, peek, got);
    if (!peek) this.peer?.writeQueue.wake();
    return (flags & MSG_TRUNC) !== 0 ? got.full : n;
  }

  // ---- readiness

  override poll(): number {
    let events = this.error !== 0 ? POLLERR : 0;
    if (this.listening) {
      if (this.readShut) events |= POLLHUP;
      return this.backlog.length > 0 ? events | READABLE : events;
    }
    if (this.peer === null) {
      if (this.failed || this.readShut) events |= READABLE | POLLRDHUP;
      return events | POLLHUP | WRITABLE;
    }
    const inEnded = this.atEnd;
    const outEnded = this.writeShut || this.peerRefuses;
    if (inEnded) events |= READABLE | POLLRDHUP;
    if (inEnded && outEnded) events |= POLLHUP;
    if (this.received.count > 0) events |= READABLE;
    if (this.peer.received.length * 4 <= this.sendBuffer) events |= WRITABLE;
    return events;
  }
}

/** Where a send on a stream puts its bytes. */
class StreamEnd implements WriteEnd {
  readonly roomQueues: readonly WaitQueue[];
  private readonly socket: ConnectedSocket;
  private readonly message: Outgoing;

  constructor(socket: ConnectedSocket, message: Outgoing) {
    this.socket = socket;
    this.message = message;
    this.roomQueues = [socket.writeQueue];
  }

  get timeout(): number {
    return this.socket.sendTimeout;
  }

  writeError(sys: Sys): number {
    return this.socket.sendError(sys, this.message.flags);
  }

  accept(from: IoSource): number {
    return this.socket.acceptBytes(from, this.message);
  }
}
