/**
 * User buffers as sinks and sources of read- and write-like calls.
 *
 * Invariants: at most MAX_RW_COUNT bytes a call; a fault after some bytes ends the transfer
 * (remaining becomes 0), a fault before the first byte throws EFAULT, as Linux does.
 */

import { EFAULT, EINVAL, linuxError } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import type { IoSink, IoSource } from '../vfs/types.ts';

/** MAX_RW_COUNT of Linux: INT_MAX rounded down to a page. */
export const MAX_RW_COUNT = 0x7ffff000;
const UIO_MAXIOV = 1024;
const TASK_SIZE = 0x7ffffffff000;

export interface Segment {
  base: number;
  length: number;
}

/** Reads an array of struct iovec with the checks of import_iovec(). */
export function readIovec(mem: UserMemory, iov: number, count: number): Segment[] {
  if (count < 0 || count > UIO_MAXIOV) throw linuxError(EINVAL);
  const bytes = new Uint8Array(count * 16);
  mem.copyIn(iov, bytes, 0, bytes.length);
  const d = new DataView(bytes.buffer);
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const hi = d.getInt32(i * 16 + 12, true);
    if (hi < 0) throw linuxError(EINVAL);
    const base = d.getUint32(i * 16 + 4, true) * 4294967296 + d.getUint32(i * 16, true);
    const length = hi * 4294967296 + d.getUint32(i * 16 + 8, true);
    if (length > 0 && base + length > TASK_SIZE) throw linuxError(EFAULT);
    segments.push({ base, length });
  }
  return segments;
}

/** The position in a list of segments; subclasses move bytes. */
abstract class UserBuffer {
  remaining = 0;
  faulted = false;
  private moved = 0;
  private index = 0;
  private offset = 0;
  protected readonly mem: UserMemory;
  private readonly segments: readonly Segment[];

  constructor(mem: UserMemory, segments: readonly Segment[]) {
    this.mem = mem;
    this.segments = segments;
    for (const s of segments) this.remaining += s.length;
    this.remaining = Math.min(this.remaining, MAX_RW_COUNT);
  }

  /** Moves bytes as far as memory can be accessed. @returns how many */
  protected abstract move(addr: number, bytes: Uint8Array, start: number, end: number): number;

  protected transfer(bytes: Uint8Array, start: number, end: number): number {
    const wanted = Math.min(end - start, this.remaining);
    let done = 0;
    while (done < wanted) {
      const segment = this.segments[this.index] as Segment;
      const left = segment.length - this.offset;
      if (left === 0) {
        this.index++;
        this.offset = 0;
        continue;
      }
      const length = Math.min(left, wanted - done);
      const at = start + done;
      const n = this.move(segment.base + this.offset, bytes, at, at + length);
      done += n;
      this.offset += n;
      this.moved += n;
      this.remaining -= n;
      if (n < length) {
        this.remaining = 0;
        this.faulted = true;
        if (this.moved === 0) throw linuxError(EFAULT);
        break;
      }
    }
    return done;
  }
}

export class UserSink extends UserBuffer implements IoSink {
  protected move(addr: number, bytes: Uint8Array, start: number, end: number): number {
    return this.mem.copyOutPartial(addr, bytes, start, end);
  }

  put(src: Uint8Array, start: number, end: number): number {
    return this.transfer(src, start, end);
  }
}

export class UserSource extends UserBuffer implements IoSource {
  protected move(addr: number, bytes: Uint8Array, start: number, end: number): number {
    return this.mem.copyInPartial(addr, bytes, start, end);
  }

  take(dst: Uint8Array, start: number, end: number): number {
    return this.transfer(dst, start, end);
  }
}
