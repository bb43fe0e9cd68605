/**
 * What a watch is for, and where that is in an address space: addresses, or names looked up in the files
 * that are mapped there.
 *
 * A name is where the program headers load it, worked out from each area of the file (System V ABI, chapter 5);
 * a section's bytes in an area that maps the file otherwise (a program that reads it by mmap) count too.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import type { MappedFile, Vma } from '../../kernel/mm/vma.ts';
import { ElfObject, type NamedBytes, type Segment } from '../elf-object.ts';

/** WHERE of `--watch`. */
export interface WatchSpec {
  /** As the user wrote it. */
  readonly text: string;
  /** A guest address, or null: `name` is looked up. */
  readonly address: number | null;
  /** Path or base name of the file that `name` is in, or null: any file. */
  readonly file: string | null;
  /** A section or symbol. */
  readonly name: string;
  /** Bytes; null: the whole section or object. */
  readonly length: number | null;
}

/** Bytes that are watched if neither the user nor a symbol table says how many. */
export const DEFAULT_LENGTH = 8;
/** More is not watched, whatever a file claims. */
export const MAX_LENGTH: number = 16 * 1024 * 1024;

export interface Place {
  readonly start: number;
  readonly end: number;
  /** Not where the program headers say: gone when the area is. */
  readonly raw: boolean;
}

interface Names {
  readonly elf: ElfObject;
  readonly found: readonly NamedBytes[];
}

/** Finds the places of one watch. What was found in a file is kept as long as the file is. */
export class Places {
  private readonly spec: WatchSpec;
  private readonly names: WeakMap<object, Names | null> = new WeakMap();
  private readonly files: WeakMap<MappedFile, boolean> = new WeakMap();

  constructor(spec: WatchSpec) {
    this.spec = spec;
  }

  /** Where the watch is in this address space now. */
  in(space: AddressSpace): Place[] {
    const { address, length } = this.spec;
    if (address !== null) {
      return [{ start: address, end: address + (length ?? DEFAULT_LENGTH), raw: false }];
    }
    const places = new Map<number, Place>();
    for (const vma of space.areas.items) {
      const { file } = vma;
      if (file === null || !this.meant(file)) continue;
      const names = this.namesIn(file);
      if (names === null) continue;
      for (const bytes of names.found) {
        for (const p of this.loaded(space, vma, names.elf, bytes)) places.set(p.start, p);
      }
    }
    return [...places.values()];
  }

  private meant(mapped: MappedFile): boolean {
    const { file } = this.spec;
    if (file === null) return true;
    let meant = this.files.get(mapped);
    if (meant === undefined) {
      const { path } = mapped;
      meant = path === file || path.slice(path.lastIndexOf('/') + 1) === file;
      this.files.set(mapped, meant);
    }
    return meant;
  }

  private namesIn(file: MappedFile): Names | null {
    let names = this.names.get(file.pages);
    if (names === undefined) {
      names = this.lookUp(file);
      this.names.set(file.pages, names);
    }
    return names;
  }

  private lookUp(file: MappedFile): Names | null {
    const elf = ElfObject.open(file);
    if (elf === null) return null;
    let found = this.spec.file === null ? [] : elf.findSections(this.spec.name);
    if (found.length === 0) found = elf.findSymbols(this.spec.name);
    return found.length === 0 ? null : { elf, found };
  }

  private loaded(space: AddressSpace, vma: Vma, elf: ElfObject, bytes: NamedBytes): Place[] {
    const size = Math.min(this.spec.length ?? (bytes.size || DEFAULT_LENGTH), MAX_LENGTH);
    const from = vma.filePage * PAGE_SIZE;
    const segment = segmentAt(elf.segments, from);
    const places: Place[] = [];
    let start = -1;
    if (segment !== undefined && bytes.address >= 0) {
      start = vma.start - (segment.address - segment.offset + from) + bytes.address;
      if (space.areas.covers(start, start + 1))
        places.push({ start, end: start + size, raw: false });
    }
    const inFile = vma.start + bytes.offset - from;
    const covered = bytes.offset >= from && inFile + size <= vma.end;
    if (covered && inFile !== start) places.push({ start: inFile, end: inFile + size, raw: true });
    return places;
  }
}

/** The segment that an area of the file from page offset `from` on is of: one that begins there, if there is one. */
function segmentAt(segments: readonly Segment[], from: number): Segment | undefined {
  const first = (s: Segment): number => s.offset - (s.offset % PAGE_SIZE);
  return (
    segments.find((s) => first(s) === from) ??
    segments.find((s) => first(s) <= from && from < s.offset + s.size)
  );
}
