/**
 * The MMU's part of the audit: frames, reverse map, TLB and code pages agree with the page tables.
 * What needs areas and files is in src/kernel/mm/audit.ts. For tests and `--audit`; slow.
 */

import { FRAME_CACHE, FRAME_FREE, FRAME_ZERO, hostFrame, ZERO_FRAME } from './frames.ts';
import type { PageTables } from './page-tables.ts';
import type { Paging } from './paging.ts';
import { formatPte, PTE_NX, PTE_PRESENT, PTE_USER, PTE_WRITABLE, pteFrame } from './pte.ts';

/** The code cache compares each translation's source bytes with memory; one line per difference. */
export type TranslationAudit = () => string[];

/** @returns what is inconsistent, empty if all is well */
export function auditMmu(paging: Paging, translations: TranslationAudit = () => []): string[] {
  return [
    ...auditFrames(paging),
    ...auditMappings(paging),
    ...auditTlb(paging),
    ...translations().map((text) => `translation: ${text}`),
  ];
}

function auditFrames(paging: Paging): string[] {
  const out: string[] = [];
  const { frames, rmap } = paging;
  let free = 0;
  for (let f = 0; f < frames.total; f++) {
    const kind = frames.kind[f]!;
    const mapped = rmap.count(f);
    if (kind === FRAME_FREE) {
      free++;
      if (mapped > 0) out.push(`free frame ${f} is mapped ${mapped} times`);
      if (paging.codeFrames[f] !== 0) out.push(`free frame ${f} is marked as code`);
    }
    if (kind === FRAME_FREE || kind === FRAME_ZERO) continue;
    const expected = mapped + (kind === FRAME_CACHE ? 1 : 0);
    const refs = frames.refs[f]!;
    if (refs !== expected) out.push(`frame ${f}: ${refs} references, ${expected} users`);
    if (refs === 0) out.push(`frame ${f} leaked: allocated, but nobody's`);
  }
  if (free !== frames.free) out.push(`${free} frames are free, the allocator says ${frames.free}`);
  return out;
}

/** Every entry is in the reverse map, and the reverse map has no others. */
function auditMappings(paging: Paging): string[] {
  const out: string[] = [];
  const seen = new Map<string, number>();
  for (const space of paging.spaces.values()) {
    let resident = 0;
    paging.forEachMapped(space, 0, Number.MAX_SAFE_INTEGER, (vpn, pte) => {
      const frame = pteFrame(pte);
      if (frame === ZERO_FRAME) {
        if ((pte & PTE_WRITABLE) !== 0) out.push(`${where(space, vpn)}: the zero page is writable`);
        return;
      }
      resident++;
      seen.set(`${space.id}:${vpn}`, frame);
    });
    if (resident !== space.resident) {
      out.push(`as ${space.id}: ${resident} pages resident, counted ${space.resident}`);
    }
  }
  for (let f = 0; f < paging.frames.total; f++) {
    paging.rmap.forEach(f, (id, vpn) => {
      const key = `${id}:${vpn}`;
      if (seen.get(key) === f) seen.delete(key);
      else out.push(`reverse map of frame ${f} names ${key}, which does not map it`);
    });
  }
  for (const [key, frame] of seen) out.push(`${key} maps frame ${frame}, not in the reverse map`);
  return out;
}

function auditTlb(paging: Paging): string[] {
  const out: string[] = [];
  const byGeneration = new Map<number, PageTables>();
  for (const space of paging.spaces.values()) {
    if (space.tlbEpoch !== paging.tlb.epoch) continue;
    const other = byGeneration.get(space.tlbGeneration);
    if (other !== undefined) {
      out.push(`as ${space.id} and ${other.id} share TLB generation ${space.tlbGeneration}`);
    }
    byGeneration.set(space.tlbGeneration, space);
  }
  for (const entry of paging.tlb.entries()) {
    const space = byGeneration.get(entry.generation);
    // An entry of an address space that is gone: its generation is not given out again before a wrap.
    if (space === undefined) continue;
    const pte = space.get(entry.vpn);
    const frame = hostFrame(entry.host);
    const rights = PTE_PRESENT | PTE_USER | (entry.write ? PTE_WRITABLE : 0);
    const agrees =
      (pte & rights) === rights &&
      pteFrame(pte) === frame &&
      !(entry.exec && (pte & PTE_NX) !== 0) &&
      !(entry.write && paging.codeFrames[frame] !== 0);
    if (agrees) continue;
    const has = `${entry.read ? 'R' : '-'}${entry.write ? 'W' : '-'}${entry.exec ? 'X' : '-'}`;
    const code = paging.codeFrames[frame] !== 0 ? ' (code)' : '';
    out.push(
      `${where(space, entry.vpn)}: TLB has ${has} of frame ${frame}${code}, entry is ${formatPte(pte)}`,
      ...paging.log.format(entry.vpn),
    );
  }
  return out;
}

function where(space: PageTables, vpn: number): string {
  return `as ${space.id} ${(vpn * 4096).toString(16)}`;
}
