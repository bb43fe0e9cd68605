/**
 * mmap, munmap, mprotect and brk (Linux: mm/mmap.c, mm/mprotect.c). Functions over an address
 * space; arguments are the raw ones of the system calls, errors are thrown as Linux gives them.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FAULT_ACCERR, FAULT_FIXED, FAULT_OOM } from '../../mmu/page-tables.ts';
import {
  ACCESS_READ,
  ACCESS_WRITE,
  makePte,
  PTE_ACCESSED,
  PTE_COW,
  PTE_DIRTY,
  PTE_WRITABLE,
  pteFrame,
} from '../../mmu/pte.ts';
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  LinuxError,
  linuxError,
} from '../errno.ts';
import {
  MAP_32BIT,
  MAP_ANONYMOUS,
  MAP_DENYWRITE,
  MAP_EXECUTABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_TYPE,
  MMAP_MIN_ADDR,
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_WRITE,
  TASK_SIZE,
} from './abi.ts';
import { type AddressSpace, pageDown, pageUp } from './address-space.ts';
import { chooseAddress } from './layout.ts';
import { ShmFile } from './shm.ts';
import {
  type MappedFile,
  VM_DENYWRITE,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_NORESERVE,
  VM_SHARED,
  type Vma,
} from './vma.ts';

const PROT_BITS = PROT_READ | PROT_WRITE | PROT_EXEC;
const MAX_FILE_PAGE = 2 ** 52;
/** Offsets are exact up to here. Linux's limit depends on the file system: ext4's are 2^44 bytes long at most. */
const MAX_FILE_SIZE = 2 ** 53;
/** MAP_HUGE_2MB and MAP_HUGE_1GB. */
const HUGE_PAGE_SIZES = (21 << 26) | (30 << 26);
/** LEGACY_MAP_MASK (include/linux/mman.h). */
const KNOWN_FLAGS =
  MAP_FIXED |
  MAP_ANONYMOUS |
  MAP_DENYWRITE |
  MAP_EXECUTABLE |
  MAP_GROWSDOWN |
  MAP_LOCKED |
  MAP_NORESERVE |
  MAP_POPULATE |
  MAP_NONBLOCK |
  MAP_STACK |
  MAP_HUGETLB |
  MAP_32BIT |
  HUGE_PAGE_SIZES;

export interface MmapRequest {
  readonly addr: number;
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  /** Null for anonymous memory. */
  readonly file: MappedFile | null;
  /** Offset in the file, in bytes. */
  readonly offset: number;
  /** What the file is open for, and whether its file system lets programs be executed. */
  readonly fileReadable?: boolean;
  readonly fileWritable?: boolean;
  readonly fileNoExec?: boolean;
}

/** @returns the address of the new mapping */
export function mmap(as: AddressSpace, request: MmapRequest): number {
  as.paging.log.context = 'mmap';
  const length = checkRequest(as, request);
  const { flags } = request;
  const prot = request.prot & PROT_BITS;
  const pages = length / PAGE_SIZE;
  const addr = placeMapping(as, request, length);
  checkType(request);
  let vmFlags = (flags & MAP_NORESERVE) !== 0 ? VM_NORESERVE : 0;
  if ((flags & MAP_GROWSDOWN) !== 0) vmFlags |= VM_GROWSDOWN;
  if ((flags & MAP_LOCKED) !== 0) vmFlags |= VM_LOCKED;
  let { file } = request;
  if ((flags & MAP_TYPE) !== MAP_PRIVATE) {
    vmFlags |= VM_SHARED;
    if (file !== null && request.fileWritable !== true) vmFlags |= VM_DENYWRITE;
    if (file === null) file = new ShmFile(as.paging, length);
  }
  const isPrivate = (vmFlags & VM_SHARED) === 0;
  as.checkLimits(pages, isPrivate && (prot & PROT_WRITE) !== 0);
  checkLock(as, vmFlags | as.defaultFlags, pages);
  // The heuristic of vm.overcommit_memory = 0: refuse only what can never fit.
  const committed = isPrivate && (prot & PROT_WRITE) !== 0 && (vmFlags & VM_NORESERVE) === 0;
  if (committed && pages > as.paging.frames.total) throw linuxError(ENOMEM);
  as.removeAreas(addr, addr + length);
  const filePage = request.file === null ? 0 : request.offset / PAGE_SIZE;
  as.addArea(addr, addr + length, prot, vmFlags, file, filePage);
  const populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
  if (populate || ((vmFlags | as.defaultFlags) & VM_LOCKED) !== 0) {
    populateRange(as, addr, addr + length);
  }
  return addr;
}

/** @returns the length in whole pages */
function checkRequest(as: AddressSpace, r: MmapRequest): number {
  if (r.offset % PAGE_SIZE !== 0 || r.length === 0) throw linuxError(EINVAL);
  const length = pageUp(r.length);
  if (length > TASK_SIZE) throw linuxError(ENOMEM);
  if ((r.offset + length) / PAGE_SIZE > MAX_FILE_PAGE) throw linuxError(EOVERFLOW);
  as.areas.checkRoom();
  // The pool of reserved huge pages (vm.nr_hugepages) is empty.
  if ((r.flags & MAP_HUGETLB) !== 0) throw linuxError(ENOMEM);
  return length;
}

