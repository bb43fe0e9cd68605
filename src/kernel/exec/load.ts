/**
 * Mapping an ELF file (fs/binfmt_elf.c elf_load, load_elf_interp): segments from the page cache,
 * the rest of the last file page zeroed, anonymous memory for what is beyond.
 *
 * A later segment replaces the pages it shares with an earlier one, as MAP_FIXED does: read-only and writable
 * PT_LOADs that meet in one file page get the later one's rights there.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { EINVAL, LinuxError, linuxError } from '../errno.ts';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  TASK_SIZE,
} from '../mm/abi.ts';
import { type AddressSpace, pageDown, pageUp } from '../mm/address-space.ts';
import { mmap, munmap } from '../mm/mmap.ts';
import type { MappedFile } from '../mm/vma.ts';
import { type ElfFile, ET_DYN, PF_R, PF_W, PF_X, type ProgramHeader, PT_LOAD } from './elf.ts';

export interface LoadedElf {
  /** Added to every p_vaddr. */
  readonly bias: number;
  readonly entry: number;
  /** Address of the program headers, 0 if no segment has them. */
  readonly phdr: number;
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  /** Highest address used. */
  readonly end: number;
}

function protection(flags: number): number {
  return (
    ((flags & PF_R) !== 0 ? PROT_READ : 0) |
    ((flags & PF_W) !== 0 ? PROT_WRITE : 0) |
    ((flags & PF_X) !== 0 ? PROT_EXEC : 0)
  );
}

/** From the first page to the last byte of all segments; 0 without segments. */
function totalSize(segments: readonly ProgramHeader[]): number {
  let min = Number.POSITIVE_INFINITY;
  let max = 0;
  for (const s of segments) {
    min = Math.min(min, pageDown(s.vaddr));
    max = Math.max(max, s.vaddr + s.memsz);
  }
  return segments.length === 0 ? 0 : max - min;
}

function maxAlign(segments: readonly ProgramHeader[]): number {
  let align = 0;
  for (const s of segments) {
    const power = s.align > 0 && Number.isInteger(Math.log2(s.align));
    if (power) align = Math.max(align, s.align);
  }
  return align;
}

/**
 * @param base where a position-independent file goes: an address (a program), or null to let mmap
 *   choose (an interpreter)
 */
export function loadElf(
  as: AddressSpace,
  elf: ElfFile,
  file: MappedFile,
  base: number | null,
): LoadedElf {
  const segments = elf.headers.filter((h) => h.type === PT_LOAD);
  const total = totalSize(segments);
  if (total === 0 || total > TASK_SIZE) throw linuxError(EINVAL);
  const bias = elf.type === ET_DYN ? chooseBias(as, segments, total, base) : 0;
  let first = elf.type !== ET_DYN;
  for (const s of segments) {
    mapSegment(as, s, bias, file, first ? MAP_FIXED_NOREPLACE : MAP_FIXED);
    first = false;
  }
  return summarize(elf, segments, bias);
}

function chooseBias(
  as: AddressSpace,
  segments: readonly ProgramHeader[],
  total: number,
  base: number | null,
): number {
  const low = pageDown((segments[0] as ProgramHeader).vaddr);
  const align = Math.max(maxAlign(segments), PAGE_SIZE);
  const request = { prot: 0, flags: MAP_PRIVATE | MAP_ANONYMOUS, file: null, offset: 0 };
  if (base !== null) {
    const addr = Math.floor(base / align) * align;
    const flags = request.flags | MAP_FIXED_NOREPLACE;
    munmap(as, mmap(as, { ...request, flags, addr, length: total }), total);
    return addr - low;
  }
  const length = total + (align > PAGE_SIZE ? align : 0);
  const found = mmap(as, { ...request, addr: 0, length });
  munmap(as, found, length);
  return Math.ceil(found / align) * align - low;
}

function mapSegment(
  as: AddressSpace,
  s: ProgramHeader,
  bias: number,
  file: MappedFile,
  fixed: number,
): void {
  const addr = s.vaddr + bias;
  if (addr >= TASK_SIZE || s.filesz > s.memsz || s.memsz > TASK_SIZE - addr) {
    throw linuxError(EINVAL);
  }
  const prot = protection(s.flags);
  const start = pageDown(addr);
  const inPage = addr - start;
  let end = start;
  if (s.filesz > 0) {
    end = start + pageUp(inPage + s.filesz);
    const offset = s.offset - inPage;
    if (offset < 0) throw linuxError(EINVAL);
    const flags = MAP_PRIVATE | fixed;
    mmap(as, { addr: start, length: end - start, prot, flags, file, offset });
  }
  if (s.memsz === s.filesz) return;
  if (s.filesz > 0) zeroTail(as, addr + s.filesz, end, (prot & PROT_WRITE) !== 0);
  const bssEnd = pageUp(addr + s.memsz);
  if (bssEnd <= end) return;
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | fixed;
  mmap(as, { addr: end, length: bssEnd - end, prot, flags, file: null, offset: 0 });
}

/** Zeroes from the end of the file's bytes to the end of their page (padzero). */
function zeroTail(as: AddressSpace, from: number, to: number, writable: boolean): void {
  if (to <= from) return;
  try {
    as.mem.clear(from, to - from);
  } catch (e) {
    if (writable || !(e instanceof LinuxError)) throw e;
  }
}

function summarize(elf: ElfFile, segments: readonly ProgramHeader[], bias: number): LoadedElf {
  let phdr = 0;
  let startCode = Number.POSITIVE_INFINITY;
  let endCode = 0;
  let startData = 0;
  let endData = 0;
  let end = 0;
  for (const s of segments) {
    const addr = s.vaddr + bias;
    if (s.offset <= elf.phoff && elf.phoff < s.offset + s.filesz)
      phdr = elf.phoff - s.offset + addr;
    if ((s.flags & PF_X) !== 0) {
      startCode = Math.min(startCode, addr);
      endCode = Math.max(endCode, addr + s.filesz);
    }
    startData = Math.max(startData, addr);
    endData = Math.max(endData, addr + s.filesz);
    end = Math.max(end, addr + s.memsz);
  }
  if (startCode === Number.POSITIVE_INFINITY) startCode = 0;
  return { bias, entry: elf.entry + bias, phdr, startCode, endCode, startData, endData, end };
}
