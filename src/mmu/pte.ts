/**
 * Page table entries: an int32 with the meaning of x86's 4-level entries (SDM vol. 3, table 5-20),
 * squeezed into 32 bits.
 *
 *    31                 12 11 10  9  8  7  6  5  4  3  2  1  0
 *   |  frame number       |NX|SH|CW|  |PS| D| A|     | U| W| P|
 *
 * Invariants: 0 means "nothing mapped". An entry with P clear but not 0 keeps its frame while the
 * page is inaccessible (PROT_NONE). A 2 MiB entry (PS) names the first of 512 contiguous frames
 * and is only ever found in PageTables.huge.
 */

export const PTE_PRESENT = 0x001;
export const PTE_WRITABLE = 0x002;
export const PTE_USER = 0x004;
export const PTE_ACCESSED = 0x020;
export const PTE_DIRTY = 0x040;
export const PTE_HUGE = 0x080;
/** Read-only only because the frame may be shared: a store copies it (or takes it over). */
export const PTE_COW = 0x200;
/** The frame belongs to a shared mapping: writable in several address spaces at once. */
export const PTE_SHARED = 0x400;
export const PTE_NX = 0x800;

/** Kinds of access, with the bits of a page fault's error code (SDM vol. 3, figure 5-12). */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 2;
export const ACCESS_FETCH = 16;
export const FAULT_PRESENT = 1;
export const FAULT_USER = 4;

export function makePte(frame: number, flags: number): number {
  return (frame << 12) | flags;
}

export function pteFrame(pte: number): number {
  return pte >>> 12;
}

/** Whether user code may make this kind of access through the entry. */
export function pteAllows(pte: number, access: number): boolean {
  const need = PTE_PRESENT | PTE_USER | (access === ACCESS_WRITE ? PTE_WRITABLE : 0);
  if ((pte & need) !== need) return false;
  return access !== ACCESS_FETCH || (pte & PTE_NX) === 0;
}

export function formatPte(pte: number): string {
  if (pte === 0) return 'none';
  const flag = (bit: number, name: string): string => ((pte & bit) !== 0 ? name : '-');
  return (
    `frame ${pteFrame(pte)} ` +
    flag(PTE_PRESENT, 'P') +
    flag(PTE_WRITABLE, 'W') +
    flag(PTE_USER, 'U') +
    flag(PTE_ACCESSED, 'A') +
    flag(PTE_DIRTY, 'D') +
    flag(PTE_HUGE, 'H') +
    flag(PTE_COW, 'C') +
    flag(PTE_SHARED, 'S') +
    ((pte & PTE_NX) !== 0 ? '-' : 'X')
  );
}
