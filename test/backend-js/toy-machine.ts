/**
 * A machine for tests and benches of the engines: linear memory with some pages of guest RAM at a
 * fixed guest address, a TLB that fills on demand, no kernel. Addresses outside fault.
 */

import {
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_TLB_GEN,
  ENG_VECTOR,
  RAM_BASE,
  SCRATCH_BASE,
  TLB_ADDEND,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
  TLB_WRITE_HI,
} from '../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../src/common/memory.ts';
import type { GuestAccess, HelperEnv } from '../../src/ir/helpers.ts';

/** Where guest RAM appears; the address has a high half that is not zero. */
export const GUEST_LO = 0x40000000;
export const GUEST_HI = 0x7f;
export const GUEST_PAGES = 64;

class ToyAccess implements GuestAccess {
  /** Writes to this page (number within RAM) hit translated code. */
  codePage = -1;
  /** Calls of the slow path. */
  misses = 0;
  private readonly mem: LinearMemory;

  constructor(mem: LinearMemory) {
    this.mem = mem;
  }

  private offset(lo: number, hi: number, write: boolean): number {
    const at = (lo - GUEST_LO) >>> 0;
    const { I32 } = this.mem;
    this.misses++;
    if (hi !== GUEST_HI || at >= GUEST_PAGES * 4096) {
      I32[ENG_VECTOR] = 14;
      I32[ENG_ERROR] = write ? 6 : 4;
      I32[ENG_FAULT_LO] = lo;
      I32[ENG_FAULT_HI] = hi;
      return -1;
    }
    const page = at >>> 12;
    const e = ((lo >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
    const tag = (lo & -4096) | I32[ENG_TLB_GEN]!;
    I32[e + TLB_READ] = tag;
    I32[e + TLB_WRITE] = page === this.codePage ? 0 : tag;
    I32[e + TLB_HI] = hi;
    I32[e + TLB_WRITE_HI] = hi;
    I32[e + TLB_ADDEND] = (RAM_BASE - GUEST_LO) | 0;
    return RAM_BASE + at;
  }

  private both(lo: number, hi: number, size: number, write: boolean): number {
    const first = this.offset(lo, hi, write);
    if (first < 0) return -1;
    const end = lo + size - 1;
    return end >> 12 === lo >> 12 ? first : this.offset(end & -4096, hi, write) < 0 ? -1 : first;
  }

  read(lo: number, hi: number, size: number): number {
    const at = this.both(lo, hi, size, false);
    if (at < 0 || (lo & 4095) + size <= 4096) return at;
    this.mem.U8.copyWithin(SCRATCH_BASE, at, at + size);
    return SCRATCH_BASE;
  }

  private target(lo: number, hi: number, size: number): number {
    const at = this.both(lo, hi, size, true);
    if (at < 0 || this.codePage < 0) return at;
    const from = RAM_BASE + this.codePage * 4096;
    return at < from + 4096 && from < at + size ? -2 : at;
  }

  write8(lo: number, hi: number, v: number): number {
    const at = this.target(lo, hi, 1);
    if (at < 0) return at;
    this.mem.U8[at] = v;
    return 0;
  }

  write16(lo: number, hi: number, v: number): number {
    const at = this.target(lo, hi, 2);
    if (at < 0) return at;
    this.mem.D.setInt16(at, v, true);
    return 0;
  }

  write32(lo: number, hi: number, v: number): number {
    const at = this.target(lo, hi, 4);
    if (at < 0) return at;
    this.mem.D.setInt32(at, v, true);
    return 0;
  }

  write64(lo: number, hi: number, vlo: number, vhi: number): number {
    const at = this.target(lo, hi, 8);
    if (at < 0) return at;
    this.mem.D.setInt32(at, vlo, true);
    this.mem.D.setInt32(at + 4, vhi, true);
    return 0;
  }

  writeBytes(lo: number, hi: number, from: number, size: number): number {
    const at = this.target(lo, hi, size);
    if (at < 0) return at;
    this.mem.U8.copyWithin(at, from, from + size);
    return 0;
  }

  writable(lo: number, hi: number, size: number): number {
    return this.target(lo, hi, size);
  }

  raise(vector: number, error: number): number {
    this.mem.I32[ENG_VECTOR] = vector;
    this.mem.I32[ENG_ERROR] = error;
    return -1;
  }
}

export interface ToyMachine {
  readonly env: HelperEnv;
  readonly access: ToyAccess;
}

export function toyMachine(): ToyMachine {
  const mem = createLinearMemory(RAM_BASE + GUEST_PAGES * 4096 + 65536);
  const access = new ToyAccess(mem);
  mem.I32[ENG_TLB_GEN] = 5;
  return { env: { ...mem, mem: access, random: () => 0 }, access };
}
