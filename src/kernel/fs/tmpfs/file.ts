/**
 * Regular files of tmpfs. The page cache is the file; a file that was imported (setContent) reads pages
 * that were never changed from the bytes it was imported with, so a root from a tarball takes guest
 * memory only for what is used.
 */

import {
  EBUSY,
  EFBIG,
  EINVAL,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
  linuxError,
} from '../../errno.ts';
import { PageCache } from '../../mm/page-cache.ts';
import type { PageFiller } from '../../mm/page-filler.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MAX_FILE_SIZE,
  SEEK_DATA,
} from '../../vfs/constants.ts';
import type { IoSource } from '../../vfs/types.ts';
import { TmpInode } from './inode.ts';
import type { TmpFs } from './tmpfs.ts';

/** Fills `into` with the bytes at `offset`, all of them within the content. */
export type FileContent = (offset: number, into: Uint8Array) => void;

const PAGE_SIZE = 4096;
const PAGE_SECTORS = PAGE_SIZE / 512;

export class TmpFile extends TmpInode {
  private length = 0;
  private cache: PageCache;
  /** Where pages come from that were never changed, up to `contentLength`, which shrinks with the file. */
  private content: FileContent | null = null;
  private contentLength = 0;
  private charged = 0;
  /** F_SEAL_* of a memfd; null: seals are not supported. */
  seals: number | null = null;

  constructor(fs: TmpFs, mode: number, uid: number, gid: number) {
    super(fs, mode, uid, gid);
    this.cache = new PageCache(fs.paging, this.filler());
  }

  get size(): number {
    return this.length;
  }

  override get pages(): PageCache {
    return this.cache;
  }

  override get blocks(): number {
    if (this.content !== null) return Math.ceil(this.length / PAGE_SIZE) * PAGE_SECTORS;
    return this.cache.resident * PAGE_SECTORS;
  }

  /** Makes `bytes` the content of a file that was just created; they must not change afterwards. */
  setContent(bytes: Uint8Array): void {
    this.setSource(bytes.length, (offset, into) =>
      into.set(bytes.subarray(offset, offset + into.length)),
    );
  }

  /** As setContent, with bytes that are fetched when they are needed. */
  setSource(length: number, content: FileContent): void {
    this.cache.dispose();
    this.content = content;
    this.contentLength = this.length = length;
    this.cache = new PageCache(this.fs.paging, this.filler());
  }

  private filler(): PageFiller {
    const inode = this;
    const size = {
      get size(): number {
        return inode.length;
      },
    };
    if (this.content === null) return size;
    return Object.assign(Object.create(size) as PageFiller, {
      readPages: (index: number, count: number, host: number) =>
        inode.readContent(index, count, host),
    });
  }

  private readContent(index: number, count: number, host: number): void {
    const { U8 } = this.fs.paging.memory;
    const start = index * PAGE_SIZE;
    const end = host + count * PAGE_SIZE;
    const length = Math.max(0, Math.min(end - host, this.contentLength - start));
    if (length > 0) this.content!(start, U8.subarray(host, host + length));
    U8.fill(0, host + length, end);
  }

  prepareWrite(offset: number, length: number): void {
    const end = offset + length;
    if (this.seals !== null) this.checkSeals(offset, end);
    let missing = 0;
    for (let i = Math.floor(offset / PAGE_SIZE); i * PAGE_SIZE < end; i++) {
      if (this.cache.peek(i) < 0) missing++;
    }
    this.recharge(this.cache.resident + missing);
  }

  /** A hole that is read through a mapping takes a page too; the first store into a page counts as a write. */
  prepareFault(page: number, write: boolean): void {
    if (this.cache.peek(page) < 0) this.recharge(this.cache.resident + 1);
    if (write) this.mtime = this.ctime = this.fs.clock.realtime();
  }

