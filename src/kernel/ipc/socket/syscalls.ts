/** The socket system calls (socket(2), send(2), recv(2) …; net/socket.c). */

import {
  EAFNOSUPPORT,
  EAGAIN,
  EINVAL,
  ENOTSOCK,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  LinuxError,
  linuxError,
} from '../../errno.ts';
import {
  Enum,
  Fd,
  Flags,
  HexInt,
  InBuf,
  Int,
  OutBuf,
  Ptr,
  Size,
  StructIn,
  StructOut,
  UInt,
} from '../../syscall/args.ts';
import { BLOCKED, type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import { readTimespecMs } from '../../time/timespec.ts';
import { O_NONBLOCK } from '../../vfs/constants.ts';
import { writtenSoFar } from '../blocking-write.ts';
import { installPair } from '../descriptors.ts';
import { ConnectedSocket } from './connected.ts';
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_TRUNC,
  MSG_WAITFORONE,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOCK_TYPE_MASK,
  SOMAXCONN,
} from './constants.ts';
import { isInet, TcpSocket, UdpSocket } from './inet.ts';
import { readControl, readHeader, writeControl, writeHeader } from './message.ts';
import { NETLINK_KOBJECT_UEVENT, NETLINK_ROUTE, NetlinkSocket } from './netlink.ts';
import { getOption, setOption } from './options.ts';
import { nothingReceived, releaseRights } from './packets.ts';
import { Socket, ucredOf } from './socket.ts';
import { UnixDatagram, UnixStream } from './unix.ts';

const MAX_ADDRESS = 128;
const MMSGHDR_SIZE = 64;
const UIO_MAXIOV = 1024;

/** IPPROTO_MPTCP + 1. */
const IPPROTO_MAX = 263;

interface Create {
  family: number;
  type: number;
  protocol: number;
}

