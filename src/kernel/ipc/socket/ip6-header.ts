/**
 * What the header of an IPv6 datagram says besides addresses (ipv6(7), RFC 3542): hop limit and traffic class. The
 * sender sets them by options, or by control messages for one datagram; receivers that ask get control messages.
 */

import { EINVAL, linuxError } from '../../errno.ts';
import {
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVTCLASS,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
} from './constants.ts';
import type { ControlMessage, Ip6Header } from './packets.ts';
import type { Socket } from './socket.ts';

const DEFAULT_HOP_LIMIT = 64;

/** @throws EINVAL if a control message is none of its kind */
export function ip6Header(socket: Socket, control: readonly ControlMessage[]): Ip6Header {
  let hopLimit = -1;
  let trafficClass = Math.max(option(socket, IPV6_TCLASS) ?? 0, 0);
  for (const { level, type, data } of control) {
    if (level !== IPPROTO_IPV6) continue;
    if (type === IPV6_HOPLIMIT) hopLimit = byteOrDefault(data);
    else if (type === IPV6_TCLASS) trafficClass = byteOrDefault(data);
  }
  if (hopLimit < 0) hopLimit = option(socket, IPV6_UNICAST_HOPS) ?? -1;
  return {
    hopLimit: hopLimit < 0 ? DEFAULT_HOP_LIMIT : hopLimit & 0xff,
    // Linux sends a -1 of a control message as it is, unlike the option's.
    trafficClass: trafficClass & 0xff,
  };
}

/** An int: 0 to 255, or -1 for the default. */
function byteOrDefault(data: Uint8Array): number {
  if (data.length !== 4) throw linuxError(EINVAL);
  const value = new DataView(data.buffer, data.byteOffset).getInt32(0, true);
  if (value < -1 || value > 0xff) throw linuxError(EINVAL);
  return value;
}

function option(socket: Socket, name: number): number | undefined {
  return socket.options.get((IPPROTO_IPV6 << 16) | name);
}

/** What a receiver has asked to be told of `header`, in Linux's order (ip6_datagram_recv_specific_ctl). */
export function ip6Control(socket: Socket, header: Ip6Header): ControlMessage[] {
  const asked: [number, number, number][] = [
    [IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, header.hopLimit],
    [IPV6_RECVTCLASS, IPV6_TCLASS, header.trafficClass],
  ];
  return asked
    .filter(([name]) => option(socket, name) === 1)
    .map(([, type, value]) => {
      const data = new Uint8Array(Int32Array.of(value).buffer);
      return { level: IPPROTO_IPV6, type, data };
    });
}
