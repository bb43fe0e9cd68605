/** Bytes of a file for the kernel itself, through the page cache. */

import type { IoSink, OpenFile } from '../vfs/types.ts';

class BufferSink implements IoSink {
  readonly bytes: Uint8Array;
  filled = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  get remaining(): number {
    return this.bytes.length - this.filled;
  }

  put(src: Uint8Array, start: number, end: number): number {
    const n = Math.min(end - start, this.remaining);
    this.bytes.set(src.subarray(start, start + n), this.filled);
    this.filled += n;
    return n;
  }
}

export class FileReader {
  readonly file: OpenFile;

  constructor(file: OpenFile) {
    this.file = file;
  }

  get size(): number {
    return this.file.inode?.size ?? 0;
  }

  /** Up to `length` bytes from `offset`: fewer at the end of the file. */
  read(offset: number, length: number): Uint8Array {
    const { inode } = this.file;
    const n = Math.min(length, this.size - offset);
    if (!(n > 0) || inode === null || inode.pages === null) return new Uint8Array(0);
    const sink = new BufferSink(n);
    inode.pages.read(offset, n, sink);
    return sink.bytes.subarray(0, sink.filled);
  }
}