function createSocket(sys: Sys, a: Create): Socket {
  const type = a.type & SOCK_TYPE_MASK;
  if ((a.type & ~(SOCK_TYPE_MASK | SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) throw linuxError(EINVAL);
  const socket = isInet(a.family) ? inetSocket(sys, a, type) : unixSocket(sys, a, type);
  if ((a.type & SOCK_NONBLOCK) !== 0) socket.flags |= O_NONBLOCK;
  return socket;
}

function unixSocket(sys: Sys, a: Create, type: number): Socket {
  if (a.family === AF_NETLINK) return netlinkSocket(sys, a, type);
  if (a.family !== AF_UNIX) throw linuxError(EAFNOSUPPORT);
  if (a.protocol !== 0 && a.protocol !== AF_UNIX) throw linuxError(EPROTONOSUPPORT);
  const { kernel } = sys;
  if (type === SOCK_STREAM || type === SOCK_SEQPACKET) {
    return new UnixStream(kernel, sys, AF_UNIX, type, 0);
  }
  if (type === SOCK_DGRAM || type === SOCK_RAW) {
    return new UnixDatagram(kernel, sys, AF_UNIX, SOCK_DGRAM, 0);
  }
  throw linuxError(ESOCKTNOSUPPORT);
}

function netlinkSocket(sys: Sys, { protocol }: Create, type: number): Socket {
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) throw linuxError(ESOCKTNOSUPPORT);
  if (protocol !== NETLINK_ROUTE && protocol !== NETLINK_KOBJECT_UEVENT) {
    throw linuxError(EPROTONOSUPPORT);
  }
  return new NetlinkSocket(sys.kernel, sys, AF_NETLINK, type, protocol);
}

function inetSocket(sys: Sys, a: Create, type: number): Socket {
  if (type === SOCK_RAW) throw linuxError(EPERM);
  const lite = type === SOCK_DGRAM && a.protocol === IPPROTO_UDPLITE;
  const datagrams = lite ? IPPROTO_UDPLITE : IPPROTO_UDP;
  const protocol = type === SOCK_STREAM ? IPPROTO_TCP : datagrams;
  if (type !== SOCK_STREAM && type !== SOCK_DGRAM) throw linuxError(ESOCKTNOSUPPORT);
  if (a.protocol < 0 || a.protocol >= IPPROTO_MAX) throw linuxError(EINVAL);
  if (a.protocol !== 0 && a.protocol !== protocol) throw linuxError(EPROTONOSUPPORT);
  return type === SOCK_STREAM
    ? new TcpSocket(sys.kernel, sys, a.family, type, protocol)
    : new UdpSocket(sys.kernel, sys, a.family, type, protocol);
}

function sysSocket(sys: Sys, a: Create): number {
  return sys.task.files.install(createSocket(sys, a), (a.type & SOCK_CLOEXEC) !== 0);
}

function sysSocketpair(sys: Sys, a: Create & { usockvec: number }): number {
  const first = createSocket(sys, a);
  if (a.family !== AF_UNIX) throw linuxError(EOPNOTSUPP);
  const second = createSocket(sys, a);
  if (first instanceof ConnectedSocket && second instanceof ConnectedSocket) {
    ConnectedSocket.pair(sys, first, second);
  } else if (first instanceof UnixDatagram && second instanceof UnixDatagram) {
    UnixDatagram.pair(first, second);
    first.rememberMaker(sys);
    second.rememberMaker(sys);
  }
  return installPair(sys, first, second, (a.type & SOCK_CLOEXEC) !== 0, a.usockvec);
}

function socketOf(sys: Sys, fd: number): Socket {
  const file = sys.task.files.get(fd);
  if (!(file instanceof Socket)) throw linuxError(ENOTSOCK);
  return file;
}

function readAddress(sys: Sys, addr: number, length: number): Uint8Array {
  if (length < 0 || length > MAX_ADDRESS) throw linuxError(EINVAL);
  const bytes = new Uint8Array(length);
  sys.mem.copyIn(addr, bytes);
  if (length < 2) throw linuxError(EINVAL);
  return bytes;
}

/** Stores as much of an address as fits at `addr`, and its whole length at `lengthAt`. */
function writeAddress(sys: Sys, addr: number, lengthAt: number, name: Uint8Array): void {
  const room = sys.mem.readI32(lengthAt);
  if (room < 0) throw linuxError(EINVAL);
  sys.mem.copyOut(addr, name, 0, Math.min(room, name.length));
  sys.mem.writeU32(lengthAt, name.length);
}

interface Named {
  fd: number;
  uservaddr: number;
  addrlen: number;
}

function sysBind(sys: Sys, a: Named): number {
  const socket = socketOf(sys, a.fd);
  return socket.bind(sys, readAddress(sys, a.uservaddr, a.addrlen));
}

function sysConnect(sys: Sys, a: Named): number {
  const socket = socketOf(sys, a.fd);
  return socket.connect(sys, readAddress(sys, a.uservaddr, a.addrlen));
}

function sysListen(sys: Sys, a: { fd: number; backlog: number }): number {
  return socketOf(sys, a.fd).listen(sys, Math.min(a.backlog, SOMAXCONN));
}

function sysAccept4(sys: Sys, a: { fd: number; addr: number; len: number; flags: number }): number {
  if ((a.flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) !== 0) throw linuxError(EINVAL);
  const socket = socketOf(sys, a.fd);
  sys.task.files.checkRoom();
  const accepted = socket.accept(sys);
  if (typeof accepted === 'number') return accepted;
  if ((a.flags & SOCK_NONBLOCK) !== 0) accepted.flags |= O_NONBLOCK;
  const fd = sys.task.files.install(accepted, (a.flags & SOCK_CLOEXEC) !== 0);
  if (a.addr === 0) return fd;
  try {
    writeAddress(sys, a.addr, a.len, accepted.peerName());
  } catch (e) {
    sys.task.files.close(fd);
    throw e;
  }
  return fd;
}

function sysGetsockname(sys: Sys, a: { fd: number; addr: number; len: number }): number {
  writeAddress(sys, a.addr, a.len, socketOf(sys, a.fd).localName());
  return 0;
}

function sysGetpeername(sys: Sys, a: { fd: number; addr: number; len: number }): number {
  writeAddress(sys, a.addr, a.len, socketOf(sys, a.fd).peerName());
  return 0;
}

function sysShutdown(sys: Sys, a: { fd: number; how: number }): number {
  return socketOf(sys, a.fd).shutdown(a.how);
}

interface Transfer {
  fd: number;
  buf: number;
  len: number;
  flags: number;
  addr: number;
  addrlen: number;
}

function sysSendto(sys: Sys, a: Transfer): number {
  const socket = socketOf(sys, a.fd);
  const to = a.addr === 0 ? null : readAddress(sys, a.addr, a.addrlen);
  const from = sys.source(a.buf, a.len);
  return socket.send(sys, { from, to, flags: a.flags, rights: null, cred: ucredOf(sys) });
}

function sysRecvfrom(sys: Sys, a: Transfer): number {
  const socket = socketOf(sys, a.fd);
  const got = nothingReceived();
  const n = socket.receive(sys, sys.sink(a.buf, a.len), a.flags, got);
  if (n === BLOCKED) return n;
  releaseRights(got.rights);
  if (a.addr !== 0) {
    if (got.from !== null) writeAddress(sys, a.addr, a.addrlen, got.from);
    else sys.mem.writeU32(a.addrlen, 0);
  }
  return n;
}

function sendMessage(sys: Sys, socket: Socket, addr: number, flags: number): number {
  const header = readHeader(sys, addr);
  const named = header.name !== 0 && header.nameLength > 0;
  const to = named ? readAddress(sys, header.name, header.nameLength) : null;
  const control = readControl(sys, header, writtenSoFar(sys) === 0);
  const from = sys.sourcev(header.iov, header.iovLength);
  const cred = control.cred ?? ucredOf(sys);
  const message = { ...control, from, to, flags, cred };
  try {
    return socket.send(sys, message);
  } finally {
    // Those that were sent are no longer here.
    releaseRights(message.rights);
  }
}

function sysSendmsg(sys: Sys, a: { fd: number; msg: number; flags: number }): number {
  return sendMessage(sys, socketOf(sys, a.fd), a.msg, a.flags);
}

function receiveMessage(sys: Sys, socket: Socket, addr: number, flags: number): number {
  const header = readHeader(sys, addr);
  const got = nothingReceived();
  const to = sys.sinkv(header.iov, header.iovLength);
  const room = to.remaining;
  const n = socket.receive(sys, to, flags, got);
  if (n === BLOCKED) return n;
  let nameLength = 0;
  if (header.name !== 0 && got.from !== null) {
    const length = Math.min(header.nameLength, got.from.length);
    sys.mem.copyOut(header.name, got.from, 0, length);
    nameLength = got.from.length;
  }
  const control = writeControl(sys, socket, header, got, flags);
  let result = control.flags | (flags & MSG_CMSG_CLOEXEC);
  if (got.full > room) result |= MSG_TRUNC;
  writeHeader(sys, addr, nameLength, control.length, result);
  return n;
}

function sysRecvmsg(sys: Sys, a: { fd: number; msg: number; flags: number }): number {
  return receiveMessage(sys, socketOf(sys, a.fd), a.msg, a.flags);
}

/** Messages done so far of a call that does several. */
class Several {
  done = 0;
  deadline: number = Number.POSITIVE_INFINITY;
  /** What the single call keeps while it waits. */
  inner: unknown = undefined;
}

/** Does up to `count` messages; an error or a wait after the first ends the call with what was done. */
function several(sys: Sys, count: number, state: Several, one: (index: number) => number): number {
  sys.state = state.inner;
  try {
    while (state.done < count) {
      const n = one(state.done);
      if (n === BLOCKED) {
        if (state.done > 0 && sys.state === undefined) return state.done;
        state.inner = sys.state;
        sys.state = state;
        return n;
      }
      state.inner = sys.state = undefined;
      state.done++;
    }
  } catch (e) {
    if (state.done === 0 || !(e instanceof LinuxError)) throw e;
  }
  return state.done;
}

interface Multiple {
  fd: number;
  mmsg: number;
  vlen: number;
  flags: number;
}

function sysSendmmsg(sys: Sys, a: Multiple): number {
  const socket = socketOf(sys, a.fd);
  const state = sys.state instanceof Several ? sys.state : new Several();
  return several(sys, Math.min(a.vlen, UIO_MAXIOV), state, (i) => {
    const at = a.mmsg + i * MMSGHDR_SIZE;
    const n = sendMessage(sys, socket, at, a.flags);
    if (n !== BLOCKED) sys.mem.writeU32(at + 56, n);
    return n;
  });
}

function sysRecvmmsg(sys: Sys, a: Multiple & { timeout: number }): number {
  const socket = socketOf(sys, a.fd);
  const state = sys.state instanceof Several ? sys.state : new Several();
  if (sys.state === undefined && a.timeout !== 0) {
    state.deadline = sys.kernel.now() + readTimespecMs(sys.mem, a.timeout);
  }
  return several(sys, Math.min(a.vlen, UIO_MAXIOV), state, (i) => {
    // The time limit is looked at between messages only, as in Linux.
    if (i > 0 && sys.kernel.now() >= state.deadline) throw linuxError(EAGAIN);
    const later = i > 0 && (a.flags & MSG_WAITFORONE) !== 0 ? MSG_DONTWAIT : 0;
    const at = a.mmsg + i * MMSGHDR_SIZE;
    const n = receiveMessage(sys, socket, at, (a.flags & ~MSG_WAITFORONE) | later);
    if (n !== BLOCKED) sys.mem.writeU32(at + 56, n);
    return n;
  });
}

interface Option {
  fd: number;
  level: number;
  optname: number;
  optval: number;
  optlen: number;
}

const FAMILIES = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK } as const;
const ACCEPT_FLAGS = { SOCK_CLOEXEC, SOCK_NONBLOCK } as const;
const HOW = { SHUT_RD: 0, SHUT_WR: 1, SHUT_RDWR: 2 } as const;
const createArgs = { family: Enum('AF', FAMILIES), type: HexInt, protocol: Int } as const;
const namedArgs = { fd: Fd, uservaddr: Ptr, addrlen: Int } as const;
const nameArgs = { fd: Fd, addr: Ptr, len: Ptr } as const;
const optionArgs = { fd: Fd, level: Int, optname: Int, optval: Ptr } as const;
const sendArgs = { fd: Fd, buf: InBuf('len'), len: Size, flags: HexInt } as const;
const receiveArgs = { fd: Fd, buf: OutBuf('len'), len: Size, flags: HexInt } as const;
const manyArgs = { fd: Fd, mmsg: Ptr, vlen: UInt, flags: HexInt } as const;

