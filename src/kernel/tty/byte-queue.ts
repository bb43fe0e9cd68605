/**
 * Bytes on their way through a terminal, copied into chunks: however small the pieces are that come, the queue takes
 * little more memory than it has bytes.
 */

import type { IoSink } from '../vfs/types.ts';

const CHUNK = 2048;

export class ByteQueue {
  length = 0;
  private chunks: Uint8Array[] = [];
  /** First byte in the first chunk, and one past the last in the last. */
  private start = 0;
  private end = CHUNK;

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.end === CHUNK) {
        this.chunks.push(new Uint8Array(CHUNK));
        this.end = 0;
      }
      const n = Math.min(bytes.length - at, CHUNK - this.end);
      (this.chunks.at(-1) as Uint8Array).set(bytes.subarray(at, at + n), this.end);
      this.end += n;
      at += n;
    }
    this.length += bytes.length;
  }

  /** Some bytes at the head; empty if there are none. */
  head(): Uint8Array {
    const [first] = this.chunks;
    if (first === undefined) return new Uint8Array(0);
    return first.subarray(this.start, this.chunks.length === 1 ? this.end : CHUNK);
  }

  /** Drops `count` bytes of the head. */
  skip(count: number): void {
    this.start += count;
    this.length -= count;
    if (this.length === 0) this.clear();
    else if (this.start === CHUNK) {
      this.chunks.shift();
      this.start = 0;
    }
  }

  /** Moves bytes out until the sink is full or nothing is left. @returns how many */
  drain(to: IoSink): number {
    let done = 0;
    while (this.length > 0 && to.remaining > 0) {
      const head = this.head();
      const n = to.put(head, 0, head.length);
      if (n === 0) break;
      this.skip(n);
      done += n;
    }
    return done;
  }

  /** Drops what is behind the first `count` bytes. */
  truncate(count: number): void {
    if (count >= this.length) return;
    if (count === 0) {
      this.clear();
      return;
    }
    const last = this.start + count;
    this.chunks.length = Math.ceil(last / CHUNK);
    this.end = last - (this.chunks.length - 1) * CHUNK;
    this.length = count;
  }

  clear(): void {
    this.chunks = [];
    this.start = 0;
    this.end = CHUNK;
    this.length = 0;
  }
}
