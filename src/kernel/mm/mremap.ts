/** mremap(2) (Linux: mm/mremap.c). Pages move by their page table entries; nothing is copied. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { EFAULT, EINVAL, ENOMEM, EPERM, linuxError } from '../errno.ts';
import { MMAP_MIN_ADDR, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, TASK_SIZE } from './abi.ts';
import { type AddressSpace, pageUp } from './address-space.ts';
import { chooseAddress } from './layout.ts';
import { checkLock, populateRange } from './mmap.ts';
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
  checkArguments(addr, oldLength, newLength, flags);
  const fixed = (flags & MREMAP_FIXED) !== 0;
  if (fixed) checkTarget(addr, oldLength, newAddr, newLength);
  if (as.areas.find(addr) === null) throw linuxError(EFAULT);
  if (fixed) as.removeAreas(newAddr, newAddr + newLength);

  const length = Math.min(oldLength, newLength);
  if (oldLength > newLength) as.removeAreas(addr + newLength, addr + oldLength);
  if (oldLength > newLength && !fixed) return addr;
  const vma = checkSource(as, addr, length, newLength);
  const stays = !fixed && (flags & MREMAP_DONTUNMAP) === 0;
  if (stays && newLength === oldLength) return addr;
  if (stays && growInPlace(as, vma, addr, length, newLength)) return addr;
  if ((flags & MREMAP_MAYMOVE) === 0) throw linuxError(ENOMEM);
  const target = fixed ? newAddr : chooseAddress(as.areas, as.layout, as.startBrk, newLength);
  if (target < 0) throw linuxError(ENOMEM);
  move(as, addr, length, target, newLength, (flags & MREMAP_DONTUNMAP) !== 0);
  return target;
}

function checkArguments(addr: number, oldLength: number, newLength: number, flags: number): void {
  const mayMove = (flags & MREMAP_MAYMOVE) !== 0;
  const dontUnmap = (flags & MREMAP_DONTUNMAP) !== 0;
  if ((flags & ~FLAGS) !== 0) throw linuxError(EINVAL);
  if ((flags & MREMAP_FIXED) !== 0 && !mayMove) throw linuxError(EINVAL);
  if (dontUnmap && (!mayMove || oldLength !== newLength)) throw linuxError(EINVAL);
  if (addr % PAGE_SIZE !== 0 || newLength === 0) throw linuxError(EINVAL);
}

function checkTarget(addr: number, oldLength: number, newAddr: number, newLength: number): void {
  if (newAddr % PAGE_SIZE !== 0) throw linuxError(EINVAL);
  if (newLength > TASK_SIZE || newAddr > TASK_SIZE - newLength) throw linuxError(EINVAL);
  if (addr + oldLength > newAddr && newAddr + newLength > addr) throw linuxError(EINVAL);
  if (newAddr < MMAP_MIN_ADDR) throw linuxError(EPERM);
}

/** The area at `addr`, which must reach as far as the old range and be allowed to grow. */
function checkSource(as: AddressSpace, addr: number, length: number, newLength: number): Vma {
  const vma = as.areas.find(addr);
  if (vma === null || addr + length > vma.end) throw linuxError(EFAULT);
  // An old size of 0 makes a second mapping of the same pages, which only shared memory can have.
  if (length === 0 && !vma.shared) throw linuxError(EINVAL);
  const grows = (newLength - length) / PAGE_SIZE;
  if (grows === 0) return vma;
  if ((vma.flags & VM_SPECIAL) !== 0) throw linuxError(EFAULT);
  as.checkLimits(grows, vma.accountable);
  checkLock(as, vma.flags, grows);
  if (vma.accountable && grows > as.paging.frames.total) throw linuxError(ENOMEM);
  return vma;
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
  const next = as.areas.items[as.areas.indexAbove(vma.end)];
  if (next !== undefined && as.areas.gapStart(next) < end) return false;
  const grownFrom = vma.end;
  as.areas.resize(vma, vma.start, end);
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
