/**
 * Guest memory as the CPU sees it: the slow paths behind the TLB check of generated code, with
 * x86's rules for what faults and how (SDM vol. 3, 4.6 access rights, 4.7 page-fault exceptions,
 * 6.15 interrupt 14). Has the shape of GuestAccess (ir/helpers.ts), which engines call.
 *
 * Invariants: a store that crosses a page checks both pages before it writes a byte; a store that
 * would change bytes of translated code, or watched ones, writes nothing and returns -2, unless allowSelfModify;
 * results are host offsets (>= 0), 0 for done, or negative with the engine words set. Nothing is
 * allocated here.
 *
 * `vpn << 12` and back: page numbers have 35 bits, so int32 operations see their low 20 only.
 */

import {
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_VECTOR,
  PAGE_SIZE,
  SCRATCH_BASE,
  SCRATCH_SIZE,
  TLB_ADDEND,
  TLB_EDGE,
  TLB_EXEC,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
} from '../common/layout.ts';
import type { LinearMemory } from '../common/memory.ts';
import { panic } from '../common/panic.ts';
import { frameHost, hostFrame } from './frames.ts';
import { FAULT_FIXED, FAULT_MAPERR, type PageTables } from './page-tables.ts';
import type { Paging } from './paging.ts';
import {
  ACCESS_FETCH,
  ACCESS_READ,
  ACCESS_WRITE,
  FAULT_PRESENT,
  FAULT_USER,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_WRITABLE,
  pteAllows,
  pteFrame,
} from './pte.ts';

const VECTOR_GP = 13;
const VECTOR_PF = 14;
/** Results of a store. */
const FAULTED = -1;
const SELF_MODIFY = -2;
/** A handler that keeps claiming success without giving the right is broken. */
const MAX_TRIES = 8;

/** Keeps what stores replace (lockstep runs). */
export interface Journal {
  /** Before `size` bytes at host offset `host` are written. */
  save(host: number, size: number): void;
}

export class Mmu {
  readonly paging: Paging;
  /** Not null: sees every store. Needs `setSlowStores`. */
  journal: Journal | null = null;
  /** No store hits the TLB. */
  private slowStores = false;
  /** Stores into translated code are done and invalidate it (and watched ones are noted), instead of returning -2. */
  allowSelfModify = false;
  /** The last -2 was because a page of code has got another frame: the same store will go ahead. */
  codeMoved = false;
  /** FAULT_* of the last page fault that became an exception: which signal it is. */
  lastFault: number = FAULT_MAPERR;
  /** The last exception was an access to an address that is not canonical. */
  nonCanonical = false;

  private readonly memory: LinearMemory;
  private readonly I32: Int32Array;
  private scratch: number = SCRATCH_BASE;

  constructor(paging: Paging) {
    this.paging = paging;
    this.memory = paging.memory;
    this.I32 = paging.memory.I32;
  }

  read(lo: number, hi: number, size: number): number {
    const inPage = PAGE_SIZE - (lo & (PAGE_SIZE - 1));
    if (size > inPage) return this.readCrossing(lo, hi, size, inPage);
    return this.translate(lo, hi, ACCESS_READ);
  }

  write8(lo: number, hi: number, v: number): number {
    const host = this.writable(lo, hi, 1);
    if (host < 0) return host;
    this.memory.U8[host] = v;
    return 0;
  }

  write16(lo: number, hi: number, v: number): number {
    if ((lo & 0xfff) > 0xffe) return this.storeCrossing(lo, hi, v, 0, 2);
    const host = this.writable(lo, hi, 2);
    if (host < 0) return host;
    this.memory.D.setInt16(host, v, true);
    return 0;
  }

  write32(lo: number, hi: number, v: number): number {
    if ((lo & 0xfff) > 0xffc) return this.storeCrossing(lo, hi, v, 0, 4);
    const host = this.writable(lo, hi, 4);
    if (host < 0) return host;
    this.memory.D.setInt32(host, v, true);
    return 0;
  }

  write64(lo: number, hi: number, vlo: number, vhi: number): number {
    if ((lo & 0xfff) > 0xff8) return this.storeCrossing(lo, hi, vlo, vhi, 8);
    const host = this.writable(lo, hi, 8);
    if (host < 0) return host;
    this.memory.D.setInt32(host, vlo, true);
    this.memory.D.setInt32(host + 4, vhi, true);
    return 0;
  }

