/**
 * The page cache of one file: page index → frame. read(2), write(2) and mmap all use these frames,
 * so they agree at every moment (Linux: mm/filemap.c, mm/truncate.c).
 *
 * Invariants: the cache holds one reference to each of its frames; bytes of the last page beyond
 * the file's size are zero except for what stores through shared mappings put there, and are zero
 * again before the file grows over them; a page that a shared mapping may write is dirty, because
 * the fault that made it writable said so, and write-back takes the right away again.
 *
 * Without `readPages` (tmpfs, shared anonymous memory) the cache is the file: holes read as zeros
 * and nothing is ever dropped.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_CACHE, frameHost, ZERO_FRAME } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import { LinuxError } from '../errno.ts';
import type { FilePages, IoSink, IoSource } from '../vfs/types.ts';
import { DirtyPages } from './dirty-pages.ts';
import { type PageFiller, ReadAhead, RUN_PAGES, readFrames } from './page-filler.ts';
import { filled, overwrite } from './page-overwrite.ts';
import { dropBehind, dropUnused } from './page-reclaim.ts';

/** A mapping of the file. */
export interface FileMapper {
  /** Stores through it may change the file, now or after mprotect. */
  readonly mayWriteFile: boolean;
  /** Unmaps pages [from, to) of the file, private copies included. */
  unmapFilePages(from: number, to: number): void;
}

export class PageCache implements FilePages {
  readonly mappers: Set<FileMapper> = new Set();
  private readonly paging: Paging;
  private readonly filler: PageFiller;
  private readonly pages = new Map<number, number>();
  private readonly dirty: DirtyPages;
  private readonly ahead = new ReadAhead();
  private readonly unregister: () => void;
  /** End of what write() has stored so far beyond the size, which its caller sets afterwards. */
  private writtenEnd = 0;
  private writing = false;
  /** Pages that the running write() has made where the file has none. */
  private readonly made: number[] = [];

  constructor(paging: Paging, filler: PageFiller) {
    this.paging = paging;
    this.filler = filler;
    this.dirty = new DirtyPages(paging, filler, this.pages, () => this.settledPages);
    const droppable = filler.readPages !== undefined;
    this.unregister = droppable
      ? paging.frames.addReclaimer((wanted, all) => this.dropClean(wanted, all))
      : () => {};
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
    const frame = this.pages.get(index) ?? this.fill(index, 1);
    if (frame >= 0 && forWrite) this.dirty.add(index);
    return frame;
  }

  /** The frame of page `index`, or -1 if it is not in memory. */
  peek(index: number): number {
    return this.pages.get(index) ?? -1;
  }

  isDirty(index: number): boolean {
    return this.dirty.has(index);
  }

  /** A transfer that got somewhere reports how far; only one that got nowhere fails. */
  read(offset: number, length: number, to: IoSink): number {
    let done = 0;
    try {
      while (done < length) {
        const at = offset + done;
        const start = at % PAGE_SIZE;
        const index = Math.floor(at / PAGE_SIZE);
        const most = pagesOf(start + length - done);
        const frame = this.readable(index, most);
        const count = this.neighbours(index, frame, most);
        const n = Math.min(length - done, count * PAGE_SIZE - start);
        const taken = this.put(frame, count, start, n, to);
        done += taken;
        if (taken < n) break;
      }
    } catch (e) {
      if (done === 0 || !(e instanceof LinuxError)) throw e;
    }
    return done;
  }

