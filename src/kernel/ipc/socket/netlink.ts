/**
 * Netlink (netlink(7), rtnetlink(7)): questions about interfaces, addresses and routes, as getifaddrs(3) and ip(8)
 * ask them, and setting lo up and down. Nothing else can be changed: EOPNOTSUPP. NETLINK_KOBJECT_UEVENT is there for
 * device managers; no device comes or goes, so nothing ever arrives.
 *
 *   struct nlmsghdr, 16 bytes: 0 length | 4 type | 6 flags | 8 sequence | 12 port
 *   struct sockaddr_nl, 12 bytes: 0 family | 4 port | 8 groups
 *   attributes: 0 length | 2 type | 4 value, padded to 4 bytes
 */

import { CAP } from '../../cred/cred.ts';
import {
  EEXIST,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  ENOBUFS,
  ENODEV,
  ENOTCONN,
  EOPNOTSUPP,
  EPERM,
  LinuxError,
  linuxError,
} from '../../errno.ts';
import type { Kernel } from '../../kernel.ts';
import type { Sys } from '../../syscall/types.ts';
import { type IoSink, POLLERR } from '../../vfs/types.ts';
import { AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, MSG_PEEK, MSG_TRUNC } from './constants.ts';
import { LO } from './loopback.ts';
import type { Received } from './packets.ts';
import { type Outgoing, READABLE, Socket, WRITABLE } from './socket.ts';

export const NETLINK_ROUTE = 0;
export const NETLINK_KOBJECT_UEVENT = 15;

const HEADER = 16;
/** Bytes of SO_SNDBUF that a message cannot have (netlink_sendmsg). */
const SEND_OVERHEAD = 32;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_MULTI = 2;
const NLM_F_ACK = 4;
const NLM_F_DUMP = 0x300;

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_GETROUTE = 26;
/** Types come in fours: new, delete, get, set. */
const RTM_KIND_GET = 2;

const IFLA_IFNAME = 3;
const IFF_UP = 1;
const IFF_LOWER_UP = 0x10000;
const RT_SCOPE_HOST = 254;
const IFA_F_PERMANENT = 0x80;

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** Header and body. */
  readonly bytes: Uint8Array;
}

/** An attribute of 16-, 32-bit … numbers as bytes, or text. */
function attribute(type: number, value: readonly number[] | string): number[] {
  const bytes =
    typeof value === 'string' ? [...value].map((c) => c.charCodeAt(0)).concat(0) : [...value];
  const length = bytes.length + 4;
  while (bytes.length % 4 !== 0) bytes.push(0);
  return [length & 0xff, length >> 8, type, 0, ...bytes];
}

function word(n: number): number[] {
  return [n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, n >>> 24];
}

function message(
  type: number,
  flags: number,
  seq: number,
  port: number,
  body: number[],
): Uint8Array {
  const bytes = new Uint8Array(HEADER + body.length);
  const d = new DataView(bytes.buffer);
  d.setUint32(0, bytes.length, true);
  d.setUint16(4, type, true);
  d.setUint16(6, flags, true);
  d.setUint32(8, seq, true);
  d.setUint32(12, port, true);
  bytes.set(body, HEADER);
  return bytes;
}

/** struct ifinfomsg and attributes. */
function linkBody({ loopback }: Kernel): number[] {
  const address = [0, 0, 0, 0, 0, 0];
  return [
    ...[AF_UNSPEC, 0, LO.arp & 0xff, LO.arp >> 8],
    ...word(LO.index),
    ...word(loopback.flags | IFF_LOWER_UP),
    ...word(0),
    ...attribute(IFLA_IFNAME, LO.name),
    ...attribute(13, word(LO.queue)), // IFLA_TXQLEN
    ...attribute(16, [0]), // IFLA_OPERSTATE
    ...attribute(17, [0]), // IFLA_LINKMODE
    ...attribute(4, word(LO.mtu)), // IFLA_MTU
    ...attribute(6, 'noqueue'), // IFLA_QDISC
    ...attribute(1, address), // IFLA_ADDRESS
    ...attribute(2, address), // IFLA_BROADCAST
  ];
}

