/**
 * Reading ELF64 headers as the kernel does (fs/binfmt_elf.c, elf(5)): few checks, each with Linux's
 * errno; everything else shows when the program is mapped or runs.
 */

import { linuxError } from '../errno.ts';
import type { FileReader } from './reader.ts';

export const ET_EXEC = 2;
export const ET_DYN = 3;
const EM_X86_64 = 62;
export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;
const EHDR_SIZE = 64;
export const PHDR_SIZE = 56;
const ELF_MIN_ALIGN = 4096;

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

export interface ElfFile {
  readonly type: number;
  readonly entry: number;
  readonly phoff: number;
  readonly phnum: number;
  readonly headers: readonly ProgramHeader[];
}

export function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/** Exact up to 2^53, which is beyond every address; larger values stay too large. */
export function u64(d: DataView, at: number): number {
  return d.getUint32(at + 4, true) * 4294967296 + d.getUint32(at, true);
}

/** Throws `errno` (ENOEXEC, for an interpreter ELIBBAD) if it is no program for this machine. */
export function readElf(file: FileReader, errno: number): ElfFile {
  const head = file.read(0, EHDR_SIZE);
  if (head.length < EHDR_SIZE || !isElf(head)) throw linuxError(errno);
  const d = new DataView(head.buffer, head.byteOffset, head.length);
  const type = d.getUint16(16, true);
  const phnum = d.getUint16(56, true);
  const tableSize = phnum * PHDR_SIZE;
  const valid =
    (type === ET_EXEC || type === ET_DYN) &&
    d.getUint16(18, true) === EM_X86_64 &&
    d.getUint16(54, true) === PHDR_SIZE &&
    tableSize > 0 &&
    tableSize <= ELF_MIN_ALIGN;
  if (!valid) throw linuxError(errno);
  const phoff = u64(d, 32);
  const table = file.read(phoff, tableSize);
  if (table.length < tableSize) throw linuxError(errno);
  const headers: ProgramHeader[] = [];
  const t = new DataView(table.buffer, table.byteOffset, table.length);
  for (let i = 0; i < phnum; i++) headers.push(readProgramHeader(t, i * PHDR_SIZE));
  return { type, entry: u64(d, 24), phoff, phnum, headers };
}

export function readProgramHeader(d: DataView, at: number): ProgramHeader {
  return {
    type: d.getUint32(at, true),
    flags: d.getUint32(at + 4, true),
    offset: u64(d, at + 8),
    vaddr: u64(d, at + 16),
    filesz: u64(d, at + 32),
    memsz: u64(d, at + 40),
    align: u64(d, at + 48),
  };
}
