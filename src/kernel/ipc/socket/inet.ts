/**
 * TCP, UDP and UDP-Lite over the loopback interface (ip(7), ipv6(7), tcp(7), udp(7), udplite(7)): sockets of one machine reach each
 * other by 127.0.0.0/8 and ::1. There is no other interface: every other destination is ENETUNREACH.
 *
 *   struct sockaddr_in,  16 bytes: 0 family | 2 port (big-endian) | 4 address
 *   struct sockaddr_in6, 28 bytes: 0 family | 2 port (big-endian) | 4 flowinfo | 8 address | 24 scope
 *
 * Invariant: addresses are kept in 16 bytes, IPv4 ones mapped (::ffff:a.b.c.d), so that both families
 * meet in one table of ports.
 */

import { CAP } from '../../cred/cred.ts';
import {
  EACCES,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EAFNOSUPPORT,
  ECONNREFUSED,
  EDESTADDRREQ,
  EINPROGRESS,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENETUNREACH,
  ENOTCONN,
  EPIPE,
  linuxError,
} from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Sys } from '../../syscall/types.ts';
import { type IoSink, type IoSource, POLLERR, POLLHUP, POLLRDHUP } from '../../vfs/types.ts';
import { ConnectedSocket } from './connected.ts';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  MSG_PEEK,
  MSG_TRUNC,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_LINGER,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOL_SOCKET,
} from './constants.ts';
import { ip6Header } from './ip6-header.ts';
import { type Ancillary, type Ip6Header, PACKET_COST, type Received } from './packets.ts';
import { type Outgoing, READABLE, Socket, WRITABLE } from './socket.ts';
import { refusesCoverage } from './udp-lite.ts';

/** net.ipv4.ip_local_port_range. */
const FIRST_PORT = 32768;
const LAST_PORT = 60999;
/** Ports below need CAP_NET_BIND_SERVICE. */
const PRIVILEGED_PORTS = 1024;
const MAX_DATAGRAM = 65507;

export interface Endpoint {
  /** 16 bytes as text, for comparison. */
  readonly ip: string;
  readonly port: number;
}

const MAPPED = `${'\0'.repeat(10)}\xff\xff`;
const ANY4 = `${MAPPED}\0\0\0\0`;
const ANY6 = '\0'.repeat(16);
const LOOPBACK4 = `${MAPPED}\x7f\0\0\x01`;
const LOOPBACK6 = `${'\0'.repeat(15)}\x01`;

function isV4(ip: string): boolean {
  return ip.startsWith(MAPPED);
}

function isAny(ip: string): boolean {
  return ip === ANY4 || ip === ANY6;
}

function isLoopback(ip: string): boolean {
  return ip === LOOPBACK6 || ip.startsWith(`${MAPPED}\x7f`);
}

function decode(domain: number, bytes: Uint8Array): Endpoint {
  const family = (bytes[0] as number) | ((bytes[1] as number) << 8);
  const v4 = family === AF_INET;
  if (bytes.length < (domain === AF_INET ? 16 : 24)) throw linuxError(EINVAL);
  if (family !== domain) throw linuxError(EAFNOSUPPORT);
  const port = ((bytes[2] as number) << 8) | (bytes[3] as number);
  let ip = v4 ? MAPPED : '';
  for (const b of v4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24)) ip += String.fromCharCode(b);
  return { ip, port };
}

function encode(domain: number, { ip, port }: Endpoint): Uint8Array {
  const v4 = domain === AF_INET;
  const bytes = new Uint8Array(v4 ? 16 : 28);
  bytes[0] = domain;
  bytes[2] = port >> 8;
  bytes[3] = port;
  const shown = !v4 && ip === ANY4 ? ANY6 : ip;
  const text = v4 ? (shown === ANY6 ? ANY4 : shown).slice(12) : shown;
  for (let i = 0; i < text.length; i++) bytes[(v4 ? 4 : 8) + i] = text.charCodeAt(i);
  return bytes;
}

/** Where a connection to `to` goes: "any" means this machine. */
function reachable(kernel: Kernel, to: Endpoint): Endpoint {
  const ip = to.ip === ANY4 ? LOOPBACK4 : to.ip === ANY6 ? LOOPBACK6 : to.ip;
  if (!isLoopback(ip) || !kernel.loopback.up) throw linuxError(ENETUNREACH);
  return { ip, port: to.port };
}

type InetSocket = TcpSocket | UdpSocket;

/** Bound sockets by protocol and port. */
class PortTable {
  private readonly bound = new Map<string, Set<InetSocket>>();
  private next = FIRST_PORT;

