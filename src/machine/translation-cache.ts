/**
 * Translations kept from one run to the next. A chunk holds what was made of one page of guest code at one address; it
 * is found by the address and a hash of the page. The hash is no proof: what is in a chunk is used only if the very
 * bytes that it was made from are there now, so a guest can change what others find, never what they run.
 *
 *     chunk    blocks | regions | entries of blocks… | entries of regions (saved-region.ts)…
 *     block    words | guest code | micro code (ir/micro-record.ts)
 *     code     bytes | the code, four bytes a word
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import type { InterpBlock, Interpreter } from '../ir/interp.ts';
import { isRecord, WordWriter } from '../ir/micro-record.ts';
import { frameHost } from '../mmu/frames.ts';
import type { Mmu } from '../mmu/mmu.ts';
import type { CodeCache, CompiledRegion, Tb } from './code-cache.ts';
import {
  codeEnd,
  isRegion,
  membersOf,
  objectOf,
  type SavedRegion,
  writeRegion,
} from './saved-region.ts';

/** What a chunk is found by: the page's address, and two halves of a hash of what is in it. */
export interface ChunkKey {
  readonly pcLo: number;
  readonly pcHi: number;
  readonly hash0: number;
  readonly hash1: number;
}

export interface Chunk {
  readonly key: ChunkKey;
  readonly words: Int32Array;
}

/** Where chunks are kept. What it gives back is what was put there, by the same build, for the same CPU level. */
export interface TranslationStore {
  find(key: ChunkKey): Int32Array | null;
  put(chunks: readonly Chunk[]): void;
}

export interface TranslationCacheStats {
  /** Chunks found, and pages that have none. */
  pages: number;
  missing: number;
  /** Blocks and regions taken from chunks. */
  loaded: number;
  regions: number;
  /** Blocks written to the store at the end. */
  saved: number;
}

const HEADER = 2;
const PAGE_WORDS = PAGE_SIZE / 4;

/** A page of this run, and what the store has of it. */
interface Page {
  readonly key: ChunkKey;
  /** The chunk; empty if there is none. */
  readonly words: Int32Array;
  readonly entries: ChunkEntries;
}

/** Offset in the page → index of the entry. */
interface ChunkEntries {
  readonly blocks: ReadonlyMap<number, number>;
  readonly regions: ReadonlyMap<number, number>;
}

/** A block of this run's in a page that is to be written. */
type PageBlocks = Map<number, Tb>;

const NO_WORDS = new Int32Array(0);
const NO_ENTRIES: ChunkEntries = { blocks: new Map(), regions: new Map() };

/** A block taken from the store. */
export interface LoadedBlock {
  readonly block: InterpBlock;
  /** Bytes of guest code. */
  readonly bytes: number;
  /** Whether there is a region that it begins. */
  readonly region: boolean;
}

export class TranslationCache {
  readonly stats: TranslationCacheStats = { pages: 0, missing: 0, loaded: 0, regions: 0, saved: 0 };
  private readonly store: TranslationStore;
  private readonly mem: LinearMemory;
  private readonly mmu: Mmu;
  /** By frame; a page that is mapped at two addresses has the one it was asked for last. */
  private readonly pages = new Map<number, Page>();
  /** Pages whose code was written to: programs that make code make another one each time. */
  private readonly written = new Set<number>();
  /** Pages with blocks that the store lacks. */
  private readonly fresh = new Set<number>();

  constructor(store: TranslationStore, mem: LinearMemory, mmu: Mmu) {
    this.store = store;
    this.mem = mem;
    this.mmu = mmu;
  }

  /** The block at hi:lo, whose first byte is at `host`, added to the interpreter; null if there is none. */
  load(interp: Interpreter, lo: number, hi: number, host: number): LoadedBlock | null {
    const frame = this.mmu.frameOf(host);
    const { words, entries } = this.page(frame, lo, hi, host);
    const offset = lo & (PAGE_SIZE - 1);
    const at = entries.blocks.get(offset);
    if (at === undefined || !this.sameBlock(words, at, lo, hi, host)) {
      this.fresh.add(frame);
      return null;
    }
    this.stats.loaded++;
    return {
      block: interp.load(words, codeEnd(words, at + 1), hi),
      bytes: words[at + 1]!,
      region: entries.regions.has(offset),
    };
  }