  writeBytes(lo: number, hi: number, from: number, size: number): number {
    const inPage = PAGE_SIZE - (lo & (PAGE_SIZE - 1));
    if (size > inPage) return this.writeCrossing(lo, hi, from, size, inPage);
    const host = this.writable(lo, hi, size);
    if (host < 0) return host;
    this.memory.U8.copyWithin(host, from, from + size);
    return 0;
  }

  writable(lo: number, hi: number, size: number): number {
    const host = this.translate(lo, hi, ACCESS_WRITE);
    if (host < 0) return host;
    const frame = hostFrame(host);
    if (this.paging.marks[frame] !== 0 && !this.mayStore(lo, hi, host, frame, size)) {
      this.codeMoved = false;
      return SELF_MODIFY;
    }
    if (this.journal !== null) this.journal.save(host, size);
    return host;
  }

  /** From now on no store hits the TLB, or again those to pages that were stored to since. */
  setSlowStores(on: boolean): void {
    if (on && !this.slowStores) this.paging.tlb.dropWrites();
    this.slowStores = on;
  }

  raise(vector: number, error: number): number {
    this.memory.I32[ENG_VECTOR] = vector;
    this.memory.I32[ENG_ERROR] = error;
    this.nonCanonical = false;
    return FAULTED;
  }

  /** Translates for instruction fetch. @returns host offset of the byte at hi:lo, or -1 */
  fetch(lo: number, hi: number): number {
    return this.translate(lo, hi, ACCESS_FETCH);
  }

  /** The frame of a host offset that `fetch` returned. */
  frameOf(host: number): number {
    return hostFrame(host);
  }

  /** Stores into this frame must ask the code tracker from now on. */
  protectCode(frame: number): void {
    this.paging.protectCode(frame);
  }

  unprotectCode(frame: number): void {
    this.paging.unprotectCode(frame);
  }

  activate(space: PageTables | null): void {
    this.paging.activate(space);
  }