  private at(protocol: number, port: number): Set<InetSocket> {
    const key = `${protocol}:${port}`;
    let set = this.bound.get(key);
    if (set === undefined) {
      set = new Set();
      this.bound.set(key, set);
    }
    return set;
  }

  add(socket: InetSocket, wanted: Endpoint): Endpoint {
    const port = wanted.port !== 0 ? wanted.port : this.freePort(socket.protocol);
    const set = this.at(socket.protocol, port);
    for (const other of set) if (conflicts(socket, wanted.ip, other)) throw linuxError(EADDRINUSE);
    set.add(socket);
    return { ip: wanted.ip, port };
  }

  /** Before listen(2): another one that shares the port may listen already. */
  checkListen(socket: InetSocket, { ip, port }: Endpoint): void {
    for (const other of this.at(socket.protocol, port)) {
      if (other === socket || !other.listening) continue;
      if (conflicts(socket, ip, other)) throw linuxError(EADDRINUSE);
    }
  }

  remove(socket: InetSocket, port: number): void {
    this.at(socket.protocol, port).delete(socket);
    if (this.at(socket.protocol, port).size === 0) this.bound.delete(`${socket.protocol}:${port}`);
  }

  private freePort(protocol: number): number {
    for (let tries = FIRST_PORT; tries <= LAST_PORT; tries++) {
      const port = this.next;
      this.next = port === LAST_PORT ? FIRST_PORT : port + 1;
      if (!this.bound.has(`${protocol}:${port}`)) return port;
    }
    throw linuxError(EADDRINUSE);
  }

  /** The socket that gets what is sent to `to`: one bound to the very address before one bound to any. */
  find(protocol: number, to: Endpoint, wanted: (s: InetSocket) => boolean): InetSocket | null {
    let found: InetSocket | null = null;
    for (const s of this.bound.get(`${protocol}:${to.port}`) ?? []) {
      if (!wanted(s) || s.local === null) continue;
      if (s.local.ip === to.ip) return s;
      if (covers(s, s.local.ip, to.ip)) found = s;
    }
    return found;
  }
}

/** Whether a socket bound to `own` gets what is sent to `ip`. */
function covers(socket: Socket, own: string, ip: string): boolean {
  if (own === ip) return true;
  if (own === ANY4) return isV4(ip);
  return own === ANY6 && (!isV4(ip) || !v6Only(socket));
}

function v6Only(socket: Socket): boolean {
  return (socket.options.get((IPPROTO_IPV6 << 16) | IPV6_V6ONLY) ?? 0) !== 0;
}

function allows(socket: Socket, option: number): boolean {
  return (socket.options.get((SOL_SOCKET << 16) | option) ?? 0) !== 0;
}

function conflicts(socket: InetSocket, ip: string, other: InetSocket): boolean {
  const theirs = other.local?.ip ?? '';
  if (!covers(socket, ip, theirs) && !covers(other, theirs, ip)) return false;
  if (allows(socket, SO_REUSEPORT) && allows(other, SO_REUSEPORT)) return false;
  return !(allows(socket, SO_REUSEADDR) && allows(other, SO_REUSEADDR) && !other.listening);
}

const tables = new WeakMap<Kernel, PortTable>();

function portsOf(kernel: Kernel): PortTable {
  let t = tables.get(kernel);
  if (t === undefined) {
    t = new PortTable();
    tables.set(kernel, t);
  }
  return t;
}

/** Decodes and checks an address to bind to. */
function bindable(sys: Sys, domain: number, address: Uint8Array): Endpoint {
  const wanted = decode(domain, address);
  if (!isAny(wanted.ip) && !isLoopback(wanted.ip)) throw linuxError(EADDRNOTAVAIL);
  const privileged = wanted.port > 0 && wanted.port < PRIVILEGED_PORTS;
  if (privileged && !sys.task.cred.has(CAP.NET_BIND_SERVICE)) throw linuxError(EACCES);
  return wanted;
}

function anyAddress(domain: number): Endpoint {
  return { ip: domain === AF_INET ? ANY4 : ANY6, port: 0 };
}

class Dropped implements IoSink {
  remaining: number;

  constructor(count: number) {
    this.remaining = count;
  }

  put(_src: Uint8Array, start: number, end: number): number {
    const n = Math.min(end - start, this.remaining);
    this.remaining -= n;
    return n;
  }
}

export class TcpSocket extends ConnectedSocket {
  local: Endpoint | null = null;
  private remote: Endpoint | null = null;
  /** In the table of ports: accepted sockets share the listener's port without being there. */
  private registered = false;

  override bind(sys: Sys, address: Uint8Array): number {
    if (this.local !== null) throw linuxError(EINVAL);
    this.register(bindable(sys, this.domain, address));
    return 0;
  }

