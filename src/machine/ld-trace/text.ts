/** The lines of --trace-ld: one per event, fields separated by blanks, `[PID]` and a word first. */

import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import { hex, quote } from '../../kernel/syscall/text.ts';
import type { LoadedObject } from './objects.ts';
import type { RelocationTable } from './relocations.ts';

const RTLD_NAMES: readonly (readonly [number, string])[] = [
  [1, 'RTLD_LAZY'],
  [2, 'RTLD_NOW'],
  [4, 'RTLD_NOLOAD'],
  [8, 'RTLD_DEEPBIND'],
  [0x100, 'RTLD_GLOBAL'],
  [0x1000, 'RTLD_NODELETE'],
];
const RTLD_GLOBAL = 0x100;
/** RTLD_NEXT, -1, as a register holds it. */
const RTLD_NEXT = 2 ** 64;

/** A path of the guest's, without blanks and control characters: those are octal, as in /proc/mounts. */
export function pathText(path: string): string {
  return path.replace(/[^!-[\]-~]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

export function quoted(text: string | null): string {
  return text === null ? 'NULL' : quote(Uint8Array.from(text, (c) => c.charCodeAt(0)));
}

export function rangeText(low: number, high: number): string {
  return `${hex(low)}..${hex(high)}`;
}

export function flagsText(flags: number): string {
  const names = RTLD_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  if ((flags & RTLD_GLOBAL) === 0) names.push('RTLD_LOCAL');
  const rest = RTLD_NAMES.reduce((left, [bit]) => left & ~bit, flags) >>> 0;
  if (rest !== 0) names.push(hex(rest));
  return names.join('|');
}

/** A handle that the loader gave, with the object it stands for. */
export function handleText(handle: number, object: LoadedObject | null): string {
  if (handle === 0) return 'RTLD_DEFAULT';
  if (handle === RTLD_NEXT) return 'RTLD_NEXT';
  return object === null ? hex(handle) : `${hex(handle)} ${pathText(object.path)}`;
}

/** The object's areas: rights and addresses, as /proc/PID/maps has them, but those without any rights. */
export function segmentsText(space: AddressSpace, { image }: LoadedObject): string {
  const parts: string[] = [];
  for (const area of space.areas.within(image.start, image.end)) {
    if (area.prot === 0) continue;
    const low = Math.max(area.start, image.start);
    parts.push(`${rights(area.prot)} ${rangeText(low, Math.min(area.end, image.end))}`);
  }
  return parts.join(' ');
}

function rights(prot: number): string {
  const read = (prot & PROT_READ) !== 0 ? 'r' : '-';
  const write = (prot & PROT_WRITE) !== 0 ? 'w' : '-';
  return `${read}${write}${(prot & PROT_EXEC) !== 0 ? 'x' : '-'}`;
}

export function relocationText(table: RelocationTable): string {
  const counts = [...table.counts].map(([name, n]) => `${name}=${n}`).join(' ');
  return `${table.name} ${table.total} in ${rangeText(table.low, table.high)} ${counts}`;
}
