/**
 * The only network interface, lo, and the requests of netdevice(7) about it, which every socket takes: what
 * ifconfig(8) and ip(8) use.
 *
 *   struct ifreq, 40 bytes: 0 name | 16 flags, index, MTU or sockaddr
 *
 * Its addresses are 127.0.0.1/8 and ::1/128 and stay; it can be set up and down, and down nothing reaches anything.
 */

import { CAP } from '../../cred/cred.ts';
import { EINVAL, ENODEV, EOPNOTSUPP, EPERM, linuxError } from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import { AF_INET } from './constants.ts';

const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFADDR = 0x8915;
const SIOCSIFADDR = 0x8916;
const SIOCGIFDSTADDR = 0x8917;
const SIOCGIFBRDADDR = 0x8919;
const SIOCGIFNETMASK = 0x891b;
const SIOCSIFNETMASK = 0x891c;
const SIOCGIFMETRIC = 0x891d;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const SIOCGIFTXQLEN = 0x8942;
const SIOCGIFMAP = 0x8970;

const IFREQ_SIZE = 40;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const IFF_RUNNING = 0x40;

export const LO = { name: 'lo', index: 1, mtu: 65536, queue: 1000, arp: 772 } as const;
const ADDRESS: readonly number[] = [127, 0, 0, 1];
const NETMASK: readonly number[] = [255, 0, 0, 0];

export class Loopback {
  up = true;

  get flags(): number {
    return IFF_LOOPBACK | (this.up ? IFF_UP | IFF_RUNNING : 0);
  }

  /** Sets IFF_UP as in `flags`; nothing else can be changed. Throws EPERM. */
  setFlags(sys: Sys, flags: number): void {
    if (!sys.task.cred.has(CAP.NET_ADMIN)) throw linuxError(EPERM);
    this.up = (flags & IFF_UP) !== 0;
  }
}

/** struct sockaddr_in of an address. */
function inetAddress(ip: readonly number[]): Uint8Array {
  return Uint8Array.from([AF_INET, 0, 0, 0, ...ip, 0, 0, 0, 0, 0, 0, 0, 0]);
}

function nameAt(sys: Sys, at: number): string {
  const bytes = new Uint8Array(16);
  sys.mem.copyIn(at, bytes);
  const end = bytes.indexOf(0);
  return String.fromCharCode(...bytes.subarray(0, end < 0 ? 15 : end));
}

function nameBytes(): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < LO.name.length; i++) bytes[i] = LO.name.charCodeAt(i);
  return bytes;
}

/** Which requests only sockets of IPv4 take. */
const INET_ONLY: ReadonlySet<number> = new Set([
  SIOCGIFADDR,
  SIOCGIFDSTADDR,
  SIOCGIFBRDADDR,
  SIOCGIFNETMASK,
]);

/** @returns the result, or null for a request that is not one of these */
export function interfaceIoctl(
  sys: Sys,
  domain: number,
  request: number,
  arg: number,
): number | null {
  if (request < SIOCGIFNAME || request > SIOCGIFMAP) return null;
  if (domain !== AF_INET && INET_ONLY.has(request)) return null;
  if (request === SIOCGIFCONF) return listInterfaces(sys, arg);
  if (request === SIOCGIFNAME) {
    if (sys.mem.readI32(arg + 16) !== LO.index) throw linuxError(ENODEV);
    sys.mem.copyOut(arg, nameBytes());
    return 0;
  }
  const get = answer(sys, request);
  const sets = request === SIOCSIFFLAGS || request === SIOCSIFADDR || request === SIOCSIFNETMASK;
  if (get === null && !sets) return null;
  // An alias (lo:1) is the interface itself.
  if (nameAt(sys, arg).split(':')[0] !== LO.name) throw linuxError(ENODEV);
  if (get === null) return change(sys, request, arg);
  sys.mem.copyOut(arg + 16, get);
  return 0;
}

/** What a request about lo puts behind the name. */
function answer(sys: Sys, request: number): Uint8Array | null {
  const { loopback } = sys.kernel;
  const word = (n: number): Uint8Array => new Uint8Array(Int32Array.of(n).buffer);
  switch (request) {
    case SIOCGIFFLAGS:
      return word(loopback.flags).subarray(0, 2);
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
      return inetAddress(ADDRESS);
    case SIOCGIFBRDADDR:
      return inetAddress([0, 0, 0, 0]);
    case SIOCGIFNETMASK:
      return inetAddress(NETMASK);
    case SIOCGIFMETRIC:
      return word(0);
    case SIOCGIFMTU:
      return word(LO.mtu);
    case SIOCGIFHWADDR:
      return Uint8Array.from([LO.arp & 0xff, LO.arp >> 8, 0, 0, 0, 0, 0, 0]);
    case SIOCGIFINDEX:
      return word(LO.index);
    case SIOCGIFTXQLEN:
      return word(LO.queue);
    case SIOCGIFMAP:
      return new Uint8Array(24);
    default:
      return null;
  }
}

function change(sys: Sys, request: number, arg: number): number {
  if (request === SIOCSIFFLAGS) {
    sys.kernel.loopback.setFlags(sys, sys.mem.readU16(arg + 16));
    return 0;
  }
  if (!sys.task.cred.has(CAP.NET_ADMIN)) throw linuxError(EPERM);
  const wanted = request === SIOCSIFADDR ? ADDRESS : NETMASK;
  if (sys.mem.readU16(arg + 16) !== AF_INET) throw linuxError(EINVAL);
  if (wanted.some((b, i) => sys.mem.readU8(arg + 20 + i) !== b)) throw linuxError(EOPNOTSUPP);
  return 0;
}

/** struct ifconf: 0 length in bytes | 8 buffer, or NULL to ask for the length. */
function listInterfaces(sys: Sys, arg: number): number {
  const room = sys.mem.readI32(arg);
  const buf = sys.mem.readU64(arg + 8);
  const fits = buf === 0 || room >= IFREQ_SIZE;
  if (fits && buf !== 0) {
    const entry = new Uint8Array(IFREQ_SIZE);
    entry.set(nameBytes());
    entry.set(inetAddress(ADDRESS), 16);
    sys.mem.copyOut(buf, entry);
  }
  sys.mem.writeU32(arg, fits ? IFREQ_SIZE : 0);
  return 0;
}
