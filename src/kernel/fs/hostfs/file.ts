/** Regular files of host volumes: direct input and output, and a page cache while they are mapped. */

import { ENOENT, ESTALE, linuxError } from '../../errno.ts';
import type { PageCache } from '../../mm/page-cache.ts';
import type { PageFiller } from '../../mm/page-filler.ts';
import type { Sys } from '../../syscall/types.ts';
import {
  IN_ACCESS,
  IN_MODIFY,
  O_ACCMODE,
  O_APPEND,
  O_DSYNC,
  O_RDONLY,
  O_TRUNC,
} from '../../vfs/constants.ts';
import { limitFileSize } from '../../vfs/limits.ts';
import { notifyInode } from '../../vfs/notify.ts';
import { RegularFile } from '../../vfs/regular-file.ts';
import { BufferSource } from '../../vfs/transfer.ts';
import type { IoSink, IoSource, OpenFile, Path } from '../../vfs/types.ts';
import { HostInode } from './inode.ts';
import type { HostHandle } from './port.ts';

const PAGE_SIZE = 4096;
const CHUNK = 65536;

export class HostFileInode extends HostInode implements PageFiller {
  private handle: HostHandle = -1;
  private writable = false;
  private cache: PageCache | null = null;

  /** For mmap and exec: from now on the file has a page cache. */
  override get pages(): PageCache {
    if (this.cache === null) {
      this.cache = this.fs.pagesFor(this);
      this.fs.mapped.add(this);
    }
    return this.cache;
  }

  /** Takes over the handle of a file that was just created (open for reading and writing). */
  adopt(handle: HostHandle): void {
    this.closeHandle();
    this.handle = handle;
    this.writable = true;
  }

  /** An open handle, of the same object as ever. */
  file(write: boolean): HostHandle {
    if (this.handle >= 0 && (this.writable || !write)) return this.handle;
    if (this.parent === null) throw linuxError(ENOENT);
    const { port } = this.fs;
    const handle = port.openFile(this.fs.directoryHandle(this.parent), this.name, write);
    const st = port.stat(handle);
    if (st.ino !== this.st.ino || st.dev !== this.st.dev) {
      port.close(handle);
      throw linuxError(ESTALE);
    }
    this.closeHandle();
    this.handle = handle;
    this.writable = write;
    this.st = st;
    return handle;
  }

  private closeHandle(): void {
    if (this.handle >= 0) this.fs.port.close(this.handle);
    this.handle = -1;
    this.writable = false;
  }

  override refresh(): void {
    if (this.handle >= 0) this.st = this.fs.port.stat(this.handle);
    else super.refresh();
  }

  override open(_sys: Sys | null, flags: number, path: Path): OpenFile {
    const before = this.st;
    this.file((flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0);
    this.refresh();
    const { mtime, size } = this.st;
    const changed =
      size !== before.size || mtime.sec !== before.mtime.sec || mtime.nsec !== before.mtime.nsec;
    // Changed by the host: pages that nobody has mapped are read again.
    if (changed) this.cache?.dropClean();
    return new HostFile(this, path, flags);
  }

  readAt(offset: number, into: Uint8Array): number {
    const handle = this.file(false);
    let done = 0;
    while (done < into.length) {
      const n = this.fs.port.read(handle, offset + done, into.subarray(done));
      if (n <= 0) break;
      done += n;
    }
    return done;
  }

  /** For readers that do not hold the file open: its handle is one of the last few used. */
  readOnce(offset: number, into: Uint8Array): number {
    const n = this.readAt(offset, into);
    if (!this.inUse) this.fs.keepAwhile(this);
    return n;
  }

  /** Gives the handle back if nobody holds the file open. */
  idle(): void {
    if (!this.inUse) this.closeHandle();
  }

  /** Direct read, with stores through mappings seen. */
  readDirect(offset: number, into: Uint8Array): number {
    if (this.cache !== null && this.cache.dirtyPages > 0) this.cache.sync();
    return this.readAt(offset, into);
  }

  writeDirect(offset: number, from: Uint8Array): number {
    if (this.cache !== null && this.cache.dirtyPages > 0) this.cache.sync();
    const n = this.fs.port.write(this.file(true), offset, from);
    this.refresh();
    if (this.cache !== null) {
      this.cache.write(offset, n, new BufferSource(from, 0, n));
      this.cache.sync();
    }
    return n;
  }

  // PageFiller

  readPages(index: number, count: number, host: number): void {
    const { U8 } = this.fs.paging.memory;
    const length = count * PAGE_SIZE;
    const n = this.readAt(index * PAGE_SIZE, U8.subarray(host, host + length));
    U8.fill(0, host + n, host + length);
  }

  writePages(index: number, from: Uint8Array, at: number, length: number): void {
    const { port } = this.fs;
    port.write(this.file(true), index * PAGE_SIZE, from.subarray(at, at + length));
  }

  protected override resize(size: number): void {
    const handle = this.file(true);
    this.cache?.truncate(size);
    this.fs.port.truncate(handle, size);
    this.refresh();
  }

  override fsync(dataOnly: boolean): void {
    this.cache?.sync();
    if (this.handle >= 0) this.fs.port.sync(this.handle, dataOnly);
  }

  protected override unreferenced(): void {
    if (this.cache !== null) {
      this.cache.sync();
      this.cache.dispose();
      this.cache = null;
      this.fs.mapped.delete(this);
    }
    this.closeHandle();
  }
}

class HostFile extends RegularFile {
  declare readonly inode: HostFileInode;

  override pread(_sys: Sys, to: IoSink, offset: number): number {
    const bytes = new Uint8Array(Math.min(CHUNK, to.remaining));
    let done = 0;
    while (to.remaining > 0) {
      const wanted = Math.min(bytes.length, to.remaining);
      const n = this.inode.readDirect(offset + done, bytes.subarray(0, wanted));
      const taken = n > 0 ? to.put(bytes, 0, n) : 0;
      done += taken;
      if (taken < wanted) break;
    }
    notifyInode(this.inode, this.path, IN_ACCESS);
    return done;
  }

  protected override writeAt(sys: Sys, from: IoSource, offset: number): number {
    if (from.remaining === 0) return 0;
    const start = this.flags & O_APPEND ? this.sizeNow() : offset;
    const length = limitFileSize(sys, start, from.remaining);
    const bytes = new Uint8Array(Math.min(CHUNK, length));
    let done = 0;
    while (done < length) {
      const given = from.take(bytes, 0, Math.min(bytes.length, length - done));
      if (given === 0) break;
      const n = this.inode.writeDirect(start + done, bytes.subarray(0, given));
      done += n;
      if (n < given) break;
    }
    if (this.flags & O_DSYNC) this.inode.fsync(true);
    notifyInode(this.inode, this.path, IN_MODIFY);
    return done;
  }

  /** The host may have made the file longer. */
  private sizeNow(): number {
    this.inode.refresh();
    return this.inode.size;
  }
}