/** Checks that Linux makes after it has found an address. */
function checkType(r: MmapRequest): void {
  const type = r.flags & MAP_TYPE;
  const growsDown = (r.flags & MAP_GROWSDOWN) !== 0;
  if (r.file === null) {
    // MAP_SHARED_VALIDATE is not defined for anonymous memory.
    if (type !== MAP_SHARED && type !== MAP_PRIVATE) throw linuxError(EINVAL);
    if (growsDown && type === MAP_SHARED) throw linuxError(EINVAL);
    return;
  }
  if (r.offset + pageUp(r.length) > MAX_FILE_SIZE) throw linuxError(EOVERFLOW);
  if (type === 0 || type > MAP_SHARED_VALIDATE) throw linuxError(EINVAL);
  const unknown = ~(KNOWN_FLAGS | MAP_TYPE);
  if (type === MAP_SHARED_VALIDATE && (r.flags & unknown) !== 0) throw linuxError(EOPNOTSUPP);
  const stores = type !== MAP_PRIVATE && (r.prot & PROT_WRITE) !== 0;
  if (stores && r.fileWritable !== true) throw linuxError(EACCES);
  if (r.fileReadable === false) throw linuxError(EACCES);
  if (r.fileNoExec === true && (r.prot & PROT_EXEC) !== 0) throw linuxError(EPERM);
  if (growsDown) throw linuxError(EINVAL);
}

function placeMapping(as: AddressSpace, r: MmapRequest, length: number): number {
  const { addr, flags } = r;
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (addr > TASK_SIZE - length) throw linuxError(ENOMEM);
    if (addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
    if (addr < MMAP_MIN_ADDR) throw linuxError(EPERM);
    if ((flags & MAP_FIXED_NOREPLACE) !== 0 && as.areas.overlaps(addr, addr + length)) {
      throw linuxError(EEXIST);
    }
    return addr;
  }
  return findAddress(as, addr, length, flags);
}

/** A free range of `length` bytes: at the hint if it is free, else where the layout says. */
export function findAddress(as: AddressSpace, addr: number, length: number, flags = 0): number {
  const hint = pageDown(addr);
  // A hint below mmap_min_addr is no hint: musl's malloc passes such.
  if (hint >= MMAP_MIN_ADDR && hint <= TASK_SIZE - length && isFree(as, hint, hint + length)) {
    return hint;
  }
  const found =
    (flags & MAP_32BIT) !== 0
      ? as.areas.findTopDown(length, 0x4000_0000, 0x8000_0000)
      : chooseAddress(as.areas, as.layout, as.startBrk, length);
  if (found < 0) throw linuxError(ENOMEM);
  return found;
}

/** Whether nothing is mapped in [start, end), guard gaps of stacks included. */
function isFree(as: AddressSpace, start: number, end: number): boolean {
  const next = as.areas.items.at(as.areas.indexAbove(start));
  return next === undefined || as.areas.gapStart(next) >= end;
}

export function checkLock(as: AddressSpace, vmFlags: number, pages: number): void {
  if ((vmFlags & VM_LOCKED) === 0 || as.limits.memlock === Number.POSITIVE_INFINITY) return;
  if ((as.lockedPages + pages) * PAGE_SIZE > as.limits.memlock) throw linuxError(EAGAIN);
}

/** Faults pages in as far as they can be (MAP_POPULATE, mlock). @returns the last fault's result */
export function populateRange(as: AddressSpace, start: number, end: number): number {
  // More than there is memory cannot be resident, and would take for ever.
  let left = as.paging.frames.total;
  for (const vma of as.areas.within(start, end)) {
    if (vma.prot === 0) return FAULT_ACCERR;
    const write = !vma.shared && (vma.prot & PROT_WRITE) !== 0;
    const last = Math.min(end, vma.end);
    for (let va = Math.max(start, vma.start); va < last; va += PAGE_SIZE) {
      if (left-- === 0) return FAULT_OOM;
      const result = as.fault(va, write ? ACCESS_WRITE : ACCESS_READ);
      if (result !== FAULT_FIXED) return result;
    }
  }
  return FAULT_FIXED;
}

export function munmap(as: AddressSpace, addr: number, length: number): void {
  as.paging.log.context = 'munmap';
  if (addr % PAGE_SIZE !== 0 || length === 0) throw linuxError(EINVAL);
  if (addr > TASK_SIZE || length > TASK_SIZE - addr) throw linuxError(EINVAL);
  as.removeAreas(addr, addr + pageUp(length));
}