  private checkSeals(_offset: number, end: number): void {
    const seals = this.seals!;
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) throw linuxError(EPERM);
    if (seals & F_SEAL_GROW && end > this.length) throw linuxError(EPERM);
  }

  /** fcntl(F_ADD_SEALS). */
  addSeals(seals: number): void {
    if (this.seals === null) throw linuxError(EINVAL);
    if (this.seals & F_SEAL_SEAL) throw linuxError(EPERM);
    if (seals & F_SEAL_WRITE && this.cache.mappedForWriting) throw linuxError(EBUSY);
    this.seals |= seals;
  }

  private recharge(pages: number): void {
    this.fs.charge(this.charged, pages);
    this.charged = pages;
  }

  protected override resize(size: number): void {
    if (size > MAX_FILE_SIZE) throw linuxError(EFBIG);
    const seals = this.seals ?? 0;
    if (seals & F_SEAL_SHRINK && size < this.length) throw linuxError(EPERM);
    if (seals & F_SEAL_GROW && size > this.length) throw linuxError(EPERM);
    this.cache.truncate(size);
    if (size < this.contentLength) this.contentLength = size;
    const shrinks = size < this.length;
    this.length = size;
    if (shrinks) this.recharge(Math.min(this.charged, this.cache.resident));
  }

  seekSparse(offset: number, whence: number): number {
    if (this.content !== null) return whence === SEEK_DATA ? offset : this.length;
    const wantData = whence === SEEK_DATA;
    const end = Math.ceil(this.length / PAGE_SIZE);
    for (let i = Math.floor(offset / PAGE_SIZE); i < end; i++) {
      if (this.cache.peek(i) >= 0 === wantData) return Math.max(offset, i * PAGE_SIZE);
    }
    return wantData ? -1 : this.length;
  }

  override fallocate(mode: number, offset: number, length: number): void {
    const end = offset + length;
    if (end > MAX_FILE_SIZE) throw linuxError(EFBIG);
    const kind = mode & ~FALLOC_FL_KEEP_SIZE;
    if (kind === FALLOC_FL_PUNCH_HOLE) {
      this.zeroRange(offset, Math.min(end, this.length));
      this.dropBeyondEnd(offset, end);
    } else if (kind !== 0) {
      throw linuxError(EOPNOTSUPP);
    } else {
      this.allocate(Math.floor(offset / PAGE_SIZE), Math.ceil(end / PAGE_SIZE));
    }
    if ((mode & FALLOC_FL_KEEP_SIZE) === 0 && end > this.length) this.resize(end);
    this.mtime = this.ctime = this.fs.clock.realtime();
  }

  /** Gives pages [first, last) memory, or none of them. Throws ENOSPC, ENOMEM. */
  private allocate(first: number, last: number): void {
    if (last - first > this.fs.maxPages) throw linuxError(ENOSPC);
    const missing: number[] = [];
    for (let i = first; i < last; i++) if (this.cache.peek(i) < 0) missing.push(i);
    this.recharge(this.cache.resident + missing.length);
    for (const [done, i] of missing.entries()) {
      if (this.cache.frame(i, true) >= 0) continue;
      for (const given of missing.slice(0, done)) this.cache.punch(given, given + 1);
      this.recharge(this.cache.resident);
      throw linuxError(ENOMEM);
    }
  }

  /** Pages that fallocate(FALLOC_FL_KEEP_SIZE) has given. */
  private dropBeyondEnd(offset: number, end: number): void {
    const first = Math.ceil(Math.max(offset, this.length) / PAGE_SIZE);
    this.cache.punch(first, Math.floor(end / PAGE_SIZE));
    this.recharge(Math.min(this.charged, this.cache.resident));
  }

  private zeroRange(start: number, end: number): void {
    if (start >= end) return;
    if (this.seals !== null) this.checkSeals(start, end);
    const first = Math.ceil(start / PAGE_SIZE);
    // The last page of the file is whole as far as holes are concerned.
    const last = end === this.length ? Math.ceil(end / PAGE_SIZE) : Math.floor(end / PAGE_SIZE);
    if (this.content !== null || first >= last) {
      this.cache.write(start, end - start, new Zeros(end - start));
      return;
    }
    this.zeroWithinPage(start, first * PAGE_SIZE);
    this.cache.punch(first, last);
    this.zeroWithinPage(last * PAGE_SIZE, end);
    this.recharge(Math.min(this.charged, this.cache.resident));
  }

  private zeroWithinPage(start: number, end: number): void {
    if (start >= end || this.cache.peek(Math.floor(start / PAGE_SIZE)) < 0) return;
    this.cache.write(start, end - start, new Zeros(end - start));
  }

  protected override freeData(): void {
    this.cache.dispose();
    this.content = null;
    this.recharge(0);
  }
}

class Zeros implements IoSource {
  remaining: number;

  constructor(length: number) {
    this.remaining = length;
  }

  take(dst: Uint8Array, start: number, end: number): number {
    dst.fill(0, start, end);
    this.remaining -= end - start;
    return end - start;
  }
}