export const SOCKET_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    41,
    'socket',
    createArgs,
    sysSocket,
    'raw and packet sockets; families other than unix, netlink and (on loopback) IPv4 and IPv6',
  ),
  syscall(42, 'connect', namedArgs, sysConnect),
  syscall(43, 'accept', nameArgs, (sys, a) => sysAccept4(sys, { ...a, flags: 0 })),
  syscall(
    44,
    'sendto',
    { ...sendArgs, addr: Ptr, addrlen: Int },
    sysSendto,
    'MSG_OOB, MSG_ZEROCOPY',
  ),
  syscall(
    45,
    'recvfrom',
    { ...receiveArgs, addr: Ptr, addrlen: Ptr },
    sysRecvfrom,
    'MSG_OOB, MSG_ERRQUEUE',
  ),
  syscall(46, 'sendmsg', { fd: Fd, msg: Ptr, flags: HexInt }, sysSendmsg, 'MSG_OOB, MSG_ZEROCOPY'),
  syscall(47, 'recvmsg', { fd: Fd, msg: Ptr, flags: HexInt }, sysRecvmsg, 'MSG_OOB, MSG_ERRQUEUE'),
  syscall(48, 'shutdown', { fd: Fd, how: Enum('SHUT', HOW) }, sysShutdown),
  syscall(49, 'bind', namedArgs, sysBind),
  syscall(50, 'listen', { fd: Fd, backlog: Int }, sysListen),
  syscall(51, 'getsockname', nameArgs, sysGetsockname),
  syscall(52, 'getpeername', nameArgs, sysGetpeername),
  syscall(53, 'socketpair', { ...createArgs, usockvec: StructOut('int[2]') }, sysSocketpair),
  syscall(
    54,
    'setsockopt',
    { ...optionArgs, optlen: Int },
    (sys, a: Option) => setOption(sys, socketOf(sys, a.fd), a),
    'filters, multicast, effects of what only matters on a network',
  ),
  syscall(
    55,
    'getsockopt',
    { ...optionArgs, optlen: Ptr },
    (sys, a: Option) => getOption(sys, socketOf(sys, a.fd), a),
    'filters, multicast',
  ),
  syscall(288, 'accept4', { ...nameArgs, flags: Flags('SOCK', ACCEPT_FLAGS) }, sysAccept4),
  syscall(
    299,
    'recvmmsg',
    { ...manyArgs, timeout: StructIn('timespec') },
    sysRecvmmsg,
    'MSG_OOB, MSG_ERRQUEUE',
  ),
  syscall(307, 'sendmmsg', manyArgs, sysSendmmsg, 'MSG_OOB, MSG_ZEROCOPY'),
];
