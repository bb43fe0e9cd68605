/**
 * Everything that hangs on page table entries, and the one function that changes one: `setPte`
 * keeps frame references, reverse map, TLB, code generations and the log in step (SDM vol. 3,
 * 4.10.4 lists what an operating system has to invalidate).
 *
 * Invariants, all checked by audit.ts: references of a frame = entries naming it + 1 if a page
 * cache owns it; the TLB has no right that the entry does not give; a page of code, or one that is watched, has no
 * write right in the TLB; two page tables have the same code generation only if no executable entry of
 * one was removed or changed since they were equal.
 */

import { ENG_CODE_GEN, ENG_TLB_GEN, HUGE_PAGE_FRAMES, PAGE_SIZE } from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { panic } from '../common/panic.ts';
import { FRAME_CACHE, FrameAllocator, ZERO_FRAME } from './frames.ts';
import { HeapAccount } from './heap-account.ts';
import { PageTables } from './page-tables.ts';
import { PTE_HUGE, PTE_NX, PTE_PRESENT, pteFrame } from './pte.ts';
import { PteLog } from './pte-log.ts';
import { ReverseMap } from './rmap.ts';
import { Tlb } from './tlb.ts';

/** A reason of invalidation: the frame is nobody's any more. */
export const FRAME_FREED = 'frame freed';

/** The code cache, as seen from memory. Ranges are offsets within the frame, end exclusive. */
export interface CodeTracker {
  /** Whether a translation was made from any of these bytes. */
  overlaps(frame: number, from: number, to: number): boolean;
  /** Forgets every translation made from any of these bytes. */
  invalidate(frame: number, from: number, to: number, reason: string): void;
}

/**
 * Whoever watches memory (machine/watch). Ranges are offsets within the frame, end exclusive; all calls but
 * `storing` may come in the middle of a change, so nothing may be read from files or faulted in.
 */
export interface MemoryWatch {
  /** Whether any of these bytes is watched. */
  overlaps(frame: number, from: number, to: number): boolean;
  /** Whether some of this page is watched in this address space, mapped or not. */
  watches(space: PageTables, vpn: number): boolean;
  /** An instruction, which runs alone, is about to store into watched bytes, through the address hi:lo. */
  storing(frame: number, from: number, to: number, lo: number, hi: number): void;
  /** Anything else is about to change bytes of a frame that is watched. */
  contentChanges(frame: number, from: number, to: number): void;
  /** An entry was changed. */
  entryChanged(space: PageTables, vpn: number, before: number, after: number): void;
  /** A page cache has a page of its file in a frame from now on. */
  cached(cache: object, index: number, frame: number): void;
  /** A frame that is watched is about to be free. */
  freed(frame: number): void;
}

/** Marks of frames: stores into one that has any take the slow path. */
export const MARK_CODE = 1;
export const MARK_WATCHED = 2;

/** Leaf tables that even a small machine may have: 2 KiB each. */
const MIN_TABLES = 8192;

const NO_CODE: CodeTracker = { overlaps: () => false, invalidate: () => {} };

export class Paging {
  readonly memory: LinearMemory;
  readonly frames: FrameAllocator;
  readonly rmap: ReverseMap;
  readonly tlb: Tlb;
  readonly log: PteLog = new PteLog();
  /** What the kernel keeps outside guest RAM, for guests. */
  readonly heap: HeapAccount;
  readonly spaces: Map<number, PageTables> = new Map();
  /** MARK_CODE: the frame holds translated code; MARK_WATCHED: `watch` wants to know of changes. */
  readonly marks: Uint8Array;
  tracker: CodeTracker = NO_CODE;
  watch: MemoryWatch | null = null;
  current: PageTables | null = null;
  /** Sees page tables that are about to be destroyed (the audit). */
  onDestroy: ((space: PageTables) => void) | null = null;

