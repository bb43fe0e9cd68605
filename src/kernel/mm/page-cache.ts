/**
 * The page cache of one file: page index → frame. read(2), write(2) and mmap all use these frames,
 * so they agree at every moment (Linux: mm/filemap.c, mm/truncate.c).
 *
 * Invariants: the cache holds one reference to each of its frames; bytes of the last page beyond
 * the file's size are zero except for what stores through shared mappings put there, and are zero
 * again before the file grows over them; a page that a shared mapping may write is dirty, because
 * the fault that made it writable said so, and write-back takes the right away again.
 *
 * Without `readPage` (tmpfs, shared anonymous memory) the cache is the file: holes read as zeros
 * and nothing is ever dropped.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_CACHE, frameHost, ZERO_FRAME } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import { PTE_DIRTY, PTE_WRITABLE } from '../../mmu/pte.ts';
import { ENOMEM, LinuxError, linuxError } from '../errno.ts';
import type { FilePages, IoSink, IoSource } from '../vfs/types.ts';

/** The file behind a cache. */
export interface PageFiller {
  /** Current size of the file in bytes. */
  readonly size: number;
  /** Fills a page at a host offset of linear memory; the tail beyond the size is cleared by the cache. */
  readPage?(index: number, host: number): void;
  /** Writes the first `length` bytes of a page back. */
  writePage?(index: number, host: number, length: number): void;
  /** As readPage, for `count` pages at once. */
  readRun?(index: number, count: number, host: number): void;
  /** As writePage, for pages that follow each other. */
  writeRun?(index: number, from: Uint8Array, length: number): void;
}

/** Pages read ahead, and written back at once: a call of the host for each page took most of the time. */
const RUN_PAGES = 64;
const run = new Uint8Array(RUN_PAGES * PAGE_SIZE);

/** A mapping of the file. */
export interface FileMapper {
  /** Stores through it may change the file, now or after mprotect. */
  readonly mayWriteFile: boolean;
  /** Unmaps pages [from, to) of the file, private copies included. */
  unmapFilePages(from: number, to: number): void;
}

/** Dirty pages of all files of a machine that can be written back. */
interface DirtyPages {
  count: number;
  readonly caches: Set<PageCache>;
}

const dirtyPagesOf = new WeakMap<Paging, DirtyPages>();

export class PageCache implements FilePages {
  readonly mappers: Set<FileMapper> = new Set();
  private readonly paging: Paging;
  private readonly filler: PageFiller;
  private readonly pages = new Map<number, number>();
  private readonly dirty = new Set<number>();
  private readonly all: DirtyPages;
  private readonly unregister: () => void;
  /** End of what write() has stored so far beyond the size, which its caller sets afterwards. */
  private writtenEnd = 0;
  private writing = false;
  /** The page after the last one that was read: who wants it next reads the file in order. */
  private following = -1;

  constructor(paging: Paging, filler: PageFiller) {
    this.paging = paging;
    this.filler = filler;
    this.all = dirtyPagesOf.get(paging) ?? { count: 0, caches: new Set() };
    dirtyPagesOf.set(paging, this.all);
    const droppable = filler.readPage !== undefined;
    this.unregister = droppable ? paging.frames.addReclaimer(() => this.dropClean()) : () => {};
  }

  get size(): number {
    return this.filler.size;
  }

  /** Whether some mapping may change the file. */
  get mappedForWriting(): boolean {
    for (const mapper of this.mappers) if (mapper.mayWriteFile) return true;
    return false;
  }

  /** Pages in memory. */
  get resident(): number {
    return this.pages.size;
  }

  get dirtyPages(): number {
    return this.dirty.size;
  }

  /** The frame of page `index`, filled from the file if absent; -1: out of memory. */
  frame(index: number, forWrite: boolean): number {
    let frame = this.pages.get(index);
    if (frame === undefined) {
      frame = this.fill(index);
      if (frame < 0) return -1;
    }
    if (forWrite) this.markDirty(index);
    return frame;
  }

