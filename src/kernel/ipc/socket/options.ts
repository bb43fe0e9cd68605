/** getsockopt(2) and setsockopt(2) (socket(7), tcp(7), ip(7), ipv6(7)). */

import { CAP } from '../../cred/cred.ts';
import { EDOM, EINVAL, ENOPROTOOPT, EOPNOTSUPP, EPERM, linuxError } from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import {
  AF_INET,
  AF_UNIX,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVTCLASS,
  IPV6_V6ONLY,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_ERROR,
  SO_LINGER,
  SO_PASSCRED,
  SO_PEERCRED,
  SO_PROTOCOL,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_RCVTIMEO,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SO_SNDTIMEO,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
  UDPLITE_RECV_CSCOV,
  UDPLITE_SEND_CSCOV,
} from './constants.ts';
import type { Socket } from './socket.ts';
import { keptCoverage } from './udp-lite.ts';

const TCP_NODELAY = 1;
const TCP_CORK = 3;

/** net.core.wmem_max and rmem_max; buffers are twice what is asked for. */
const MAX_BUFFER = 212992;
const MIN_SEND_BUFFER = 4608;
const MIN_RECEIVE_BUFFER = 2304;

/** Options that are kept and given back; none changes what loopback does but those that ports look at. */
const PLAIN: Readonly<Record<number, Readonly<Record<number, number>>>> = {
  // SO_DEBUG REUSEADDR DONTROUTE BROADCAST KEEPALIVE OOBINLINE PRIORITY REUSEPORT RCVLOWAT TIMESTAMP MARK …
  [SOL_SOCKET]: { 1: 0, 2: 0, 5: 0, 6: 0, 9: 0, 10: 0, 12: 0, 15: 0, 18: 1, 29: 0, 36: 0, 46: 0 },
  // IP_TOS TTL MTU_DISCOVER RECVERR PKTINFO MULTICAST_TTL MULTICAST_LOOP BIND_ADDRESS_NO_PORT
  [IPPROTO_IP]: { 1: 0, 2: 64, 8: 0, 10: 1, 11: 0, 24: 0, 33: 1, 34: 1 },
  // TCP_NODELAY CORK KEEPIDLE KEEPINTVL KEEPCNT SYNCNT DEFER_ACCEPT QUICKACK USER_TIMEOUT FASTOPEN
  [IPPROTO_TCP]: { 1: 0, 3: 0, 4: 7200, 5: 75, 6: 9, 7: 6, 9: 0, 12: 1, 18: 0, 23: 0 },
  [IPPROTO_UDP]: {},
  [IPPROTO_UDPLITE]: { [UDPLITE_SEND_CSCOV]: 0, [UDPLITE_RECV_CSCOV]: 0 },
  // IPV6_UNICAST_HOPS MULTICAST_HOPS MULTICAST_LOOP RECVERR V6ONLY RECVPKTINFO RECVHOPLIMIT RECVTCLASS TCLASS
  [IPPROTO_IPV6]: { 16: 64, 18: 1, 19: 1, 25: 0, 26: 0, 49: 0, 51: 0, 66: 0, 67: 0 },
};

function plainDefault(socket: Socket, level: number, name: number): number | undefined {
  if (level !== SOL_SOCKET && socket.domain === AF_UNIX) throw linuxError(EOPNOTSUPP);
  return PLAIN[level]?.[name];
}

interface OptionArgs {
  level: number;
  optname: number;
  optval: number;
  optlen: number;
}

export function setOption(sys: Sys, socket: Socket, a: OptionArgs): number {
  if (a.optlen < 0) throw linuxError(EINVAL);
  if (a.level === SOL_SOCKET && (a.optname === SO_RCVTIMEO || a.optname === SO_SNDTIMEO)) {
    return setTimeLimit(sys, socket, a);
  }
  if (a.level === SOL_SOCKET && a.optname === SO_LINGER) {
    if (a.optlen < 8) throw linuxError(EINVAL);
    const on = sys.mem.readI32(a.optval) !== 0;
    socket.options.set((SOL_SOCKET << 16) | SO_LINGER, on ? sys.mem.readI32(a.optval + 4) : -1);
    return 0;
  }
  if (a.optlen < 4) throw linuxError(EINVAL);
  const value = sys.mem.readI32(a.optval);
  if (a.level === SOL_SOCKET && setSpecial(sys, socket, a.optname, value)) return 0;
  if (plainDefault(socket, a.level, a.optname) === undefined) throw linuxError(ENOPROTOOPT);
  const inet = socket.domain !== AF_UNIX;
  if (a.level === SOL_SOCKET && a.optname === SO_REUSEPORT && !inet) throw linuxError(EOPNOTSUPP);
  if (a.level === IPPROTO_IPV6 && a.optname === IPV6_V6ONLY && socket.bound) {
    throw linuxError(EINVAL);
  }
  if (a.level === IPPROTO_UDPLITE) {
    // Others give the options, but cannot set them.
    if (socket.protocol !== IPPROTO_UDPLITE) throw linuxError(ENOPROTOOPT);
    socket.options.set((a.level << 16) | a.optname, keptCoverage(value));
    return 0;
  }
  const flag =
    (a.level === IPPROTO_IPV6 &&
      (a.optname === IPV6_RECVHOPLIMIT || a.optname === IPV6_RECVTCLASS)) ||
    (a.level === SOL_SOCKET && a.optname !== 12 && a.optname !== 18 && a.optname !== 36) ||
    (a.level === IPPROTO_TCP && (a.optname === TCP_NODELAY || a.optname === TCP_CORK));
  socket.options.set((a.level << 16) | a.optname, flag ? Number(value !== 0) : value);
  return 0;
}

