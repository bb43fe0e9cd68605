/**
 * An ELF object in a guest's memory (System V ABI, chapters 4 and 5): program headers, dynamic section and symbols,
 * read from the memory itself. Everything is untrusted: what is malformed is missing.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import {
  ET_DYN,
  ET_EXEC,
  isElf,
  PHDR_SIZE,
  PT_LOAD,
  readProgramHeader,
  u64,
} from '../../kernel/exec/elf.ts';
import { type GuestReader, isUserAddress } from './guest-reader.ts';

const PT_DYNAMIC = 2;
const PT_TLS = 7;
const PT_GNU_RELRO = 0x6474e552;
const EM_X86_64 = 62;
const MAX_HEADERS = 64;
const MAX_DYNAMIC = 512;

/** Tags of the dynamic section. */
export const DT = {
  PLTRELSZ: 2,
  HASH: 4,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  DEBUG: 21,
  JMPREL: 23,
  RELRSZ: 35,
  RELR: 36,
  GNU_HASH: 0x6ffffef5,
} as const;

export interface Segment {
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

export interface ElfImage {
  /** Added to the addresses in the file. */
  readonly bias: number;
  /** The pages from the first to the last PT_LOAD. */
  readonly start: number;
  readonly end: number;
  readonly loads: readonly Segment[];
  readonly dynamic: Segment | null;
  readonly relro: Segment | null;
  readonly tls: Segment | null;
}

export function pageOf(address: number): number {
  return address - (address % PAGE_SIZE);
}

export function pageEnd(address: number): number {
  return pageOf(address + PAGE_SIZE - 1);
}

/** The object whose first page is at `start`. */
export function readImage(reader: GuestReader, start: number): ElfImage | null {
  const head = reader.view(start, 64);
  if (head === null || !isElf(new Uint8Array(head.buffer)) || head.getUint8(4) !== 2) return null;
  const type = head.getUint16(16, true);
  const count = head.getUint16(56, true);
  const known = (type === ET_EXEC || type === ET_DYN) && head.getUint16(18, true) === EM_X86_64;
  if (!known || head.getUint16(54, true) !== PHDR_SIZE || count > MAX_HEADERS) return null;
  const table = reader.view(start + u64(head, 32), count * PHDR_SIZE);
  if (table === null) return null;
  const all: (Segment & { readonly type: number })[] = [];
  for (let i = 0; i < count; i++) {
    const s = segment(table, i * PHDR_SIZE);
    if (s !== null) all.push(s);
  }
  const loads = all.filter((s) => s.type === PT_LOAD && s.memsz > 0);
  const first = loads.find((s) => pageOf(s.offset) === 0);
  if (first === undefined) return null;
  const bias = start - pageOf(first.vaddr);
  const end = bias + pageEnd(Math.max(...loads.map((s) => s.vaddr + s.memsz)));
  if (!isUserAddress(end - 1)) return null;
  const only = (t: number): Segment | null => all.find((s) => s.type === t) ?? null;
  return {
    bias,
    start: bias + pageOf(Math.min(...loads.map((s) => s.vaddr))),
    end,
    loads,
    dynamic: only(PT_DYNAMIC),
    relro: only(PT_GNU_RELRO),
    tls: only(PT_TLS),
  };
}

function segment(d: DataView, at: number): (Segment & { readonly type: number }) | null {
  const s = readProgramHeader(d, at);
  const sane = isUserAddress(s.vaddr) && isUserAddress(s.memsz) && s.filesz <= s.memsz;
  return sane && isUserAddress(s.offset) ? s : null;
}

/** The first value of each tag. */
export function readDynamic(reader: GuestReader, image: ElfImage): Map<number, number> {
  const found = new Map<number, number>();
  const { dynamic, bias } = image;
  if (dynamic === null) return found;
  const length = Math.min(dynamic.memsz, MAX_DYNAMIC * 16);
  const bytes = reader.bytes(bias + dynamic.vaddr, length);
  const d = new DataView(bytes.buffer, 0, bytes.length);
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const tag = u64(d, at);
    if (tag === 0) break;
    if (!found.has(tag)) found.set(tag, u64(d, at + 8));
  }
  return found;
}

/** An address that the dynamic section holds: glibc adds the bias in place, musl leaves it as it is in the file. */
export function dynamicAddress(
  image: ElfImage,
  dynamic: ReadonlyMap<number, number>,
  tag: number,
): number | null {
  const value = dynamic.get(tag);
  if (value === undefined) return null;
  const address = value >= image.start && value < image.end ? value : value + image.bias;
  return isUserAddress(address) ? address : null;
}