  /** The frame of page `index`, or -1 if it is not in memory. */
  peek(index: number): number {
    return this.pages.get(index) ?? -1;
  }

  isDirty(index: number): boolean {
    return this.dirty.has(index);
  }

  read(offset: number, length: number, to: IoSink): number {
    let done = 0;
    while (done < length) {
      const at = offset + done;
      const start = at % PAGE_SIZE;
      const n = Math.min(length - done, PAGE_SIZE - start);
      const taken = this.put(Math.floor(at / PAGE_SIZE), start, n, to, done > 0);
      done += taken;
      if (taken < n) break;
    }
    return done;
  }

  write(offset: number, length: number, from: IoSource): number {
    if (offset + length > this.filler.size) this.clearTail(this.contentEnd);
    let done = 0;
    this.writing = true;
    try {
      while (done < length) {
        const at = offset + done;
        const start = at % PAGE_SIZE;
        const n = Math.min(length - done, PAGE_SIZE - start);
        const given = this.take(Math.floor(at / PAGE_SIZE), start, n, from, done > 0);
        done += given;
        if (given < n) break;
      }
    } finally {
      this.writing = false;
    }
    this.writtenEnd = Math.max(this.writtenEnd, offset + done);
    this.limitDirty();
    return done;
  }

  /** To be called before the file's size changes. */
  truncate(size: number): void {
    if (size >= this.filler.size) {
      this.clearTail(this.contentEnd);
      return;
    }
    this.writtenEnd = Math.min(this.writtenEnd, size);
    const firstGone = Math.ceil(size / PAGE_SIZE);
    for (const mapper of this.mappers) mapper.unmapFilePages(firstGone, Number.MAX_SAFE_INTEGER);
    for (const [index, frame] of this.pages) {
      if (index < firstGone) continue;
      this.paging.contentChanges(frame, 0, PAGE_SIZE, 'truncate');
      this.forget(index, frame);
    }
    this.clearTail(size);
  }

  /** Frees whole pages [from, to): the file has a hole there (fallocate, MADV_REMOVE). */
  punch(from: number, to: number): void {
    if (from >= to) return;
    for (const mapper of this.mappers) mapper.unmapFilePages(from, to);
    if (to - from < this.pages.size) {
      for (let index = from; index < to; index++) this.dropPage(index);
    } else {
      for (const index of this.pages.keys()) if (index >= from && index < to) this.dropPage(index);
    }
  }

  private dropPage(index: number): void {
    const frame = this.pages.get(index);
    if (frame !== undefined) this.forget(index, frame);
  }

  sync(): void {
    this.writeBack(Number.MAX_SAFE_INTEGER);
  }

  /** Frees pages that are clean, unmapped and can be read again. @returns how many */
  dropClean(): number {
    if (this.filler.readPage === undefined) return 0;
    let dropped = 0;
    for (const [index, frame] of this.pages) {
      if (this.dirty.has(index) || this.paging.frames.refs[frame] !== 1) continue;
      this.forget(index, frame);
      dropped++;
    }
    return dropped;
  }

  /** The file is gone: frees everything, dirty or not. Nothing may have it mapped. */
  dispose(): void {
    this.unregister();
    for (const [index, frame] of this.pages) this.forget(index, frame);
  }

  /** Differences between clean pages and the file, for the audit. */
  compareWithFile(): string[] {
    const out: string[] = [];
    const { frames, memory } = this.paging;
    if (this.filler.readPage === undefined) return out;
    const scratch = frames.alloc(FRAME_CACHE);
    if (scratch < 0) return out;
    const expected = frameHost(scratch);
    for (const [index, frame] of this.pages) {
      const length = Math.min(PAGE_SIZE, this.filler.size - index * PAGE_SIZE);
      if (this.dirty.has(index) || length <= 0) continue;
      this.filler.readPage(index, expected);
      const host = frameHost(frame);
      for (let i = 0; i < length; i++) {
        if (memory.U8[host + i] === memory.U8[expected + i]) continue;
        out.push(`clean page ${index} (frame ${frame}) differs from its file at byte ${i}`);
        break;
      }
    }
    frames.discard(scratch);
    return out;
  }

