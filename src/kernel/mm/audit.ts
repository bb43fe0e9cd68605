/**
 * The audit of address spaces: page tables against areas, areas against each other, private file
 * pages against their files. Complete with auditMmu, which it includes. For tests and `--audit`.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { auditMmu, type TranslationAudit } from '../../mmu/audit.ts';
import { FRAME_ANON, FRAME_CACHE, ZERO_FRAME } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import {
  formatPte,
  PTE_NX,
  PTE_PRESENT,
  PTE_SHARED,
  PTE_WRITABLE,
  pteFrame,
} from '../../mmu/pte.ts';
import { PROT_EXEC, PROT_WRITE, TASK_SIZE } from './abi.ts';
import { type AddressSpace, pageUp } from './address-space.ts';
import { areaName } from './maps.ts';
import type { PageCache } from './page-cache.ts';
import { VM_GROWSDOWN, type Vma } from './vma.ts';

/** @returns what is inconsistent, empty if all is well */
export function audit(
  paging: Paging,
  spaces: Iterable<AddressSpace>,
  translations: TranslationAudit = () => [],
): string[] {
  const out = auditMmu(paging, translations);
  const files = new Set<PageCache>();
  for (const as of spaces) {
    for (const finding of auditSpace(as)) out.push(`as ${as.tables.id} ${finding}`);
    for (const vma of as.areas.items) if (vma.file !== null) files.add(vma.file.pages);
  }
  for (const pages of files) out.push(...pages.compareWithFile());
  return out;
}

function auditSpace(as: AddressSpace): string[] {
  const out = auditAreas(as);
  as.paging.forEachMapped(as.tables, 0, Number.MAX_SAFE_INTEGER, (vpn, pte) => {
    const vma = as.areas.find(vpn * PAGE_SIZE);
    const wrong = vma === null ? 'is in no area' : wrongEntry(as, vma, vpn, pte);
    if (wrong === null) return;
    const name = vma === null ? '' : ` (${areaName(as, vma)})`;
    out.push(`${hex(vpn * PAGE_SIZE)}${name}: ${formatPte(pte)} ${wrong}`);
    out.push(...as.paging.log.format(vpn));
  });
  return out;
}

function auditAreas(as: AddressSpace): string[] {
  const out: string[] = [];
  let before = 0;
  let pages = 0;
  for (const vma of as.areas.items) {
    const range = `${hex(vma.start)}-${hex(vma.end)} ${areaName(as, vma)}`;
    pages += vma.pages;
    if (vma.start >= vma.end || vma.end > TASK_SIZE) out.push(`${range}: not a range`);
    if (vma.start % PAGE_SIZE !== 0 || vma.end % PAGE_SIZE !== 0) out.push(`${range}: not aligned`);
    if (vma.start < before) out.push(`${range}: overlaps the area before it`);
    const inHeap = vma.start < pageUp(as.endBrk) && vma.end > as.startBrk;
    if (inHeap && (vma.file !== null || (vma.flags & VM_GROWSDOWN) !== 0)) {
      out.push(`${range}: lies in the heap ${hex(as.startBrk)}-${hex(as.endBrk)}`);
    }
    if (vma.file !== null && !vma.file.pages.mappers.has(vma)) {
      out.push(`${range}: its file does not know the mapping`);
    }
    before = vma.end;
  }
  if (pages !== as.areas.totalPages) {
    out.push(`${pages} pages in areas, counted ${as.areas.totalPages}`);
  }
  return out;
}

/** What is wrong with an entry, or null. */
function wrongEntry(as: AddressSpace, vma: Vma, vpn: number, pte: number): string | null {
  const { frames } = as.paging;
  const frame = pteFrame(pte);
  const writable = (pte & PTE_WRITABLE) !== 0;
  const kind = frames.kind[frame]!;
  if ((pte & PTE_PRESENT) !== 0 && vma.prot === 0) return 'is accessible in a PROT_NONE area';
  if (writable && (vma.prot & PROT_WRITE) === 0) return 'is writable in a read-only area';
  if ((pte & PTE_NX) === 0 && (vma.prot & PROT_EXEC) === 0) return 'is executable, the area not';
  if (((pte & PTE_SHARED) !== 0) !== vma.shared) return 'is shared, or not, unlike its area';
  if (!vma.shared && writable && (kind !== FRAME_ANON || frames.refs[frame] !== 1)) {
    return `is private and writable, but its frame has kind ${kind}, ${frames.refs[frame]} references`;
  }
  if (vma.file === null) {
    const fits = kind === FRAME_ANON || frame === ZERO_FRAME;
    return fits ? null : `is anonymous, but its frame has kind ${kind}`;
  }
  if (vma.shared || kind === FRAME_CACHE) {
    const page = vma.filePageAt(vpn * PAGE_SIZE);
    const cached = vma.file.pages.peek(page);
    if (cached !== frame) return `is page ${page} of the file, whose frame is ${cached}`;
    if (writable && !vma.file.pages.isDirty(page)) return `is writable, but page ${page} is clean`;
  }
  return null;
}

function hex(n: number): string {
  return n.toString(16);
}
