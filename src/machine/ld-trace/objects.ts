/**
 * The objects of one address space, as the dynamic loader maps them. A file that is mapped from its start is a
 * candidate if an ELF header is there; it is an object once every PT_LOAD is mapped with its rights, which tells a
 * loader's mappings from those of a program that only reads an ELF file.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { PF_R, PF_W, PF_X } from '../../kernel/exec/elf.ts';
import { PROT_EXEC, PROT_READ, PROT_WRITE } from '../../kernel/mm/abi.ts';
import type { AddressSpace } from '../../kernel/mm/address-space.ts';
import type { Vma } from '../../kernel/mm/vma.ts';
import { type ElfImage, pageEnd, pageOf, readImage, type Segment } from './elf-image.ts';
import type { GuestReader } from './guest-reader.ts';
import type { DeferredSlot } from './relocations.ts';
import { SymbolLookup } from './symbol-lookup.ts';

/** More are not traced. */
const MAX_OBJECTS = 4096;
const MAX_CANDIDATES = 16;
/** Areas that a segment may consist of: RELRO splits one into two or three. */
const MAX_AREAS = 16;

export class LoadedObject {
  readonly path: string;
  readonly image: ElfImage;
  relocated = false;
  deferred: readonly DeferredSlot[] = [];
  private readonly reader: GuestReader;
  private lookup: SymbolLookup | null = null;

  constructor(path: string, image: ElfImage, reader: GuestReader) {
    this.path = path;
    this.image = image;
    this.reader = reader;
  }

  /** To be asked for when all segments are mapped. */
  get symbols(): SymbolLookup {
    this.lookup ??= new SymbolLookup(this.reader, this.image);
    return this.lookup;
  }

  addressOf(name: string): number | null {
    const symbol = this.symbols.find(name);
    return symbol === null ? null : this.image.bias + symbol.value;
  }

  /** Address of the dynamic section: the loader's list has it. */
  get dynamic(): number {
    return this.image.dynamic === null ? -1 : this.image.bias + this.image.dynamic.vaddr;
  }

  contains(address: number): boolean {
    return address >= this.image.start && address < this.image.end;
  }
}

export class ObjectList {
  readonly items: LoadedObject[] = [];
  private candidates: LoadedObject[] = [];
  private readonly reader: GuestReader;

  constructor(reader: GuestReader) {
    this.reader = reader;
  }

  /** The object at an address; of several (one was mapped over another) the latest. */
  at(address: number): LoadedObject | null {
    return this.latest((o) => o.contains(address));
  }

  byDynamic(address: number): LoadedObject | null {
    return this.latest((o) => o.dynamic === address);
  }

  private latest(fits: (o: LoadedObject) => boolean): LoadedObject | null {
    for (let i = this.items.length - 1; i >= 0; i--)
      if (fits(this.items[i]!)) return this.items[i]!;
    return null;
  }

  /** Something was mapped at `address`: maybe the first page of an object. */
  mapped(address: number): void {
    const area = this.reader.space.areas.find(address);
    if (area === null || !startsFile(area)) return;
    const image = readImage(this.reader, area.start);
    if (image === null || this.items.some((o) => o.image.start === image.start)) return;
    this.candidates = this.candidates.filter((o) => o.image.start !== image.start);
    if (this.candidates.length >= MAX_CANDIDATES) this.candidates.shift();
    this.candidates.push(new LoadedObject(area.file?.path ?? '', image, this.reader));
  }

  /** The candidates that are objects by now. */
  completed(): readonly LoadedObject[] {
    if (this.candidates.length === 0) return this.candidates;
    const done = this.candidates.filter((o) => isLoaded(this.reader.space, o.image));
    if (done.length === 0) return done;
    this.candidates = this.candidates.filter((o) => !done.includes(o));
    const room = Math.max(0, MAX_OBJECTS - this.items.length);
    const added = done.slice(0, room);
    this.items.push(...added);
    return added;
  }

  /** What is mapped now, for an address space whose beginning was not seen: execve, fork. */
  scan(): readonly LoadedObject[] {
    for (const area of [...this.reader.space.areas.items]) {
      if (!startsFile(area)) continue;
      this.mapped(area.start);
      this.completed();
    }
    return this.items;
  }

  /** @returns the objects that were in a range which is no longer mapped */
  unmapped(start: number, end: number): readonly LoadedObject[] {
    const inside = (o: LoadedObject): boolean => o.image.start >= start && o.image.start < end;
    const gone = this.items.filter(inside);
    for (const o of gone) this.items.splice(this.items.indexOf(o), 1);
    this.candidates = this.candidates.filter((o) => !inside(o));
    return gone;
  }
}

function startsFile(area: Vma): boolean {
  return area.file !== null && area.filePage === 0 && area.prot !== 0;
}

function protectionOf(s: Segment): number {
  const read = (s.flags & PF_R) !== 0 ? PROT_READ : 0;
  const write = (s.flags & PF_W) !== 0 ? PROT_WRITE : 0;
  return read | write | ((s.flags & PF_X) !== 0 ? PROT_EXEC : 0);
}

/** The pages that are read-only after relocation. */
export function relroRange({ relro, bias }: ElfImage): readonly [number, number] {
  if (relro === null) return [0, 0];
  return [bias + pageOf(relro.vaddr), bias + pageEnd(relro.vaddr + relro.memsz)];
}

/** Whether each segment's pages are mapped from the object's file, and what is beyond the file from nothing. */
function isLoaded(space: AddressSpace, image: ElfImage): boolean {
  const pages = space.areas.find(image.start)?.file?.pages;
  const [relroStart, relroEnd] = relroRange(image);
  const covered = (from: number, to: number, fits: (area: Vma, at: number) => boolean): boolean => {
    const { items } = space.areas;
    let i = space.areas.indexAbove(from);
    const last = i + MAX_AREAS;
    for (let at = from; at < to; i++) {
      const area = items.at(i);
      if (area === undefined || area.start > at || i === last || !fits(area, at)) return false;
      at = area.end;
    }
    return true;
  };
  return image.loads.every((s) => {
    const from = image.bias + pageOf(s.vaddr);
    const fileEnd = s.filesz === 0 ? from : image.bias + pageEnd(s.vaddr + s.filesz);
    const prot = protectionOf(s);
    const allows = (a: Vma): boolean =>
      a.prot === prot ||
      (a.prot === (prot & ~PROT_WRITE) && a.start >= relroStart && a.end <= relroEnd);
    const inFile = (a: Vma, at: number): boolean =>
      a.file?.pages === pages &&
      allows(a) &&
      a.filePageAt(at) * PAGE_SIZE === pageOf(s.offset) + at - from;
    const beyond = (a: Vma): boolean => a.file === null && allows(a);
    return (
      covered(from, fileEnd, inFile) &&
      covered(fileEnd, image.bias + pageEnd(s.vaddr + s.memsz), beyond)
    );
  });
}
