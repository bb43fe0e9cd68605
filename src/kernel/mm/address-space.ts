/**
 * The memory of a process: areas, page tables, heap and stack (Linux: struct mm_struct; mm/mmap.c).
 * Tasks made with CLONE_VM share one; `retain` and `release` count them.
 *
 * Invariants (audit.ts checks them): areas do not overlap; a page is mapped only inside an area,
 * with no more rights than it has; when an area goes, its pages are unmapped before anything else
 * can be mapped there. Addresses are page aligned wherever they are called start or end.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { Mmu } from '../../mmu/mmu.ts';
import type { FaultHandler, PageTables } from '../../mmu/page-tables.ts';
import type { Paging } from '../../mmu/paging.ts';
import { ENOMEM, linuxError } from '../errno.ts';
import { PROT_EXEC, STACK_GUARD_GAP, TASK_SIZE } from './abi.ts';
import { handleFault } from './fault.ts';
import { DEFAULT_LAYOUT, type MmLayout } from './layout.ts';
import { UserMemory } from './user-memory.ts';
import { type MappedFile, VM_GROWSDOWN, VM_LOCKED, Vma } from './vma.ts';
import { VmaList } from './vma-list.ts';

/** RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK in bytes, as they are now (limits.ts). */
export interface MmLimits {
  readonly as: number;
  readonly data: number;
  readonly stack: number;
  readonly memlock: number;
}

export const DEFAULT_LIMITS: MmLimits = {
  as: Number.POSITIVE_INFINITY,
  data: Number.POSITIVE_INFINITY,
  stack: 8 * 1024 * 1024,
  memlock: Number.POSITIVE_INFINITY,
};

export function pageUp(n: number): number {
  return Math.ceil(n / PAGE_SIZE) * PAGE_SIZE;
}

export function pageDown(n: number): number {
  return Math.floor(n / PAGE_SIZE) * PAGE_SIZE;
}

export class AddressSpace implements FaultHandler {
  readonly mmu: Mmu;
  readonly paging: Paging;
  readonly tables: PageTables;
  readonly areas: VmaList;
  /** Kernel access to this memory. */
  readonly mem: UserMemory;
  layout: MmLayout;
  /** The process's limits; the kernel sets it to an object it keeps up to date. */
  limits: MmLimits = DEFAULT_LIMITS;
  startBrk = 0;
  endBrk = 0;
  /** Where the stack began: names the area in maps. */
  startStack = 0;
  /** Flags that new areas get (mlockall(MCL_FUTURE)). */
  defaultFlags = 0;
  private users = 1;

  constructor(mmu: Mmu, layout: MmLayout = DEFAULT_LAYOUT) {
    this.mmu = mmu;
    this.paging = mmu.paging;
    this.layout = layout;
    this.tables = mmu.paging.createSpace();
    this.tables.handler = this;
    this.areas = new VmaList(this, mmu.paging.heap);
    this.mem = new UserMemory(this);
  }

  /** Makes this the memory that guest code runs in. */
  activate(): void {
    this.paging.activate(this.tables);
  }

  retain(): void {
    this.users++;
  }

  /** The last user's release unmaps everything (exit, exec). */
  release(): void {
    if (--this.users > 0) return;
    this.paging.log.context = 'exit';
    this.paging.destroySpace(this.tables);
    this.areas.removeWithin(0, Number.POSITIVE_INFINITY);
  }

  /** Tasks that share this memory. */
  get userCount(): number {
    return this.users;
  }

  /** Pages in frames of their own (RSS). */
  get residentPages(): number {
    return this.tables.resident;
  }

  get lockedPages(): number {
    return this.sumPages((vma) => (vma.flags & VM_LOCKED) !== 0);
  }

  sumPages(which: (vma: Vma) => boolean): number {
    let pages = 0;
    for (const vma of this.areas.items) if (which(vma)) pages += vma.pages;
    return pages;
  }

  fault(va: number, access: number): number {
    return handleFault(this, va, access);
  }

  /** Adds an area where nothing is mapped, and merges it with its neighbours. */
  addArea(
    start: number,
    end: number,
    prot: number,
    flags: number,
    file: MappedFile | null = null,
    filePage = 0,
    name = '',
  ): void {
    if ((prot & PROT_EXEC) !== 0) this.paging.ownCode(this.tables);
    this.areas.insert(
      new Vma(this, start, end, prot, flags | this.defaultFlags, file, filePage, name),
    );
    this.areas.mergeAround(start, end);
  }

  /** Removes whatever is in [start, end). */
  removeAreas(start: number, end: number): void {
    if (!this.areas.overlaps(start, end)) return;
    if (this.tables.sharesCode && this.areas.within(start, end).some(isExecutable)) {
      this.paging.ownCode(this.tables);
    }
    this.areas.splitAt(start);
    this.areas.splitAt(end);
    this.unmapPages(start, end);
    this.areas.removeWithin(start, end);
  }

  unmapPages(start: number, end: number): void {
    this.paging.clearRange(this.tables, start / PAGE_SIZE, end / PAGE_SIZE);
  }

  /** Throws ENOMEM if `pages` more would exceed RLIMIT_AS (or RLIMIT_DATA, for private writable ones). */
  checkLimits(pages: number, data: boolean): void {
    const total = (this.areas.totalPages + pages) * PAGE_SIZE;
    if (total > this.limits.as) throw linuxError(ENOMEM);
    if (!data || this.limits.data === Number.POSITIVE_INFINITY) return;
    const used = this.sumPages((v) => v.accountable && (v.flags & VM_GROWSDOWN) === 0);
    if ((used + pages) * PAGE_SIZE > this.limits.data) throw linuxError(ENOMEM);
  }

  /** Makes [top - size, top) the stack. */
  setupStack(top: number, size: number, prot: number): void {
    this.startStack = top;
    this.addArea(top - size, top, prot, VM_GROWSDOWN);
  }

  /** exec: the heap will begin here. */
  setBrk(start: number): void {
    this.startBrk = pageUp(start) + this.layout.brkGap;
    this.endBrk = this.startBrk;
  }

  /** Extends the stack area above `va` down to it. @returns the area, or null if `va` is not stack */
  growStack(va: number): Vma | null {
    const i = this.areas.indexAbove(va);
    const vma = this.areas.items.at(i);
    if (vma === undefined || (vma.flags & VM_GROWSDOWN) === 0 || va >= TASK_SIZE) return null;
    const start = pageDown(va);
    if (vma.end - start > this.limits.stack) return null;
    const below = this.areas.items.at(i - 1);
    if (below !== undefined && below.prot !== 0 && start - below.end < STACK_GUARD_GAP) return null;
    if (below !== undefined && below.end > start) return null;
    const pages = (vma.start - start) / PAGE_SIZE;
    if ((this.areas.totalPages + pages) * PAGE_SIZE > this.limits.as) return null;
    this.growArea(vma, start, vma.end);
    return vma;
  }

  /** Nothing is mapped between the old bounds and the new. */
  growArea(vma: Vma, start: number, end: number): void {
    if (isExecutable(vma)) this.paging.ownCode(this.tables);
    this.areas.resize(vma, start, end);
  }
}

function isExecutable(vma: Vma): boolean {
  return (vma.prot & PROT_EXEC) !== 0;
}
