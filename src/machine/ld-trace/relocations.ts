/**
 * The relocation tables of an object in guest memory, counted by type (x86-64 psABI, table 4.9): RELA, RELR (System V
 * gABI, "Relative Relocation Table") and JMPREL. Table sizes are the guest's word: at most MAX_TABLE bytes are read.
 */

import { u64 } from '../../kernel/exec/elf.ts';
import { DT, dynamicAddress, type ElfImage, readDynamic } from './elf-image.ts';
import { type GuestReader, isUserAddress } from './guest-reader.ts';
import type { SymbolLookup } from './symbol-lookup.ts';

const MAX_TABLE = 16 * 1024 * 1024;
const RELA_SIZE = 24;
/** A multiple of RELA_SIZE and of 8. */
const CHUNK = 24 * 4096;
/** Deferred bindings that are shown of one object. */
const MAX_DEFERRED = 256;
const R_GLOB_DAT = 6;
const R_JUMP_SLOT = 7;
const R_RELATIVE = 8;
const R_DTPMOD64 = 16;
const STB_WEAK = 2;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  0: 'NONE',
  1: '64',
  2: 'PC32',
  5: 'COPY',
  6: 'GLOB_DAT',
  7: 'JUMP_SLOT',
  8: 'RELATIVE',
  10: '32',
  11: '32S',
  16: 'DTPMOD64',
  17: 'DTPOFF64',
  18: 'TPOFF64',
  24: 'PC64',
  36: 'TLSDESC',
  37: 'IRELATIVE',
};

export interface RelocationTable {
  readonly name: 'RELA' | 'RELR' | 'JMPREL';
  /** How many words are relocated, and by which relocations: most frequent types first. */
  total: number;
  readonly counts: Map<string, number>;
  /** The words that are relocated lie in [low, high). */
  low: number;
  high: number;
}

/** A slot that still is to be bound: its symbol was not there, or is looked up when it is first called. */
export interface DeferredSlot {
  readonly address: number;
  readonly symbol: string;
}

export interface Relocations {
  readonly tables: readonly RelocationTable[];
  readonly deferred: readonly DeferredSlot[];
  /** Number of the object's TLS module, as the loader wrote it; 0 if it nowhere did. */
  readonly tlsModule: number;
  /** Bytes of tables that were read. */
  readonly bytes: number;
}

export class RelocationReader {
  private readonly reader: GuestReader;
  private readonly image: ElfImage;
  private readonly symbols: SymbolLookup;
  private readonly deferred: DeferredSlot[] = [];
  private tlsModule = 0;
  private bytes = 0;

  constructor(reader: GuestReader, image: ElfImage, symbols: SymbolLookup) {
    this.reader = reader;
    this.image = image;
    this.symbols = symbols;
  }

  read(): Relocations {
    const dynamic = readDynamic(this.reader, this.image);
    const at = (tag: number): number | null => dynamicAddress(this.image, dynamic, tag);
    const found = [
      this.rela('JMPREL', at(DT.JMPREL), dynamic.get(DT.PLTRELSZ)),
      this.rela('RELA', at(DT.RELA), dynamic.get(DT.RELASZ)),
      this.relr(at(DT.RELR), dynamic.get(DT.RELRSZ)),
    ];
    return {
      tables: found.filter((t) => t !== null && t.total > 0) as RelocationTable[],
      deferred: this.deferred,
      tlsModule: this.tlsModule,
      bytes: this.bytes,
    };
  }

  /** Calls `visit` with pieces of a table; the last may be cut off. */
  private chunks(address: number, size: number, visit: (d: DataView, n: number) => void): void {
    const end = Math.min(size, MAX_TABLE);
    for (let done = 0; done < end; ) {
      const bytes = this.reader.bytes(address + done, Math.min(CHUNK, end - done));
      if (bytes.length === 0) return;
      this.bytes += bytes.length;
      visit(new DataView(bytes.buffer), bytes.length);
      if (bytes.length < CHUNK) return;
      done += bytes.length;
    }
  }

  private rela(name: 'RELA' | 'JMPREL', address: number | null, size = 0): RelocationTable | null {
    if (address === null) return null;
    const table = emptyTable(name);
    const counts = new Map<number, number>();
    this.chunks(address, size, (d, length) => {
      for (let at = 0; at + RELA_SIZE <= length; at += RELA_SIZE) {
        const type = d.getUint32(at + 8, true);
        const slot = this.image.bias + u64(d, at);
        counts.set(type, (counts.get(type) ?? 0) + 1);
        include(table, slot);
        if (type !== R_RELATIVE) this.look(type, d.getUint32(at + 12, true), slot);
      }
    });
    for (const [type, n] of [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0])) {
      table.counts.set(TYPE_NAMES[type] ?? `type-${type}`, n);
    }
    return table;
  }

  private look(type: number, symbol: number, slot: number): void {
    if (type === R_DTPMOD64 && symbol === 0) this.tlsModule = this.reader.u64(slot) ?? 0;
    if (type !== R_GLOB_DAT && type !== R_JUMP_SLOT) return;
    if (this.deferred.length >= MAX_DEFERRED || this.isBound(slot)) return;
    const s = this.symbols.symbol(symbol);
    if (s === null || s.defined || s.binding === STB_WEAK) return;
    this.deferred.push({ address: slot, symbol: s.name });
  }

  /** An unbound slot holds what the file says, or the address of its own entry in the object's PLT. */
  isBound(slot: number): boolean {
    const value = this.reader.u64(slot);
    if (value === null) return true;
    if (value >= this.image.start && value < this.image.end) return false;
    return isUserAddress(value) && this.reader.space.areas.find(value) !== null;
  }

  private relr(address: number | null, size = 0): RelocationTable | null {
    if (address === null) return null;
    const table = emptyTable('RELR');
    let next = 0;
    this.chunks(address, size, (d, length) => {
      for (let at = 0; at + 8 <= length; at += 8) {
        if ((d.getUint8(at) & 1) === 0) {
          next = this.image.bias + u64(d, at);
          include(table, next);
          next += 8;
          continue;
        }
        for (let bit = 1; bit < 64; bit++) {
          const word = d.getUint32(at + (bit & 32) / 8, true);
          if (((word >>> (bit & 31)) & 1) !== 0) include(table, next + (bit - 1) * 8);
        }
        next += 63 * 8;
      }
    });
    table.counts.set('RELATIVE', table.total);
    return table;
  }
}

function emptyTable(name: RelocationTable['name']): RelocationTable {
  return { name, total: 0, counts: new Map(), low: Number.POSITIVE_INFINITY, high: 0 };
}

function include(table: RelocationTable, slot: number): void {
  table.total++;
  if (slot < table.low) table.low = slot;
  if (slot + 8 > table.high) table.high = slot + 8;
}
