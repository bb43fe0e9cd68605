/** Copies an address space for fork: areas, and pages copy-on-write (Linux: dup_mmap, copy_page_range). */

import { PAGE_SIZE } from '../../common/layout.ts';
import { PTE_COW, PTE_WRITABLE } from '../../mmu/pte.ts';
import { ENOMEM, linuxError } from '../errno.ts';
import { PROT_EXEC } from './abi.ts';
import { AddressSpace } from './address-space.ts';
import { VM_DONTCOPY, VM_LOCKED, VM_WIPEONFORK, Vma } from './vma.ts';

export function forkAddressSpace(parent: AddressSpace): AddressSpace {
  const { paging } = parent;
  if (paging.tablesFull(parent.tables.leaves.size)) throw linuxError(ENOMEM);
  parent.areas.checkCopy();
  paging.log.context = 'fork';
  const child = new AddressSpace(parent.mmu, parent.layout);
  child.limits = parent.limits;
  child.startBrk = parent.startBrk;
  child.endBrk = parent.endBrk;
  child.startStack = parent.startStack;
  let sameCode = true;
  for (const vma of parent.areas.items) {
    const skipped = (vma.flags & VM_DONTCOPY) !== 0;
    const wiped = (vma.flags & VM_WIPEONFORK) !== 0;
    if ((skipped || wiped) && (vma.prot & PROT_EXEC) !== 0) sameCode = false;
    if (skipped) continue;
    const { start, end, prot, file, filePage, name } = vma;
    const flags = vma.flags & ~VM_LOCKED;
    child.areas.insert(new Vma(child, start, end, prot, flags, file, filePage, name));
    if (!wiped) copyPages(parent, child, vma);
  }
  // Links between translations stay valid in the child as long as it maps the same code.
  if (sameCode) {
    child.tables.codeGeneration = parent.tables.codeGeneration;
    child.tables.sharesCode = true;
    parent.tables.sharesCode = true;
  }
  return child;
}

function copyPages(parent: AddressSpace, child: AddressSpace, vma: Vma): void {
  const { paging } = parent;
  paging.forEachMapped(parent.tables, vma.start / PAGE_SIZE, vma.end / PAGE_SIZE, (vpn, pte) => {
    let copied = pte;
    if (!vma.shared && (pte & PTE_WRITABLE) !== 0) {
      copied = (pte & ~PTE_WRITABLE) | PTE_COW;
      paging.setPte(parent.tables, vpn, copied);
    }
    paging.setPte(child.tables, vpn, copied);
  });
}
