/**
 * /proc/net: sockets and interfaces as netstat(8), ss(8) and ifconfig(8) read them (proc(5); net/ipv4/tcp_ipv4.c,
 * udp.c, net/unix/af_unix.c, net/core/net-procfs.c).
 *
 * Shown are the sockets that some process has open; of TCP those that listen or are connected, of UDP those with a
 * port, as Linux does. Nothing travels over an interface here, so the counters of the loopback are zero.
 */

import { unlessErrno } from '../../errno.ts';
import { AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_STREAM } from '../../ipc/socket/constants.ts';
import { Socket } from '../../ipc/socket/socket.ts';
import type { Kernel } from '../../kernel.ts';
import { fixedDirectory, type PseudoDirectory, type PseudoFs } from './node.ts';
import { PseudoText } from './text.ts';

/** Widths to which lines of the tables are filled up (TMPSZ - 1, and 127). */
const TCP_WIDTH = 149;
const UDP_WIDTH = 127;
const TCP_ESTABLISHED = 1;
const TCP_CLOSE = 7;
const TCP_LISTEN = 10;
const UNIX_UNCONNECTED = 1;
const UNIX_CONNECTED = 3;
/** __SO_ACCEPTCON */
const ACCEPTS = 0x10000;

function hex(n: number, width: number): string {
  return n.toString(16).toUpperCase().padStart(width, '0');
}

/** All open sockets of a family and type, each once. */
function socketsOf(kernel: Kernel, domain: number, type: number | null): Socket[] {
  const found = new Set<Socket>();
  for (const { files } of kernel.tasks.values()) {
    files.forEach((_fd, file) => {
      if (!(file instanceof Socket) || file.domain !== domain) return;
      if (type === null || file.type === type) found.add(file);
    });
  }
  return [...found];
}

/** sockaddr_in or sockaddr_in6 as words in the machine's byte order, and the port. */
function addressText(domain: number, address: Uint8Array | null): string {
  const words = domain === AF_INET ? 1 : 4;
  if (address === null) return `${'0'.repeat(words * 8)}:0000`;
  const d = new DataView(address.buffer, address.byteOffset, address.byteLength);
  const at = domain === AF_INET ? 4 : 8;
  let text = '';
  for (let i = 0; i < words; i++) text += hex(d.getUint32(at + i * 4, true), 8);
  return `${text}:${hex(d.getUint16(2), 4)}`;
}

function portOf(address: Uint8Array): number {
  return ((address[2] as number) << 8) | (address[3] as number);
}

function inetLine(socket: Socket, index: number, state: number, rest: string): string {
  const { domain, inode } = socket;
  const local = addressText(domain, socket.localName());
  const remote = addressText(
    domain,
    unlessErrno(() => socket.peerName()),
  );
  const queues = `${hex(socket.unsent(), 8)}:${hex(socket.unread(), 8)}`;
  const uid = String(inode?.uid ?? 0).padStart(5);
  return (
    `${local} ${remote} ${hex(state, 2)} ${queues} 00:00000000 00000000 ${uid} ${'0'.padStart(8)} ` +
    `${inode?.ino ?? 0} ${rest}`
  ).replace(/^/, `${String(index).padStart(4)}: `);
}

function table(header: string, width: number, lines: readonly string[]): string {
  return [header, ...lines].map((line) => `${line.padEnd(width)}\n`).join('');
}

const V4_HEADER = 'local_address rem_address   st';
const V6_HEADER = 'local_address                         remote_address                        st';
const COLUMNS = 'tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const UDP_COLUMNS = `${COLUMNS} ref pointer drops`;

function tcpText(kernel: Kernel, domain: number): string {
  const lines: string[] = [];
  for (const socket of socketsOf(kernel, domain, SOCK_STREAM)) {
    const connected = unlessErrno(() => socket.peerName()) !== null;
    if (!socket.listening && !connected) continue;
    const state = connected ? TCP_ESTABLISHED : TCP_LISTEN;
    const rest = `1 0000000000000000 ${connected ? '20 4 0 10 -1' : '100 0 0 10 0'}`;
    lines.push(inetLine(socket, lines.length, state, rest));
  }
  if (domain === AF_INET) return table(`  sl  ${V4_HEADER} ${COLUMNS}`, TCP_WIDTH, lines);
  return table(`  sl  ${V6_HEADER} ${COLUMNS}`, 0, lines);
}

