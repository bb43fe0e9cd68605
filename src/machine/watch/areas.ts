/** What is mapped in a range, and what its pages are, as text: compared to see changes, and shown in reports. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import { areaName } from '../../kernel/mm/maps.ts';
import type { Vma } from '../../kernel/mm/vma.ts';

/** Areas of one range that a report shows. */
const MAX_AREAS = 4;
const MAX_NAME = 200;

/** What guests name, for a terminal: printable ASCII, and not too long. */
export function printable(name: string): string {
  const text = name.length > MAX_NAME ? `...${name.slice(-MAX_NAME)}` : name;
  return text.replace(/[^ -~]/g, '?');
}

export function hex(n: number): string {
  return n.toString(16);
}

function rights(vma: Vma): string {
  const right = (bit: number, letter: string): string => ((vma.prot & bit) !== 0 ? letter : '-');
  const bits = right(PROT_READ, 'r') + right(PROT_WRITE, 'w') + right(PROT_EXEC, 'x');
  return bits + (vma.shared ? 's' : 'p');
}

function name(space: AddressSpace, vma: Vma): string {
  return printable(areaName(space, vma)) || 'anonymous';
}

/** `start-end`, then what of the areas in [start, end) matters to a watch. Bounds outside do not. */
export function mapped(space: AddressSpace, start: number, end: number): string {
  const parts: string[] = [];
  let last = '';
  for (const vma of space.areas.within(start, end)) {
    const from = Math.max(start, vma.start);
    const at = vma.file === null ? '' : `+${hex(vma.filePage * PAGE_SIZE - vma.start)}`;
    const what = `${rights(vma)} ${name(space, vma)}${at}`;
    const gap = parts.length > 0 && space.areas.find(from - 1) === null;
    if (what !== last || gap) parts.push(`${hex(from)} ${what}`);
    last = what;
  }
  return parts.join('\n');
}

/** The same without rights: differs if other memory is there. */
export function withoutRights(text: string): string {
  return text.replaceAll(/^(\S+) \S+ /gm, '$1 ');
}

/** The areas in a range as a report shows them: whole, with rights, file and offset. */
export function areaLines(space: AddressSpace, start: number, end: number): string[] {
  const areas = space.areas.within(start, end);
  const lines = areas.slice(0, MAX_AREAS).map((vma) => {
    const offset = vma.file === null ? '' : `+0x${hex(vma.filePage * PAGE_SIZE)}`;
    return `${hex(vma.start)}-${hex(vma.end)} ${rights(vma)} ${name(space, vma)}${offset}`;
  });
  if (areas.length > MAX_AREAS) lines.push(`and ${areas.length - MAX_AREAS} more`);
  return lines.length === 0 ? ['nothing is mapped'] : lines;
}