/** struct ifaddrmsg and attributes. */
function addressBody(family: number): number[] {
  const ip = family === AF_INET ? [127, 0, 0, 1] : [...new Array<number>(15).fill(0), 1];
  const forever = word(-1);
  return [
    ...[family, family === AF_INET ? 8 : 128, IFA_F_PERMANENT, RT_SCOPE_HOST],
    ...word(LO.index),
    ...attribute(1, ip), // IFA_ADDRESS
    ...(family === AF_INET ? [...attribute(2, ip), ...attribute(3, LO.name)] : []), // LOCAL, LABEL
    ...attribute(8, word(IFA_F_PERMANENT)), // IFA_FLAGS
    ...attribute(6, [...forever, ...forever, ...word(0), ...word(0)]), // IFA_CACHEINFO
  ];
}

let nextPort = 0xfffff000;

export class NetlinkSocket extends Socket {
  private port = 0;
  private groups = 0;
  /** Answers were lost; ENOBUFS is said once until everything was read (netlink_overrun). */
  private overrun = false;

  override bind(_sys: Sys, address: Uint8Array): number {
    if (address.length < 12) throw linuxError(EINVAL);
    const d = new DataView(address.buffer, address.byteOffset);
    if (d.getUint16(0, true) !== AF_NETLINK) throw linuxError(EINVAL);
    const wanted = d.getUint32(4, true);
    if (this.port !== 0 && wanted !== 0 && wanted !== this.port) throw linuxError(EINVAL);
    this.port ||= wanted;
    this.groups = d.getUint32(8, true);
    this.autobind();
    return 0;
  }

  private autobind(): void {
    this.port ||= --nextPort;
  }

  override connect(_sys: Sys, address: Uint8Array): number {
    if (address[0] !== AF_NETLINK) throw linuxError(EINVAL);
    this.autobind();
    return 0;
  }

  override localName(): Uint8Array {
    return Uint8Array.from([AF_NETLINK, 0, 0, 0, ...word(this.port), ...word(this.groups)]);
  }

  /** The kernel's. */
  override peerName(): Uint8Array {
    return Uint8Array.from([AF_NETLINK, 0, 0, 0, ...word(0), ...word(0)]);
  }

  override shutdown(): number {
    throw linuxError(EOPNOTSUPP);
  }

  override poll(): number {
    const input = this.received.count > 0 ? READABLE : 0;
    return input | WRITABLE | (this.error === 0 ? 0 : POLLERR);
  }

  override unread(): number {
    return this.received.firstLength;
  }

  override receive(sys: Sys, to: IoSink, flags: number, got: Received): number {
    if (this.error !== 0) throw linuxError(this.takeError());
    if (this.received.count === 0) {
      return this.wait(sys, this.readQueue, flags, this.receiveTimeout);
    }
    const n = this.received.takeMessage(to, (flags & MSG_PEEK) !== 0, got);
    if (this.received.count === 0) this.overrun = false;
    return (flags & MSG_TRUNC) !== 0 ? got.full : n;
  }

  override send(sys: Sys, { from }: Outgoing): number {
    this.autobind();
    if (from.remaining > this.sendBuffer - SEND_OVERHEAD) throw linuxError(EMSGSIZE);
    const bytes = new Uint8Array(from.remaining);
    const n = from.take(bytes, 0, bytes.length);
    if (this.protocol !== NETLINK_ROUTE) throw linuxError(EPERM);
    const d = new DataView(bytes.buffer);
    for (let at = 0; at + HEADER <= n; ) {
      const length = d.getUint32(at, true);
      if (length < HEADER || at + length > n) break;
      this.handle(sys, {
        type: d.getUint16(at + 4, true),
        flags: d.getUint16(at + 6, true),
        seq: d.getUint32(at + 8, true),
        bytes: bytes.subarray(at, at + length),
      });
      at += (length + 3) & ~3;
    }
    return n;
  }

  private reply(bytes: Uint8Array): void {
    if (this.overrun || this.received.length + bytes.length > this.receiveBuffer) {
      if (!this.overrun) this.error = ENOBUFS;
      this.overrun = true;
      this.readQueue.wake();
      return;
    }
    const from = this.peerName();
    const cred = { pid: 0, uid: 0, gid: 0 };
    this.received.push({ bytes, start: 0, end: bytes.length, from, rights: null, cred });
    this.readQueue.wake();
  }

