/**
 * Symbols of an object in guest memory, by the hash tables that its loader uses: DT_GNU_HASH, else DT_HASH (System
 * V ABI, chapter 5). A chain is followed for a bounded number of steps.
 */

import { u64 } from '../../kernel/exec/elf.ts';
import { DT, dynamicAddress, type ElfImage, readDynamic } from './elf-image.ts';
import type { GuestReader } from './guest-reader.ts';

/** Steps in a chain: real ones have a few dozen at most. */
const MAX_CHAIN = 256;
const SYMBOL_SIZE = 24;

export interface DynamicSymbol {
  readonly name: string;
  /** As in the file, without the bias. */
  readonly value: number;
  readonly type: number;
  readonly binding: number;
  readonly defined: boolean;
}

export class SymbolLookup {
  private readonly reader: GuestReader;
  private readonly symbols: number | null;
  private readonly strings: number | null;
  private readonly gnuHash: number | null;
  private readonly hash: number | null;

  constructor(reader: GuestReader, image: ElfImage) {
    const dynamic = readDynamic(reader, image);
    this.reader = reader;
    this.symbols = dynamicAddress(image, dynamic, DT.SYMTAB);
    this.strings = dynamicAddress(image, dynamic, DT.STRTAB);
    this.gnuHash = dynamicAddress(image, dynamic, DT.GNU_HASH);
    this.hash = dynamicAddress(image, dynamic, DT.HASH);
  }

  symbol(index: number): DynamicSymbol | null {
    if (this.symbols === null || this.strings === null) return null;
    const d = this.reader.view(this.symbols + index * SYMBOL_SIZE, SYMBOL_SIZE);
    if (d === null) return null;
    const name = this.reader.string(this.strings + d.getUint32(0, true));
    if (name === null) return null;
    const info = d.getUint8(4);
    return {
      name,
      value: u64(d, 8),
      type: info & 15,
      binding: info >> 4,
      defined: d.getUint16(6, true) !== 0,
    };
  }

  /** The definition of `name` here. */
  find(name: string): DynamicSymbol | null {
    for (const index of this.candidates(name)) {
      const symbol = this.symbol(index);
      if (symbol?.defined === true && symbol.name === name) return symbol;
    }
    return null;
  }

  private candidates(name: string): Iterable<number> {
    if (this.gnuHash !== null) return this.gnuChain(this.gnuHash, gnuHash(name));
    if (this.hash !== null) return this.sysvChain(this.hash, sysvHash(name));
    return [];
  }

  private *gnuChain(table: number, hash: number): Generator<number> {
    const head = this.reader.view(table, 16);
    const buckets = head?.getUint32(0, true) ?? 0;
    if (head === null || buckets === 0) return;
    const first = head.getUint32(4, true);
    const bucketsAt = table + 16 + head.getUint32(8, true) * 8;
    let index = this.reader.u32(bucketsAt + (hash % buckets) * 4) ?? 0;
    if (index < first) return;
    for (let steps = 0; steps < MAX_CHAIN; steps++, index++) {
      const value = this.reader.u32(bucketsAt + buckets * 4 + (index - first) * 4);
      if (value === null) return;
      if ((value | 1) === (hash | 1)) yield index;
      if ((value & 1) !== 0) return;
    }
  }

  private *sysvChain(table: number, hash: number): Generator<number> {
    const buckets = this.reader.u32(table) ?? 0;
    if (buckets === 0) return;
    let index = this.reader.u32(table + 8 + (hash % buckets) * 4) ?? 0;
    for (let steps = 0; steps < MAX_CHAIN && index !== 0; steps++) {
      yield index;
      index = this.reader.u32(table + 8 + buckets * 4 + index * 4) ?? 0;
    }
  }
}

function gnuHash(name: string): number {
  let h = 5381;
  for (let i = 0; i < name.length; i++) h = (Math.imul(h, 33) + name.charCodeAt(i)) >>> 0;
  return h;
}

function sysvHash(name: string): number {
  let h = 0;
  for (let i = 0; i < name.length; i++) {
    h = ((h << 4) + name.charCodeAt(i)) >>> 0;
    h = (h ^ ((h >>> 24) & 0xf0)) & 0x0fffffff;
  }
  return h;
}