  /**
   * The region that begins at the block.
   * @param blockAt the block at a pc, which may be loaded for it, or null
   */
  region(entry: Tb, blockAt: (lo: number, hi: number) => Tb | null): SavedRegion | null {
    const { words, entries } = this.page(
      this.mmu.frameOf(entry.host),
      entry.pcLo,
      entry.pcHi,
      entry.host,
    );
    const at = entries.regions.get(entry.pcLo & (PAGE_SIZE - 1));
    if (at === undefined || words[at + 1] !== entry.pcLo) return null;
    const members: Tb[] = [];
    for (const m of membersOf(words, at)) {
      const tb = blockAt(m.pcLo, m.pcHi);
      if (tb === null || tb.byteLength !== words[m.code]) return null;
      if (!this.sameCode(words, m.code, m.pcLo, m.pcHi, tb.host)) return null;
      members.push(tb);
    }
    this.stats.regions++;
    return { entry, members, object: objectOf(words, at) };
  }

  /** A region was made that the store does not have. */
  made({ entry }: CompiledRegion): void {
    this.fresh.add(this.mmu.frameOf(entry.host));
  }

  /** A frame that had code was `written` to, or is free. */
  forget(frame: number, written: boolean): void {
    this.pages.delete(frame);
    this.fresh.delete(frame);
    if (written) this.written.add(frame);
    else this.written.delete(frame);
  }

  private page(frame: number, lo: number, hi: number, host: number): Page {
    const pcLo = lo & -PAGE_SIZE;
    let page = this.pages.get(frame);
    if (page === undefined || page.key.pcLo !== pcLo || page.key.pcHi !== hi) {
      page = this.find(this.keyOf(pcLo, hi, host & -PAGE_SIZE));
      this.pages.set(frame, page);
    }
    return page;
  }

  private keyOf(pcLo: number, pcHi: number, host: number): ChunkKey {
    const { I32 } = this.mem;
    let hash0 = 0x811c9dc5;
    let hash1 = pcLo;
    const from = host >> 2;
    for (let i = from; i < from + PAGE_WORDS; i++) {
      const w = I32[i]!;
      hash0 = Math.imul(hash0 ^ w, 0x01000193);
      hash0 ^= hash0 >>> 15;
      hash1 = Math.imul(hash1 + w, 0x85ebca6b);
      hash1 = (hash1 << 13) | (hash1 >>> 19);
    }
    return { pcLo, pcHi, hash0: hash0 | 0, hash1: hash1 | 0 };
  }

  private find(key: ChunkKey): Page {
    const words = this.store.find(key);
    if (words === null) {
      this.stats.missing++;
      return { key, words: NO_WORDS, entries: NO_ENTRIES };
    }
    this.stats.pages++;
    return { key, words, entries: indexOf(words) };
  }

  /** Whether the block at words[at…] is the one at hi:lo; its address is in the micro code, too. */
  private sameBlock(words: Int32Array, at: number, lo: number, hi: number, host: number): boolean {
    return words[codeEnd(words, at + 1) + 1] === lo && this.sameCode(words, at + 1, lo, hi, host);
  }

  /** Whether the code at words[at…] is what is at hi:lo now. */
  private sameCode(words: Int32Array, at: number, lo: number, hi: number, host: number): boolean {
    const { U8 } = this.mem;
    const bytes = words[at]!;
    const first = Math.min(bytes, PAGE_SIZE - (host & (PAGE_SIZE - 1)));
    let from = host;
    for (let i = 0; i < bytes; i++) {
      if (i === first) {
        const next = ((lo & -PAGE_SIZE) + PAGE_SIZE) | 0;
        const second = this.mmu.fetch(next, next === 0 ? hi + 1 : hi);
        if (second < 0) return false;
        from = second - i;
      }
      if (((words[at + 1 + (i >> 2)]! >>> ((i & 3) * 8)) & 255) !== U8[from + i]) return false;
    }
    return true;
  }

  /** Writes what this run has translated and the store lacks; `regions`: its regions, too. */
  save(cache: CodeCache, interp: Interpreter, regions: boolean): void {
    const chunks: Chunk[] = [];
    for (const [frame, blocks] of this.freshPages(cache)) {
      const page = this.pages.get(frame);
      if (page === undefined) continue;
      chunks.push({ key: page.key, words: this.chunk(page, blocks, interp, regions) });
    }
    if (chunks.length > 0) this.store.put(chunks);
  }

