/**
 * Micro code of one block as a record of words that holds in another run of the same build: constants are in it, not
 * where they are in the pool; links lead nowhere.
 *
 *     words | pcLo | insns | micro words | micro ops | sites | pending records
 *     micro words, a word for each micro op, pending records (micro.ts)
 *     sites: position in these, lo, hi of each constant
 */

import { CONST_POOL_BASE, CONST_POOL_END } from '../common/layout.ts';
import type { InterpBlock } from './interp.ts';
import {
  LINKING,
  M_HEAD,
  M_JUMPIND,
  MICRO_OPS,
  PENDING_WORDS,
  RECENT_WORDS,
  SLOT_FIELDS,
  TAIL_SLOT_FIELDS,
} from './micro.ts';
import type { ConstPool } from './micro-lower.ts';
import { STRIDE } from './ops.ts';

const HEADER = 7;
const FIRST_CONST = (CONST_POOL_BASE >> 2) + 1;
const END_CONST = CONST_POOL_END >> 2;

/** Fields of a pending record that may hold words of constants. */
const PENDING_SLOT_FIELDS = 0b1110;

/** Words being written. */
export class WordWriter {
  words: Int32Array = new Int32Array(1 << 16);
  length = 0;

  push(word: number): void {
    if (this.length === this.words.length) this.grow(1);
    this.words[this.length++] = word;
  }

  append(words: ArrayLike<number>): void {
    if (this.length + words.length > this.words.length) this.grow(words.length);
    this.words.set(words, this.length);
    this.length += words.length;
  }

  private grow(more: number): void {
    const bigger = new Int32Array(Math.max(this.words.length * 2, this.length + more));
    bigger.set(this.words.subarray(0, this.length));
    this.words = bigger;
  }
}

/** Sites of the constants that fields of the stride at `at` of `words` name; `mask`: which fields are slots. */
function findSites(words: Int32Array, at: number, mask: number, sites: number[]): void {
  for (let k = 1; k < STRIDE; k++) {
    if (((mask >> k) & 1) === 0) continue;
    const w = words[at + k]!;
    if (w >= FIRST_CONST && w < END_CONST) sites.push(at + k, w);
  }
}

/** The block's words without links; where constants are in them, in turn with their words, to `sites`. */
function blockWords(block: InterpBlock, C: Int32Array, sites: number[]): Int32Array {
  const micro = C.slice(block.start, block.end);
  micro[0] = M_HEAD;
  micro[1] = 0;
  const sideAt = block.microEnd - block.start;
  let at = STRIDE;
  while (at < sideAt) {
    const op = micro[at]!;
    findSites(micro, at, SLOT_FIELDS[op]!, sites);
    if (LINKING.has(MICRO_OPS[op]?.kind)) {
      at += STRIDE;
      for (const k of [0, 1, 3, 4]) micro[at + k] = 0;
      findSites(micro, at, TAIL_SLOT_FIELDS, sites);
    } else if (op === M_JUMPIND) {
      micro.fill(0, at + 2, at + STRIDE + RECENT_WORDS);
      at += RECENT_WORDS;
    }
    at += STRIDE;
  }
  for (at = sideAt + block.microCount; at < micro.length; at += PENDING_WORDS) {
    findSites(micro, at, PENDING_SLOT_FIELDS, sites);
  }
  return micro;
}

/** Writes a block. @param C the arena @param I32 where the constants are */
export function writeRecord(
  block: InterpBlock,
  C: Int32Array,
  I32: Int32Array,
  out: WordWriter,
): void {
  const sites: number[] = [];
  const words = blockWords(block, C, sites);
  const from = out.length;
  const micro = block.microEnd - block.start;
  const pending = (words.length - micro - block.microCount) / PENDING_WORDS;
  out.append([0, block.pcLo, block.insnCount, micro, block.microCount]);
  out.append([sites.length / 2, pending]);
  out.append(words);
  for (let i = 0; i < sites.length; i += 2) {
    const w = sites[i + 1]!;
    out.push(sites[i]!);
    out.push(I32[w]!);
    out.push(I32[w + 1]!);
  }
  out.words[from] = out.length - from;
}

/** Where a block goes that is read. */
export interface Place {
  readonly id: number;
  readonly start: number;
  readonly pcHi: number;
}

/** Whether the lengths in the record at words[at…] are right. */
export function isRecord(words: Int32Array, at: number): boolean {
  if (at + HEADER > words.length) return false;
  const length = words[at]!;
  const micro = words[at + 3]!;
  const ops = words[at + 4]!;
  const sites = words[at + 5]!;
  const pending = words[at + 6]!;
  if (micro < 2 * STRIDE || ops < 1 || sites < 0 || pending < 0) return false;
  const rest = ops + pending * PENDING_WORDS;
  return length === HEADER + micro + sites * 3 + rest && at + length <= words.length;
}

/** Reads the record at words[at…] into the arena `C`. */
export function readRecord(
  words: Int32Array,
  at: number,
  { id, start, pcHi }: Place,
  C: Int32Array,
  pool: ConstPool,
): InterpBlock {
  const micro = words[at + 3]!;
  const microCount = words[at + 4]!;
  const sites = words[at + 5]!;
  const size = micro + microCount + words[at + 6]! * PENDING_WORDS;
  const from = at + HEADER;
  for (let i = 0; i < size; i++) C[start + i] = words[from + i]!;
  C[start + 1] = id;
  C[start + 4] = pcHi;
  const siteWords = from + size;
  for (let s = siteWords; s < siteWords + sites * 3; s += 3) {
    C[start + words[s]!] = pool.word(words[s + 1]!, words[s + 2]!);
  }
  return {
    id,
    pcLo: words[at + 1]!,
    pcHi,
    insnCount: words[at + 2]!,
    start,
    microEnd: start + micro,
    microCount,
    end: start + size,
    hotAt: 0,
  };
}
