/**
 * A file of chunks of translations (machine/translation-cache.ts), written once and never changed. Words are int32, in
 * the host's byte order, which the magic number is in, too:
 *
 *     magic | version | chunks | sum of the index
 *     index: hash0 | hash1 | pcLo | pcHi | first word | words | sum | seconds since 1970, by hash0 (unsigned)
 *     the chunks' words
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Chunk, ChunkKey } from '../../machine/translation-cache.ts';
import { writeCacheFile } from './cache-directory.ts';

const MAGIC = 0x4354_564b;
const VERSION = 2;
const HEADER = 4;
const ENTRY = 8;
/** More is no pack of ours: a page of code has some 25 KB. */
const MAX_CHUNKS = 1 << 20;

/** Where a chunk is in its pack. */
export interface Entry {
  readonly key: ChunkKey;
  readonly first: number;
  readonly length: number;
  readonly sum: number;
  readonly time: number;
}

/**
 * Detects damage; it is no protection from who can write to the user's files. Each step is one to one in the word and in
 * the sum so far, so that a change of one word is always seen.
 */
function sumOf(words: Int32Array): number {
  let sum = words.length;
  for (let i = 0; i < words.length; i++) {
    const v = sum ^ words[i]!;
    sum = Math.imul((v << 15) | (v >>> 17), 0x9e3779b1) + 0x7f4a7c15;
  }
  return sum ^ (sum >>> 15);
}

export class Pack {
  readonly path: string;
  readonly bytes: number;
  /** Whether a chunk of it was used. */
  used = false;
  private readonly fd: number;
  private readonly index: Int32Array;

  private constructor(path: string, fd: number, bytes: number, index: Int32Array) {
    this.path = path;
    this.fd = fd;
    this.bytes = bytes;
    this.index = index;
  }

  /** @returns null if it is no pack, or a damaged one. Throws what the file system says */
  static open(path: string): Pack | null {
    const fd = openSync(path, 'r');
    try {
      const bytes = fstatSync(fd).size;
      const header = readWords(fd, 0, HEADER);
      const count = header?.[2] ?? -1;
      const right = header !== null && header[0] === MAGIC && header[1] === VERSION;
      if (right && count > 0 && count < MAX_CHUNKS) {
        const index = readWords(fd, HEADER, count * ENTRY);
        if (index !== null && sumOf(index) === header[3]) return new Pack(path, fd, bytes, index);
      }
    } catch (e) {
      closeSync(fd);
      throw e;
    }
    closeSync(fd);
    return null;
  }

  close(): void {
    closeSync(this.fd);
  }

  find({ hash0, hash1, pcLo, pcHi }: ChunkKey): Entry | null {
    const { index } = this;
    let low = 0;
    let high = index.length / ENTRY;
    while (low < high) {
      const mid = (low + high) >>> 1;
      if (index[mid * ENTRY]! >>> 0 < hash0 >>> 0) low = mid + 1;
      else high = mid;
    }
    for (let at = low * ENTRY; index[at] === hash0; at += ENTRY) {
      if (index[at + 1] === hash1 && index[at + 2] === pcLo && index[at + 3] === pcHi) {
        return this.entry(at);
      }
    }
    return null;
  }

  private entry(at: number): Entry {
    const [hash0, hash1, pcLo, pcHi, first, length, sum, time] = this.index.subarray(
      at,
      at + ENTRY,
    ) as unknown as [number, number, number, number, number, number, number, number];
    return { key: { hash0, hash1, pcLo, pcHi }, first, length, sum, time };
  }

  *entries(): Generator<Entry> {
    for (let at = 0; at < this.index.length; at += ENTRY) yield this.entry(at);
  }

  /** @returns null if it is damaged, or cannot be read */
  read({ first, length, sum }: Entry): Int32Array | null {
    try {
      if (first < HEADER || length < 1 || (first + length) * 4 > this.bytes) return null;
      const words = readWords(this.fd, first, length);
      if (words === null || sumOf(words) !== sum) return null;
      this.used = true;
      return words;
    } catch {
      return null;
    }
  }
}

/** @returns null if there are not so many */
function readWords(fd: number, first: number, count: number): Int32Array | null {
  const words = new Int32Array(count);
  const bytes = new Uint8Array(words.buffer);
  let done = 0;
  while (done < bytes.length) {
    const n = readSync(fd, bytes, done, bytes.length - done, first * 4 + done);
    if (n === 0) return null;
    done += n;
  }
  return words;
}

/** A chunk, and when it was made (seconds since 1970). */
export interface TimedChunk extends Chunk {
  readonly time: number;
}

/** Writes a pack; nobody sees half of it. Throws what the file system says. */
export function writePack(path: string, chunks: readonly TimedChunk[]): void {
  const sorted = [...chunks].sort((a, b) => (a.key.hash0 >>> 0) - (b.key.hash0 >>> 0));
  const index = new Int32Array(sorted.length * ENTRY);
  let first = HEADER + index.length;
  sorted.forEach(({ key, words, time }, i) => {
    const { hash0, hash1, pcLo, pcHi } = key;
    index.set([hash0, hash1, pcLo, pcHi, first, words.length, sumOf(words), time], i * ENTRY);
    first += words.length;
  });
  const all = new Int32Array(first);
  all.set([MAGIC, VERSION, sorted.length, sumOf(index)]);
  all.set(index, HEADER);
  let at = HEADER + index.length;
  for (const { words } of sorted) {
    all.set(words, at);
    at += words.length;
  }
  writeCacheFile(path, (write) => write(new Uint8Array(all.buffer), 0));
}