  /** Leaf tables of all spaces. They are host memory, so their number is bounded: see tablesFull. */
  private tableCount = 0;
  private readonly maxTables: number;
  private lastSpace = 0;
  private lastCodeGeneration = 0;

  constructor(memory: LinearMemory, frames: FrameAllocator = new FrameAllocator(memory)) {
    this.memory = memory;
    this.frames = frames;
    this.rmap = new ReverseMap(this.frames.total);
    this.heap = new HeapAccount(this.frames.total * PAGE_SIZE);
    this.tlb = new Tlb(memory.I32);
    this.marks = new Uint8Array(this.frames.total);
    this.maxTables = Math.max(MIN_TABLES, this.frames.total);
    this.frames.onFree = (frame) => {
      const marks = this.marks[frame]!;
      if (marks === 0) return;
      if ((marks & MARK_CODE) !== 0) this.tracker.invalidate(frame, 0, PAGE_SIZE, FRAME_FREED);
      if ((marks & MARK_WATCHED) !== 0) this.watch?.freed(frame);
      this.marks[frame] = 0;
    };
  }

  createSpace(): PageTables {
    const space = new PageTables(++this.lastSpace);
    space.codeGeneration = ++this.lastCodeGeneration;
    this.spaces.set(space.id, space);
    return space;
  }

  /** Whether `more` leaf tables would be too many: the machine is out of memory for page tables. */
  tablesFull(more = 1): boolean {
    return this.tableCount + more > this.maxTables;
  }

  /** Unmaps everything; the page tables must not be used again. */
  destroySpace(space: PageTables): void {
    this.onDestroy?.(space);
    this.clearRange(space, 0, Number.MAX_SAFE_INTEGER);
    this.spaces.delete(space.id);
    if (this.current === space) this.activate(null);
  }

  /** Makes `space` the one that runs. */
  activate(space: PageTables | null): void {
    this.current = space;
    const { I32 } = this.memory;
    if (space === null) {
      // Nothing may run now: an empty entry would serve page 0 of generation 0.
      I32[ENG_TLB_GEN] = 0;
      I32[ENG_CODE_GEN] = 0;
      return;
    }
    if (space.tlbEpoch !== this.tlb.epoch) {
      space.tlbGeneration = this.tlb.newGeneration();
      space.tlbEpoch = this.tlb.epoch;
    }
    I32[ENG_TLB_GEN] = space.tlbGeneration;
    I32[ENG_CODE_GEN] = space.codeGeneration;
  }

  /** Makes every TLB entry of the space stale. */
  flush(space: PageTables): void {
    space.tlbGeneration = this.tlb.newGeneration();
    space.tlbEpoch = this.tlb.epoch;
    if (space === this.current) this.memory.I32[ENG_TLB_GEN] = space.tlbGeneration;
  }

  /**
   * Changes the entry of one page; 0 unmaps it. The new entry takes its own reference to the frame.
   * A 2 MiB page around it is split first.
   */
  setPte(space: PageTables, vpn: number, pte: number): void {
    const table = Math.floor(vpn / HUGE_PAGE_FRAMES);
    if (space.huge.size !== 0 && space.huge.has(table)) this.split(space, table);
    let leaf = space.leaves.get(table);
    if (leaf === undefined) {
      if (pte === 0) return;
      leaf = new Int32Array(HUGE_PAGE_FRAMES);
      this.addTable(space, table, leaf);
    }
    const slot = vpn & (HUGE_PAGE_FRAMES - 1);
    const old = leaf[slot]!;
    leaf[slot] = pte;
    this.changed(space, vpn, old, pte);
    if (this.watch !== null) this.watch.entryChanged(space, vpn, old, pte);
  }

