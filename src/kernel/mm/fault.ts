/**
 * Page faults: what appears at a page that an area promises (Linux: mm/memory.c, handle_mm_fault).
 *
 * Order matters in one place: the frame of a private copy is allocated before its source is looked
 * up, because the allocation may drop clean pages from the page cache.
 */

import { HUGE_PAGE_FRAMES, PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_ANON, ZERO_FRAME } from '../../mmu/frames.ts';
import {
  FAULT_ACCERR,
  FAULT_BUS,
  FAULT_FIXED,
  FAULT_MAPERR,
  FAULT_OOM,
} from '../../mmu/page-tables.ts';
import {
  ACCESS_FETCH,
  ACCESS_WRITE,
  makePte,
  PTE_ACCESSED,
  PTE_COW,
  PTE_DIRTY,
  PTE_WRITABLE,
  pteAllows,
  pteFrame,
} from '../../mmu/pte.ts';
import { LinuxError } from '../errno.ts';
import { PROT_EXEC, PROT_WRITE } from './abi.ts';
import type { AddressSpace } from './address-space.ts';
import { VM_HUGEPAGE, type Vma } from './vma.ts';

const HUGE_SIZE = HUGE_PAGE_FRAMES * PAGE_SIZE;
const STORED = PTE_WRITABLE | PTE_DIRTY | PTE_ACCESSED;

/** @returns FAULT_FIXED, or why the access is impossible */
export function handleFault(as: AddressSpace, va: number, access: number): number {
  as.paging.log.context = 'fault';
  const vma = as.areas.find(va) ?? as.growStack(va);
  if (vma === null) return FAULT_MAPERR;
  if (!areaAllows(vma, access)) return FAULT_ACCERR;
  const vpn = Math.floor(va / PAGE_SIZE);
  const pte = as.tables.get(vpn);
  if (pteAllows(pte, access)) return FAULT_FIXED;
  const table = Math.floor(vpn / HUGE_PAGE_FRAMES);
  if (pte === 0 && as.paging.tablesFull() && !as.tables.leaves.has(table)) return FAULT_OOM;
  try {
    if (vma.file === null) return anonymousFault(as, vma, vpn, pte, access);
    const page = vma.filePageAt(va);
    if (page * PAGE_SIZE >= vma.file.pages.size) return FAULT_BUS;
    if (vma.shared) return sharedFault(as, vma, vpn, page, access);
    return privateFileFault(as, vma, vpn, pte, page, access);
  } catch (e) {
    // The file system could not read the page, or has no room for it.
    if (e instanceof LinuxError) return FAULT_BUS;
    throw e;
  }
}

/** As x86 without protection keys: any right to a page includes reading it. */
function areaAllows(vma: Vma, access: number): boolean {
  if (access === ACCESS_WRITE) return (vma.prot & PROT_WRITE) !== 0;
  if (access === ACCESS_FETCH) return (vma.prot & PROT_EXEC) !== 0;
  return vma.prot !== 0;
}

function anonymousFault(
  as: AddressSpace,
  vma: Vma,
  vpn: number,
  pte: number,
  access: number,
): number {
  if (pte !== 0) return breakCow(as, vma, vpn, pte);
  if ((vma.flags & VM_HUGEPAGE) !== 0 && mapHuge(as, vma, vpn)) return FAULT_FIXED;
  const { paging } = as;
  if (access !== ACCESS_WRITE) {
    paging.setPte(as.tables, vpn, makePte(ZERO_FRAME, vma.pteFlags | PTE_COW | PTE_ACCESSED));
    return FAULT_FIXED;
  }
  const frame = paging.frames.allocZeroed(FRAME_ANON);
  if (frame < 0) return FAULT_OOM;
  paging.setPte(as.tables, vpn, makePte(frame, vma.pteFlags | STORED));
  return FAULT_FIXED;
}

