/**
 * The bytes in a pipe: a ring of page-sized buffers, as in Linux (fs/pipe.c). A pipe is full when all
 * slots are in use, however few bytes they hold.
 *
 *     tail                head
 *      ▼                   ▼
 *     [####][######][##  ][    ]      a write goes behind the last bytes if all of its odd bytes
 *                                     (length modulo 4096) fit there, else into new slots
 *
 * Invariants: slots tail .. head-1 hold 1 to 4096 bytes each; a write of at most PIPE_BUF bytes
 * ends up whole in one slot, so it is atomic; pages are kept and reused until the pipe is unused (clear).
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { EFAULT, linuxError } from '../errno.ts';
import { takeHeap } from '../heap.ts';
import { BufferSource } from '../vfs/transfer.ts';
import type { IoSink, IoSource } from '../vfs/types.ts';

export const PIPE_BUF = 4096;
export const DEFAULT_SLOTS = 16;
/** Of a slot without its page. */
const SLOT_COST = 32;

export class PipeBuffer {
  /** Bytes in all slots (FIONREAD). */
  length = 0;
  private slots: number;
  private pages: (Uint8Array | null)[];
  private starts: Int32Array;
  private ends: Int32Array;
  /** Slots that hold a packet: a read ends behind it, and drops what it did not take (O_DIRECT). */
  private packets: Uint8Array;
  private head = 0;
  private tail = 0;
  private readonly heap: HeapAccount;
  /** Taken for slots. */
  private slotBytes = 0;

  constructor(heap: HeapAccount, slots: number = DEFAULT_SLOTS) {
    this.heap = heap;
    this.slots = slots;
    this.pages = new Array<Uint8Array | null>(slots).fill(null);
    this.starts = new Int32Array(slots);
    this.ends = new Int32Array(slots);
    this.packets = new Uint8Array(slots);
  }

  get empty(): boolean {
    return this.head === this.tail;
  }

  get full(): boolean {
    return this.head - this.tail === this.slots;
  }

  /** Bytes that fit at most (F_GETPIPE_SZ). */
  get capacity(): number {
    return this.slots * PIPE_BUF;
  }

  /** Puts the odd bytes of a new write behind the last ones, if they all fit. @returns bytes taken */
  merge(from: IoSource): number {
    const odd = from.remaining % PIPE_BUF;
    if (odd === 0 || this.empty) return 0;
    const last = (this.head - 1) % this.slots;
    if (this.packets[last] !== 0) return 0;
    const end = this.ends[last] as number;
    if (end + odd > PIPE_BUF) return 0;
    const n = from.take(this.pages[last] as Uint8Array, end, end + odd);
    this.ends[last] = end + n;
    this.length += n;
    return n;
  }

  /** Whether there is memory for the page of the next slot. */
  get hasMemory(): boolean {
    return this.pages[this.head % this.slots] != null || this.heap.hasRoom(PIPE_BUF);
  }

  /** Fills one free slot. @returns bytes taken; 0 also if there is no memory */
  append(from: IoSource, packet: boolean = false): number {
    const slot = this.head % this.slots;
    const page = this.pageOf(slot);
    if (page === null) return 0;
    const n = from.take(page, 0, Math.min(PIPE_BUF, from.remaining));
    if (n === 0) return 0;
    this.starts[slot] = 0;
    this.ends[slot] = n;
    this.packets[slot] = packet ? 1 : 0;
    this.head++;
    this.length += n;
    return n;
  }

  private pageOf(slot: number): Uint8Array | null {
    const page = this.pages[slot] ?? null;
    if (page !== null || !this.heap.take(PIPE_BUF)) return page;
    const made = new Uint8Array(PIPE_BUF);
    this.pages[slot] = made;
    return made;
  }

  /**
   * Moves bytes out until the sink is full or nothing is left. What faults half-way stays in its slot; EFAULT
   * if that is the first one. @returns how many
   */
  drain(to: IoSink): number {
    let done = 0;
    while (!this.empty && to.remaining > 0) {
      const slot = this.tail % this.slots;
      const start = this.starts[slot] as number;
      const end = this.ends[slot] as number;
      const wanted = Math.min(end - start, to.remaining);
      const n = to.put(this.pages[slot] as Uint8Array, start, end);
      if (to.faulted === true) {
        if (done === 0) throw linuxError(EFAULT);
        break;
      }
      done += n;
      this.length -= n;
      if (this.packets[slot] !== 0 && n === wanted) {
        this.length -= end - start - n;
        this.tail++;
        break;
      }
      this.starts[slot] = start + n;
      if (start + n < end) break;
      this.tail++;
    }
    return done;
  }

  /** Copies slots to `to`, which must not be full, up to `count` bytes. @returns how many; nothing leaves (tee) */
  copyTo(to: PipeBuffer, count: number): number {
    let done = 0;
    for (let i = this.tail; i < this.head && done < count && !to.full; i++) {
      const slot = i % this.slots;
      const start = this.starts[slot] as number;
      const end = Math.min(this.ends[slot] as number, start + count - done);
      const bytes = (this.pages[slot] as Uint8Array).subarray(start, end);
      done += to.append(new BufferSource(bytes), this.packets[slot] !== 0);
    }
    return done;
  }

  /** Nobody uses the pipe any more. */
  clear(): void {
    this.head = this.tail = 0;
    this.resize(Math.min(this.slots, DEFAULT_SLOTS));
    this.length = 0;
  }

  /** Those of every pipe are in the cost of its file. */
  private chargeSlots(slots: number): void {
    const bytes = Math.max(0, slots - DEFAULT_SLOTS) * SLOT_COST;
    if (bytes > this.slotBytes) takeHeap(this.heap, bytes - this.slotBytes);
    else this.heap.give(this.slotBytes - bytes);
    this.slotBytes = bytes;
  }

  private givePages(): void {
    for (const page of this.pages) if (page !== null) this.heap.give(PIPE_BUF);
  }

  /** Changes the number of slots; throws ENOMEM without memory for them. @returns false if more are in use */
  resize(slots: number): boolean {
    const used = this.head - this.tail;
    if (used > slots) return false;
    this.chargeSlots(slots);
    const pages = new Array<Uint8Array | null>(slots).fill(null);
    const starts = new Int32Array(slots);
    const ends = new Int32Array(slots);
    const packets = new Uint8Array(slots);
    for (let i = 0; i < used; i++) {
      const old = (this.tail + i) % this.slots;
      pages[i] = this.pages[old] as Uint8Array;
      this.pages[old] = null;
      starts[i] = this.starts[old] as number;
      ends[i] = this.ends[old] as number;
      packets[i] = this.packets[old] as number;
    }
    this.givePages();
    this.slots = slots;
    this.pages = pages;
    this.starts = starts;
    this.ends = ends;
    this.packets = packets;
    this.tail = 0;
    this.head = used;
    return true;
  }
}