  /** rtnetlink_rcv_msg(): an answer, or a list with its end, or an error, which is 0 if it was asked for. */
  private handle(sys: Sys, m: Message): void {
    if ((m.flags & NLM_F_REQUEST) === 0) return;
    try {
      const dump = (m.flags & NLM_F_DUMP) === NLM_F_DUMP && (m.type & 3) === RTM_KIND_GET;
      if (dump) {
        this.dump(sys, m);
        return;
      }
      this.single(sys, m);
      if ((m.flags & NLM_F_ACK) !== 0) this.acknowledge(m, 0);
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      this.acknowledge(m, e.errno);
    }
  }

  private acknowledge(m: Message, errno: number): void {
    const original = errno === 0 ? m.bytes.subarray(0, HEADER) : m.bytes;
    this.reply(message(NLMSG_ERROR, 0, m.seq, this.port, [...word(-errno), ...original]));
  }

  /** All there are: one interface, its addresses; no routes in the main table, no neighbours. */
  private dump(sys: Sys, m: Message): void {
    const family = m.bytes[HEADER] ?? AF_UNSPEC;
    const parts: Uint8Array[] = [];
    const add = (type: number, body: number[]): void => {
      parts.push(message(type, NLM_F_MULTI, m.seq, this.port, body));
    };
    if (m.type === RTM_GETLINK) add(RTM_NEWLINK, linkBody(sys.kernel));
    if (m.type === RTM_GETADDR) {
      for (const f of [AF_INET, AF_INET6]) {
        if (family === AF_UNSPEC || family === f) add(RTM_NEWADDR, addressBody(f));
      }
    }
    for (const part of parts) this.reply(part);
    this.reply(message(NLMSG_DONE, NLM_F_MULTI, m.seq, this.port, word(0)));
  }

  private single(sys: Sys, m: Message): void {
    const { loopback } = sys.kernel;
    switch (m.type) {
      case RTM_GETLINK:
        checkLink(m);
        this.reply(message(RTM_NEWLINK, 0, m.seq, this.port, linkBody(sys.kernel)));
        return;
      case RTM_GETROUTE:
        throw linuxError(ENETUNREACH);
      case RTM_NEWLINK:
      case RTM_SETLINK: {
        if (!sys.task.cred.has(CAP.NET_ADMIN)) throw linuxError(EPERM);
        checkLink(m);
        const d = new DataView(m.bytes.buffer, m.bytes.byteOffset, m.bytes.length);
        const change = d.getUint32(HEADER + 12, true);
        if ((change & ~IFF_UP) !== 0) throw linuxError(EOPNOTSUPP);
        if (change !== 0) loopback.setFlags(sys, d.getUint32(HEADER + 8, true));
        return;
      }
      default:
        if (!sys.task.cred.has(CAP.NET_ADMIN)) throw linuxError(EPERM);
        if (m.type === RTM_NEWADDR) throw linuxError(isKnownAddress(m) ? EEXIST : EOPNOTSUPP);
        throw linuxError(EOPNOTSUPP);
    }
  }

  protected override notConnected(): never {
    throw linuxError(ENOTCONN);
  }
}

/** Value of an attribute behind a header of `skip` bytes; null without it. */
function attributeOf(m: Message, skip: number, type: number): Uint8Array | null {
  const { bytes } = m;
  for (let at = HEADER + skip; at + 4 <= bytes.length; ) {
    const length = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (length < 4 || at + length > bytes.length) return null;
    const found = (bytes[at + 2] as number) | ((bytes[at + 3] as number) << 8);
    if (found === type) return bytes.subarray(at + 4, at + length);
    at += (length + 3) & ~3;
  }
  return null;
}

/** ENODEV unless the message names lo, by number or name. */
function checkLink(m: Message): void {
  if (m.bytes.length < HEADER + 16) throw linuxError(EINVAL);
  const index = new DataView(m.bytes.buffer, m.bytes.byteOffset).getInt32(HEADER + 4, true);
  const name = attributeOf(m, 16, IFLA_IFNAME);
  if (index === 0 && name === null) throw linuxError(EINVAL);
  const named = name === null ? LO.name : String.fromCharCode(...name).split('\0')[0];
  if ((index !== 0 && index !== LO.index) || named !== LO.name) throw linuxError(ENODEV);
}

function isKnownAddress(m: Message): boolean {
  const ip = attributeOf(m, 8, 2) ?? attributeOf(m, 8, 1);
  const text = ip?.join('.');
  return text === '127.0.0.1' || text === `${'0.'.repeat(15)}1`;
}