function udpText(kernel: Kernel, domain: number): string {
  const lines: string[] = [];
  for (const socket of socketsOf(kernel, domain, SOCK_DGRAM)) {
    if (portOf(socket.localName()) === 0) continue;
    const connected = unlessErrno(() => socket.peerName()) !== null;
    const state = connected ? TCP_ESTABLISHED : TCP_CLOSE;
    // udp counts in hash slots, so its numbers have one column more.
    const line = inetLine(socket, portOf(socket.localName()) & 0xff, state, '2 0000000000000000 0');
    lines.push(domain === AF_INET ? ` ${line}` : line);
  }
  if (domain === AF_INET) return table(`   sl  ${V4_HEADER} ${UDP_COLUMNS}`, UDP_WIDTH, lines);
  return table(`  sl  ${V6_HEADER} ${UDP_COLUMNS}`, 0, lines);
}

function unixText(kernel: Kernel): string {
  let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  for (const socket of socketsOf(kernel, AF_UNIX, null)) {
    const connected = unlessErrno(() => socket.peerName()) !== null;
    const name = socket.localName().subarray(2);
    let path = '';
    for (const c of name) path += c === 0 ? '@' : String.fromCharCode(c);
    // The zero at the end of a path is not shown, the one that begins an abstract name is.
    if (name[0] !== 0) path = path.replace(/@$/, '');
    text +=
      `0000000000000000: ${hex(connected ? 3 : 2, 8)} 00000000 ` +
      `${hex(socket.listening ? ACCEPTS : 0, 8)} ${hex(socket.type, 4)} ` +
      `${hex(connected ? UNIX_CONNECTED : UNIX_UNCONNECTED, 2)} ` +
      `${String(socket.inode?.ino ?? 0).padStart(5)}${path === '' ? '' : ` ${path}`}\n`;
  }
  return text;
}

function devicesText(): string {
  const zeros = [8, 8, 5, 5, 5, 6, 11, 10, 9, 8, 5, 5, 5, 6, 8, 11];
  const counters = zeros.map((width, i) => '0'.padStart(i === 0 ? width - 1 : width)).join('');
  return (
    'Inter-|   Receive                                                |  Transmit\n' +
    ' face |bytes    packets errs drop fifo frame compressed multicast|' +
    'bytes    packets errs drop fifo colls carrier compressed\n' +
    `    lo:${counters}\n`
  );
}

const ROUTE_HEADER =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const ARP_HEADER =
  'IP address       HW type     Flags       HW address            Mask     Device\n';
const IF_INET6 = '00000000000000000000000000000001 01 80 10 80       lo\n';

export function netDirectory(fs: PseudoFs): PseudoDirectory {
  const { kernel } = fs;
  const text = (generate: () => string): PseudoText => new PseudoText(fs, generate);
  return fixedDirectory(fs, {
    arp: text(() => ARP_HEADER),
    dev: text(devicesText),
    if_inet6: text(() => IF_INET6),
    // There are no raw sockets.
    raw: text(() => table(`  sl  ${V4_HEADER} ${UDP_COLUMNS}`, 0, [])),
    raw6: text(() => table(`  sl  ${V6_HEADER} ${UDP_COLUMNS}`, 0, [])),
    // The loopback's own routes are in no table that is shown here.
    route: text(() => table(ROUTE_HEADER, UDP_WIDTH, [])),
    tcp: text(() => tcpText(kernel, AF_INET)),
    tcp6: text(() => tcpText(kernel, AF_INET6)),
    udp: text(() => udpText(kernel, AF_INET)),
    udp6: text(() => udpText(kernel, AF_INET6)),
    unix: text(() => unixText(kernel)),
  });
}
