/**
 * One address space's page tables: sparse, two levels. A leaf table holds the 512 entries of 2 MiB;
 * where a 2 MiB page is mapped there is an entry in `huge` instead of a leaf.
 *
 * Reading is free for all; only Paging.setPte (paging.ts) and its helpers there write.
 */

import { PTE_HUGE } from './pte.ts';

/** What a fault handler reports; anything but FAULT_FIXED ends in an exception. */
export const FAULT_FIXED = 0;
/** SIGSEGV, SEGV_MAPERR: nothing is mapped there. */
export const FAULT_MAPERR = 1;
/** SIGSEGV, SEGV_ACCERR: the mapping does not allow it. */
export const FAULT_ACCERR = 2;
/** SIGBUS, BUS_ADRERR: beyond the end of a mapped file, or the file could not be read. */
export const FAULT_BUS = 3;
/** No memory: the faulting task is killed. */
export const FAULT_OOM = 4;

/** Makes the page of `va` accessible for `access` (ACCESS_*), if the mapping allows it. */
export interface FaultHandler {
  fault(va: number, access: number): number;
}

export const NO_MAPPINGS: FaultHandler = { fault: () => FAULT_MAPERR };

export class PageTables {
  readonly id: number;
  readonly leaves: Map<number, Int32Array> = new Map();
  readonly huge: Map<number, number> = new Map();
  handler: FaultHandler = NO_MAPPINGS;
  /** Frames mapped, the zero page not counted. */
  resident = 0;
  /** TLB generation, valid while tlbEpoch is the TLB's epoch. */
  tlbGeneration = 0;
  tlbEpoch = 0;
  /** See ENG_CODE_GEN. */
  codeGeneration = 0;
  /** Another space has the same code generation: whoever maps other code first takes a new one. */
  sharesCode = false;

  constructor(id: number) {
    this.id = id;
  }

  /** The entry of page `vpn`; for a page in a 2 MiB page the equivalent 4 KiB entry. */
  get(vpn: number): number {
    return this.entry(Math.floor(vpn / 512), vpn & 511);
  }

  /** The entry of the page of hi:lo, a canonical user address. */
  lookup(lo: number, hi: number): number {
    return this.entry(hi * 2048 + (lo >>> 21), (lo >>> 12) & 511);
  }

  private entry(table: number, slot: number): number {
    const leaf = this.leaves.get(table);
    if (leaf !== undefined) return leaf[slot]!;
    if (this.huge.size === 0) return 0;
    const pte = this.huge.get(table);
    return pte === undefined ? 0 : (pte & ~PTE_HUGE) + (slot << 12);
  }
}
