/**
 * The pages that watched ranges lie in: which frames they are in now, what their bytes were, and notes of
 * what happens to them. Implements what the MMU tells (MemoryWatch).
 *
 * Stores and page faults come in the middle of things, so a note only says who and where; the watcher
 * (watcher.ts) compares bytes later, when the change has been made and files may be read.
 *
 * Invariants: a page is listed under its frame as long as the frame has its bytes, and that frame is marked;
 * a page that is not mapped is listed under the page of the file that will be.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import { frameHost, ZERO_FRAME } from '../../mmu/frames.ts';
import type { PageTables } from '../../mmu/page-tables.ts';
import type { MemoryWatch, Paging } from '../../mmu/paging.ts';
import { pteFrame } from '../../mmu/pte.ts';
import type { Watch } from './watch.ts';
import type { Origin, Witness } from './witness.ts';

const NO_FRAME = -1;
/** Notes between two looks; a guest that makes more in one system call is counted. */
const MAX_NOTES = 4096;

/** A watched range of one address space. */
export interface Range {
  readonly watch: Watch;
  readonly space: AddressSpace;
  readonly start: number;
  readonly end: number;
  /** See Place. */
  readonly raw: boolean;
  readonly pages: Page[];
  /** What is mapped there, to compare and to show (areas.ts). */
  areas: string;
  shown: readonly string[];
}

/** What of one page is in a range. */
export class Page {
  readonly range: Range;
  readonly vpn: number;
  /** Offsets in the page, end exclusive. */
  readonly from: number;
  readonly to: number;
  frame: number = NO_FRAME;
  /** The file page it is listed under while it is not mapped. */
  file: { readonly cache: object; readonly index: number } | null = null;
  /** What its bytes were at the last look, if `known`. */
  readonly bytes: Uint8Array;
  known = false;

  constructor(range: Range, vpn: number) {
    this.range = range;
    this.vpn = vpn;
    const base = vpn * PAGE_SIZE;
    this.from = Math.max(range.start - base, 0);
    this.to = Math.min(range.end - base, PAGE_SIZE);
    this.bytes = new Uint8Array(this.to - this.from);
  }
}

/** Something that happened to a frame, or to the entry of a page. */
export interface Note {
  readonly kind: 'store' | 'kernel' | 'entry';
  readonly origin: Origin;
  /** The pages concerned. */
  readonly pages: readonly Page[];
  /** Offsets in the frame. */
  from: number;
  to: number;
  /** A store's address and address space. */
  readonly va: number;
  readonly space: number;
  /** An entry's values, what the kernel was doing, and what each page's bytes were before and right after. */
  readonly before: number;
  readonly after: number;
  readonly context: string;
  readonly contents: readonly Contents[];
}

/** Null: not in memory. */
export interface Contents {
  readonly before: Uint8Array | null;
  readonly after: Uint8Array | null;
}

export class WatchedPages implements MemoryWatch {
  /** What was not looked at yet, oldest first. */
  notes: Note[] = [];
  /** Notes that were too many. */
  dropped = 0;
  private readonly paging: Paging;
  private readonly witness: Witness;
  private readonly bySpace: Map<number, Map<number, Page[]>> = new Map();
  private readonly byFrame: Map<number, Page[]> = new Map();
  private readonly byFile: Map<object, Map<number, Page[]>> = new Map();

  constructor(paging: Paging, witness: Witness) {
    this.paging = paging;
    this.witness = witness;
  }

  // ── what is watched ───────────────────────────────────────────────────────────────────────────

  add(range: Range): void {
    const last = Math.floor((range.end - 1) / PAGE_SIZE);
    for (let vpn = Math.floor(range.start / PAGE_SIZE); vpn <= last; vpn++) {
      const page = new Page(range, vpn);
      range.pages.push(page);
      push(entry(this.bySpace, range.space.tables.id), vpn, page);
      this.bind(page);
      this.look(page);
    }
  }

  remove(range: Range): void {
    const pages = entry(this.bySpace, range.space.tables.id);
    for (const page of range.pages) {
      pull(pages, page.vpn, page);
      this.unlistFile(page);
      this.unlistFrame(page);
    }
    if (pages.size === 0) this.bySpace.delete(range.space.tables.id);
  }

  /** Lists a page under the frame or the file page that has its bytes now. */
  bind(page: Page): void {
    const { space } = page.range;
    const pte = space.tables.get(page.vpn);
    this.unlistFile(page);
    let frame = pte === 0 ? NO_FRAME : pteFrame(pte);
    const va = page.vpn * PAGE_SIZE;
    const vma = pte === 0 ? space.areas.find(va) : null;
    if (vma?.file != null) {
      const cache = vma.file.pages;
      const index = vma.filePageAt(va);
      page.file = { cache, index };
      push(entry(this.byFile, cache), index, page);
      frame = cache.peek(index);
    }
    if (frame === page.frame) return;
    this.unlistFrame(page);
    if (frame === NO_FRAME) return;
    page.frame = frame;
    push(this.byFrame, frame, page);
    if (frame !== ZERO_FRAME) this.paging.watchFrame(frame);
  }

