/**
 * Guest RAM as frames of 4 KiB from RAM_BASE on: who has which, and how often it is referenced.
 *
 * Frames are grouped in blocks of 512 (2 MiB, aligned), so that 2 MiB pages can be had: single
 * frames come from blocks that are broken already, and a block whose frames are all free again is
 * whole. Blocks with free frames are in one of two doubly linked lists, `partial` and `whole`.
 *
 * Invariants: a free frame has 0 references; a frame that was just allocated has 0 references too
 * and belongs to the caller, who maps it, retains it, or gives it back by `discard`. Frame 0 is the
 * zero page: always there, never written, not counted. Frames never handed out before are zero
 * because the memory is, so they are not cleared (and stay unbacked by the host until touched).
 */

import { HUGE_PAGE_FRAMES, PAGE_SHIFT, PAGE_SIZE, RAM_BASE } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { panic } from '../common/panic.ts';

export const ZERO_FRAME = 0;

export const FRAME_FREE = 0;
/** The zero page. */
export const FRAME_ZERO = 1;
/** Private memory of address spaces. */
export const FRAME_ANON = 2;
/** Owned by a page cache, which holds one reference. */
export const FRAME_CACHE = 3;

const NONE = -1;
const WORDS = HUGE_PAGE_FRAMES / 32;

/**
 * Tries to free about `wanted` frames, and those that were not used lately; `all`: also others, as there is nothing else
 * left.
 */
export type Reclaimer = (wanted: number, all: boolean) => unknown;

export function frameHost(frame: number): number {
  return RAM_BASE + (frame << PAGE_SHIFT);
}

export function hostFrame(host: number): number {
  return (host - RAM_BASE) >>> PAGE_SHIFT;
}

/** A doubly linked list of blocks whose links are shared arrays: a block is in one list at most. */
class BlockList {
  first: number = NONE;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;

  constructor(next: Int32Array, prev: Int32Array) {
    this.next = next;
    this.prev = prev;
  }

  push(block: number): void {
    this.prev[block] = NONE;
    this.next[block] = this.first;
    if (this.first !== NONE) this.prev[this.first] = block;
    this.first = block;
  }

  remove(block: number): void {
    const { next, prev } = this;
    if (prev[block] !== NONE) next[prev[block]!] = next[block]!;
    else this.first = next[block]!;
    if (next[block] !== NONE) prev[next[block]!] = prev[block]!;
  }
}

export class FrameAllocator {
  readonly total: number;
  /** References: page table entries, plus one of the page cache that owns the frame. */
  readonly refs: Int32Array;
  readonly kind: Uint8Array;
  /** 1: a page cache used the frame since it was last asked for frames (second chance). */
  readonly accessed: Uint8Array;
  free: number;
  /** Called with a frame that is about to be free: nothing may remember its contents. */
  onFree: (frame: number) => void = () => {};

  private readonly memory: LinearMemory;
  /** Bit set: frame free. */
  private readonly bitmap: Int32Array;
  private readonly freeInBlock: Int32Array;
  /** 1: the frame was handed out before, so it may hold anything. */
  private readonly used: Uint8Array;
  private readonly partial: BlockList;
  private readonly whole: BlockList;
  private readonly reclaimers = new Set<Reclaimer>();
  /** Frames that are reclaimed at once. */
  private readonly batch: number;
  private reclaiming = false;
  /** Whether the frame that takeSingle returned last had been handed out before. */
  private tookUsed = false;

  constructor(memory: LinearMemory) {
    this.memory = memory;
    this.total = (memory.U8.length - RAM_BASE) >>> PAGE_SHIFT;
    const blocks = Math.ceil(this.total / HUGE_PAGE_FRAMES);
    if (blocks === 0) panic('no room for guest RAM');
    this.refs = new Int32Array(this.total);
    this.kind = new Uint8Array(this.total);
    this.accessed = new Uint8Array(this.total);
    this.batch = Math.max(128, this.total >>> 5);
    this.used = new Uint8Array(this.total);
    this.bitmap = new Int32Array(blocks * WORDS);
    this.freeInBlock = new Int32Array(blocks);
    const next = new Int32Array(blocks);
    const prev = new Int32Array(blocks);
    this.partial = new BlockList(next, prev);
    this.whole = new BlockList(next, prev);
    this.free = this.total;
    for (let block = blocks - 1; block >= 0; block--) this.addBlock(block);
    if (this.freeInBlock[0] === HUGE_PAGE_FRAMES) {
      // The zero page is in block 0, whatever the last, shorter block is like.
      this.whole.remove(0);
      this.partial.push(0);
    }
    const zero = this.takeSingle(FRAME_ZERO);
    if (zero !== ZERO_FRAME) panic(`the zero page is frame ${zero}`);
  }

  /** A frame with any contents and no references yet, or -1: out of memory. */
  alloc(kind: number): number {
    if (this.free === 0 && !this.reclaim(1)) return -1;
    return this.takeSingle(kind);
  }

  /** As `alloc`, cleared. */
  allocZeroed(kind: number): number {
    if (this.free === 0 && !this.reclaim(1)) return -1;
    const frame = this.takeSingle(kind);
    if (this.tookUsed) this.clear(frame);
    return frame;
  }