  /** As `read`. */
  write(offset: number, length: number, from: IoSource): number {
    if (offset + length > this.filler.size) this.clearTail(this.contentEnd);
    let done = 0;
    this.writing = true;
    try {
      while (done < length) {
        const at = offset + done;
        const start = at % PAGE_SIZE;
        const index = Math.floor(at / PAGE_SIZE);
        if (start === 0 && length - done >= PAGE_SIZE && this.isAbsent(index)) {
          const n = overwrite(this.paging, this, index, length - done, from);
          done += n;
          if (n === 0 || n % PAGE_SIZE !== 0) break;
          continue;
        }
        const count = this.writable(index, pagesOf(start + length - done));
        const n = Math.min(length - done, count * PAGE_SIZE - start);
        const given = this.take(index, count, start, n, from);
        done += given;
        if (given < n) break;
      }
    } catch (e) {
      if (done === 0 || !(e instanceof LinuxError)) throw e;
    } finally {
      this.writing = false;
      this.dropMade();
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
    this.dirty.writeBack(Number.MAX_SAFE_INTEGER);
  }

  /** Keeps dirty pages of all files from filling the memory. */
  limitDirty(): void {
    this.dirty.limit();
  }

  /** Frees up to `wanted` pages; see page-reclaim.ts. @returns how many */
  dropClean(wanted: number = Number.MAX_SAFE_INTEGER, all: boolean = true): number {
    if (this.filler.readPages === undefined) return 0;
    return dropUnused(this.pages, this.paging.frames, this, wanted, all);
  }

  /** Whether a page is clean, unmapped and can be read again. */
  isDroppable(index: number, frame: number): boolean {
    return !this.dirty.has(index) && this.paging.frames.refs[frame] === 1;
  }

  forget(index: number, frame: number): void {
    this.pages.delete(index);
    this.dirty.delete(index);
    this.paging.frames.release(frame);
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
    if (this.filler.readPages === undefined) return out;
    const scratch = frames.alloc(FRAME_CACHE);
    if (scratch < 0) return out;
    const expected = frameHost(scratch);
    for (const [index, frame] of this.pages) {
      const length = Math.min(PAGE_SIZE, this.filler.size - index * PAGE_SIZE);
      if (this.dirty.has(index) || length <= 0) continue;
      this.filler.readPages(index, 1, expected);
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

  /** Pages below this are as they will stay: during write() its caller has not set the new size yet. */
  private get settledPages(): number {
    const { size } = this.filler;
    const settled = !this.writing && this.writtenEnd <= size;
    return settled ? Number.MAX_SAFE_INTEGER : Math.floor(size / PAGE_SIZE);
  }

  isAbsent(index: number): boolean {
    return !this.pages.has(index) && this.canRead(index);
  }

  replace(index: number, frame: number): void {
    this.adopt(index, frame);
    this.dirty.add(index);
  }

  frameToChange(index: number, length: number): number {
    const frame = filled(this.frame(index, true));
    this.paging.contentChanges(frame, 0, length, 'write');
    return frame;
  }

  /** Whether the file has something for page `index` that is not in the cache. */
  private canRead(index: number): boolean {
    return this.filler.readPages !== undefined && index * PAGE_SIZE < this.filler.size;
  }

  /** Makes page `index`, and others after it if they are `wanted` or it pays. @returns its frame, or -1 */
  private fill(index: number, wanted: number): number {
    const { frames } = this.paging;
    if (!this.canRead(index)) {
      const zeroed = frames.allocZeroed(FRAME_CACHE);
      if (zeroed >= 0) this.adopt(index, zeroed);
      return zeroed;
    }
    const left = Math.ceil(this.filler.size / PAGE_SIZE) - index;
    const worth = this.ahead.pagesAt(index, wanted);
    dropBehind(this.pages, frames, this, this.ahead);
    // What is read ahead is not worth dropping something else for.
    const most = Math.min(worth, left, frames.free >> 3);
    let count = 1;
    while (count < most && !this.pages.has(index + count)) count++;
    const taken = readFrames(this.paging, this.filler, index, count);
    for (let i = 0; i < taken.length; i++) this.adopt(index + i, taken[i]!);
    this.ahead.done(index, taken.length);
    return taken[0] ?? -1;
  }

  private adopt(index: number, frame: number): void {
    this.paging.frames.accessed[frame] = 0;
    this.paging.frames.retain(frame);
    this.pages.set(index, frame);
    if (this.paging.watch !== null) this.paging.watch.cached(this, index, frame);
  }

  /** How many of `most` pages from `index` on are in frames that are neighbours, of which `frame` is the first. */
  private neighbours(index: number, frame: number, most: number): number {
    if (frame === ZERO_FRAME) return 1;
    let count = 1;
    while (count < most && this.pages.get(index + count) === frame + count) count++;
    return count;
  }

  /** The frame of a page for a reader who wants `most`; holes that are nowhere but here stay holes. */
  private readable(index: number, most: number): number {
    const frame = this.pages.get(index);
    if (frame !== undefined) return frame;
    if (this.filler.readPages === undefined) return ZERO_FRAME;
    return filled(this.fill(index, most));
  }

  /** Has up to `most` pages that are neighbours in memory ready for a write. @returns how many */
  private writable(index: number, most: number): number {
    const first = this.pages.get(index) ?? this.make(index);
    let count = 1;
    for (; count < most; count++) {
      let frame = this.pages.get(index + count);
      if (frame === undefined) {
        if (this.canRead(index + count) || this.paging.frames.free === 0) break;
        frame = this.make(index + count);
      }
      if (frame !== first + count) break;
    }
    return count;
  }

  private make(index: number): number {
    const fresh = !this.canRead(index);
    const frame = filled(this.fill(index, 1));
    if (fresh) this.made.push(index);
    return frame;
  }

  private hold(frame: number, count: number): void {
    const { frames } = this.paging;
    frames.accessed.fill(1, frame, frame + count);
    for (let i = 0; i < count; i++) frames.retain(frame + i);
  }

  private letGo(frame: number, count: number): void {
    for (let i = 0; i < count; i++) this.paging.frames.release(frame + i);
  }

  /** Hands `n` bytes to a sink. The pages are held meanwhile: the sink may need memory. */
  private put(frame: number, count: number, start: number, n: number, to: IoSink): number {
    const host = frameHost(frame) + start;
    this.hold(frame, count);
    try {
      return to.put(this.paging.memory.U8, host, host + n);
    } finally {
      this.letGo(frame, count);
    }
  }

  /** Fills `n` bytes from a source. What it gives makes pages dirty then: until now they may have been written back. */
  private take(index: number, count: number, start: number, n: number, from: IoSource): number {
    const { paging } = this;
    const frame = this.pages.get(index)!;
    const end = start + n;
    for (let i = 0; i < count; i++) {
      const at = i * PAGE_SIZE;
      const to = Math.min(PAGE_SIZE, end - at);
      paging.contentChanges(frame + i, Math.max(0, start - at), to, 'write');
    }
    this.hold(frame, count);
    let given = 0;
    try {
      given = from.take(paging.memory.U8, frameHost(frame) + start, frameHost(frame) + end);
      return given;
    } finally {
      this.letGo(frame, count);
      const written = given === 0 ? 0 : Math.ceil((start + given) / PAGE_SIZE);
      for (let i = 0; i < written; i++) this.dirty.add(index + i);
    }
  }

  /** Frees pages that write() made in vain: where the file ends they would be nobody's. */
  private dropMade(): void {
    for (const index of this.made) {
      const unused =
        !this.dirty.has(index) && this.paging.frames.refs[this.pages.get(index)!] === 1;
      if (unused) this.dropPage(index);
    }
    this.made.length = 0;
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
}

/** Pages of a transfer of so many bytes from the start of one on that are worth looking at together. */
function pagesOf(bytes: number): number {
  return Math.min(RUN_PAGES, Math.ceil(bytes / PAGE_SIZE));
}