  /** Host offset of hi:lo for `access`, filling the TLB; -1 after setting the engine words. */
  private translate(lo: number, hi: number, access: number): number {
    const space = this.paging.current;
    // Without an address space (the interpreter's training) nothing can be accessed.
    if (space === null) return this.raise(VECTOR_GP, 0);
    const field =
      access === ACCESS_READ ? TLB_READ : access === ACCESS_WRITE ? TLB_WRITE : TLB_EXEC;
    // The check of generated code (layout.ts); in line because helpers come here for every access.
    const { I32 } = this;
    const e = ((lo >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
    const hit =
      I32[e + field] === ((lo & -PAGE_SIZE) | space.tlbGeneration) && I32[e + TLB_HI] === hi;
    if (hit) return (lo + I32[e + TLB_ADDEND]!) | 0;
    // User addresses have hi in 0..0x7fff; the other canonical half belongs to the kernel.
    if (hi >>> 15 !== 0) return this.notUser(lo, hi, access);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const pte = space.lookup(lo, hi);
      if (pteAllows(pte, access)) return this.fill(space, lo, hi, access, pte);
      if (access === ACCESS_WRITE && this.waitsForStep(space, lo, hi)) {
        this.codeMoved = false;
        return SELF_MODIFY;
      }
      const { codeGeneration } = space;
      const result = space.handler.fault(hi * 0x1_0000_0000 + (lo >>> 0), access);
      const wasPresent = (pte & PTE_PRESENT) !== 0;
      if (wasPresent && access === ACCESS_WRITE && space.codeGeneration !== codeGeneration) {
        // The page got a frame of its own, and what runs may have been made from the other one.
        this.codeMoved = !this.allowSelfModify;
        if (this.codeMoved) return SELF_MODIFY;
      }
      if (result !== FAULT_FIXED) {
        return this.pageFault(lo, hi, access | (pte & PTE_PRESENT), result);
      }
    }
    return panic(`fault at ${hi.toString(16)}:${(lo >>> 0).toString(16)} is never fixed`);
  }

  private fill(space: PageTables, lo: number, hi: number, access: number, pte: number): number {
    const frame = pteFrame(pte);
    const host = frameHost(frame) + (lo & (PAGE_SIZE - 1));
    const { tlb, marks } = this.paging;
    const used = access === ACCESS_WRITE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    if ((pte & used) !== used) {
      this.paging.touch(space, hi * 0x100000 + (lo >>> 12), used);
    }
    const generation = space.tlbGeneration;
    if (access === ACCESS_FETCH) tlb.fill(lo, hi, generation, TLB_EXEC, host);
    else if ((lo + TLB_EDGE) >>> 0 < 2 * TLB_EDGE) return host;
    else tlb.fill(lo, hi, generation, TLB_READ, host);
    // A page that is dirty already gets its write right along with the read right.
    const writable = access === ACCESS_WRITE || (pte & PTE_DIRTY) !== 0;
    if (writable && (pte & PTE_WRITABLE) !== 0 && marks[frame] === 0 && !this.slowStores) {
      tlb.fill(lo, hi, generation, TLB_WRITE, host);
    }
    return host;
  }

  /** Addresses beyond the user half: #GP(0) if not canonical, else the kernel's, which is never mapped. */
  private notUser(lo: number, hi: number, access: number): number {
    if (hi >> 15 !== -1) {
      this.raise(VECTOR_GP, 0);
      this.nonCanonical = true;
      return FAULTED;
    }
    // Linux reports kernel addresses as protection faults, mapped or not (arch/x86/mm/fault.c).
    return this.pageFault(lo, hi, access | FAULT_PRESENT, FAULT_MAPERR);
  }

  private pageFault(lo: number, hi: number, bits: number, result: number): number {
    const I32 = this.memory.I32;
    I32[ENG_FAULT_LO] = lo;
    I32[ENG_FAULT_HI] = hi;
    this.lastFault = result;
    return this.raise(VECTOR_PF, bits | FAULT_USER);
  }

  /** Whether a store may go ahead, after those are told who want to know if it is executed alone. */
  private mayStore(lo: number, hi: number, host: number, frame: number, size: number): boolean {
    const { tracker, watch } = this.paging;
    const from = host & (PAGE_SIZE - 1);
    const to = from + size;
    const code = tracker.overlaps(frame, from, to);
    const watched = watch?.overlaps(frame, from, to) === true;
    if (!code && !watched) return true;
    if (!this.allowSelfModify) return false;
    if (code) tracker.invalidate(frame, from, to, 'store');
    if (watched) watch.storing(frame, from, to, lo, hi);
    return true;
  }

  /** Whether a store that faults is to be executed alone, so that whoever watches sees which one it is. */
  private waitsForStep(space: PageTables, lo: number, hi: number): boolean {
    const { watch } = this.paging;
    if (watch === null || this.allowSelfModify) return false;
    return watch.watches(space, hi * 0x100000 + (lo >>> 12));
  }

  private readCrossing(lo: number, hi: number, size: number, inPage: number): number {
    const first = this.translate(lo, hi, ACCESS_READ);
    if (first < 0) return first;
    const nextLo = (lo + inPage) | 0;
    const second = this.translate(nextLo, nextLo === 0 ? (hi + 1) | 0 : hi, ACCESS_READ);
    if (second < 0) return second;
    const at = this.takeScratch(size);
    this.memory.U8.copyWithin(at, first, first + inPage);
    this.memory.U8.copyWithin(at + inPage, second, second + size - inPage);
    return at;
  }

  private storeCrossing(lo: number, hi: number, vlo: number, vhi: number, size: number): number {
    const from = this.takeScratch(8);
    this.memory.D.setInt32(from, vlo, true);
    this.memory.D.setInt32(from + 4, vhi, true);
    return this.writeCrossing(lo, hi, from, size, PAGE_SIZE - (lo & (PAGE_SIZE - 1)));
  }

  private writeCrossing(
    lo: number,
    hi: number,
    from: number,
    size: number,
    inPage: number,
  ): number {
    const nextLo = (lo + inPage) | 0;
    const nextHi = nextLo === 0 ? (hi + 1) | 0 : hi;
    let first = this.translate(lo, hi, ACCESS_WRITE);
    if (first < 0) return first;
    const second = this.writable(nextLo, nextHi, size - inPage);
    if (second < 0) return second;
    // The second page's fault may have moved the first one to another frame.
    first = this.writable(lo, hi, inPage);
    if (first < 0) return first;
    this.memory.U8.copyWithin(first, from, from + inPage);
    this.memory.U8.copyWithin(second, from + inPage, from + size);
    return 0;
  }

  /** Room for an assembled access; the last few stay valid, for instructions with two operands. */
  private takeScratch(size: number): number {
    const room = (size + 63) & ~63;
    if (this.scratch + room > SCRATCH_BASE + SCRATCH_SIZE) this.scratch = SCRATCH_BASE;
    const at = this.scratch;
    this.scratch += room;
    return at;
  }
}
