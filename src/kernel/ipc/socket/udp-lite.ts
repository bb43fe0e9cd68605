/**
 * UDP-Lite (udplite(7), RFC 3828): UDP whose checksum may cover only the first bytes of a datagram. Nothing is damaged
 * on the loopback, but receivers refuse datagrams of which too little is covered.
 */

import { IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, UDPLITE_SEND_CSCOV } from './constants.ts';
import type { Socket } from './socket.ts';

const UDP_HEADER = 8;

function coverage(socket: Socket, name: number): number | undefined {
  return socket.options.get((IPPROTO_UDPLITE << 16) | name);
}

/** The value that is kept: the header is always covered, 0 is all. */
export function keptCoverage(value: number): number {
  return value === 0 ? 0 : Math.min(Math.max(value, UDP_HEADER), 0xffff);
}

/** Whether `to` refuses a datagram of `length` bytes of `from` (udp_queue_rcv_one_skb). */
export function refusesCoverage(to: Socket, from: Socket, length: number): boolean {
  const wanted = coverage(to, UDPLITE_RECV_CSCOV);
  const covered = coverage(from, UDPLITE_SEND_CSCOV) ?? 0;
  if (wanted === undefined || covered === 0 || covered >= length + UDP_HEADER) return false;
  return wanted === 0 || covered < wanted;
}
