/**
 * Names of guest functions, for profiles, dumps and error lines: the symbol tables of the ELF files
 * that are mapped. A file is parsed once, when a name in it is first asked for.
 */

import { PAGE_SIZE } from '../common/layout.ts';
import type { AddressSpace } from '../kernel/mm/address-space.ts';
import type { MappedFile } from '../kernel/mm/vma.ts';
import { ElfObject, type Segment, SHT_DYNSYM, SHT_SYMTAB } from './elf-object.ts';

const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;

export interface Located {
  readonly name: string;
  /** Distance from the symbol's address. */
  readonly offset: number;
}

/** One file's functions, sorted by address. */
interface SymbolTable {
  readonly segments: readonly Segment[];
  readonly addresses: Float64Array;
  readonly sizes: Float64Array;
  readonly names: readonly string[];
}

function underscores(name: string): number {
  return name.length - name.replace(/^_+/, '').length;
}

function parse(file: MappedFile): SymbolTable | null {
  const elf = ElfObject.open(file);
  const symbols = elf?.symbols(SHT_SYMTAB) ?? elf?.symbols(SHT_DYNSYM) ?? null;
  if (elf === null || symbols === null) return null;
  const list = symbols.filter((s) => s.type === STT_FUNC || s.type === STT_GNU_IFUNC);
  // Of several names for one address the last one is found: memcpy rather than __memcpy_alias.
  list.sort((a, b) => a.address - b.address || underscores(b.name) - underscores(a.name));
  return {
    segments: elf.segments,
    addresses: Float64Array.from(list, (s) => s.address),
    sizes: Float64Array.from(list, (s) => s.size),
    names: list.map((s) => s.name),
  };
}

/** The symbol at or before `address`: inside its size, or (assembly without sizes) before the next. */
function search(table: SymbolTable, address: number): Located | null {
  let lo = 0;
  let hi = table.addresses.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if ((table.addresses[mid] as number) <= address) lo = mid + 1;
    else hi = mid;
  }
  const i = lo - 1;
  if (i < 0) return null;
  const offset = address - (table.addresses[i] as number);
  const size = table.sizes[i] as number;
  if (size > 0 && offset >= size) return null;
  return { name: table.names[i] as string, offset };
}

/** Where in which file an address is mapped from. */
export interface MappedAt {
  readonly path: string;
  readonly offset: number;
}

export class Symbols {
  private readonly tables: WeakMap<object, SymbolTable | null> = new WeakMap();

  /** The file mapped at `pc`. */
  module(space: AddressSpace, pc: number): MappedAt | null {
    const vma = space.areas.find(pc);
    if (vma?.file == null) return null;
    return { path: vma.file.path, offset: vma.filePage * PAGE_SIZE + (pc - vma.start) };
  }

  /** The function at `pc` in an address space, from the file mapped there. */
  locate(space: AddressSpace, pc: number): Located | null {
    const vma = space.areas.find(pc);
    if (vma?.file == null) return null;
    return this.inFile(vma.file, vma.filePage * PAGE_SIZE + (pc - vma.start));
  }

  /** The function at an offset in a file. */
  inFile(file: MappedFile, offset: number): Located | null {
    let table = this.tables.get(file.pages);
    if (table === undefined) {
      table = parse(file);
      this.tables.set(file.pages, table);
    }
    if (table === null) return null;
    for (const s of table.segments) {
      if (offset >= s.offset && offset < s.offset + s.size) {
        return search(table, s.address + (offset - s.offset));
      }
    }
    return null;
  }
}