  private register(wanted: Endpoint): void {
    this.local = portsOf(this.kernel).add(this, wanted);
    this.registered = true;
  }

  protected override prepareListen(): void {
    if (this.local === null) this.register(anyAddress(this.domain));
    else portsOf(this.kernel).checkListen(this, this.local);
  }

  override get bound(): boolean {
    return this.local !== null;
  }

  protected override get sendUnconnected(): number {
    return EPIPE;
  }

  /** Without a connection that is an error, but the directions are closed all the same. */
  override shutdown(how: number): number {
    if (this.reset) throw linuxError(ENOTCONN);
    super.shutdown(how);
    if (this.peer === null && !this.listening) throw linuxError(ENOTCONN);
    return 0;
  }

  /** MSG_TRUNC drops the bytes instead of copying them (tcp(7)). */
  override receive(sys: Sys, to: IoSink, flags: number, got: Received): number {
    const sink = (flags & MSG_TRUNC) === 0 ? to : new Dropped(to.remaining);
    return super.receive(sys, sink, flags, got);
  }

  /** Without blocking a connection is reported as begun, and its outcome by SO_ERROR, as on Linux. */
  override connect(sys: Sys, address: Uint8Array): number {
    if (this.listening) throw linuxError(EISCONN);
    if (this.peer !== null) {
      if (!this.connecting) throw linuxError(EISCONN);
      this.connecting = false;
      return 0;
    }
    const to = reachable(this.kernel, decode(this.domain, address));
    if (this.local === null) this.register(anyAddress(this.domain));
    const local = this.local as unknown as Endpoint;
    if (isAny(local.ip)) this.local = { ip: to.ip, port: local.port };
    const listener = portsOf(this.kernel).find(IPPROTO_TCP, to, (s) => s.listening);
    const later = this.nonBlocking(0);
    if (listener === null && later) {
      this.error = ECONNREFUSED;
      this.failed = true;
      throw linuxError(EINPROGRESS);
    }
    this.failed = false;
    this.remote = to;
    const result = this.connectTo(sys, listener instanceof TcpSocket ? listener : null);
    if (result !== 0 || !later) return result;
    this.connecting = true;
    throw linuxError(EINPROGRESS);
  }

  private connecting = false;

  protected override createPeer(_sys: Sys, client: ConnectedSocket): ConnectedSocket {
    const { kernel, domain, type, protocol } = this;
    const peer = new TcpSocket(kernel, null, domain, type, protocol);
    const from = client as TcpSocket;
    peer.local = from.remote;
    peer.remote = from.local;
    peer.peer = client;
    return peer;
  }

  protected override notReadable(): void {
    if (this.error !== 0) throw linuxError(this.takeError());
    throw linuxError(ENOTCONN);
  }

  /** TCP ignores an address in a send. */
  protected override checkDestination(): void {}

  /** close(2) with SO_LINGER and no time (socket(7)). */
  protected override get aborts(): boolean {
    return this.options.get((SOL_SOCKET << 16) | SO_LINGER) === 0;
  }

  /** A peer that reads no more is like one that has not read yet: only its reset says otherwise. */
  protected override get peerRefuses(): boolean {
    return this.reset;
  }

  /** A closed peer answers the first bytes with a reset, which the next send reports. */
  override acceptBytes(from: IoSource, extra: Ancillary): number {
    if (!this.peerClosed) return super.acceptBytes(from, extra);
    const n = this.loseBytes(from);
    this.reset = true;
    this.error = EPIPE;
    this.wakeAll();
    return n;
  }

  override localName(): Uint8Array {
    return encode(this.domain, this.local ?? anyAddress(this.domain));
  }

  override peerName(): Uint8Array {
    if (this.peer === null || this.remote === null || this.reset) throw linuxError(ENOTCONN);
    return encode(this.domain, this.remote);
  }

  protected override closed(): void {
    if (this.registered) portsOf(this.kernel).remove(this, (this.local as Endpoint).port);
    super.closed();
  }
}

export class UdpSocket extends Socket {
  local: Endpoint | null = null;
  private remote: Endpoint | null = null;
  private readShut = false;
  private writeShut = false;

  override bind(sys: Sys, address: Uint8Array): number {
    if (this.local !== null) throw linuxError(EINVAL);
    this.local = portsOf(this.kernel).add(this, bindable(sys, this.domain, address));
    return 0;
  }

  override get bound(): boolean {
    return this.local !== null;
  }

  private ensureBound(): Endpoint {
    this.local ??= portsOf(this.kernel).add(this, anyAddress(this.domain));
    return this.local;
  }

