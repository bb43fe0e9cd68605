/** /proc/PID/maps and smaps (Linux: fs/proc/task_mmu.c; columns as in proc(5)). */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_CACHE, ZERO_FRAME } from '../../mmu/frames.ts';
import { PTE_ACCESSED, PTE_DIRTY, pteFrame } from '../../mmu/pte.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from './abi.ts';
import type { AddressSpace } from './address-space.ts';
import { VM_LOCKED, type Vma } from './vma.ts';

/** Column where names begin. */
const NAME_COLUMN = 73;

export function formatMaps(as: AddressSpace): string {
  return as.areas.items
    .toArray()
    .map((vma) => mapsLine(as, vma))
    .join('');
}

/** The name maps shows for an area, '' for anonymous memory. */
export function areaName(as: AddressSpace, vma: Vma): string {
  if (vma.file !== null) return vma.file.path.replaceAll('\n', '\\012');
  if (vma.name !== '') return vma.name;
  if (vma.start < as.endBrk && vma.end > as.startBrk && as.startBrk !== 0) return '[heap]';
  return vma.start < as.startStack && vma.end >= as.startStack ? '[stack]' : '';
}

function mapsLine(as: AddressSpace, vma: Vma): string {
  const hex = (n: number, width: number): string => n.toString(16).padStart(width, '0');
  const right = (bit: number, letter: string): string => ((vma.prot & bit) !== 0 ? letter : '-');
  const rights = right(PROT_READ, 'r') + right(PROT_WRITE, 'w') + right(PROT_EXEC, 'x');
  const offset = vma.file === null ? 0 : vma.filePage * PAGE_SIZE;
  const dev = vma.file?.dev ?? 0;
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  const head =
    `${hex(vma.start, 8)}-${hex(vma.end, 8)} ${rights}${vma.shared ? 's' : 'p'} ` +
    `${hex(offset, 8)} ${hex(major, 2)}:${hex(minor, 2)} ${vma.file?.ino ?? 0} `;
  const name = areaName(as, vma);
  return name === '' ? `${head}\n` : `${head.padEnd(NAME_COLUMN)}${name}\n`;
}

/** What is in memory of an area, in pages. */
export interface AreaUsage {
  rss: number;
  /** Proportional share: a frame mapped n times counts 1/n. */
  pss: number;
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
  referenced: number;
  anonymous: number;
}

export function areaUsage(as: AddressSpace, vma: Vma): AreaUsage {
  const { frames } = as.paging;
  const use: AreaUsage = {
    rss: 0,
    pss: 0,
    sharedClean: 0,
    sharedDirty: 0,
    privateClean: 0,
    privateDirty: 0,
    referenced: 0,
    anonymous: 0,
  };
  as.paging.forEachMapped(as.tables, vma.start / PAGE_SIZE, vma.end / PAGE_SIZE, (_vpn, pte) => {
    const frame = pteFrame(pte);
    if (frame === ZERO_FRAME) return;
    const inFile = frames.kind[frame] === FRAME_CACHE;
    const mapped = frames.refs[frame]! - (inFile ? 1 : 0);
    const dirty = (pte & PTE_DIRTY) !== 0;
    use.rss++;
    use.pss += 1 / mapped;
    if (mapped > 1) dirty ? use.sharedDirty++ : use.sharedClean++;
    else dirty ? use.privateDirty++ : use.privateClean++;
    if ((pte & PTE_ACCESSED) !== 0) use.referenced++;
    if (!inFile) use.anonymous++;
  });
  return use;
}

export function formatSmaps(as: AddressSpace): string {
  return as.areas.items
    .toArray()
    .map((vma) => mapsLine(as, vma) + smapsLines(as, vma))
    .join('');
}

function smapsLines(as: AddressSpace, vma: Vma): string {
  const use = areaUsage(as, vma);
  const kb = PAGE_SIZE / 1024;
  const rows: [string, number][] = [
    ['Size', vma.pages * kb],
    ['KernelPageSize', kb],
    ['MMUPageSize', kb],
    ['Rss', use.rss * kb],
    ['Pss', Math.floor(use.pss * kb)],
    ['Shared_Clean', use.sharedClean * kb],
    ['Shared_Dirty', use.sharedDirty * kb],
    ['Private_Clean', use.privateClean * kb],
    ['Private_Dirty', use.privateDirty * kb],
    ['Referenced', use.referenced * kb],
    ['Anonymous', use.anonymous * kb],
    ['Swap', 0],
    ['Locked', (vma.flags & VM_LOCKED) !== 0 ? use.rss * kb : 0],
  ];
  const lines = rows.map(([name, n]) => `${`${name}:`.padEnd(16)}${String(n).padStart(8)} kB\n`);
  return `${lines.join('')}VmFlags: ${flagNames(vma)} \n`;
}

/** Two letters for each flag (show_smap_vma_flags): what is allowed now, shared, may be allowed, locked. */
function flagNames(vma: Vma): string {
  const names: string[] = [];
  if ((vma.prot & PROT_READ) !== 0) names.push('rd');
  if ((vma.prot & PROT_WRITE) !== 0) names.push('wr');
  if ((vma.prot & PROT_EXEC) !== 0) names.push('ex');
  if (vma.shared) names.push('sh');
  names.push('mr', 'mw', 'me');
  if ((vma.flags & VM_LOCKED) !== 0) names.push('lo');
  return names.join(' ');
}
