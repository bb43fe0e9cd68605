/**
 * The areas of an address space, sorted by address and never overlapping. Splitting and merging
 * happen here, so that references to mapped files and their lists of mappers stay right.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { panic } from '../../common/panic.ts';
import type { HeapAccount } from '../../mmu/heap-account.ts';
import { ENOMEM, linuxError } from '../errno.ts';
import { checkHeap } from '../heap.ts';
import { MAX_MAP_COUNT, MMAP_MIN_ADDR, STACK_GUARD_GAP } from './abi.ts';
import { GapBuffer } from './gap-buffer.ts';
import { GapHints } from './gap-hints.ts';
import { type AreaOwner, VM_GROWSDOWN, Vma } from './vma.ts';

const AREA_COST = 256;

export class VmaList {
  readonly items: GapBuffer<Vma> = new GapBuffer();
  /** Pages in all areas. */
  totalPages = 0;
  /** Changes whenever what is mapped where, or with what protection, does. */
  version = 0;
  private readonly owner: AreaOwner;
  private readonly heap: HeapAccount;
  private readonly hints = new GapHints();

  constructor(owner: AreaOwner, heap: HeapAccount) {
    this.owner = owner;
    this.heap = heap;
  }

  /** Index of the first area that ends above `va`; items.length if there is none. */
  indexAbove(va: number): number {
    const { items } = this;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (items.at(mid)!.end > va) high = mid;
      else low = mid + 1;
    }
    return low;
  }

  /** The area that contains `va`. */
  find(va: number): Vma | null {
    const vma = this.items.at(this.indexAbove(va));
    return vma !== undefined && vma.start <= va ? vma : null;
  }

  overlaps(start: number, end: number): boolean {
    const vma = this.items.at(this.indexAbove(start));
    return vma !== undefined && vma.start < end;
  }

  /** The areas that overlap [start, end). */
  within(start: number, end: number): Vma[] {
    const out: Vma[] = [];
    for (let i = this.indexAbove(start); i < this.items.length; i++) {
      const vma = this.items.at(i)!;
      if (vma.start >= end) break;
      out.push(vma);
    }
    return out;
  }

  /** Whether every page of [start, end) is in some area. */
  covers(start: number, end: number): boolean {
    let at = start;
    for (let i = this.indexAbove(start); at < end; i++) {
      const vma = this.items.at(i);
      if (vma === undefined || vma.start > at) return false;
      at = vma.end;
    }
    return true;
  }

  /** Throws ENOMEM if there are too many areas for one more, or no room for a copy of all. */
  checkRoom(): void {
    if (this.items.length >= MAX_MAP_COUNT) throw linuxError(ENOMEM);
    checkHeap(this.heap, AREA_COST);
  }

  checkCopy(): void {
    checkHeap(this.heap, this.items.length * AREA_COST);
  }

  insert(vma: Vma): void {
    const i = this.indexAbove(vma.start);
    const next = this.items.at(i);
    if (next !== undefined && next.start < vma.end) panic(`area overlaps another: ${vma.start}`);
    this.items.insert(i, vma);
    if (next !== undefined && this.gapStart(next) < vma.start) this.gapOpened(vma.start);
    this.heap.takeAnyway(AREA_COST);
    this.version++;
    this.totalPages += vma.pages;
    if (vma.file !== null) {
      vma.file.retain();
      vma.file.pages.mappers.add(vma);
    }
  }

  remove(vma: Vma): void {
    const i = this.indexAbove(vma.start);
    if (this.items.at(i) !== vma) panic('area is not in the list');
    this.items.remove(i, 1);
    this.forget(vma);
    this.gapOpened(vma.end);
  }

  private forget(vma: Vma): void {
    this.heap.give(AREA_COST);
    this.version++;
    this.totalPages -= vma.pages;
    if (vma.file !== null) {
      vma.file.pages.mappers.delete(vma);
      vma.file.release();
    }
  }

  /** Takes out all areas inside [start, end), whose bounds are boundaries of areas, at once. */
  removeWithin(start: number, end: number): void {
    const from = this.indexAbove(start);
    let to = from;
    while (to < this.items.length && this.items.at(to)!.start < end) to++;
    for (const vma of this.items.remove(from, to - from)) this.forget(vma);
    this.gapOpened(end);
  }

  /** Makes `va` a boundary between areas. Throws ENOMEM if there are too many already. */
  splitAt(va: number): void {
    const vma = this.find(va);
    if (vma === null || vma.start === va) return;
    this.checkRoom();
    const { owner } = this;
    const { end, prot, flags, file, name } = vma;
    const upper = new Vma(owner, va, end, prot, flags, file, vma.filePageAt(va), name);
    this.resize(vma, vma.start, va);
    this.insert(upper);
  }

  /** Moves the bounds of an area; `filePage` stays that of its start. */
  resize(vma: Vma, start: number, end: number): void {
    this.version++;
    this.totalPages -= vma.pages;
    if (vma.file !== null) vma.filePage += (start - vma.start) / PAGE_SIZE;
    const [oldStart, oldEnd] = [vma.start, vma.end];
    vma.start = start;
    vma.end = end;
    this.totalPages += vma.pages;
    if (end < oldEnd) this.gapOpened(oldEnd);
    if (start > oldStart) this.gapOpened(start);
  }

  /** Merges neighbours that are alike, from the one before `start` to the one after `end`. */
  mergeAround(start: number, end: number): void {
    let i = Math.max(0, this.indexAbove(start) - 1);
    while (i + 1 < this.items.length && this.items.at(i)!.start <= end) {
      const vma = this.items.at(i)!;
      const next = this.items.at(i + 1)!;
      if (vma.mergesWith(next)) {
        const newEnd = next.end;
        this.remove(next);
        this.resize(vma, vma.start, newEnd);
      } else i++;
    }
  }

  /** Lowest address an area below `vma` may reach up to: a stack keeps its guard gap. */
  gapStart(vma: Vma): number {
    if ((vma.flags & VM_GROWSDOWN) === 0) return vma.start;
    return Math.max(0, vma.start - STACK_GUARD_GAP);
  }

  /** Nothing is mapped just below `end` any more: the gap there reaches up to the next area. */
  private gapOpened(end: number): void {
    const next = this.items.at(this.indexAbove(end));
    this.hints.opened(next === undefined ? Number.POSITIVE_INFINITY : next.start);
  }

  /** The highest free range of `length` bytes in [floor, ceiling), or -1; an area's guard gap ends at the next below. */
  findTopDown(length: number, floor: number, ceiling: number): number {
    const { items, hints } = this;
    const highest = hints.start(length, ceiling);
    let top = highest;
    for (let i = this.indexAbove(top - 1); i >= 0; i--) {
      const vma = items.at(i);
      if (vma === undefined) continue;
      if (vma.end <= top && top - Math.max(vma.end, floor) >= length) {
        hints.found(length, ceiling, top);
        return top - length;
      }
      if (Math.min(highest, vma.start) - floor < length) return -1;
      top = Math.min(highest, this.gapStart(vma));
    }
    if (top - length < Math.max(floor, MMAP_MIN_ADDR)) return -1;
    hints.found(length, ceiling, top);
    return top - length;
  }
}
