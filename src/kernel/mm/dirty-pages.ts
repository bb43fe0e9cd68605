/**
 * Pages of one file that differ from it, and how they are written back (Linux: mm/page-writeback.c).
 *
 * Invariants: a page is clean once it has been handed to the file, and no mapping may store into it then without a
 * fault; the dirty pages of all files that can be written back are counted together, so that they can be limited.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { frameHost } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import { PTE_DIRTY, PTE_WRITABLE } from '../../mmu/pte.ts';
import { type PageFiller, RUN_PAGES } from './page-filler.ts';

/** Pages that are no neighbours in memory are put together here. */
const run = new Uint8Array(RUN_PAGES * PAGE_SIZE);

/** Dirty pages of all files of a machine that can be written back. */
interface AllDirty {
  count: number;
  readonly files: Set<DirtyPages>;
}

const allDirtyOf = new WeakMap<Paging, AllDirty>();

export class DirtyPages {
  private readonly paging: Paging;
  private readonly filler: PageFiller;
  /** Frames by page. */
  private readonly pages: ReadonlyMap<number, number>;
  /** Pages below what this returns will stay inside the file. */
  private readonly settled: () => number;
  private readonly dirty = new Set<number>();
  private readonly all: AllDirty;

  constructor(
    paging: Paging,
    filler: PageFiller,
    pages: ReadonlyMap<number, number>,
    settled: () => number,
  ) {
    this.paging = paging;
    this.filler = filler;
    this.pages = pages;
    this.settled = settled;
    this.all = allDirtyOf.get(paging) ?? { count: 0, files: new Set() };
    allDirtyOf.set(paging, this.all);
  }

  get size(): number {
    return this.dirty.size;
  }

  has(index: number): boolean {
    return this.dirty.has(index);
  }

  add(index: number): void {
    if (this.dirty.has(index)) return;
    this.dirty.add(index);
    if (this.filler.writePages === undefined) return;
    if (this.dirty.size === 1) this.all.files.add(this);
    this.all.count++;
  }

  delete(index: number): void {
    if (!this.dirty.delete(index) || this.filler.writePages === undefined) return;
    this.all.count--;
    if (this.dirty.size === 0) this.all.files.delete(this);
  }

  /** Keeps dirty pages of all files below a quarter of memory, so that there is always something to drop. */
  limit(): void {
    const enough = (): boolean => this.all.count * 4 < this.paging.frames.total;
    if (this.filler.writePages === undefined || enough()) return;
    for (const file of [this, ...this.all.files]) {
      file.writeBack(file.settled());
      if (enough()) return;
    }
  }

  /** Writes back dirty pages below `end` that are inside the file. */
  writeBack(end: number): void {
    if (this.filler.writePages === undefined || this.dirty.size === 0) return;
    const order = [...this.dirty].filter((index) => index < end).sort((a, b) => a - b);
    for (let i = 0; i < order.length; ) {
      let count = 1;
      while (count < RUN_PAGES && order[i + count] === order[i]! + count) count++;
      this.writeRun(order[i]!, count);
      i += count;
    }
  }

  private writeRun(first: number, count: number): void {
    const { filler, pages, paging } = this;
    const length = Math.min(count * PAGE_SIZE, filler.size - first * PAGE_SIZE);
    if (length <= 0) return;
    const inside = Math.ceil(length / PAGE_SIZE);
    const frame = pages.get(first)!;
    let neighbours = true;
    for (let i = 0; i < inside; i++) {
      const other = pages.get(first + i)!;
      this.writeProtect(other);
      if (other !== frame + i) neighbours = false;
    }
    if (neighbours) filler.writePages!(first, paging.memory.U8, frameHost(frame), length);
    else filler.writePages!(first, this.gather(first, inside), 0, length);
    for (let i = 0; i < inside; i++) this.delete(first + i);
  }

  private gather(first: number, count: number): Uint8Array {
    const { U8 } = this.paging.memory;
    for (let i = 0; i < count; i++) {
      const host = frameHost(this.pages.get(first + i)!);
      run.set(U8.subarray(host, host + PAGE_SIZE), i * PAGE_SIZE);
    }
    return run;
  }

  /** The next store through any mapping faults, and marks the page dirty again. */
  private writeProtect(frame: number): void {
    const { paging } = this;
    paging.rmap.forEach(frame, (id, vpn) => {
      const space = paging.spaces.get(id);
      const pte = space?.get(vpn) ?? 0;
      if (space === undefined || (pte & PTE_WRITABLE) === 0) return;
      paging.setPte(space, vpn, pte & ~(PTE_WRITABLE | PTE_DIRTY));
    });
  }
}
