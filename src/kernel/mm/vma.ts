/**
 * Virtual memory areas: what a range of addresses means, before any page exists (Linux: struct
 * vm_area_struct). Page tables follow from areas; audit.ts checks that they do.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { PTE_NX, PTE_PRESENT, PTE_SHARED, PTE_USER } from '../../mmu/pte.ts';
import { PROT_EXEC, PROT_WRITE } from './abi.ts';
import type { FileMapper, PageCache } from './page-cache.ts';

/** Area flags, beside the protection bits. Values are ours; names are Linux's. */
export const VM_SHARED = 0x01;
export const VM_GROWSDOWN = 0x02;
export const VM_LOCKED = 0x04;
export const VM_DONTCOPY = 0x08;
export const VM_WIPEONFORK = 0x10;
export const VM_HUGEPAGE = 0x20;
export const VM_NOHUGEPAGE = 0x40;
export const VM_NORESERVE = 0x80;
export const VM_DONTDUMP = 0x100;
/** mprotect may not give PROT_WRITE: a shared mapping of a file opened read-only. */
export const VM_DENYWRITE = 0x200;
/** Not to be moved or resized (vdso). */
export const VM_SPECIAL = 0x400;

/** A file as a mapping sees it: kept alive until it is unmapped. */
export interface MappedFile {
  readonly pages: PageCache;
  /** As in /proc/PID/maps. */
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
  /** Before a page is mapped: reserves its space on the file system, or throws LinuxError (SIGBUS). */
  prepareFault?(page: number, write: boolean): void;
  /** Makes a hole of pages [from, to); absent if the file system cannot. */
  punch?(from: number, to: number): void;
  retain(): void;
  release(): void;
}

/** What an area needs of the address space it belongs to. */
export interface AreaOwner {
  unmapPages(start: number, end: number): void;
}

export class Vma implements FileMapper {
  start: number;
  end: number;
  prot: number;
  flags: number;
  /** Null for private anonymous memory. */
  readonly file: MappedFile | null;
  /** Page of the file at `start`. */
  filePage: number;
  /** Fixed name for maps ("[vdso]"), '' if there is none. */
  readonly name: string;
  private readonly owner: AreaOwner;

  constructor(
    owner: AreaOwner,
    start: number,
    end: number,
    prot: number,
    flags: number,
    file: MappedFile | null,
    filePage: number,
    name: string,
  ) {
    this.owner = owner;
    this.start = start;
    this.end = end;
    this.prot = prot;
    this.flags = flags;
    this.file = file;
    this.filePage = filePage;
    this.name = name;
  }

  get shared(): boolean {
    return (this.flags & VM_SHARED) !== 0;
  }

  get mayWriteFile(): boolean {
    return this.shared && (this.flags & VM_DENYWRITE) === 0;
  }

  get pages(): number {
    return (this.end - this.start) / PAGE_SIZE;
  }

  /** Page of the file at `va`. */
  filePageAt(va: number): number {
    return this.filePage + Math.floor((va - this.start) / PAGE_SIZE);
  }

  /** Flags of a page table entry here, without any right to write. */
  get pteFlags(): number {
    const present = this.prot === 0 ? 0 : PTE_PRESENT;
    const nx = (this.prot & PROT_EXEC) !== 0 ? 0 : PTE_NX;
    return PTE_USER | present | nx | (this.shared ? PTE_SHARED : 0);
  }

  /** Counts against the overcommit limit: memory that only this mapping can ever need. */
  get accountable(): boolean {
    return (this.prot & PROT_WRITE) !== 0 && (this.flags & (VM_SHARED | VM_NORESERVE)) === 0;
  }

  unmapFilePages(from: number, to: number): void {
    const first = Math.max(from, this.filePage);
    const end = Math.min(to, this.filePage + this.pages);
    if (first >= end) return;
    const at = (page: number): number => this.start + (page - this.filePage) * PAGE_SIZE;
    this.owner.unmapPages(at(first), at(end));
  }

  /** Whether `next`, which starts where this ends, may become part of it. */
  mergesWith(next: Vma): boolean {
    return (
      this.end === next.start &&
      this.prot === next.prot &&
      this.flags === next.flags &&
      this.file === next.file &&
      this.name === next.name &&
      (this.flags & VM_SPECIAL) === 0 &&
      (this.file === null || this.filePage + this.pages === next.filePage)
    );
  }
}