  /** Remembers the page's bytes as they are now. */
  look(page: Page): void {
    const now = this.current(page);
    page.known = now !== null;
    if (now !== null) page.bytes.set(now);
  }

  /** The watched bytes of a page now; null if they are not in memory. */
  current(page: Page): Uint8Array | null {
    if (page.frame !== NO_FRAME) {
      const host = frameHost(page.frame);
      return this.paging.memory.U8.subarray(host + page.from, host + page.to);
    }
    const vma = page.range.space.areas.find(page.vpn * PAGE_SIZE);
    return vma !== null && vma.file === null ? new Uint8Array(page.bytes.length) : null;
  }

  private unlistFrame(page: Page): void {
    const { frame } = page;
    if (frame === NO_FRAME) return;
    page.frame = NO_FRAME;
    if (pull(this.byFrame, frame, page) && frame !== ZERO_FRAME) this.paging.unwatchFrame(frame);
  }

  private unlistFile(page: Page): void {
    const { file } = page;
    if (file === null) return;
    page.file = null;
    const pages = entry(this.byFile, file.cache);
    pull(pages, file.index, page);
    if (pages.size === 0) this.byFile.delete(file.cache);
  }

  // ── MemoryWatch ───────────────────────────────────────────────────────────────────────────────

  overlaps(frame: number, from: number, to: number): boolean {
    for (const p of this.byFrame.get(frame) ?? []) if (from < p.to && p.from < to) return true;
    return false;
  }

  watches(space: PageTables, vpn: number): boolean {
    return this.bySpace.get(space.id)?.has(vpn) === true;
  }

  storing(frame: number, from: number, to: number, lo: number, hi: number): void {
    const va = hi * 0x1_0000_0000 + (lo >>> 0);
    this.noteBytes('store', frame, from, to, va);
  }

  contentChanges(frame: number, from: number, to: number): void {
    this.noteBytes('kernel', frame, from, to, -1);
  }

  entryChanged(space: PageTables, vpn: number, before: number, after: number): void {
    const pages = this.bySpace.get(space.id)?.get(vpn);
    if (pages === undefined) return;
    for (const page of pages) this.bind(page);
    if (pteFrame(before) === pteFrame(after) && (before === 0) === (after === 0)) return;
    const { context } = this.paging.log;
    const contents = pages.map((page) => {
      const known = page.known ? page.bytes.slice() : null;
      this.look(page);
      return { before: known, after: page.known ? page.bytes.slice() : null };
    });
    this.note({
      ...{ kind: 'entry', origin: this.witness.see(this.shown(pages)), pages: [...pages] },
      ...{ from: 0, to: PAGE_SIZE, va: -1, space: space.id, before, after, context, contents },
    });
  }

  cached(cache: object, index: number, frame: number): void {
    for (const page of this.byFile.get(cache)?.get(index) ?? []) {
      this.unlistFrame(page);
      page.frame = frame;
      push(this.byFrame, frame, page);
      this.paging.watchFrame(frame);
      this.look(page);
    }
  }

  freed(frame: number): void {
    for (const page of this.byFrame.get(frame) ?? []) page.frame = NO_FRAME;
    this.byFrame.delete(frame);
  }

  private noteBytes(
    kind: 'store' | 'kernel',
    frame: number,
    from: number,
    to: number,
    va: number,
  ): void {
    const pages = (this.byFrame.get(frame) ?? []).filter((p) => from < p.to && p.from < to);
    if (pages.length === 0) return;
    const last = this.notes[this.notes.length - 1];
    const space = this.paging.current?.id ?? -1;
    // A helper stores in pieces, and asks for all of them first.
    const goesOn = last?.kind === kind && last.to >= from && last.from <= to;
    const here = goesOn && last.pages.length === pages.length && last.pages[0] === pages[0];
    if (here && this.witness.same(last.origin)) {
      last.from = Math.min(last.from, from);
      last.to = Math.max(last.to, to);
      return;
    }
    this.note({
      ...{ kind, origin: this.witness.see(this.shown(pages)), pages, from, to, va, space },
      ...{ before: 0, after: 0, context: '', contents: [] },
    });
  }

  private note(note: Note): void {
    if (this.notes.length < MAX_NOTES) this.notes.push(note);
    else this.dropped++;
  }

  /** Whether a report will be made of this, which is worth a look at the stack. */
  private shown(pages: readonly Page[]): boolean {
    return pages.some((p) => !p.range.watch.quiet);
  }
}

function entry<K, V>(map: Map<K, Map<number, V>>, key: K): Map<number, V> {
  let inner = map.get(key);
  if (inner === undefined) map.set(key, (inner = new Map<number, V>()));
  return inner;
}

function push(map: Map<number, Page[]>, key: number, page: Page): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [page]);
  else if (!list.includes(page)) list.push(page);
}

/** @returns whether that was the last one there */
function pull(map: Map<number, Page[]>, key: number, page: Page): boolean {
  const list = map.get(key);
  const at = list?.indexOf(page) ?? -1;
  if (list === undefined || at < 0) return false;
  list.splice(at, 1);
  if (list.length === 0) map.delete(key);
  return list.length === 0;
}
