/**
 * The software TLB in linear memory, which generated code checks in line (format: common/layout.ts).
 * Filled and emptied here only; generated code reads it.
 *
 * Invariants: an entry serves one page of one generation: its tags are that page or 0. Generations
 * are 1..4095, each given to one address space until the allocator wraps; the wrap clears every
 * entry and starts a new epoch, in which all earlier generations are void.
 */

import {
  TLB_ADDEND,
  TLB_BASE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC,
  TLB_HI,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_WORD,
  TLB_WRITE,
  TLB_WRITE_HI,
} from '../common/layout.ts';

const MAX_GENERATION = 4095;
const PAGE_MASK = -4096;
/** Entries listed for `dropWrites`; with more, it looks at all. */
const WRITTEN = 512;

/** Word index of the entry that serves the page of `lo`. */
export function tlbEntry(lo: number): number {
  return ((lo >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK) + TLB_WORD;
}

/** Sees one valid entry: its rights as bits 1 << TLB_READ, 1 << TLB_WRITE, 1 << TLB_EXEC. */
export type TlbVisitor = (generation: number, vpn: number, host: number, rights: number) => void;

export class Tlb {
  epoch = 1;
  /** Entries filled, for statistics. */
  fills = 0;
  private last = 0;
  /** Entries that got a write right since `dropWrites`, some of them twice. */
  private readonly written: Int32Array = new Int32Array(WRITTEN);
  private writes = 0;
  private readonly I32: Int32Array;

  constructor(I32: Int32Array) {
    this.I32 = I32;
    this.clear();
  }

  /** A generation no entry has. May start a new epoch. */
  newGeneration(): number {
    if (this.last === MAX_GENERATION) {
      this.clear();
      this.epoch++;
      this.last = 0;
    }
    return ++this.last;
  }

  clear(): void {
    const words = (TLB_ENTRIES * TLB_ENTRY_SIZE) >> 2;
    this.I32.fill(0, TLB_BASE >> 2, (TLB_BASE >> 2) + words);
  }

  /** Adds the right `field` (TLB_READ, TLB_WRITE, TLB_EXEC) for the page of hi:lo at `host`. */
  fill(lo: number, hi: number, generation: number, field: number, host: number): void {
    this.fills++;
    const I32 = this.I32;
    const e = tlbEntry(lo);
    const tag = (lo & PAGE_MASK) | generation;
    const addend = ((host & PAGE_MASK) - (lo & PAGE_MASK)) | 0;
    if (I32[e + TLB_HI] !== hi || I32[e + TLB_ADDEND] !== addend) this.reset(e, hi, addend);
    else {
      if (I32[e + TLB_READ] !== tag) I32[e + TLB_READ] = 0;
      if (I32[e + TLB_WRITE] !== tag) I32[e + TLB_WRITE] = 0;
      if (I32[e + TLB_EXEC] !== tag) I32[e + TLB_EXEC] = 0;
    }
    I32[e + field] = tag;
    if (field === TLB_WRITE && this.writes <= WRITTEN) this.written[this.writes++] = e;
  }

  /** Makes every store take the slow path, until pages are filled for writing again. */
  dropWrites(): void {
    const { I32, writes } = this;
    if (writes <= WRITTEN) {
      for (let i = 0; i < writes; i++) I32[this.written[i]! + TLB_WRITE] = 0;
    } else {
      const end = TLB_WORD + ((TLB_ENTRIES * TLB_ENTRY_SIZE) >> 2);
      for (let e = TLB_WORD; e < end; e += TLB_ENTRY_SIZE >> 2) I32[e + TLB_WRITE] = 0;
    }
    this.writes = 0;
  }

  /** Forgets one page of one generation. */
  kill(lo: number, hi: number, generation: number): void {
    const I32 = this.I32;
    const e = tlbEntry(lo);
    if (I32[e + TLB_HI] !== hi) return;
    const tag = (lo & PAGE_MASK) | generation;
    if (I32[e + TLB_READ] === tag) I32[e + TLB_READ] = 0;
    if (I32[e + TLB_WRITE] === tag) I32[e + TLB_WRITE] = 0;
    if (I32[e + TLB_EXEC] === tag) I32[e + TLB_EXEC] = 0;
  }

  /** Makes stores to one page of one generation take the slow path. */
  killWrite(lo: number, hi: number, generation: number): void {
    const e = tlbEntry(lo);
    const I32 = this.I32;
    const hit = I32[e + TLB_WRITE] === ((lo & PAGE_MASK) | generation) && I32[e + TLB_HI] === hi;
    if (hit) I32[e + TLB_WRITE] = 0;
  }

  /** Visits every valid entry. */
  forEach(visit: TlbVisitor): void {
    const { I32 } = this;
    for (let e = TLB_WORD; e < TLB_WORD + ((TLB_ENTRIES * TLB_ENTRY_SIZE) >> 2); e += 8) {
      const read = I32[e + TLB_READ]!;
      const write = I32[e + TLB_WRITE]!;
      const exec = I32[e + TLB_EXEC]!;
      const tag = read | write | exec;
      if (tag === 0) continue;
      const rights =
        (read === 0 ? 0 : 1 << TLB_READ) |
        (write === 0 ? 0 : 1 << TLB_WRITE) |
        (exec === 0 ? 0 : 1 << TLB_EXEC);
      const page = tag & PAGE_MASK;
      const vpn = I32[e + TLB_HI]! * 0x100000 + (page >>> 12);
      visit(tag & MAX_GENERATION, vpn, (page + I32[e + TLB_ADDEND]!) | 0, rights);
    }
  }

  private reset(e: number, hi: number, addend: number): void {
    this.I32[e + TLB_READ] = 0;
    this.I32[e + TLB_WRITE] = 0;
    this.I32[e + TLB_EXEC] = 0;
    this.I32[e + TLB_HI] = hi;
    this.I32[e + TLB_WRITE_HI] = hi;
    this.I32[e + TLB_ADDEND] = addend;
  }
}
