/**
 * The ioctls by which programs ask for network interfaces (netdevice(7)). There is one: lo.
 *
 *   struct ifreq,  40 bytes: 0 name | 16 one of: sockaddr, flags (short), index, metric, mtu (int)
 *   struct ifconf, 16 bytes: 0 length (int) | 8 address of an array of ifreq, or NULL
 */

import { ENODEV, linuxError } from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import { AF_INET } from './constants.ts';

const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;

const NAME_SIZE = 16;
const IFREQ_SIZE = 40;
const ADDRESS_SIZE = 16;
const INDEX = 1;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
const ARPHRD_LOOPBACK = 772;

const NAME: Uint8Array = Uint8Array.of(0x6c, 0x6f);

function address(...ip: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_SIZE);
  bytes[0] = AF_INET;
  bytes.set(ip, 4);
  return bytes;
}

const LOOPBACK: Uint8Array = address(127, 0, 0, 1);

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** What follows the name, by request: for every socket. */
const ANSWERS: ReadonlyMap<number, Uint8Array> = new Map([
  // SIOCGIFFLAGS, SIOCGIFMETRIC, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN
  [0x8913, Uint8Array.of(IFF_UP | IFF_LOOPBACK | IFF_RUNNING, 0)],
  [0x891d, int(0)],
  [0x8921, int(65536)],
  [0x8927, Uint8Array.of(ARPHRD_LOOPBACK & 255, ARPHRD_LOOPBACK >> 8, ...new Uint8Array(14))],
  [0x8933, int(INDEX)],
  [0x8942, int(1000)],
]);

/** For sockets of IPv4. */
const INET_ANSWERS: ReadonlyMap<number, Uint8Array> = new Map([
  // SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK
  [0x8915, LOOPBACK],
  [0x8917, LOOPBACK],
  [0x8919, address(0, 0, 0, 0)],
  [0x891b, address(255, 0, 0, 0)],
]);

/** @returns whether the request was about interfaces */
export function interfaceIoctl(sys: Sys, domain: number, request: number, arg: number): boolean {
  const answer =
    ANSWERS.get(request) ?? (domain === AF_INET ? INET_ANSWERS.get(request) : undefined);
  if (answer !== undefined) {
    checkName(sys, arg);
    sys.mem.copyOut(arg + NAME_SIZE, answer);
  } else if (request === SIOCGIFNAME) {
    if (sys.mem.readI32(arg + NAME_SIZE) !== INDEX) throw linuxError(ENODEV);
    writeName(sys, arg);
  } else if (request === SIOCGIFCONF) {
    listInterfaces(sys, arg);
  } else return false;
  return true;
}

function writeName(sys: Sys, at: number): void {
  const name = new Uint8Array(NAME_SIZE);
  name.set(NAME);
  sys.mem.copyOut(at, name);
}

function checkName(sys: Sys, at: number): void {
  const name = new Uint8Array(NAME_SIZE);
  sys.mem.copyIn(at, name);
  const known = NAME.every((c, i) => name[i] === c) && name[NAME.length] === 0;
  if (!known) throw linuxError(ENODEV);
}

function listInterfaces(sys: Sys, arg: number): void {
  const room = sys.mem.readI32(arg);
  const to = sys.mem.readU64(arg + 8);
  const fits = to === 0 || room >= IFREQ_SIZE;
  if (to !== 0 && fits) {
    sys.mem.clear(to, IFREQ_SIZE);
    writeName(sys, to);
    sys.mem.copyOut(to + NAME_SIZE, LOOPBACK);
  }
  sys.mem.writeU32(arg, fits ? IFREQ_SIZE : 0);
}
