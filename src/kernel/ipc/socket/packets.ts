/**
 * What waits in a socket to be received: packets with their sender, descriptors (SCM_RIGHTS) and
 * credentials.
 *
 * Invariants: a packet of a datagram or seqpacket socket is one message; in a stream the bounds mean
 * nothing, except that a read ends behind a packet with descriptors, and that bytes of senders with
 * different credentials are not mixed when these are asked for (unix_stream_read_generic). A descriptor
 * in a packet holds a reference to its file.
 */

import type { HeapAccount } from '../../../mmu/heap-account.ts';
import { takeHeap } from '../../heap.ts';
import type { IoSink, IoSource, OpenFile } from '../../vfs/types.ts';

/** struct ucred. */
export interface Ucred {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** What IPv6 datagrams say of themselves (ip6-header.ts). */
export interface Ip6Header {
  readonly hopLimit: number;
  readonly trafficClass: number;
}

/** What goes with the bytes of a send. */
export interface Ancillary {
  rights: OpenFile[] | null;
  readonly cred: Ucred | null;
  /** Control messages of other levels than SOL_SOCKET. */
  readonly control?: readonly ControlMessage[];
}

export interface Packet extends Ancillary {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
  /** Encoded address of the sender (datagrams); null if it has no name. */
  readonly from: Uint8Array | null;
  readonly ip6?: Ip6Header | null;
}

/** What a receive gives besides bytes. */
export interface Received {
  rights: OpenFile[] | null;
  cred: Ucred | null;
  from: Uint8Array | null;
  ip6: Ip6Header | null;
  /** Length of the whole message; more than was delivered if it was cut. */
  full: number;
}

export function nothingReceived(): Received {
  return { rights: null, cred: null, from: null, ip6: null, full: 0 };
}

/** Small writes to a stream share buffers of this size. */
const SHARED_BUFFER = 4096;
/** What a packet takes beside its bytes: of the sender's buffer, and of the host's heap (SKB_TRUESIZE(0)). */
export const PACKET_COST = 768;

function costOf(bytes: Uint8Array): number {
  return bytes.length + PACKET_COST;
}

export class PacketQueue {
  /** Bytes in all packets. */
  length = 0;
  private packets: Packet[] = [];
  private readonly heap: HeapAccount;

  constructor(heap: HeapAccount) {
    this.heap = heap;
  }

  /** Bytes in all packets, and what the packets take themselves. */
  get cost(): number {
    return this.length + this.packets.length * PACKET_COST;
  }

  /** Whether there is memory for bytes of a stream. */
  get hasMemory(): boolean {
    return this.heap.hasRoom(SHARED_BUFFER + PACKET_COST);
  }

  get count(): number {
    return this.packets.length;
  }

  /** Length of the first packet. */
  get firstLength(): number {
    const p = this.packets[0];
    return p === undefined ? 0 : p.end - p.start;
  }

  /** Adds up to `limit` bytes of a stream. @returns bytes taken */
  addStream(from: IoSource, limit: number, extra: Ancillary): number {
    let wanted = Math.min(from.remaining, limit);
    const last = this.packets[this.packets.length - 1];
    if (last !== undefined && extra.rights === null && sameStream(last, extra, wanted)) {
      const n = from.take(last.bytes, last.end, last.end + wanted);
      last.end += n;
      this.length += n;
      return n;
    }
    if (!this.heap.hasRoom(wanted + PACKET_COST)) wanted = Math.min(wanted, SHARED_BUFFER);
    if (!this.hasMemory) return 0;
    const bytes = new Uint8Array(Math.max(wanted, SHARED_BUFFER));
    const n = from.take(bytes, 0, wanted);
    if (n > 0) this.push({ ...extra, bytes, start: 0, end: n, from: null });
    return n;
  }

  /** Throws ENOMEM if there is no memory for it. */
  push(packet: Packet): void {
    takeHeap(this.heap, costOf(packet.bytes));
    this.packets.push(packet);
    this.length += packet.end - packet.start;
  }

  /** Gives bytes of a stream. @returns how many */
  takeStream(to: IoSink, peek: boolean, wantCred: boolean, got: Received): number {
    let done = 0;
    for (let i = 0; i < this.packets.length && to.remaining > 0; ) {
      const p = this.packets[i] as Packet;
      if (wantCred && done > 0 && !sameCred(p.cred, got.cred)) break;
      const n = to.put(p.bytes, p.start, p.end);
      done += n;
      got.cred = p.cred;
      const last = p.rights !== null || n < p.end - p.start;
      this.giveRights(p, peek, got);
      if (peek) i++;
      else {
        this.length -= n;
        p.start += n;
        if (p.start === p.end) this.shift();
      }
      if (last) break;
    }
    return done;
  }

  /** Gives one message; what does not fit is lost. @returns bytes given */
  takeMessage(to: IoSink, peek: boolean, got: Received): number {
    const p = this.packets[0] as Packet;
    got.full = p.end - p.start;
    got.cred = p.cred;
    got.from = p.from;
    got.ip6 = p.ip6 ?? null;
    const n = p.end > p.start && to.remaining > 0 ? to.put(p.bytes, p.start, p.end) : 0;
    this.giveRights(p, peek, got);
    if (!peek) {
      this.shift();
      this.length -= got.full;
    }
    return n;
  }

  private shift(): void {
    const p = this.packets.shift() as Packet;
    this.heap.give(costOf(p.bytes));
  }

  private giveRights(p: Packet, peek: boolean, got: Received): void {
    if (p.rights === null) return;
    got.rights = p.rights;
    if (peek) for (const file of p.rights) file.retain();
    else p.rights = null;
  }

  /** Nobody will receive what is left. */
  clear(): void {
    // Cleared first: what the rights were may be this very socket.
    const { packets } = this;
    this.packets = [];
    for (const p of packets) {
      this.heap.give(costOf(p.bytes));
      releaseRights(p.rights);
    }
    this.length = 0;
  }
}

/** Descriptions to release; not empty only within releaseRights(). */
const unreleased: OpenFile[] = [];
let releasing = false;

/** The last release of a socket releases what waits in it: one after the other, since such chains can be long. */
export function releaseRights(rights: readonly OpenFile[] | null): void {
  if (rights === null) return;
  for (const file of rights) unreleased.push(file);
  if (releasing) return;
  releasing = true;
  try {
    for (let file = unreleased.pop(); file !== undefined; file = unreleased.pop()) file.release();
  } finally {
    releasing = false;
  }
}

function sameCred(a: Ucred | null, b: Ucred | null): boolean {
  if (a === null || b === null) return a === b;
  return a.pid === b.pid && a.uid === b.uid && a.gid === b.gid;
}

function sameStream(last: Packet, extra: Ancillary, wanted: number): boolean {
  const fits = last.bytes.length - last.end >= wanted;
  return fits && last.rights === null && sameCred(last.cred, extra.cred);
}
