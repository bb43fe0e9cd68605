/**
 * Copies between two open files inside the kernel (sendfile, splice, copy_file_range).
 *
 * Invariant: nothing is lost or sent twice when the call blocks and runs again, or is interrupted.
 */

import { EAGAIN, LinuxError, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { O_NONBLOCK } from './constants.ts';
import type { IoSink, IoSource, OpenFile } from './types.ts';
import { POLLERR, POLLHUP, POLLOUT } from './types.ts';

const CHUNK = 65536;
/** One call moves no more, so that /dev/zero into /dev/null does not keep the machine for seconds. */
const MAX_BYTES = 64 << 20;

export class BufferSink implements IoSink {
  readonly bytes: Uint8Array;
  length = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  get remaining(): number {
    return this.bytes.length - this.length;
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
 * Moves up to `wanted` bytes. `from` / `to`: offsets, or null for the files' positions. Blocks only before
 * the first byte: what was moved is returned, and bytes are taken from the input only when the output
 * can take some.
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
    if (!positioned && (output.poll() & (POLLOUT | POLLERR | POLLHUP)) === 0) {
      if (done > 0) return done;
      if (output.flags & O_NONBLOCK) throw linuxError(EAGAIN);
      return sys.block(output.pollQueues());
    }
    const at = from === null ? (positioned ? input.pos : null) : from + done;
    const n = copyChunk(sys, input, at, output, to === null ? null : to + done, count - done, done);
    if (n < 0) return done > 0 ? done : n;
    if (n === 0) break;
    if (from === null && positioned) input.pos += n;
    done += n;
  }
  return done;
}

/** Moves one chunk. Errors count only if nothing was moved before. */
function copyChunk(
  sys: Sys,
  input: OpenFile,
  from: number | null,
  output: OpenFile,
  to: number | null,
  wanted: number,
  done: number,
): number {
  try {
    const sink = new BufferSink(Math.min(CHUNK, wanted));
    const n = from === null ? input.read(sys, sink) : input.pread(sys, sink, from);
    if (n <= 0) return n;
    const source = new BufferSource(sink.bytes, 0, n);
    return to === null ? output.write(sys, source) : output.pwrite(sys, source, to);
  } catch (e) {
    if (done > 0 && e instanceof LinuxError) return 0;
    throw e;
  }
}
