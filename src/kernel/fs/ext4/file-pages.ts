/**
 * How file data gets into memory: the machine's page cache over guest frames, or, for tools that run
 * without a machine, pages on the JavaScript heap.
 */

import { PAGE_SIZE } from '../../../common/layout.ts';
import type { Paging } from '../../../mmu/paging.ts';
import { ENODEV, linuxError } from '../../errno.ts';
import { PageCache } from '../../mm/page-cache.ts';
import type { FilePages, IoSink, IoSource } from '../../vfs/types.ts';

/** A file's data on the device, page-wise. */
export interface PageData {
  readonly size: number;
  /** Fills `count` pages from page `index` on. */
  readPages(index: number, count: number, into: Uint8Array, at: number): void;
  /** Writes `length` bytes back, whole pages from `index` on but for the last one of the file. */
  writePages(index: number, from: Uint8Array, at: number, length: number): void;
}

export interface Ext4Pages extends FilePages {
  /** Pages in memory. */
  readonly resident: number;
  readonly dirtyPages: number;
  /** Forgets whole pages [from, to) without writing them. */
  punch(from: number, to: number): void;
  /** The file is gone. */
  dispose(): void;
}

export type PagesFactory = (data: PageData) => Ext4Pages;

/** Pages in guest frames, shared with mmap. */
export function guestPages(paging: Paging): PagesFactory {
  return (data) =>
    new PageCache(paging, {
      get size(): number {
        return data.size;
      },
      readPages: (index, count, host) => data.readPages(index, count, paging.memory.U8, host),
      writePages: (index, from, at, length) => data.writePages(index, from, at, length),
    });
}

/** Pages a heap cache keeps before it writes back and forgets. */
const HEAP_PAGES = 256;

/** Pages on the heap; they cannot be mapped. */
export function heapPages(): PagesFactory {
  return (data) => new HeapPages(data);
}

class HeapPages implements Ext4Pages {
  private readonly data: PageData;
  private readonly pages = new Map<number, Uint8Array>();
  private readonly dirty = new Set<number>();

  constructor(data: PageData) {
    this.data = data;
  }

  get resident(): number {
    return this.pages.size;
  }

  get dirtyPages(): number {
    return this.dirty.size;
  }

  read(offset: number, length: number, to: IoSink): number {
    return this.each(offset, length, (page, start, end) => to.put(page, start, end));
  }

  write(offset: number, length: number, from: IoSource): number {
    if (offset + length > this.data.size) this.clearTail(this.data.size);
    const n = this.each(offset, length, (page, start, end, index) => {
      this.dirty.add(index);
      return from.take(page, start, end);
    });
    this.limit();
    return n;
  }

  frame(): number {
    throw linuxError(ENODEV);
  }

  truncate(size: number): void {
    if (size < this.data.size) this.punch(Math.ceil(size / PAGE_SIZE), Number.MAX_SAFE_INTEGER);
    this.clearTail(Math.min(size, this.data.size));
  }

  punch(from: number, to: number): void {
    for (const index of this.pages.keys()) {
      if (index < from || index >= to) continue;
      this.pages.delete(index);
      this.dirty.delete(index);
    }
  }

  sync(): void {
    this.writeBack(Number.MAX_SAFE_INTEGER);
  }

  dispose(): void {
    this.pages.clear();
    this.dirty.clear();
  }

  private writeBack(end: number): void {
    const order = [...this.dirty].filter((index) => index < end).sort((a, b) => a - b);
    for (const index of order) {
      const length = Math.min(PAGE_SIZE, this.data.size - index * PAGE_SIZE);
      if (length > 0) this.data.writePages(index, this.pages.get(index)!, 0, length);
      this.dirty.delete(index);
    }
  }

  /** The caller of write() sets the size afterwards, so pages beyond it have to wait. */
  private limit(): void {
    if (this.pages.size <= HEAP_PAGES) return;
    this.writeBack(Math.floor(this.data.size / PAGE_SIZE));
    for (const index of this.pages.keys()) if (!this.dirty.has(index)) this.pages.delete(index);
  }

  private clearTail(size: number): void {
    this.pages.get(Math.floor(size / PAGE_SIZE))?.fill(0, size % PAGE_SIZE);
  }

  private each(
    offset: number,
    length: number,
    move: (page: Uint8Array, start: number, end: number, index: number) => number,
  ): number {
    let done = 0;
    while (done < length) {
      const index = Math.floor((offset + done) / PAGE_SIZE);
      const start = (offset + done) % PAGE_SIZE;
      const n = Math.min(length - done, PAGE_SIZE - start);
      const moved = move(this.page(index), start, start + n, index);
      done += moved;
      if (moved < n) break;
    }
    return done;
  }

  private page(index: number): Uint8Array {
    let page = this.pages.get(index);
    if (page === undefined) {
      page = new Uint8Array(PAGE_SIZE);
      const left = this.data.size - index * PAGE_SIZE;
      if (left > 0) this.data.readPages(index, 1, page, 0);
      if (left < PAGE_SIZE) page.fill(0, Math.max(0, left));
      this.limit();
      this.pages.set(index, page);
    }
    return page;
  }
}