  /** 512 contiguous cleared frames, aligned: the first one, or -1 if there is no such block. */
  allocBlock(kind: number): number {
    const block = this.whole.first;
    if (block === NONE) return -1;
    this.whole.remove(block);
    const first = block * HUGE_PAGE_FRAMES;
    this.bitmap.fill(0, block * WORDS, (block + 1) * WORDS);
    this.freeInBlock[block] = 0;
    this.free -= HUGE_PAGE_FRAMES;
    for (let f = first; f < first + HUGE_PAGE_FRAMES; f++) {
      this.kind[f] = kind;
      if (this.used[f] !== 0) this.clear(f);
      this.used[f] = 1;
    }
    return first;
  }

  /** Gives back a frame that was allocated but never referenced. */
  discard(frame: number): void {
    if (this.refs[frame] !== 0) panic(`discard of frame ${frame} with ${this.refs[frame]} refs`);
    this.putBack(frame);
  }

  retain(frame: number): void {
    if (frame === ZERO_FRAME) return;
    if (this.kind[frame] === FRAME_FREE) panic(`reference to free frame ${frame}`);
    this.refs[frame]!++;
  }

  release(frame: number): void {
    if (frame === ZERO_FRAME) return;
    const left = --this.refs[frame]!;
    if (left < 0) panic(`frame ${frame} released too often`);
    if (left === 0) this.putBack(frame);
  }

  /** Called before an allocation fails; returns a function that unregisters. */
  addReclaimer(reclaimer: Reclaimer): () => void {
    this.reclaimers.add(reclaimer);
    return () => void this.reclaimers.delete(reclaimer);
  }

  clear(frame: number): void {
    const host = frameHost(frame);
    this.memory.U8.fill(0, host, host + PAGE_SIZE);
  }

  copy(to: number, from: number): void {
    const host = frameHost(from);
    this.memory.U8.copyWithin(frameHost(to), host, host + PAGE_SIZE);
  }

  /** Asks the reclaimers for frames. Not re-entered when a reclaimer allocates (write-back). */
  reclaim(wanted: number): boolean {
    if (this.reclaiming) return this.free > 0;
    this.reclaiming = true;
    try {
      const goal = Math.max(wanted, Math.min(this.batch, this.total >>> 1));
      this.askAll(goal, false);
      if (this.free < wanted) this.askAll(goal, false);
      if (this.free < wanted) this.askAll(wanted, true);
    } finally {
      this.reclaiming = false;
    }
    return this.free >= wanted;
  }

  /** Asks one after the other until `goal` frames are free; the next time others come first. */
  private askAll(goal: number, all: boolean): void {
    for (let left = this.reclaimers.size; left > 0 && this.free < goal; left--) {
      const [first] = this.reclaimers;
      if (first === undefined) return;
      this.reclaimers.delete(first);
      this.reclaimers.add(first);
      first(goal - this.free, all);
    }
  }

  private addBlock(block: number): void {
    const first = block * HUGE_PAGE_FRAMES;
    const count = Math.min(HUGE_PAGE_FRAMES, this.total - first);
    const word = block * WORDS;
    this.bitmap.fill(-1, word, word + (count >>> 5));
    if ((count & 31) !== 0) this.bitmap[word + (count >>> 5)] = (1 << (count & 31)) - 1;
    this.freeInBlock[block] = count;
    (count === HUGE_PAGE_FRAMES ? this.whole : this.partial).push(block);
  }

  private takeSingle(kind: number): number {
    let block = this.partial.first;
    if (block === NONE) {
      block = this.whole.first;
      if (block === NONE) panic('frame accounting is wrong: no block has the free frames');
      this.whole.remove(block);
      this.partial.push(block);
    }
    const frame = block * HUGE_PAGE_FRAMES + this.takeBit(block);
    if (--this.freeInBlock[block]! === 0) this.partial.remove(block);
    this.free--;
    this.kind[frame] = kind;
    this.tookUsed = this.used[frame] !== 0;
    this.used[frame] = 1;
    return frame;
  }

  private takeBit(block: number): number {
    const base = block * WORDS;
    for (let w = 0; w < WORDS; w++) {
      const bits = this.bitmap[base + w]!;
      if (bits === 0) continue;
      const bit = 31 - Math.clz32(bits & -bits);
      this.bitmap[base + w] = bits & ~(1 << bit);
      return w * 32 + bit;
    }
    return panic(`block ${block} has no free frame`);
  }

  private putBack(frame: number): void {
    if (this.kind[frame] === FRAME_FREE) panic(`frame ${frame} freed twice`);
    this.onFree(frame);
    this.kind[frame] = FRAME_FREE;
    const block = Math.floor(frame / HUGE_PAGE_FRAMES);
    this.bitmap[frame >>> 5]! |= 1 << (frame & 31);
    this.free++;
    const count = ++this.freeInBlock[block]!;
    if (count === HUGE_PAGE_FRAMES) {
      this.partial.remove(block);
      this.whole.push(block);
    } else if (count === 1) {
      this.partial.push(block);
    }
  }
}