export function mprotect(as: AddressSpace, addr: number, length: number, request: number): void {
  as.paging.log.context = 'mprotect';
  const grows = request & (PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP)) throw linuxError(EINVAL);
  if (addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  if (length === 0) return;
  const end = addr + pageUp(length);
  if (end >= 2 ** 64) throw linuxError(ENOMEM);
  const prot = request & ~(PROT_GROWSDOWN | PROT_GROWSUP);
  // PROT_SEM (8) is accepted and means nothing.
  if ((prot & ~(PROT_BITS | 8)) !== 0) throw linuxError(EINVAL);
  const start = growsStart(as, addr, end, grows);
  try {
    protectAreas(as, start, end, prot & PROT_BITS);
  } finally {
    as.areas.mergeAround(start, end);
  }
}

/** PROT_GROWSDOWN extends the change to the start of a stack. */
function growsStart(as: AddressSpace, addr: number, end: number, grows: number): number {
  if (grows === 0) return addr;
  const vma = as.areas.within(addr, end)[0];
  if (vma === undefined) throw linuxError(ENOMEM);
  // No area grows up on this machine.
  if ((grows & PROT_GROWSUP) !== 0 || (vma.flags & VM_GROWSDOWN) === 0) throw linuxError(EINVAL);
  return vma.start;
}

/** Area by area up to the first hole, as Linux does. */
function protectAreas(as: AddressSpace, start: number, end: number, prot: number): void {
  let at = start;
  while (at < end) {
    const vma = as.areas.find(at);
    if (vma === null) throw linuxError(ENOMEM);
    const stop = Math.min(end, vma.end);
    if (vma.prot !== prot) protectPart(as, vma, at, stop, prot);
    at = stop;
  }
}

function protectPart(as: AddressSpace, vma: Vma, start: number, end: number, prot: number): void {
  if ((prot & PROT_WRITE) !== 0 && (vma.flags & VM_DENYWRITE) !== 0) throw linuxError(EACCES);
  const becomesData = (prot & PROT_WRITE) !== 0 && !vma.shared && (vma.prot & PROT_WRITE) === 0;
  if (becomesData) as.checkLimits((end - start) / PAGE_SIZE, true);
  if (((vma.prot ^ prot) & PROT_EXEC) !== 0) as.paging.ownCode(as.tables);
  as.areas.splitAt(start);
  as.areas.splitAt(end);
  const part = as.areas.find(start)!;
  part.prot = prot;
  as.areas.version++;
  applyProtection(as, part);
}

/** Gives existing pages the rights of their area. Rights to write come back by faults. */
function applyProtection(as: AddressSpace, vma: Vma): void {
  const { paging, tables } = as;
  const keep = PTE_ACCESSED | PTE_DIRTY | ((vma.prot & PROT_WRITE) !== 0 ? PTE_WRITABLE : 0);
  paging.forEachMapped(tables, vma.start / PAGE_SIZE, vma.end / PAGE_SIZE, (vpn, pte) => {
    let flags = vma.pteFlags | (pte & keep);
    if (!vma.shared && (flags & PTE_WRITABLE) === 0) flags |= PTE_COW;
    paging.setPte(tables, vpn, makePte(pteFrame(pte), flags));
  });
}

/** Moves the end of the heap. @returns the new end, or the old one if it cannot be: never an error */
export function brk(as: AddressSpace, request: number): number {
  as.paging.log.context = 'brk';
  if (!(request >= as.startBrk && request < TASK_SIZE)) return as.endBrk;
  const oldEnd = pageUp(as.endBrk);
  const newEnd = pageUp(request);
  if (newEnd < oldEnd && !shrinkHeap(as, newEnd, oldEnd)) return as.endBrk;
  if (newEnd > oldEnd && !growHeap(as, oldEnd, newEnd)) return as.endBrk;
  as.endBrk = request;
  return request;
}

/** Fails only where splitting an area would make too many. */
function shrinkHeap(as: AddressSpace, start: number, end: number): boolean {
  try {
    as.removeAreas(start, end);
    return true;
  } catch (e) {
    if (e instanceof LinuxError) return false;
    throw e;
  }
}

function growHeap(as: AddressSpace, start: number, end: number): boolean {
  // One page stays free between the heap and what lies above, and a stack keeps its gap.
  const planted = as.layout.brkOverMappings === true;
  if (!planted && !isFree(as, start, end + PAGE_SIZE)) return false;
  if (end - as.startBrk > as.limits.data) return false;
  const pages = (end - start) / PAGE_SIZE;
  if (pages > as.paging.frames.total) return false;
  try {
    as.checkLimits(pages, true);
    checkLock(as, as.defaultFlags, pages);
  } catch (e) {
    if (e instanceof LinuxError) return false;
    throw e;
  }
  if (planted) dropAreas(as, start, end);
  as.addArea(start, end, PROT_READ | PROT_WRITE, 0);
  if ((as.defaultFlags & VM_LOCKED) !== 0) populateRange(as, start, end);
  return true;
}

/** The planted bug (MmLayout.brkOverMappings): takes areas out of the list, and leaves their pages mapped. */
function dropAreas(as: AddressSpace, start: number, end: number): void {
  as.areas.splitAt(start);
  as.areas.splitAt(end);
  as.areas.removeWithin(start, end);
}
