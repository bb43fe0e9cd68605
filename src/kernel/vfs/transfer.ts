/**
 * Copies between two open files inside the kernel (sendfile, splice, copy_file_range).
 *
 * Invariant: nothing is lost or sent twice when the call blocks and runs again, or is interrupted.
 */

import { LinuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import type { IoSink, IoSource, OpenFile } from './types.ts';

const CHUNK = 65536;
/** One call moves no more, so that /dev/zero into /dev/null does not keep the machine for seconds. */
const MAX_BYTES = 64 << 20;

/** Collects up to `size` bytes, in a buffer that may be longer. */
export class BufferSink implements IoSink {
  readonly bytes: Uint8Array;
  length = 0;
  private readonly size: number;

  constructor(size: number, bytes: Uint8Array = new Uint8Array(size)) {
    this.size = size;
    this.bytes = bytes;
  }

  get remaining(): number {
    return this.size - this.length;
  }

  put(src: Uint8Array, start: number, end: number): number {
    const n = Math.min(end - start, this.remaining);
    this.bytes.set(src.subarray(start, start + n), this.length);
    this.length += n;
    return n;
  }
}

export class BufferSource implements IoSource {
  private readonly bytes: Uint8Array;
  private at: number;
  private readonly end: number;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  take(dst: Uint8Array, start: number, end: number): number {
    const n = Math.min(end - start, this.remaining);
    dst.set(this.bytes.subarray(this.at, this.at + n), start);
    this.at += n;
    return n;
  }
}

/**
 * What an input that cannot be read twice (a pipe, a socket, a terminal) gives goes straight to the output, which
 * takes what it has room for: the rest stays in the input. So does what is in a page cache, as it need not be copied
 * twice.
 */
class OutputSink implements IoSink {
  remaining: number;
  moved = 0;
  /** What the output said when it took nothing: BLOCKED, or -ERESTARTSYS. */
  refused = 0;
  error: LinuxError | null = null;
  private readonly sys: Sys;
  private readonly output: OpenFile;
  private readonly to: number | null;

  constructor(sys: Sys, output: OpenFile, to: number | null, wanted: number) {
    this.sys = sys;
    this.output = output;
    this.to = to;
    this.remaining = wanted;
  }

  put(src: Uint8Array, start: number, end: number): number {
    const wanted = Math.min(end - start, this.remaining);
    const n = this.write(new BufferSource(src, start, start + wanted));
    this.moved += n;
    // Whoever got less than it wanted asks no more.
    this.remaining = n < wanted ? 0 : this.remaining - n;
    return n;
  }

  private write(source: BufferSource): number {
    const { sys, output, to } = this;
    try {
      const n =
        to === null ? output.write(sys, source) : output.pwrite(sys, source, to + this.moved);
      if (n >= 0) return n;
      this.refused = n;
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      this.error = e;
    }
    return 0;
  }
}

/**
 * Moves up to `wanted` bytes. `from` / `to`: offsets, or null for the files' positions. Blocks only before
 * the first byte: what was moved is returned.
 * @returns bytes moved, or the negative code of a read or write that has to wait or restart
 */
export function transfer(
  sys: Sys,
  input: OpenFile,
  from: number | null,
  output: OpenFile,
  to: number | null,
  wanted: number,
): number {
  const count = Math.min(wanted, MAX_BYTES);
  const positioned = input.inode?.pages != null;
  let done = 0;
  while (done < count) {
    const target = to === null ? null : to + done;
    let n: number;
    try {
      const at = from !== null ? from + done : positioned ? input.pos : null;
      // Pages stay in memory while they are written to another file; to itself a file is copied in chunks.
      if (at === null || (positioned && input.inode !== output.inode))
        n = passOn(sys, input, at, output, target, count - done);
      else n = copyChunk(sys, input, at, output, target, count - done);
    } catch (e) {
      // Errors count only if nothing was moved before.
      if (done > 0 && e instanceof LinuxError) break;
      throw e;
    }
    if (n < 0) return done > 0 ? done : n;
    if (n === 0) break;
    if (from === null && positioned) input.pos += n;
    done += n;
  }
  return done;
}

/** What one chunk is read into; outputs keep nothing of it. Null while it is in use. */
let chunk: Uint8Array | null = null;

/** Moves one chunk of a file that has positions. What the output does not take is read again. */
function copyChunk(
  sys: Sys,
  input: OpenFile,
  from: number,
  output: OpenFile,
  to: number | null,
  wanted: number,
): number {
  const bytes = chunk ?? new Uint8Array(CHUNK);
  chunk = null;
  try {
    const n = input.pread(sys, new BufferSink(Math.min(CHUNK, wanted), bytes), from);
    if (n <= 0) return n;
    const source = new BufferSource(bytes, 0, n);
    return to === null ? output.write(sys, source) : output.pwrite(sys, source, to);
  } finally {
    chunk = bytes;
  }
}

/** Moves what the input has now, or, out of its page cache, what is at `from`. */
function passOn(
  sys: Sys,
  input: OpenFile,
  from: number | null,
  output: OpenFile,
  to: number | null,
  wanted: number,
): number {
  const sink = new OutputSink(sys, output, to, wanted);
  const n = from === null ? input.read(sys, sink) : input.pread(sys, sink, from);
  if (sink.moved > 0) return sink.moved;
  if (sink.error !== null) throw sink.error;
  return sink.refused !== 0 ? sink.refused : n;
}
