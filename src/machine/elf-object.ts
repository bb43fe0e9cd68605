/**
 * Sections and symbols of the ELF files that guests map (System V ABI, chapter 4). Files are untrusted:
 * whatever is malformed has none, tables are bounded, and names are printable ASCII.
 */

import { LinuxError } from '../kernel/errno.ts';
import { isElf, PHDR_SIZE, PT_LOAD, readProgramHeader, u64 } from '../kernel/exec/elf.ts';
import type { MappedFile } from '../kernel/mm/vma.ts';
import { BufferSink } from '../kernel/vfs/transfer.ts';

export const SHT_SYMTAB = 2;
const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
const SHF_ALLOC = 2;
export const STT_TLS = 6;
/** A symbol or string table larger than this is not read. */
const MAX_TABLE = 32 * 1024 * 1024;
const MAX_SECTIONS = 4096;
const MAX_NAME = 200;
/** Symbols of one name that are found: local ones may share a name. */
const MAX_FOUND = 16;

function readFile(file: MappedFile, offset: number, length: number): DataView | null {
  if (!(offset >= 0) || length > MAX_TABLE) return null;
  const sink = new BufferSink(length);
  if (file.pages.read(offset, length, sink) < length) return null;
  return new DataView(sink.bytes.buffer);
}

function nameAt(strings: Uint8Array, at: number): string {
  let s = '';
  for (let i = at; i < strings.length && strings[i] !== 0 && s.length < MAX_NAME; i++) {
    const c = strings[i] as number;
    s += c > 0x20 && c < 0x7f ? String.fromCharCode(c) : '?';
  }
  return s;
}

/** A loadable segment. */
export interface Segment {
  readonly offset: number;
  readonly size: number;
  readonly address: number;
  /** Bytes of memory. */
  readonly memory: number;
}

interface Section {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  /** Offset in the table of section names. */
  readonly name: number;
}

export interface ElfSymbol {
  readonly type: number;
  readonly address: number;
  readonly size: number;
  readonly name: string;
}

/** Bytes of a file that have a name: where they are loaded, and where they are in the file. */
export interface NamedBytes {
  /** Link-time address, -1 if they are not loaded. */
  readonly address: number;
  /** Offset in the file, -1 if they are not in it. */
  readonly offset: number;
  readonly size: number;
}

export class ElfObject {
  readonly segments: readonly Segment[];
  private readonly file: MappedFile;
  private readonly sections: readonly Section[];
  private readonly nameSection: number;

  private constructor(file: MappedFile, head: DataView) {
    this.file = file;
    this.segments = readSegments(file, head);
    this.sections = readSections(file, head);
    this.nameSection = head.getUint16(62, true);
  }

  /** Null if it is no ELF file, or cannot be read. */
  static open(file: MappedFile): ElfObject | null {
    return orNull(() => {
      const head = readFile(file, 0, 64);
      const known = head !== null && isElf(new Uint8Array(head.buffer));
      return known ? new ElfObject(file, head) : null;
    });
  }

  /** The first symbol table of the wanted type; null if there is none. */
  symbols(wanted: number): ElfSymbol[] | null {
    const table = this.sections.find((s) => s.type === wanted);
    const strings = table === undefined ? undefined : this.sections[table.link];
    if (table === undefined || strings === undefined) return null;
    return orNull(() => {
      const entries = readFile(this.file, table.offset, table.size);
      const names = readFile(this.file, strings.offset, strings.size);
      if (entries === null || names === null) return null;
      return parseSymbols(entries, new Uint8Array(names.buffer));
    });
  }

  /** The sections of a name. */
  findSections(name: string): NamedBytes[] {
    const table = this.sections[this.nameSection];
    const names = table === undefined ? null : orNull(() => this.read(table));
    if (names === null) return [];
    return this.sections
      .filter((s) => s.size > 0 && nameAt(names, s.name) === name)
      .slice(0, MAX_FOUND)
      .map((s) => ({
        address: (s.flags & SHF_ALLOC) === 0 ? -1 : s.address,
        offset: s.type === SHT_NOBITS ? -1 : s.offset,
        size: s.size,
      }));
  }

  /** The symbols of a name, of functions or data; thread-local ones have no address. */
  findSymbols(name: string): NamedBytes[] {
    const found = new Map<number, NamedBytes>();
    for (const type of [SHT_SYMTAB, SHT_DYNSYM]) {
      for (const s of this.symbols(type) ?? []) {
        if (s.name !== name || s.type === STT_TLS || found.size === MAX_FOUND) continue;
        found.set(s.address, { address: s.address, offset: -1, size: s.size });
      }
    }
    return [...found.values()];
  }

  private read(section: Section): Uint8Array | null {
    const view = readFile(this.file, section.offset, section.size);
    return view === null ? null : new Uint8Array(view.buffer);
  }
}

function orNull<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch (e) {
    // Reading the file failed (EIO): nothing is known of it.
    if (e instanceof LinuxError) return null;
    throw e;
  }
}

function readSegments(file: MappedFile, head: DataView): Segment[] {
  const count = head.getUint16(56, true);
  const table = readFile(file, u64(head, 32), count * PHDR_SIZE);
  const segments: Segment[] = [];
  for (let i = 0; table !== null && i < count; i++) {
    const { type, offset, filesz, vaddr, memsz } = readProgramHeader(table, i * PHDR_SIZE);
    if (type === PT_LOAD) segments.push({ offset, size: filesz, address: vaddr, memory: memsz });
  }
  return segments;
}

function readSections(file: MappedFile, head: DataView): Section[] {
  const count = Math.min(head.getUint16(60, true), MAX_SECTIONS);
  const table = readFile(file, u64(head, 40), count * 64);
  const sections: Section[] = [];
  for (let i = 0; table !== null && i < count; i++) {
    const at = i * 64;
    sections.push({
      name: table.getUint32(at, true),
      type: table.getUint32(at + 4, true),
      flags: table.getUint32(at + 8, true),
      address: u64(table, at + 16),
      offset: u64(table, at + 24),
      size: u64(table, at + 32),
      link: table.getUint32(at + 40, true),
    });
  }
  return sections;
}

function parseSymbols(entries: DataView, names: Uint8Array): ElfSymbol[] {
  const found: ElfSymbol[] = [];
  for (let at = 0; at + 24 <= entries.byteLength; at += 24) {
    // An undefined symbol is another file's.
    if (entries.getUint16(at + 6, true) === 0) continue;
    found.push({
      type: entries.getUint8(at + 4) & 15,
      address: u64(entries, at + 8),
      size: u64(entries, at + 16),
      name: nameAt(names, entries.getUint32(at, true)),
    });
  }
  return found;
}
