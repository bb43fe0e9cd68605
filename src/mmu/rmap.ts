/**
 * Reverse map: frame → every (address space, page) whose page table entry names it. Truncate and
 * write-back find the entries of a file page by it, and the audit compares it with reference counts.
 *
 * Singly linked lists in typed arrays, so that mapping a page allocates nothing. Most frames have
 * one entry; the zero page has none (it is not recorded).
 */

import { panic } from '../common/panic.ts';

export class ReverseMap {
  /** First node of a frame's list, 0: none. */
  private readonly head: Int32Array;
  private next: Int32Array = new Int32Array(1024);
  private space: Int32Array = new Int32Array(1024);
  /** Page numbers have up to 35 bits. */
  private vpn: Float64Array = new Float64Array(1024);
  private freeNode = 0;
  /** Node 0 means "none". */
  private used = 1;

  constructor(frames: number) {
    this.head = new Int32Array(frames);
  }

  add(frame: number, space: number, vpn: number): void {
    let node = this.freeNode;
    if (node !== 0) this.freeNode = this.next[node]!;
    else {
      if (this.used === this.next.length) this.grow();
      node = this.used++;
    }
    this.space[node] = space;
    this.vpn[node] = vpn;
    this.next[node] = this.head[frame]!;
    this.head[frame] = node;
  }

  remove(frame: number, space: number, vpn: number): void {
    let before = 0;
    let node = this.head[frame]!;
    while (node !== 0 && (this.space[node] !== space || this.vpn[node] !== vpn)) {
      before = node;
      node = this.next[node]!;
    }
    if (node === 0) panic(`frame ${frame} is not mapped at page ${vpn.toString(16)} of ${space}`);
    if (before === 0) this.head[frame] = this.next[node]!;
    else this.next[before] = this.next[node]!;
    this.next[node] = this.freeNode;
    this.freeNode = node;
  }

  count(frame: number): number {
    let n = 0;
    for (let node = this.head[frame]!; node !== 0; node = this.next[node]!) n++;
    return n;
  }

  /** Calls `visit` for each mapping; it may remove the one it is called with, and no other. */
  forEach(frame: number, visit: (space: number, vpn: number) => void): void {
    let node = this.head[frame]!;
    while (node !== 0) {
      const next = this.next[node]!;
      visit(this.space[node]!, this.vpn[node]!);
      node = next;
    }
  }

  private grow(): void {
    const size = this.next.length * 2;
    const next = new Int32Array(size);
    const space = new Int32Array(size);
    const vpn = new Float64Array(size);
    next.set(this.next);
    space.set(this.space);
    vpn.set(this.vpn);
    this.next = next;
    this.space = space;
    this.vpn = vpn;
  }
}
