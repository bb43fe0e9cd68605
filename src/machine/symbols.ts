/**
 * Names of guest functions, for profiles, dumps and error lines: the symbol tables of the ELF files
 * that are mapped (System V ABI, chapter 4). A file is parsed once, when a name in it is first asked for.
 * Files are untrusted: whatever is malformed has no names, and names are printable ASCII.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import { LinuxError } from '../kernel/errno.ts';
import type { AddressSpace } from '../kernel/mm/address-space.ts';
import type { MappedFile } from '../kernel/mm/vma.ts';
import type { IoSink } from '../kernel/vfs/types.ts';

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const PT_LOAD = 1;
/** A symbol or string table larger than this is not read. */
const MAX_TABLE = 32 * 1024 * 1024;
const MAX_SECTIONS = 4096;
const MAX_NAME = 200;

export interface Located {
  readonly name: string;
  /** Distance from the symbol's address. */
  readonly offset: number;
}

/** One file's functions, sorted by address. */
interface SymbolTable {
  /** Link-time address minus file offset, per loadable segment: [offset, size, address]. */
  readonly segments: readonly (readonly [number, number, number])[];
  readonly addresses: Float64Array;
  readonly sizes: Float64Array;
  readonly names: readonly string[];
}

class Bytes implements IoSink {
  readonly data: Uint8Array;
  private at = 0;

  constructor(length: number) {
    this.data = new Uint8Array(length);
  }

  get remaining(): number {
    return this.data.length - this.at;
  }

  put(src: Uint8Array, start: number, end: number): number {
    this.data.set(src.subarray(start, end), this.at);
    this.at += end - start;
    return end - start;
  }
}

function readFile(file: MappedFile, offset: number, length: number): DataView | null {
  if (!(offset >= 0) || length > MAX_TABLE) return null;
  const sink = new Bytes(length);
  if (file.pages.read(offset, length, sink) < length) return null;
  return new DataView(sink.data.buffer);
}

function u64(d: DataView, at: number): number {
  return d.getUint32(at + 4, true) * 4294967296 + d.getUint32(at, true);
}

function loadSegments(file: MappedFile, head: DataView): [number, number, number][] {
  const count = head.getUint16(56, true);
  const table = readFile(file, u64(head, 32), count * 56);
  const segments: [number, number, number][] = [];
  for (let i = 0; table !== null && i < count; i++) {
    if (table.getUint32(i * 56, true) !== PT_LOAD) continue;
    segments.push([u64(table, i * 56 + 8), u64(table, i * 56 + 32), u64(table, i * 56 + 16)]);
  }
  return segments;
}

function nameAt(strings: Uint8Array, at: number): string {
  let s = '';
  for (let i = at; i < strings.length && strings[i] !== 0 && s.length < MAX_NAME; i++) {
    const c = strings[i] as number;
    s += c > 0x20 && c < 0x7f ? String.fromCharCode(c) : '?';
  }
  return s;
}

/** The functions of the first symbol table of the wanted type; null if there is none. */
function readTable(
  file: MappedFile,
  head: DataView,
  wanted: number,
): [number, number, string][] | null {
  const count = Math.min(head.getUint16(60, true), MAX_SECTIONS);
  const sections = readFile(file, u64(head, 40), count * 64);
  if (sections === null) return null;
  for (let i = 0; i < count; i++) {
    if (sections.getUint32(i * 64 + 4, true) !== wanted) continue;
    const link = sections.getUint32(i * 64 + 40, true);
    if (link >= count) return null;
    const symbols = readFile(file, u64(sections, i * 64 + 24), u64(sections, i * 64 + 32));
    const strings = readFile(file, u64(sections, link * 64 + 24), u64(sections, link * 64 + 32));
    if (symbols === null || strings === null) return null;
    return functions(symbols, new Uint8Array(strings.buffer));
  }
  return null;
}

function functions(symbols: DataView, strings: Uint8Array): [number, number, string][] {
  const found: [number, number, string][] = [];
  for (let at = 0; at + 24 <= symbols.byteLength; at += 24) {
    const type = symbols.getUint8(at + 4) & 15;
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || symbols.getUint16(at + 6, true) === 0)
      continue;
    found.push([
      u64(symbols, at + 8),
      u64(symbols, at + 16),
      nameAt(strings, symbols.getUint32(at, true)),
    ]);
  }
  return found;
}

function underscores(name: string): number {
  return name.length - name.replace(/^_+/, '').length;
}

function parse(file: MappedFile): SymbolTable | null {
  const head = readFile(file, 0, 64);
  if (head === null || head.getUint32(0) !== 0x7f454c46) return null;
  const list = readTable(file, head, SHT_SYMTAB) ?? readTable(file, head, SHT_DYNSYM);
  if (list === null) return null;
  // Of several names for one address the last one is found: memcpy rather than __memcpy_alias.
  list.sort((a, b) => a[0] - b[0] || underscores(b[2]) - underscores(a[2]));
  return {
    segments: loadSegments(file, head),
    addresses: Float64Array.from(list, (s) => s[0]),
    sizes: Float64Array.from(list, (s) => s[1]),
    names: list.map((s) => s[2]),
  };
}

/** The symbol at or before `address`: inside its size, or (assembly without sizes) before the next. */
function search(table: SymbolTable, address: number): Located | null {
  let lo = 0;
  let hi = table.addresses.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((table.addresses[mid] as number) <= address) lo = mid + 1;
    else hi = mid;
  }
  const i = lo - 1;
  if (i < 0) return null;
  const offset = address - (table.addresses[i] as number);
  const size = table.sizes[i] as number;
  if (size > 0 && offset >= size) return null;
  return { name: table.names[i] as string, offset };
}

/** Where in which file an address is mapped from. */
export interface MappedAt {
  readonly path: string;
  readonly offset: number;
}

export class Symbols {
  private readonly tables: WeakMap<object, SymbolTable | null> = new WeakMap();

  /** The file mapped at `pc`. */
  module(space: AddressSpace, pc: number): MappedAt | null {
    const vma = space.areas.find(pc);
    if (vma?.file == null) return null;
    return { path: vma.file.path, offset: vma.filePage * PAGE_SIZE + (pc - vma.start) };
  }

  /** The function at `pc` in an address space, from the file mapped there. */
  locate(space: AddressSpace, pc: number): Located | null {
    const vma = space.areas.find(pc);
    const file = vma?.file;
    if (vma === null || vma === undefined || file === null || file === undefined) return null;
    let table = this.tables.get(file.pages);
    if (table === undefined) {
      table = this.load(file);
      this.tables.set(file.pages, table);
    }
    if (table === null) return null;
    const offset = vma.filePage * PAGE_SIZE + (pc - vma.start);
    for (const [from, size, address] of table.segments) {
      if (offset >= from && offset < from + size) return search(table, address + (offset - from));
    }
    return null;
  }

  private load(file: MappedFile): SymbolTable | null {
    try {
      return parse(file);
    } catch (e) {
      // Reading the file failed (EIO): it has no names.
      if (e instanceof LinuxError) return null;
      throw e;
    }
  }
}
