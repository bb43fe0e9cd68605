/**
 * The MMU's part of the audit: frames, reverse map, TLB and code pages agree with the page tables.
 * What needs areas and files is in src/kernel/mm/audit.ts. `auditMmu` looks at everything; the parts
 * it is made of also serve the incremental audit (paging-watch.ts).
 */

import { PAGE_SIZE, TLB_EXEC, TLB_READ, TLB_WRITE } from '../common/layout.ts';
import {
  FRAME_ANON,
  FRAME_CACHE,
  FRAME_FREE,
  FRAME_ZERO,
  hostFrame,
  ZERO_FRAME,
} from './frames.ts';
import type { PageTables } from './page-tables.ts';
import { MARK_CODE, type Paging } from './paging.ts';
import { formatPte, PTE_NX, PTE_PRESENT, PTE_USER, PTE_WRITABLE, pteFrame } from './pte.ts';

/** The code cache compares each translation's source bytes with memory; one line per difference. */
export type TranslationAudit = () => string[];

/** Beyond every page number. */
const MAX_PAGES = 2 ** 36;
/** Mappings of a frame that a finding names. */
const MAX_NAMED = 4;

/** @returns what is inconsistent, empty if all is well */
export function auditMmu(paging: Paging, translations: TranslationAudit = () => []): string[] {
  const out: string[] = [];
  const entries = auditMappings(paging, out);
  auditFrames(paging, entries, out);
  auditTlb(paging, out);
  for (const text of translations()) out.push(`translation: ${text}`);
  return out;
}

/** Every entry of every space: the zero page is read-only, the counts of resident pages are right. */
function auditMappings(paging: Paging, out: string[]): Int32Array {
  const entries = new Int32Array(paging.frames.total);
  for (const space of paging.spaces.values()) {
    let resident = 0;
    paging.forEachMapped(space, 0, Number.MAX_SAFE_INTEGER, (vpn, pte) => {
      const frame = pteFrame(pte);
      if (frame === ZERO_FRAME) {
        if ((pte & PTE_WRITABLE) !== 0) out.push(`${where(space, vpn)}: the zero page is writable`);
        return;
      }
      resident++;
      if (frame < entries.length) entries[frame]!++;
      else out.push(`${where(space, vpn)}: ${formatPte(pte)} is beyond memory`);
    });
    if (resident !== space.resident) {
      out.push(`as ${space.id}: ${resident} pages resident, counted ${space.resident}`);
    }
  }
  return entries;
}

function auditFrames(paging: Paging, entries: Int32Array, out: string[]): void {
  const { frames } = paging;
  let free = 0;
  for (let f = 0; f < frames.total; f++) {
    if (frames.kind[f] === FRAME_FREE) free++;
    auditFrame(paging, f, entries[f]!, out);
  }
  if (free !== frames.free) out.push(`${free} frames are free, the allocator says ${frames.free}`);
}

/** One frame, which `mapped` page table entries name: its references and its reverse map. */
export function auditFrame(paging: Paging, frame: number, mapped: number, out: string[]): void {
  const { frames } = paging;
  const kind = frames.kind[frame]!;
  const refs = frames.refs[frame]!;
  auditReverseMap(paging, frame, mapped, out);
  if (kind === FRAME_FREE) {
    if (mapped > 0) out.push(`free ${named(paging, frame)} is mapped ${mapped} times`);
    if (refs !== 0) out.push(`free frame ${frame} has ${refs} references`);
    if (paging.marks[frame] !== 0)
      out.push(`free frame ${frame} is marked${markName(paging.marks[frame]!)}`);
  }
  if (kind === FRAME_FREE || kind === FRAME_ZERO) return;
  const users = mapped + (kind === FRAME_CACHE ? 1 : 0);
  if (refs !== users) out.push(`${named(paging, frame)}: ${refs} references, ${users} users`);
  if (refs === 0) out.push(`frame ${frame} leaked: allocated, but nobody's`);
}