  /** Maps 512 frames from `pte`'s on as a 2 MiB page where nothing is mapped. */
  setHugePte(space: PageTables, table: number, pte: number): void {
    if (space.leaves.has(table) || space.huge.has(table)) panic('2 MiB page over mapped pages');
    space.huge.set(table, pte | PTE_HUGE);
    for (let i = 0; i < HUGE_PAGE_FRAMES; i++) {
      const vpn = table * HUGE_PAGE_FRAMES + i;
      const entry = (pte & ~PTE_HUGE) + (i << 12);
      this.changed(space, vpn, 0, entry);
      if (this.watch !== null) this.watch.entryChanged(space, vpn, 0, entry);
    }
  }

  /** Sets accessed and dirty bits: no right changes, so nothing is flushed. */
  touch(space: PageTables, vpn: number, bits: number): void {
    const table = Math.floor(vpn / HUGE_PAGE_FRAMES);
    const leaf = space.leaves.get(table);
    if (leaf !== undefined) leaf[vpn & (HUGE_PAGE_FRAMES - 1)]! |= bits;
    else if (space.huge.has(table)) space.huge.set(table, space.huge.get(table)! | bits);
  }

  /** Replaces a 2 MiB page by 512 pages that map the same: no right changes. */
  split(space: PageTables, table: number): void {
    const pte = space.huge.get(table);
    if (pte === undefined) return;
    const leaf = new Int32Array(HUGE_PAGE_FRAMES);
    for (let i = 0; i < HUGE_PAGE_FRAMES; i++) leaf[i] = (pte & ~PTE_HUGE) + (i << 12);
    space.huge.delete(table);
    this.addTable(space, table, leaf);
  }

  private addTable(space: PageTables, table: number, leaf: Int32Array): void {
    space.leaves.set(table, leaf);
    this.tableCount++;
  }

  private dropTable(space: PageTables, table: number): void {
    if (space.leaves.delete(table)) this.tableCount--;
  }

  /** Frees a leaf table without entries. */
  private dropIfEmpty(space: PageTables, table: number): void {
    const leaf = space.leaves.get(table);
    if (leaf === undefined) return;
    // Not `every`: a call for each entry took half of a munmap.
    for (let i = 0; i < leaf.length; i++) if (leaf[i] !== 0) return;
    this.dropTable(space, table);
  }

  /** Unmaps pages [from, to) and frees the leaf tables that are empty then. */
  clearRange(space: PageTables, from: number, to: number): void {
    this.forEachMapped(space, from, to, (vpn) => this.setPte(space, vpn, 0));
    const firstTable = Math.ceil(from / HUGE_PAGE_FRAMES);
    const endTable = Math.floor(to / HUGE_PAGE_FRAMES);
    if (endTable - firstTable < space.leaves.size) {
      for (let t = firstTable; t < endTable; t++) this.dropTable(space, t);
    } else {
      for (const t of space.leaves.keys()) {
        if (t >= firstTable && t < endTable) this.dropTable(space, t);
      }
    }
    this.dropIfEmpty(space, firstTable - 1);
    this.dropIfEmpty(space, endTable);
  }

  /** Visits every non-empty entry of pages [from, to); `visit` may change the one it is given. */
  forEachMapped(
    space: PageTables,
    from: number,
    to: number,
    visit: (vpn: number, pte: number) => void,
  ): void {
    for (const table of this.tablesIn(space, from, to)) {
      const first = table * HUGE_PAGE_FRAMES;
      const end = Math.min(to, first + HUGE_PAGE_FRAMES);
      for (let vpn = Math.max(from, first); vpn < end; vpn++) {
        const pte = space.get(vpn);
        if (pte !== 0) visit(vpn, pte);
      }
    }
  }

  /** From now on stores into the frame take the slow path, which asks the tracker. */
  protectCode(frame: number): void {
    this.mark(frame, MARK_CODE);
  }

  /** The frame holds no translations any more. */
  unprotectCode(frame: number): void {
    this.marks[frame]! &= ~MARK_CODE;
  }

  /** From now on `watch` learns of changes of the frame. */
  watchFrame(frame: number): void {
    this.mark(frame, MARK_WATCHED);
  }

