/**
 * mlock(2) and relatives (Linux: mm/mlock.c). Nothing is ever swapped out, so locking means being in
 * memory now, counting against RLIMIT_MEMLOCK, and refusing MADV_DONTNEED.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FAULT_FIXED, FAULT_OOM } from '../../mmu/page-tables.ts';
import { EAGAIN, EINVAL, ENOMEM, EPERM, linuxError } from '../errno.ts';
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT, TASK_SIZE } from './abi.ts';
import { type AddressSpace, pageDown } from './address-space.ts';
import { populateRange } from './mmap.ts';
import { VM_LOCKED, VM_SPECIAL } from './vma.ts';

export function mlock(as: AddressSpace, addr: number, size: bigint, flags: number): void {
  if ((flags & ~MLOCK_ONFAULT) !== 0) throw linuxError(EINVAL);
  if (as.limits.memlock === 0) throw linuxError(EPERM);
  const { start, end } = wholePages(addr, size);
  const locked = lockedWithin(as, start, end);
  const wanted = (as.lockedPages - locked) * PAGE_SIZE + (end - start);
  if (wanted > as.limits.memlock) throw linuxError(ENOMEM);
  applyLock(as, start, end, true);
  if ((flags & MLOCK_ONFAULT) !== 0) return;
  const result = populateRange(as, start, end);
  if (result !== FAULT_FIXED) throw linuxError(result === FAULT_OOM ? EAGAIN : ENOMEM);
}

export function munlock(as: AddressSpace, addr: number, size: bigint): void {
  const { start, end } = wholePages(addr, size);
  applyLock(as, start, end, false);
}

/** The length is rounded up as Linux does it, modulo 2^64: -1 from the beginning of a page is nothing. */
function wholePages(addr: number, size: bigint): { start: number; end: number } {
  const start = pageDown(addr);
  const reach = BigInt.asUintN(64, size + BigInt(addr - start + PAGE_SIZE - 1));
  const pages = Number(reach / BigInt(PAGE_SIZE));
  return { start, end: start + pages * PAGE_SIZE };
}

function applyLock(as: AddressSpace, start: number, end: number, on: boolean): void {
  if (end === start) return;
  if (end >= 2 ** 64) throw linuxError(EINVAL);
  if (end > TASK_SIZE) throw linuxError(ENOMEM);
  setLocked(as, start, end, on);
}

export function mlockall(as: AddressSpace, flags: number): void {
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags === 0 || flags === MCL_ONFAULT || (flags & ~known) !== 0) throw linuxError(EINVAL);
  if (as.limits.memlock === 0) throw linuxError(EPERM);
  const current = (flags & MCL_CURRENT) !== 0;
  if (current && as.areas.totalPages * PAGE_SIZE > as.limits.memlock) throw linuxError(ENOMEM);
  as.defaultFlags = (flags & MCL_FUTURE) !== 0 ? VM_LOCKED : 0;
  if (!current) return;
  for (const vma of as.areas.items) if ((vma.flags & VM_SPECIAL) === 0) vma.flags |= VM_LOCKED;
  if ((flags & MCL_ONFAULT) !== 0) return;
  for (const vma of as.areas.items) populateRange(as, vma.start, vma.end);
}

export function munlockall(as: AddressSpace): void {
  as.defaultFlags = 0;
  for (const vma of as.areas.items) vma.flags &= ~VM_LOCKED;
  as.areas.mergeAround(0, TASK_SIZE);
}

/** Area by area up to the first hole. */
function setLocked(as: AddressSpace, start: number, end: number, on: boolean): void {
  as.areas.splitAt(start);
  as.areas.splitAt(end);
  let at = start;
  for (const vma of as.areas.within(start, end)) {
    if (vma.start > at) break;
    if ((vma.flags & VM_SPECIAL) === 0) {
      vma.flags = on ? vma.flags | VM_LOCKED : vma.flags & ~VM_LOCKED;
    }
    at = vma.end;
  }
  as.areas.mergeAround(start, end);
  if (at < end) throw linuxError(ENOMEM);
}

function lockedWithin(as: AddressSpace, start: number, end: number): number {
  let pages = 0;
  for (const vma of as.areas.within(start, end)) {
    if ((vma.flags & VM_LOCKED) === 0) continue;
    pages += (Math.min(end, vma.end) - Math.max(start, vma.start)) / PAGE_SIZE;
  }
  return pages;
}
