/** The text of a report: one line that says what happened, then indented lines with a key each. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { formatPte } from '../../mmu/pte.ts';
import type { Symbols } from '../symbols.ts';
import { areaLines, hex, printable } from './areas.ts';
import type { Page } from './pages.ts';
import type { CodePlace, Origin } from './witness.ts';

/** Bytes shown of old and new contents. */
const MAX_BYTES = 32;

/** Part of the watched bytes of a page; offsets in the page. */
export interface Changed {
  readonly page: Page;
  readonly from: number;
  readonly to: number;
  /** Null: not known, because they were not in memory. */
  readonly before: Uint8Array | null;
  readonly after: Uint8Array | null;
}

export function who({ by, pid, comm }: Origin): string {
  return by === 'host' ? 'the host' : `pid ${pid} (${printable(comm)})`;
}

/** What did it: `brk(0x5000) = 0x5000`, or words. */
export function deed(origin: Origin, result: string): string {
  switch (origin.by) {
    case 'instruction':
      return 'an instruction';
    case 'access':
      return 'a load or fetch';
    case 'syscall':
      return `${origin.call}${result}`;
    case 'kernel':
      return 'the kernel, outside system calls';
    case 'host':
      return 'a program is started';
  }
}

/** `malloc+0x1f (libc.so)`, `busybox@0x4712` without symbols. */
export function placeText(symbols: Symbols, { pc, file, offset }: CodePlace): string {
  if (file === null) return `0x${hex(pc)}`;
  const path = printable(file.path);
  const base = path.slice(path.lastIndexOf('/') + 1);
  const found = symbols.inFile(file, offset);
  if (found === null) return `${base}@0x${hex(offset)}`;
  return `${found.name}${found.offset === 0 ? '' : `+0x${hex(found.offset)}`} (${base})`;
}

function line(key: string, text: string): string {
  return `  ${key.padEnd(6)} ${text}`;
}

/** Where the program was, and how it got there. */
export function placeLines(symbols: Symbols, origin: Origin): string[] {
  const [rip, ...returns] = origin.places;
  if (rip === undefined) return [];
  const lines = [line('rip', `0x${hex(rip.pc)} ${placeText(symbols, rip)}`)];
  for (const place of returns) lines.push(line('from', placeText(symbols, place)));
  return lines;
}

function bytesText(bytes: Uint8Array | null): string {
  if (bytes === null) return 'not in memory';
  const shown = Array.from(bytes.subarray(0, MAX_BYTES), (b) => b.toString(16).padStart(2, '0'));
  return bytes.length > MAX_BYTES ? `${shown.join(' ')} ...` : shown.join(' ');
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

/** Old and new bytes. */
export function bytesLines({ before, after }: Changed): string[] {
  if (before !== null && after !== null && same(before, after)) {
    return [line('bytes', `${bytesText(after)} (as before)`)];
  }
  return [line('old', bytesText(before)), line('new', bytesText(after))];
}

/** What the page belongs to and how it is mapped, now. */
export function backingLines(page: Page): string[] {
  const { space } = page.range;
  const va = page.vpn * PAGE_SIZE;
  const lines = areaLines(space, va, va + PAGE_SIZE).map((text) => line('area', text));
  return [...lines, line('page', `0x${hex(va)}: ${formatPte(space.tables.get(page.vpn))}`)];
}

export function areaChangeLines(before: readonly string[], after: readonly string[]): string[] {
  return [...before.map((t) => line('was', t)), ...after.map((t) => line('is', t))];
}