  override connect(_sys: Sys, address: Uint8Array): number {
    const family = (address[0] as number) | ((address[1] as number) << 8);
    if (family === AF_UNSPEC) {
      this.remote = null;
      return 0;
    }
    const to = reachable(this.kernel, decode(this.domain, address));
    const local = this.ensureBound();
    if (isAny(local.ip)) this.local = { ip: to.ip, port: local.port };
    this.remote = to;
    return 0;
  }

  override send(sys: Sys, message: Outgoing): number {
    if (this.writeShut) {
      this.raisePipe(sys, message.flags);
      throw linuxError(EPIPE);
    }
    if (this.error !== 0) throw linuxError(this.takeError());
    const length = message.from.remaining;
    if (length > MAX_DATAGRAM) throw linuxError(EMSGSIZE);
    const wanted = message.to === null ? this.remote : decode(this.domain, message.to);
    if (wanted === null) throw linuxError(EDESTADDRREQ);
    if (wanted.port === 0) throw linuxError(EINVAL);
    const to = reachable(this.kernel, wanted);
    const local = this.ensureBound();
    const source = { ip: isAny(local.ip) ? sourceFor(to.ip) : local.ip, port: local.port };
    const ip6 = isV4(to.ip) ? null : ip6Header(this, message.control ?? []);
    const bytes = new Uint8Array(length);
    message.from.take(bytes, 0, length);
    this.deliver(to, source, bytes, ip6);
    return length;
  }

  /** Datagrams that nobody takes are lost; a connected sender learns of a closed port. */
  private deliver(to: Endpoint, source: Endpoint, bytes: Uint8Array, ip6: Ip6Header | null): void {
    const found = portsOf(this.kernel).find(this.protocol, to, (s) => accepts(s, source));
    if (!(found instanceof UdpSocket)) {
      if (this.remote !== null) {
        this.error = ECONNREFUSED;
        this.wakeAll();
      }
      return;
    }
    // As on Linux, what waits takes more of the buffer than its bytes, and what does not fit is lost.
    const cost = bytes.length + PACKET_COST;
    if (found.received.cost + cost > found.receiveBuffer || !this.kernel.heap.hasRoom(cost)) return;
    if (refusesCoverage(found, this, bytes.length)) return;
    const from = encode(found.domain, source);
    found.received.push({
      bytes,
      start: 0,
      end: bytes.length,
      from,
      rights: null,
      cred: null,
      ip6,
    });
    found.readQueue.wake();
  }

  /** Connected sockets get only what comes from their peer. */
  hears(source: Endpoint): boolean {
    const { remote } = this;
    return remote === null || (remote.ip === source.ip && remote.port === source.port);
  }

  override receive(sys: Sys, to: IoSink, flags: number, got: Received): number {
    if (this.received.count === 0) {
      if (this.error !== 0) throw linuxError(this.takeError());
      if (this.readShut) return 0;
      return this.wait(sys, this.readQueue, flags, this.receiveTimeout);
    }
    const n = this.received.takeMessage(to, (flags & MSG_PEEK) !== 0, got);
    return (flags & MSG_TRUNC) !== 0 ? got.full : n;
  }

  override unread(): number {
    return this.received.firstLength;
  }

  override shutdown(how: number): number {
    if (how < SHUT_RD || how > SHUT_RDWR) throw linuxError(EINVAL);
    if (this.remote === null) throw linuxError(ENOTCONN);
    if (how !== SHUT_WR) this.readShut = true;
    if (how !== SHUT_RD) this.writeShut = true;
    this.wakeAll();
    return 0;
  }

  override localName(): Uint8Array {
    return encode(this.domain, this.local ?? anyAddress(this.domain));
  }

  override peerName(): Uint8Array {
    if (this.remote === null) throw linuxError(ENOTCONN);
    return encode(this.domain, this.remote);
  }

  override poll(): number {
    let events = WRITABLE;
    if (this.error !== 0) events |= POLLERR;
    if (this.received.count > 0) events |= READABLE;
    if (this.readShut) events |= READABLE | POLLRDHUP;
    if (this.readShut && this.writeShut) events |= POLLHUP;
    return events;
  }

  protected override closed(): void {
    if (this.local !== null) portsOf(this.kernel).remove(this, this.local.port);
    this.received.clear();
  }
}

function sourceFor(ip: string): string {
  return isV4(ip) ? LOOPBACK4 : LOOPBACK6;
}

function accepts(socket: InetSocket, source: Endpoint): boolean {
  return socket instanceof UdpSocket && socket.hears(source);
}

/** The family of an address that sockets of `domain` understand. */
export function isInet(domain: number): boolean {
  return domain === AF_INET || domain === AF_INET6;
}