/** Maps 2 MiB at once where the area covers them and nothing is mapped yet. */
function mapHuge(as: AddressSpace, vma: Vma, vpn: number): boolean {
  const table = Math.floor(vpn / HUGE_PAGE_FRAMES);
  const start = table * HUGE_SIZE;
  if (start < vma.start || start + HUGE_SIZE > vma.end || as.tables.leaves.has(table)) return false;
  const first = as.paging.frames.allocBlock(FRAME_ANON);
  if (first < 0) return false;
  const rights = (vma.prot & PROT_WRITE) !== 0 ? STORED : PTE_ACCESSED;
  as.paging.setHugePte(as.tables, table, makePte(first, vma.pteFlags | rights));
  return true;
}

/** A store into a private page that is mapped read-only: take the frame over, or copy it. */
function breakCow(as: AddressSpace, vma: Vma, vpn: number, pte: number): number {
  const { paging } = as;
  const { frames } = paging;
  const old = pteFrame(pte);
  const flags = vma.pteFlags | STORED;
  if (frames.kind[old] === FRAME_ANON && frames.refs[old] === 1) {
    paging.setPte(as.tables, vpn, makePte(old, flags));
    return FAULT_FIXED;
  }
  const copy = old === ZERO_FRAME ? frames.allocZeroed(FRAME_ANON) : frames.alloc(FRAME_ANON);
  if (copy < 0) return FAULT_OOM;
  if (old !== ZERO_FRAME) frames.copy(copy, old);
  paging.setPte(as.tables, vpn, makePte(copy, flags));
  return FAULT_FIXED;
}

function sharedFault(
  as: AddressSpace,
  vma: Vma,
  vpn: number,
  page: number,
  access: number,
): number {
  const write = access === ACCESS_WRITE;
  vma.file!.prepareFault?.(page, write);
  const frame = vma.file!.pages.frame(page, write);
  if (frame < 0) return FAULT_OOM;
  const flags = vma.pteFlags | (write ? STORED : PTE_ACCESSED);
  as.paging.setPte(as.tables, vpn, makePte(frame, flags));
  return FAULT_FIXED;
}

function privateFileFault(
  as: AddressSpace,
  vma: Vma,
  vpn: number,
  pte: number,
  page: number,
  access: number,
): number {
  if (pte !== 0) return breakCow(as, vma, vpn, pte);
  const { paging } = as;
  const { pages } = vma.file!;
  vma.file!.prepareFault?.(page, false);
  if (access !== ACCESS_WRITE) {
    const frame = pages.frame(page, false);
    if (frame < 0) return FAULT_OOM;
    paging.setPte(as.tables, vpn, makePte(frame, vma.pteFlags | PTE_COW | PTE_ACCESSED));
    return FAULT_FIXED;
  }
  const copy = paging.frames.alloc(FRAME_ANON);
  if (copy < 0) return FAULT_OOM;
  const source = sourceFrame(as, pages, page, copy);
  if (source < 0) return FAULT_OOM;
  paging.frames.copy(copy, source);
  paging.setPte(as.tables, vpn, makePte(copy, vma.pteFlags | STORED));
  return FAULT_FIXED;
}

/** The file's page; gives `copy` back if there is none to be had. */
function sourceFrame(
  as: AddressSpace,
  pages: { frame(index: number, forWrite: boolean): number },
  page: number,
  copy: number,
): number {
  let source = -1;
  try {
    source = pages.frame(page, false);
  } finally {
    if (source < 0) as.paging.frames.discard(copy);
  }
  return source;
}

/** Signal number and si_code for a fault that stays one (include/uapi/asm-generic/siginfo.h). */
export interface FaultSignal {
  readonly signal: number;
  readonly code: number;
}

const SIGBUS = 7;
const SIGKILL = 9;
const SIGSEGV = 11;
const MAPERR: FaultSignal = { signal: SIGSEGV, code: 1 };
const ACCERR: FaultSignal = { signal: SIGSEGV, code: 2 };
const BUS_ADRERR: FaultSignal = { signal: SIGBUS, code: 2 };
const OOM_KILL: FaultSignal = { signal: SIGKILL, code: 0x80 };

/** What a task gets for a page fault that ended as `result` (Mmu.lastFault). */
export function faultSignal(result: number): FaultSignal {
  if (result === FAULT_BUS) return BUS_ADRERR;
  if (result === FAULT_OOM) return OOM_KILL;
  return result === FAULT_ACCERR ? ACCERR : MAPERR;
}