/** Options with a meaning of their own. @returns false if `name` is none */
function setSpecial(sys: Sys, socket: Socket, name: number, value: number): boolean {
  switch (name) {
    case SO_TYPE:
    case SO_ERROR:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ACCEPTCONN:
    case SO_PEERCRED:
      throw linuxError(ENOPROTOOPT);
    case SO_PASSCRED:
      socket.passCred = value !== 0;
      return true;
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
      if (!sys.task.cred.has(CAP.NET_ADMIN)) throw linuxError(EPERM);
      setBuffer(socket, name === SO_SNDBUFFORCE, value, Number.POSITIVE_INFINITY);
      return true;
    case SO_SNDBUF:
    case SO_RCVBUF:
      setBuffer(socket, name === SO_SNDBUF, value, MAX_BUFFER);
      return true;
    default:
      return false;
  }
}

function setBuffer(socket: Socket, send: boolean, value: number, max: number): void {
  const wanted = Math.min(value >>> 0, max, 0x3fffffff) * 2;
  if (send) socket.sendBuffer = Math.max(wanted, MIN_SEND_BUFFER);
  else socket.receiveBuffer = Math.max(wanted, MIN_RECEIVE_BUFFER);
}

function setTimeLimit(sys: Sys, socket: Socket, a: OptionArgs): number {
  if (a.optlen < 16) throw linuxError(EINVAL);
  const sec = sys.mem.readI64(a.optval);
  const usec = sys.mem.readI64(a.optval + 8);
  if (usec < 0 || usec >= 1_000_000) throw linuxError(EDOM);
  const ms = Math.max(0, sec * 1000 + usec / 1000);
  if (a.optname === SO_RCVTIMEO) socket.receiveTimeout = ms;
  else socket.sendTimeout = ms;
  return 0;
}

export function getOption(sys: Sys, socket: Socket, a: OptionArgs): number {
  const room = sys.mem.readI32(a.optlen);
  if (room < 0) throw linuxError(EINVAL);
  const bytes = optionBytes(socket, a.level, a.optname);
  const length = Math.min(room, bytes.length);
  sys.mem.copyOut(a.optval, bytes, 0, length);
  sys.mem.writeU32(a.optlen, length);
  return 0;
}

function optionBytes(socket: Socket, level: number, name: number): Uint8Array {
  if (level === SOL_SOCKET) {
    const special = specialBytes(socket, name);
    if (special !== null) return special;
  } else if (socket.domain === AF_INET && !levelsOf(socket).includes(level)) {
    throw linuxError(EOPNOTSUPP);
  }
  const fallback = plainDefault(socket, level, name);
  if (fallback === undefined) throw linuxError(ENOPROTOOPT);
  return ints(socket.options.get((level << 16) | name) ?? fallback);
}

/** The levels that getsockopt(2) of an IPv4 socket knows. */
function levelsOf(socket: Socket): readonly number[] {
  return socket.type === SOCK_STREAM
    ? [IPPROTO_IP, IPPROTO_TCP]
    : [IPPROTO_IP, IPPROTO_UDP, IPPROTO_UDPLITE];
}

function ints(...values: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

function specialBytes(socket: Socket, name: number): Uint8Array | null {
  switch (name) {
    case SO_TYPE:
      return ints(socket.type);
    case SO_DOMAIN:
      return ints(socket.domain);
    case SO_PROTOCOL:
      return ints(socket.protocol);
    case SO_ERROR:
      return ints(socket.takeError());
    case SO_ACCEPTCONN:
      return ints(Number(socket.listening));
    case SO_PASSCRED:
      return ints(Number(socket.passCred));
    case SO_SNDBUF:
      return ints(socket.sendBuffer);
    case SO_RCVBUF:
      return ints(socket.receiveBuffer);
    case SO_LINGER: {
      const seconds = socket.options.get((SOL_SOCKET << 16) | SO_LINGER) ?? -1;
      return seconds < 0 ? ints(0, 0) : ints(1, seconds);
    }
    case SO_PEERCRED: {
      const { pid, uid, gid } = socket.peerCred;
      return ints(pid, uid, gid);
    }
    case SO_RCVTIMEO:
      return timeval(socket.receiveTimeout);
    case SO_SNDTIMEO:
      return timeval(socket.sendTimeout);
    default:
      return null;
  }
}

function timeval(ms: number): Uint8Array {
  const sec = Math.floor(ms / 1000);
  return new Uint8Array(
    BigInt64Array.from([BigInt(sec), BigInt(Math.round((ms - sec * 1000) * 1000))]).buffer,
  );
}
