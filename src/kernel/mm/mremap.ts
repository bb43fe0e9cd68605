/** mremap(2) (Linux: mm/mremap.c). Pages move by their page table entries; nothing is copied. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { EFAULT, EINVAL, ENOMEM, EPERM, linuxError } from '../errno.ts';
import { MMAP_MIN_ADDR, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, TASK_SIZE } from './abi.ts';
import { type AddressSpace, pageUp } from './address-space.ts';
import { chooseAddress } from './layout.ts';
import { checkLock, findAddress, populateRange } from './mmap.ts';
import { VM_LOCKED, VM_SPECIAL, type Vma } from './vma.ts';

const FLAGS = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

/** @returns the mapping's address now */
export function mremap(
  as: AddressSpace,
  addr: number,
  oldSize: number,
  newSize: number,
  flags: number,
  newAddr: number,
): number {
  as.paging.log.context = 'mremap';
  const oldLength = pageUp(oldSize);
  const newLength = pageUp(newSize);
  const toAddress = (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
  if ((flags & ~FLAGS) !== 0 || addr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  if (newLength === 0 || newLength > TASK_SIZE) throw linuxError(EINVAL);
  if (toAddress) checkTarget(addr, oldLength, newAddr, newLength, flags);
  const vma = as.areas.find(addr);
  if (vma === null) throw linuxError(EFAULT);
  if (toAddress || newLength > oldLength) checkSource(as, vma, addr, oldLength, newLength);
  if (toAddress) return moveTo(as, addr, oldLength, newAddr, newLength, flags);
  if (newLength < oldLength) as.removeAreas(addr + newLength, addr + oldLength);
  if (newLength <= oldLength) return addr;
  if (growInPlace(as, vma, addr, oldLength, newLength)) return addr;
  if ((flags & MREMAP_MAYMOVE) === 0) throw linuxError(ENOMEM);
  const target = chooseAddress(as.areas, as.layout, as.startBrk, newLength);
  if (target < 0) throw linuxError(ENOMEM);
  move(as, addr, oldLength, target, newLength, false);
  return target;
}

function checkTarget(
  addr: number,
  oldLength: number,
  newAddr: number,
  newLength: number,
  flags: number,
): void {
  const resizes = oldLength !== newLength && (flags & MREMAP_DONTUNMAP) !== 0;
  if (newAddr % PAGE_SIZE !== 0 || newAddr > TASK_SIZE - newLength) throw linuxError(EINVAL);
  if ((flags & MREMAP_MAYMOVE) === 0 || resizes) throw linuxError(EINVAL);
  if (addr + oldLength > newAddr && newAddr + newLength > addr) throw linuxError(EINVAL);
}

/** What the area must be like to be moved or to grow. */
function checkSource(
  as: AddressSpace,
  vma: Vma,
  addr: number,
  oldLength: number,
  newLength: number,
): void {
  // An old size of 0 makes a second mapping of the same pages, which only shared memory can have.
  if (oldLength === 0 && !vma.shared) throw linuxError(EINVAL);
  if (addr + Math.min(oldLength, newLength) > vma.end) throw linuxError(EFAULT);
  const grows = (newLength - oldLength) / PAGE_SIZE;
  if (grows <= 0) return;
  if ((vma.flags & VM_SPECIAL) !== 0) throw linuxError(EFAULT);
  checkLock(as, vma.flags, grows);
  as.checkLimits(grows, vma.accountable);
  if (vma.accountable && grows > as.paging.frames.total) throw linuxError(ENOMEM);
}

/** MREMAP_FIXED: to `newAddr`, whatever is there; MREMAP_DONTUNMAP alone: `newAddr` is a hint. */
function moveTo(
  as: AddressSpace,
  addr: number,
  oldLength: number,
  newAddr: number,
  newLength: number,
  flags: number,
): number {
  const keepOld = (flags & MREMAP_DONTUNMAP) !== 0;
  let target = newAddr;
  if ((flags & MREMAP_FIXED) !== 0) {
    if (newAddr < MMAP_MIN_ADDR) throw linuxError(EPERM);
    as.removeAreas(newAddr, newAddr + newLength);
  } else {
    target = findAddress(as, newAddr, newLength);
  }
  if (newLength < oldLength) as.removeAreas(addr + newLength, addr + oldLength);
  if (keepOld) as.checkLimits(newLength / PAGE_SIZE, false);
  move(as, addr, Math.min(oldLength, newLength), target, newLength, keepOld);
  return target;
}

function growInPlace(
  as: AddressSpace,
  vma: Vma,
  addr: number,
  length: number,
  newLength: number,
): boolean {
  const end = addr + newLength;
  if (addr + length !== vma.end || length === 0 || end > TASK_SIZE) return false;
  const next = as.areas.items.at(as.areas.indexAbove(vma.end));
  if (next !== undefined && as.areas.gapStart(next) < end) return false;
  const grownFrom = vma.end;
  as.growArea(vma, vma.start, end);
  if ((vma.flags & VM_LOCKED) !== 0) populateRange(as, grownFrom, end);
  as.areas.mergeAround(vma.start, end);
  return true;
}

function move(
  as: AddressSpace,
  addr: number,
  length: number,
  target: number,
  newLength: number,
  keepOld: boolean,
): void {
  const { paging, tables, areas } = as;
  const old = areas.find(addr)!;
  const { prot, flags, file, name } = old;
  as.addArea(target, target + newLength, prot, flags, file, old.filePageAt(addr), name);
  const from = addr / PAGE_SIZE;
  const by = (target - addr) / PAGE_SIZE;
  paging.forEachMapped(tables, from, from + length / PAGE_SIZE, (vpn, pte) => {
    paging.setPte(tables, vpn + by, pte);
    paging.setPte(tables, vpn, 0);
  });
  if (!keepOld && length > 0) as.removeAreas(addr, addr + length);
  if ((flags & VM_LOCKED) !== 0) populateRange(as, target, target + newLength);
}