  /** No byte at or beyond this may be seen when the file grows. */
  private get contentEnd(): number {
    return Math.max(this.filler.size, this.writtenEnd);
  }

  private fill(index: number): number {
    const { frames, memory } = this.paging;
    const inFile = index * PAGE_SIZE < this.filler.size;
    if (this.filler.readPage === undefined || !inFile) {
      const zeroed = frames.allocZeroed(FRAME_CACHE);
      if (zeroed >= 0) this.adopt(index, zeroed);
      return zeroed;
    }
    const ahead = index === this.following ? this.readAhead(index) : 1;
    this.following = index + ahead;
    if (ahead > 1) return this.pages.get(index)!;
    const frame = frames.alloc(FRAME_CACHE);
    if (frame < 0) return -1;
    const host = frameHost(frame);
    try {
      this.filler.readPage(index, host);
    } catch (e) {
      frames.discard(frame);
      throw e;
    }
    const length = this.filler.size - index * PAGE_SIZE;
    if (length < PAGE_SIZE) memory.U8.fill(0, host + length, host + PAGE_SIZE);
    this.adopt(index, frame);
    return frame;
  }

  /** Fills as many pages as are absent and free to be had. @returns how many; 1: none yet */
  private readAhead(index: number): number {
    const { frames, memory } = this.paging;
    if (this.filler.readRun === undefined) return 1;
    const left = Math.ceil(this.filler.size / PAGE_SIZE) - index;
    // What is read ahead is not worth dropping something else for.
    const most = Math.min(RUN_PAGES, left, frames.free >> 3);
    let count = 1;
    while (count < most && !this.pages.has(index + count)) count++;
    if (count === 1) return 1;
    const taken: number[] = [];
    for (let i = 0; i < count; i++) taken.push(frames.alloc(FRAME_CACHE));
    try {
      this.fillFrames(index, taken);
    } catch (e) {
      for (const frame of taken) frames.discard(frame);
      throw e;
    }
    for (let i = 0; i < count; i++) this.adopt(index + i, taken[i]!);
    const host = frameHost(taken[count - 1]!);
    const length = this.filler.size - (index + count - 1) * PAGE_SIZE;
    if (length < PAGE_SIZE) memory.U8.fill(0, host + length, host + PAGE_SIZE);
    return count;
  }

  /** Reads pages from `index` on into frames; those that are neighbours in memory at once. */
  private fillFrames(index: number, taken: readonly number[]): void {
    for (let i = 0; i < taken.length; ) {
      let n = 1;
      while (taken[i + n] === taken[i]! + n) n++;
      this.filler.readRun!(index + i, n, frameHost(taken[i]!));
      i += n;
    }
  }

  private adopt(index: number, frame: number): void {
    this.paging.frames.retain(frame);
    this.pages.set(index, frame);
    if (this.paging.watch !== null) this.paging.watch.cached(this, index, frame);
  }

  private forget(index: number, frame: number): void {
    this.pages.delete(index);
    this.markClean(index);
    this.paging.frames.release(frame);
  }

  /** Hands bytes of a page to a sink. The page is held meanwhile: the sink may need memory. */
  private put(index: number, start: number, n: number, to: IoSink, partial: boolean): number {
    const hole = this.filler.readPage === undefined && !this.pages.has(index);
    const frame = hole ? ZERO_FRAME : this.frame(index, false);
    if (frame < 0) return outOfMemory(partial);
    const host = frameHost(frame) + start;
    this.paging.frames.retain(frame);
    try {
      return to.put(this.paging.memory.U8, host, host + n);
    } catch (e) {
      return shortened(e, partial);
    } finally {
      this.paging.frames.release(frame);
    }
  }