  /** The blocks of each page that is to be written, by offset. */
  private freshPages(cache: CodeCache): Map<number, PageBlocks> {
    const pages = new Map<number, PageBlocks>();
    for (const tb of cache.blocks()) {
      const frame = this.mmu.frameOf(tb.host);
      const page = this.pages.get(frame);
      if (page === undefined || !this.fresh.has(frame) || this.written.has(frame)) continue;
      if (page.key.pcHi !== tb.pcHi || page.key.pcLo !== (tb.pcLo & -PAGE_SIZE)) continue;
      const blocks = pages.get(frame);
      if (blocks === undefined) pages.set(frame, new Map([[tb.pcLo & (PAGE_SIZE - 1), tb]]));
      else blocks.set(tb.pcLo & (PAGE_SIZE - 1), tb);
    }
    return pages;
  }

  private chunk(page: Page, blocks: PageBlocks, interp: Interpreter, regions: boolean): Int32Array {
    const out = new WordWriter();
    out.append([0, 0]);
    const { words, entries } = page;
    for (const [offset, tb] of blocks) {
      if (!this.writeBlock(tb, interp, out)) continue;
      out.words[0]!++;
      if (!entries.blocks.has(offset)) this.stats.saved++;
    }
    // What an earlier run made and this one did not need.
    const copy = (at: number): void => out.append(words.subarray(at, at + words[at]!));
    for (const [offset, at] of entries.blocks) {
      if (blocks.has(offset)) continue;
      copy(at);
      out.words[0]!++;
    }
    const made = new Set<number>();
    for (const [offset, tb] of blocks) {
      if (!regions || !this.writeRegion(tb, out)) continue;
      out.words[1]!++;
      made.add(offset);
    }
    for (const [offset, at] of entries.regions) {
      if (made.has(offset)) continue;
      copy(at);
      out.words[1]!++;
    }
    return out.words.slice(0, out.length);
  }

  /** @returns whether the block could be written: all of its code is in memory */
  private writeBlock(tb: Tb, interp: Interpreter, out: WordWriter): boolean {
    const at = out.length;
    out.push(0);
    if (!this.writeCode(tb, out)) {
      out.length = at;
      return false;
    }
    interp.save(tb.interp, out);
    out.words[at] = out.length - at;
    return true;
  }

  /** @returns whether the block begins a region that is to be kept, and all of its code is in memory */
  private writeRegion(tb: Tb, out: WordWriter): boolean {
    const object = tb.region?.object ?? null;
    if (tb.region === null || object === null) return false;
    const at = out.length;
    if (writeRegion(tb.region, object, out, (member) => this.writeCode(member, out))) return true;
    out.length = at;
    return false;
  }

  private writeCode({ host, byteLength, secondFrame }: Tb, out: WordWriter): boolean {
    const { U8 } = this.mem;
    const first = Math.min(byteLength, PAGE_SIZE - (host & (PAGE_SIZE - 1)));
    if (byteLength > first && secondFrame < 0) return false;
    const second = secondFrame < 0 ? 0 : frameHost(secondFrame);
    out.push(byteLength);
    for (let i = 0; i < byteLength; i += 4) {
      let word = 0;
      for (let k = i; k < Math.min(i + 4, byteLength); k++) {
        word |= U8[k < first ? host + k : second + k - first]! << ((k & 3) * 8);
      }
      out.push(word);
    }
    return true;
  }
}

/** The entries of a chunk; none if it is not in order. */
function indexOf(words: Int32Array): ChunkEntries {
  const blocks = new Map<number, number>();
  const regions = new Map<number, number>();
  let at = HEADER;
  for (let i = words[0] ?? 0; i > 0; i--) {
    const record = codeEnd(words, at + 1);
    if (record < 0 || !isRecord(words, record)) return NO_ENTRIES;
    if (record + words[record]! !== at + words[at]!) return NO_ENTRIES;
    blocks.set(words[record + 1]! & (PAGE_SIZE - 1), at);
    at += words[at]!;
  }
  for (let i = words[1] ?? 0; i > 0; i--) {
    if (!isRegion(words, at)) return NO_ENTRIES;
    regions.set(words[at + 1]! & (PAGE_SIZE - 1), at);
    at += words[at]!;
  }
  return at === words.length ? { blocks, regions } : NO_ENTRIES;
}
