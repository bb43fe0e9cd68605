/**
 * Block devices in memory. `MemoryBlockDevice` is a sparse disk; `OverlayBlockDevice` keeps writes in
 * memory over a device that it never writes to: a run's changes that are not saved.
 *
 * Invariant: a chunk that is absent was never written, so it reads as zeros, or as the device below.
 */

import { EIO, EROFS, linuxError } from '../errno.ts';
import type { BlockDevice } from '../ports.ts';

/** Unit of storage. Smaller than most metadata operations, larger than most blocks' bookkeeping. */
const CHUNK = 4096;

abstract class ChunkedDevice implements BlockDevice {
  readonly size: number;
  readonly readOnly: boolean = false;
  protected readonly chunks: Map<number, Uint8Array> = new Map();

  constructor(size: number) {
    this.size = size;
  }

  /** Bytes of memory held by written chunks. */
  get storedBytes(): number {
    return this.chunks.size * CHUNK;
  }

  read(offset: number, into: Uint8Array): void {
    checkRange(this.size, offset, into.length);
    // Chunks that are absent one after the other are read at once: each may be a call of the host.
    let absentFrom = 0;
    this.forChunks(offset, into.length, (index, at, from, to) => {
      const chunk = this.chunks.get(index);
      if (chunk === undefined) return;
      if (absentFrom < from) this.readAbsent(offset + absentFrom, into.subarray(absentFrom, from));
      into.set(chunk.subarray(at, at + to - from), from);
      absentFrom = to;
    });
    if (absentFrom < into.length) {
      this.readAbsent(offset + absentFrom, into.subarray(absentFrom));
    }
  }

  write(offset: number, from: Uint8Array): void {
    checkRange(this.size, offset, from.length);
    this.forChunks(offset, from.length, (index, at, start, end) => {
      let chunk = this.chunks.get(index);
      if (chunk === undefined) {
        chunk = new Uint8Array(CHUNK);
        if (end - start < CHUNK) {
          const first = index * CHUNK;
          this.readAbsent(first, chunk.subarray(0, Math.min(CHUNK, this.size - first)));
        }
        this.chunks.set(index, chunk);
      }
      chunk.set(from.subarray(start, end), at);
    });
  }

  flush(): void {}

  protected abstract readAbsent(offset: number, into: Uint8Array): void;

  private forChunks(
    offset: number,
    length: number,
    visit: (index: number, at: number, from: number, to: number) => void,
  ): void {
    let done = 0;
    while (done < length) {
      const at = (offset + done) % CHUNK;
      const n = Math.min(CHUNK - at, length - done);
      visit(Math.floor((offset + done) / CHUNK), at, done, done + n);
      done += n;
    }
  }
}

/** A disk of zeros in memory. */
export class MemoryBlockDevice extends ChunkedDevice {
  /** A device with a copy of `bytes`. */
  static from(bytes: Uint8Array): MemoryBlockDevice {
    const device = new MemoryBlockDevice(bytes.length);
    device.write(0, bytes);
    return device;
  }

  protected override readAbsent(_offset: number, into: Uint8Array): void {
    into.fill(0);
  }
}

/** Copy on write over `base`, which is only read. */
export class OverlayBlockDevice extends ChunkedDevice {
  private readonly base: BlockDevice;

  constructor(base: BlockDevice) {
    super(base.size);
    this.base = base;
  }

  protected override readAbsent(offset: number, into: Uint8Array): void {
    this.base.read(offset, into);
  }
}

/** A device seen through glass: what is below can be read only. */
export class ReadOnlyBlockDevice implements BlockDevice {
  readonly size: number;
  readonly readOnly = true;
  private readonly base: BlockDevice;

  constructor(base: BlockDevice) {
    this.base = base;
    this.size = base.size;
  }

  read(offset: number, into: Uint8Array): void {
    this.base.read(offset, into);
  }

  write(): void {
    throw linuxError(EROFS);
  }

  flush(): void {}
}

function checkRange(size: number, offset: number, length: number): void {
  if (offset < 0 || offset + length > size) throw linuxError(EIO);
}
