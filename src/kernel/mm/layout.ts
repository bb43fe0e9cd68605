/**
 * Where things go in an address space (Linux: arch/x86/mm/mmap.c, fs/binfmt_elf.c).
 *
 * By default everything is below 4 GiB and nothing is random: the high halves of pointers are zero,
 * which translated code likes. From low to high:
 *
 *   0x0040_0000   a program linked to fixed addresses, then its heap (brk)
 *   0x5555_0000   a position-independent program, then its heap
 *                 room that mmap leaves to the heap (BRK_ROOM)
 *                 mmap, growing down
 *   0xf7df_0000   top of mmap
 *   0xffff_0000   top of the stack, growing down
 *   4 GiB ..      what does not fit below, growing down from 0x7fff_f7ff_f000
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { MMAP_MIN_ADDR, TASK_SIZE } from './abi.ts';
import type { VmaList } from './vma-list.ts';

const FOUR_GIB = 0x1_0000_0000;
const BRK_ROOM = 0x4000_0000;
const HIGH_TOP = 0x7fff_f7ff_f000;

export interface MmLayout {
  /** Where a position-independent program is loaded. */
  readonly pieBase: number;
  readonly stackTop: number;
  /** mmap searches downwards from here first. */
  readonly mmapTop: number;
  /** Bytes left free between the end of the program and its first heap page. */
  readonly brkGap: number;
  /**
   * A bug that is planted to show how one like it is found (docs/finding-a-corrupted-page.md): brk does not look
   * what lies above the heap, and what it grows over stays in the page tables.
   */
  readonly brkOverMappings?: boolean;
}

export const DEFAULT_LAYOUT: MmLayout = {
  pieBase: 0x5555_0000,
  stackTop: 0xffff_0000,
  mmapTop: 0xf7df_0000,
  brkGap: 0,
};

/**
 * DEFAULT_LAYOUT with the planted bug. The heap begins where mappings above 4 GiB are, so all are put there:
 * with the bundled image's python3 the dynamic linker (0xbb000 bytes), libpython (0x57f000), and right below
 * it the two pages that its heap has by then.
 */
export const PLANTED_LAYOUT: MmLayout = {
  ...DEFAULT_LAYOUT,
  brkGap: HIGH_TOP - 0xbb000 - 0x57f000 - 0x2000 - 0x5555_5000,
  brkOverMappings: true,
};

/** `--aslr`: Linux's 64-bit layout. `randomPages(n)` gives an integer in [0, n). */
export function randomLayout(randomPages: (below: number) => number): MmLayout {
  const stackTop = TASK_SIZE - randomPages(2 ** 22) * PAGE_SIZE;
  return {
    pieBase: 0x5555_5555_4000 + randomPages(2 ** 28) * PAGE_SIZE,
    stackTop,
    mmapTop: stackTop - 0x2000_0000 - randomPages(2 ** 28) * PAGE_SIZE,
    brkGap: randomPages(2 ** 13) * PAGE_SIZE,
  };
}

/** A free range of `length` bytes for mmap without an address, or -1. */
export function chooseAddress(
  areas: VmaList,
  layout: MmLayout,
  startBrk: number,
  length: number,
): number {
  const floor = Math.min(Math.max(startBrk + BRK_ROOM, MMAP_MIN_ADDR), layout.mmapTop);
  const preferred = areas.findTopDown(length, floor, layout.mmapTop);
  if (preferred >= 0) return preferred;
  const high = areas.findTopDown(length, FOUR_GIB, HIGH_TOP);
  return high >= 0 ? high : areas.findTopDown(length, MMAP_MIN_ADDR, layout.mmapTop);
}
