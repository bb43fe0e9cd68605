/**
 * The audit of address spaces: page tables against areas, areas against each other, private file
 * pages against their files. `audit` looks at everything, with auditMmu; the parts it is made of also
 * serve the incremental audit (incremental-audit.ts).
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
import type { AddressSpace } from './address-space.ts';
import { areaName } from './maps.ts';
import type { PageCache } from './page-cache.ts';
import type { Vma } from './vma.ts';

/** @returns what is inconsistent, empty if all is well */
export function audit(
  paging: Paging,
  spaces: Iterable<AddressSpace>,
  translations: TranslationAudit = () => [],
): string[] {
  const out = auditMmu(paging, translations);
  const files = new Set<PageCache>();
  for (const as of spaces) {
    auditSpace(as, out);
    for (const vma of as.areas.items) if (vma.file !== null) files.add(vma.file.pages);
  }
  for (const pages of files) out.push(...pages.compareWithFile());
  return out;
}

/** All areas and entries of an address space. */
export function auditSpace(as: AddressSpace, out: string[]): void {
  auditAreas(as, out);
  auditEntries(as, 0, Number.MAX_SAFE_INTEGER, out);
}

/** The entries of [start, end) against the areas. */
export function auditEntries(as: AddressSpace, start: number, end: number, out: string[]): void {
  as.paging.forEachMapped(
    as.tables,
    Math.floor(start / PAGE_SIZE),
    Math.ceil(end / PAGE_SIZE),
    (vpn, pte) => auditEntry(as, vpn, pte, out),
  );
}

/** One entry, not 0, against the area it is in. */
export function auditEntry(as: AddressSpace, vpn: number, pte: number, out: string[]): void {
  const vma = as.areas.find(vpn * PAGE_SIZE);
  const wrong = vma === null ? 'is in no area' : wrongEntry(as, vma, vpn, pte);
  if (wrong === null) return;
  const area = vma === null ? '' : ` in ${areaText(as, vma)}`;
  out.push(`as ${as.tables.id} ${hex(vpn * PAGE_SIZE)}${area}: ${formatPte(pte)} ${wrong}`);
  out.push(...as.paging.log.format(vpn));
}

/** The areas against each other and the files they map. */
export function auditAreas(as: AddressSpace, out: string[]): void {
  let before = 0;
  let pages = 0;
  if (as.endBrk < as.startBrk) out.push(`as ${as.tables.id}: the heap ends before it starts`);
  for (const vma of as.areas.items) {
    const wrong = wrongArea(vma, before);
    if (wrong !== null) out.push(`as ${as.tables.id} ${areaText(as, vma)}: ${wrong}`);
    pages += vma.pages;
    before = vma.end;
  }
  if (pages !== as.areas.totalPages) {
    out.push(`as ${as.tables.id}: ${pages} pages in areas, counted ${as.areas.totalPages}`);
  }
}

function areaText(as: AddressSpace, vma: Vma): string {
  const name = areaName(as, vma);
  return `${hex(vma.start)}-${hex(vma.end)}${name === '' ? '' : ` ${name}`}`;
}

/** What is wrong with an area, or null. @param before end of the area before it */
function wrongArea(vma: Vma, before: number): string | null {
  if (vma.start >= vma.end || vma.end > TASK_SIZE) return 'not a range';
  if (vma.start % PAGE_SIZE !== 0 || vma.end % PAGE_SIZE !== 0) return 'not aligned';
  if (vma.start < before) return 'overlaps the area before it';
  if (vma.file !== null && !vma.file.pages.mappers.has(vma)) {
    return 'its file does not know the mapping';
  }
  return null;
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
  if (writable && frame === ZERO_FRAME) return 'is writable, and the zero page';
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