  private take(index: number, start: number, n: number, from: IoSource, partial: boolean): number {
    const frame = this.frame(index, true);
    if (frame < 0) return outOfMemory(partial);
    const host = frameHost(frame) + start;
    this.paging.contentChanges(frame, start, start + n, 'write');
    this.paging.frames.retain(frame);
    try {
      return from.take(this.paging.memory.U8, host, host + n);
    } catch (e) {
      return shortened(e, partial);
    } finally {
      this.paging.frames.release(frame);
    }
  }

  /** Clears the last page of a file of `size` bytes beyond its end. */
  private clearTail(size: number): void {
    const used = size % PAGE_SIZE;
    const frame = used === 0 ? undefined : this.pages.get(Math.floor(size / PAGE_SIZE));
    if (frame === undefined) return;
    this.paging.contentChanges(frame, used, PAGE_SIZE, 'truncate');
    const host = frameHost(frame);
    this.paging.memory.U8.fill(0, host + used, host + PAGE_SIZE);
  }

  /** Pages below this are as they will stay: during write() its caller has not set the new size yet. */
  private get settledPages(): number {
    const { size } = this.filler;
    const settled = !this.writing && this.writtenEnd <= size;
    return settled ? Number.MAX_SAFE_INTEGER : Math.floor(size / PAGE_SIZE);
  }

  private markDirty(index: number): void {
    if (this.dirty.has(index)) return;
    this.dirty.add(index);
    if (this.filler.writePage === undefined) return;
    this.all.count++;
    this.all.caches.add(this);
  }

  private markClean(index: number): void {
    if (!this.dirty.delete(index) || this.filler.writePage === undefined) return;
    this.all.count--;
    if (this.dirty.size === 0) this.all.caches.delete(this);
  }

  /** Keeps dirty pages of all files below a quarter of memory, so that there is always something to drop. */
  limitDirty(): void {
    const enough = (): boolean => this.all.count * 4 < this.paging.frames.total;
    if (this.filler.writePage === undefined || enough()) return;
    for (const cache of [this, ...this.all.caches]) {
      cache.writeBack(cache.settledPages);
      if (enough()) return;
    }
  }

  /** Writes back dirty pages below `end` that are inside the file. */
  private writeBack(end: number): void {
    if (this.filler.writePage === undefined) return;
    const order = [...this.dirty].filter((index) => index < end).sort((a, b) => a - b);
    for (let i = 0; i < order.length; ) {
      let count = 1;
      while (count < RUN_PAGES && order[i + count] === order[i]! + count) count++;
      this.writePages(order[i]!, count);
      i += count;
    }
  }

  private writePages(first: number, count: number): void {
    const { filler } = this;
    const length = Math.min(count * PAGE_SIZE, filler.size - first * PAGE_SIZE);
    if (length <= 0) return;
    const end = first + Math.ceil(length / PAGE_SIZE);
    if (count > 1 && filler.writeRun === undefined) {
      for (let index = first; index < end; index++) this.writePages(index, 1);
      return;
    }
    for (let index = first; index < end; index++) this.writeProtect(this.pages.get(index)!);
    if (count === 1) filler.writePage!(first, frameHost(this.pages.get(first)!), length);
    else {
      const { U8 } = this.paging.memory;
      for (let index = first; index < end; index++) {
        const host = frameHost(this.pages.get(index)!);
        run.set(U8.subarray(host, host + PAGE_SIZE), (index - first) * PAGE_SIZE);
      }
      filler.writeRun!(first, run, length);
    }
    for (let index = first; index < end; index++) this.markClean(index);
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

/** A transfer that got somewhere reports how far; only one that got nowhere fails. */
function shortened(e: unknown, partial: boolean): number {
  if (partial && e instanceof LinuxError) return 0;
  throw e;
}

function outOfMemory(partial: boolean): number {
  if (partial) return 0;
  throw linuxError(ENOMEM);
}