/** The reverse map names entries that exist, and as many as there are. */
function auditReverseMap(paging: Paging, frame: number, mapped: number, out: string[]): void {
  const found = paging.rmap.count(frame);
  if (found !== mapped) {
    out.push(`${named(paging, frame)}: ${mapped} entries, ${found} in the reverse map`);
  }
  if (found === 0) return;
  const seen = found > 1 ? new Set<number>() : null;
  paging.rmap.forEach(frame, (id, vpn) => {
    const pte = paging.spaces.get(id)?.get(vpn) ?? 0;
    const page = id * MAX_PAGES + vpn;
    const twice = seen?.has(page) === true;
    seen?.add(page);
    if (pte !== 0 && pteFrame(pte) === frame && !twice) return;
    const text = `reverse map of frame ${frame} names as ${id} ${(vpn * PAGE_SIZE).toString(16)}`;
    out.push(`${text}${twice ? ' twice' : ', which does not map it'}`);
  });
}

/** Every TLB entry gives no more than its page table entry does. */
export function auditTlb(paging: Paging, out: string[]): void {
  const byGeneration = new Map<number, PageTables>();
  for (const space of paging.spaces.values()) {
    if (space.tlbEpoch !== paging.tlb.epoch) continue;
    const other = byGeneration.get(space.tlbGeneration);
    if (other !== undefined) {
      out.push(`as ${space.id} and ${other.id} share TLB generation ${space.tlbGeneration}`);
    }
    byGeneration.set(space.tlbGeneration, space);
  }
  paging.tlb.forEach((generation, vpn, host, rights) => {
    const space = byGeneration.get(generation);
    // An entry of an address space that is gone: its generation is not given out again before a wrap.
    if (space !== undefined) auditTlbEntry(paging, space, vpn, hostFrame(host), rights, out);
  });
}

function auditTlbEntry(
  paging: Paging,
  space: PageTables,
  vpn: number,
  frame: number,
  rights: number,
  out: string[],
): void {
  const pte = space.get(vpn);
  const marked = paging.marks[frame] !== 0;
  const write = (rights & (1 << TLB_WRITE)) !== 0;
  const exec = (rights & (1 << TLB_EXEC)) !== 0;
  const need = PTE_PRESENT | PTE_USER | (write ? PTE_WRITABLE : 0);
  const agrees =
    (pte & need) === need &&
    pteFrame(pte) === frame &&
    !(exec && (pte & PTE_NX) !== 0) &&
    !(write && marked);
  if (agrees) return;
  const read = (rights & (1 << TLB_READ)) !== 0;
  const has = `${read ? 'R' : '-'}${write ? 'W' : '-'}${exec ? 'X' : '-'}`;
  const of = `frame ${frame}${marked ? markName(paging.marks[frame]!) : ''}`;
  out.push(`${where(space, vpn)}: TLB has ${has} of ${of}, entry is ${formatPte(pte)}`);
  out.push(...paging.log.format(vpn));
}

function markName(marks: number): string {
  return (marks & MARK_CODE) !== 0 ? ' (code)' : ' (watched)';
}

/** A frame with what maps it, for findings. */
function named(paging: Paging, frame: number): string {
  const pages: string[] = [];
  paging.rmap.forEach(frame, (id, vpn) => {
    if (pages.length < MAX_NAMED) pages.push(`as ${id} ${(vpn * PAGE_SIZE).toString(16)}`);
  });
  const kind = paging.frames.kind[frame];
  const of = kind === FRAME_ANON ? 'anonymous' : kind === FRAME_CACHE ? 'page cache' : 'unowned';
  return `frame ${frame} (${[of, ...pages].join(', ')})`;
}

function where(space: PageTables, vpn: number): string {
  return `as ${space.id} ${(vpn * PAGE_SIZE).toString(16)}`;
}