  unwatchFrame(frame: number): void {
    this.marks[frame]! &= ~MARK_WATCHED;
  }

  /** Takes the write right to a frame out of the TLB; no more get in while it has a mark (Mmu.fill). */
  private mark(frame: number, mark: number): void {
    const marks = this.marks[frame]!;
    this.marks[frame] = marks | mark;
    if (marks !== 0) return;
    this.rmap.forEach(frame, (id, vpn) => {
      const space = this.spaces.get(id);
      if (space === undefined || space.tlbEpoch !== this.tlb.epoch) return;
      this.tlb.killWrite(vpn << 12, Math.floor(vpn / 0x100000), space.tlbGeneration);
    });
  }

  /** To be called before anything but a guest store changes bytes of a frame. */
  contentChanges(frame: number, from: number, to: number, reason: string): void {
    const marks = this.marks[frame]!;
    if (marks === 0) return;
    if ((marks & MARK_CODE) !== 0) this.tracker.invalidate(frame, from, to, reason);
    if ((marks & MARK_WATCHED) !== 0) this.watch?.contentChanges(frame, from, to);
  }

  private changed(space: PageTables, vpn: number, old: number, pte: number): void {
    if (this.log.enabled) this.log.record(space.id, vpn, old, pte);
    if ((old & PTE_PRESENT) !== 0 && space.tlbEpoch === this.tlb.epoch) {
      this.tlb.kill(vpn << 12, Math.floor(vpn / 0x100000), space.tlbGeneration);
    }
    const oldFrame = old === 0 ? ZERO_FRAME : pteFrame(old);
    const newFrame = pte === 0 ? ZERO_FRAME : pteFrame(pte);
    const moved = oldFrame !== newFrame || (old === 0) !== (pte === 0);
    const wasCode = (old & (PTE_PRESENT | PTE_NX)) === PTE_PRESENT;
    if (wasCode && (moved || (pte & (PTE_PRESENT | PTE_NX)) !== PTE_PRESENT)) {
      this.freshCodeGeneration(space);
    }
    // Pages of files are the same in all spaces that share a generation, others are this space's own.
    const isCode = !wasCode && (pte & (PTE_PRESENT | PTE_NX)) === PTE_PRESENT;
    if (isCode && this.frames.kind[newFrame] !== FRAME_CACHE) this.ownCode(space);
    if (oldFrame === newFrame) return;
    if (newFrame !== ZERO_FRAME) {
      this.frames.retain(newFrame);
      this.rmap.add(newFrame, space.id, vpn);
      space.resident++;
    }
    if (oldFrame !== ZERO_FRAME) {
      this.rmap.remove(oldFrame, space.id, vpn);
      this.frames.release(oldFrame);
      space.resident--;
    }
  }

  /** To be called before areas become, or are no longer, executable: `space` has code of its own now. */
  ownCode(space: PageTables): void {
    if (space.sharesCode) this.freshCodeGeneration(space);
  }

  private freshCodeGeneration(space: PageTables): void {
    space.sharesCode = false;
    space.codeGeneration = ++this.lastCodeGeneration;
    if (space === this.current) this.memory.I32[ENG_CODE_GEN] = space.codeGeneration;
  }

  /** Numbers of the tables that exist and have pages in [from, to), whichever way is shorter. */
  private tablesIn(space: PageTables, from: number, to: number): number[] {
    const first = Math.floor(from / HUGE_PAGE_FRAMES);
    const end = Math.ceil(to / HUGE_PAGE_FRAMES);
    const out: number[] = [];
    if (end - first <= space.leaves.size + space.huge.size) {
      for (let t = first; t < end; t++) if (space.leaves.has(t) || space.huge.has(t)) out.push(t);
      return out;
    }
    for (const t of space.leaves.keys()) if (t >= first && t < end) out.push(t);
    for (const t of space.huge.keys()) if (t >= first && t < end) out.push(t);
    return out;
  }
}
