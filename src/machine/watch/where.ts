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
import { ElfObject, type NamedBytes } from '../elf-object.ts';

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

/** A file as a program or library, loaded by its program headers. */
interface Image {
  /** What is added to addresses. */
  readonly bias: number;
  readonly end: number;
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
    const images = new Map<Names, Image>();
    for (const vma of space.areas.items) {
      const { file } = vma;
      if (file === null || !this.meant(file)) continue;
      const names = this.namesIn(file);
      if (names === null) continue;
      let image = images.get(names) ?? null;
      if (image === null || vma.start >= image.end) {
        image = imageAt(vma, names.elf);
        if (image !== null) images.set(names, image);
      }
      for (const bytes of names.found) {
        for (const p of this.of(bytes, space, vma, image)) places.set(p.start, p);
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

  /** Where named bytes are in an area of the file, which may be part of an image of it. */
  private of(bytes: NamedBytes, space: AddressSpace, vma: Vma, image: Image | null): Place[] {
    const size = Math.min(this.spec.length ?? (bytes.size || DEFAULT_LENGTH), MAX_LENGTH);
    const places: Place[] = [];
    const start = image === null || bytes.address < 0 ? -1 : image.bias + bytes.address;
    if (start >= 0 && space.areas.covers(start, start + 1)) {
      places.push({ start, end: start + size, raw: false });
    }
    const from = vma.filePage * PAGE_SIZE;
    const inFile = vma.start + bytes.offset - from;
    const covered = bytes.offset >= from && inFile + size <= vma.end;
    if (covered && inFile !== start) places.push({ start: inFile, end: inFile + size, raw: true });
    return places;
  }
}

/** The image that begins with an area, if the area is of the file's first segment. */
function imageAt(vma: Vma, { segments }: ElfObject): Image | null {
  const [first] = segments;
  if (first === undefined) return null;
  const offset = first.offset - (first.offset % PAGE_SIZE);
  if (vma.filePage * PAGE_SIZE !== offset) return null;
  const bias = vma.start - (first.address - first.offset + offset);
  const end = segments.reduce((max, s) => Math.max(max, s.address + s.memory), 0);
  return { bias, end: bias + end };
}
