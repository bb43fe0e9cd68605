/** madvise(2), msync(2) and mincore(2) (Linux: mm/madvise.c, mm/msync.c, mm/mincore.c). */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FAULT_BUS, FAULT_FIXED, FAULT_OOM } from '../../mmu/page-tables.ts';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/pte.ts';
import { EACCES, EBUSY, EFAULT, EINVAL, ENOMEM, linuxError } from '../errno.ts';
import {
  MADV_COLD,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_KEEPONFORK,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  TASK_SIZE,
} from './abi.ts';
import { type AddressSpace, pageUp } from './address-space.ts';
import {
  VM_DENYWRITE,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_NOHUGEPAGE,
  VM_SPECIAL,
  VM_WIPEONFORK,
  type Vma,
} from './vma.ts';

/** Does one area's part [start, end) of the advice. */
type Advice = (as: AddressSpace, vma: Vma, start: number, end: number) => void;

/** An advice about how memory will be used, which changes nothing that can be observed. */
const noEffect: Advice = () => {};

function setFlags(set: number, clear: number): Advice {
  return (as, vma, start, end) => {
    if ((set & VM_WIPEONFORK) !== 0 && vma.file !== null) throw linuxError(EINVAL);
    if ((vma.flags & VM_SPECIAL) !== 0 && (clear & VM_DONTCOPY) !== 0) throw linuxError(EINVAL);
    as.areas.splitAt(start);
    as.areas.splitAt(end);
    const part = as.areas.find(start)!;
    part.flags = (part.flags & ~clear) | set;
  };
}

const drop: Advice = (as, vma, start, end) => {
  if ((vma.flags & VM_LOCKED) !== 0) throw linuxError(EINVAL);
  as.unmapPages(start, end);
};

/** Linux frees lazily: contents may survive or not until the next store. Here they never do. */
const free: Advice = (as, vma, start, end) => {
  if (vma.file !== null) throw linuxError(EINVAL);
  drop(as, vma, start, end);
};

const willNeed: Advice = (as, vma, start, end) => {
  if (vma.file === null) return;
  const first = vma.filePageAt(start);
  const inFile = Math.ceil(vma.file.pages.size / PAGE_SIZE);
  const last = Math.min(vma.filePageAt(end), inFile, first + as.paging.frames.total);
  for (let page = first; page < last; page++) {
    if (vma.file.pages.frame(page, false) < 0) return;
  }
};

/** Frees the file's pages: the range reads as zeros afterwards. */
const remove: Advice = (_as, vma, start, end) => {
  if (vma.file === null || (vma.flags & VM_LOCKED) !== 0) throw linuxError(EINVAL);
  if (!vma.shared || (vma.flags & VM_DENYWRITE) !== 0) throw linuxError(EACCES);
  if (vma.file.punch === undefined) throw linuxError(EINVAL);
  vma.file.punch(vma.filePageAt(start), vma.filePageAt(end));
};

/** MADV_POPULATE_*: page by page, up to the first that cannot be had. */
function populate(as: AddressSpace, start: number, end: number, access: number): void {
  // More than there is memory cannot be resident.
  const last = start + as.paging.frames.total * PAGE_SIZE;
  for (let va = start; va < end; va += PAGE_SIZE) {
    if (as.areas.find(va) === null || va >= last) throw linuxError(ENOMEM);
    const result = as.fault(va, access);
    if (result === FAULT_FIXED) continue;
    if (result === FAULT_BUS) throw linuxError(EFAULT);
    throw linuxError(result === FAULT_OOM ? ENOMEM : EINVAL);
  }
}

const ADVICE: Readonly<Record<number, Advice>> = {
  [MADV_NORMAL]: noEffect,
  [MADV_RANDOM]: noEffect,
  [MADV_SEQUENTIAL]: noEffect,
  [MADV_WILLNEED]: willNeed,
  [MADV_DONTNEED]: drop,
  [MADV_FREE]: free,
  [MADV_REMOVE]: remove,
  [MADV_DONTFORK]: setFlags(VM_DONTCOPY, 0),
  [MADV_DOFORK]: setFlags(0, VM_DONTCOPY),
  [MADV_HUGEPAGE]: setFlags(VM_HUGEPAGE, VM_NOHUGEPAGE),
  [MADV_NOHUGEPAGE]: setFlags(VM_NOHUGEPAGE, VM_HUGEPAGE),
  [MADV_DONTDUMP]: setFlags(VM_DONTDUMP, 0),
  [MADV_DODUMP]: setFlags(0, VM_DONTDUMP),
  [MADV_WIPEONFORK]: setFlags(VM_WIPEONFORK, 0),
  [MADV_KEEPONFORK]: setFlags(0, VM_WIPEONFORK),
  [MADV_COLD]: noEffect,
  [MADV_PAGEOUT]: noEffect,
  [MADV_DONTNEED_LOCKED]: (as, _vma, start, end) => as.unmapPages(start, end),
};

export function madvise(as: AddressSpace, addr: number, size: number, advice: number): void {
  as.paging.log.context = 'madvise';
  const populates = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const apply = populates ? noEffect : ADVICE[advice];
  if (apply === undefined || addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  const end = addr + pageUp(size);
  if (end >= 2 ** 64) throw linuxError(EINVAL);
  if (size === 0) return;
  if (populates) {
    populate(as, addr, end, advice === MADV_POPULATE_READ ? ACCESS_READ : ACCESS_WRITE);
    return;
  }
  let covered = addr;
  let hole = false;
  for (const vma of as.areas.within(addr, end)) {
    const start = Math.max(addr, vma.start);
    const stop = Math.min(end, vma.end);
    if (start > covered) hole = true;
    covered = stop;
    apply(as, vma, start, stop);
  }
  as.areas.mergeAround(addr, end);
  // What is mapped is done all the same, and then the holes are reported.
  if (hole || covered < end) throw linuxError(ENOMEM);
}

export function msync(as: AddressSpace, addr: number, size: number, flags: number): void {
  const both = MS_ASYNC | MS_SYNC;
  if ((flags & ~(both | MS_INVALIDATE)) !== 0 || (flags & both) === both) throw linuxError(EINVAL);
  if (addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  const end = addr + pageUp(size);
  if (end > TASK_SIZE) throw linuxError(ENOMEM);
  for (const vma of as.areas.within(addr, end)) {
    if ((flags & MS_INVALIDATE) !== 0 && (vma.flags & VM_LOCKED) !== 0) throw linuxError(EBUSY);
    if ((flags & MS_SYNC) !== 0 && vma.shared) vma.file?.pages.sync();
  }
  if (!as.areas.covers(addr, end)) throw linuxError(ENOMEM);
}

/** One byte per page, 1 if it is in memory. */
export function mincore(as: AddressSpace, addr: number, size: number): Uint8Array {
  if (addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  const end = addr + pageUp(size);
  if (end > TASK_SIZE || !as.areas.covers(addr, end)) throw linuxError(ENOMEM);
  const out = new Uint8Array((end - addr) / PAGE_SIZE);
  for (let i = 0; i < out.length; i++) {
    const va = addr + i * PAGE_SIZE;
    const vma = as.areas.find(va)!;
    const cached = vma.file !== null && vma.file.pages.peek(vma.filePageAt(va)) >= 0;
    out[i] = cached || as.tables.get(va / PAGE_SIZE) !== 0 ? 1 : 0;
  }
  return out;
}
