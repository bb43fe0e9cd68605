/** What the tests of this folder share: a small machine, address spaces, files in memory. */

import {
  ENG_ERROR,
  ENG_FAULT_HI,
  ENG_FAULT_LO,
  ENG_VECTOR,
  PAGE_SIZE,
  RAM_BASE,
} from '../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../src/common/memory.ts';
import type { GuestAccess } from '../../src/ir/helpers.ts';
import { EIO, LinuxError, linuxError } from '../../src/kernel/errno.ts';
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../../src/kernel/mm/abi.ts';
import { AddressSpace } from '../../src/kernel/mm/address-space.ts';
import { audit } from '../../src/kernel/mm/audit.ts';
import { mmap } from '../../src/kernel/mm/mmap.ts';
import { PageCache } from '../../src/kernel/mm/page-cache.ts';
import type { MappedFile } from '../../src/kernel/mm/vma.ts';
import { Mmu } from '../../src/mmu/mmu.ts';
import { Paging } from '../../src/mmu/paging.ts';
import { assert } from '../lib/suite.ts';

export const RW: number = PROT_READ | PROT_WRITE;

export interface Rig {
  readonly memory: LinearMemory;
  readonly paging: Paging;
  readonly mmu: Mmu;
  /** The same object, to check that it has the shape engines want. */
  readonly access: GuestAccess;
  readonly spaces: Set<AddressSpace>;
  space(): AddressSpace;
}

/** A machine with `frames` frames of RAM (rounded up to 64 KiB). */
export function makeRig(frames = 1024): Rig {
  const memory = createLinearMemory(RAM_BASE + frames * PAGE_SIZE);
  return rigOf(memory, new Paging(memory));
}

export function rigOf(memory: LinearMemory, paging: Paging): Rig {
  paging.log.enabled = true;
  const mmu = new Mmu(paging);
  const spaces = new Set<AddressSpace>();
  const space = (): AddressSpace => {
    const as = new AddressSpace(mmu);
    spaces.add(as);
    if (paging.current === null) as.activate();
    return as;
  };
  return { memory, paging, mmu, access: mmu, spaces, space };
}

/** What the audit finds, '' if all is well. */
export function findings(rig: Rig): string {
  return audit(rig.paging, rig.spaces).join('\n');
}

export function checkAudit(rig: Rig): void {
  const found = findings(rig);
  assert.is(found, '', `audit:\n${found}`);
}

export function anon(
  as: AddressSpace,
  addr: number,
  pages: number,
  prot: number = RW,
  flags = 0,
): number {
  const fixed = addr === 0 ? 0 : MAP_FIXED;
  const type = (flags & MAP_SHARED) !== 0 ? 0 : MAP_PRIVATE;
  return mmap(as, {
    addr,
    length: pages * PAGE_SIZE,
    prot,
    flags: type | MAP_ANONYMOUS | fixed | flags,
    file: null,
    offset: 0,
  });
}

/** A file whose disk is an array; counts what the page cache does with it. */
export class TestFile implements MappedFile {
  readonly path = '/test/file';
  readonly dev = 0x801;
  readonly ino = 42;
  readonly pages: PageCache;
  disk: Uint8Array;
  size: number;
  refs = 0;
  /** Pages of each read and write. */
  readonly reads: number[] = [];
  readonly writes: number[] = [];
  /** A page that cannot be read. */
  unreadable = -1;

  constructor(rig: Rig, content: Uint8Array) {
    this.disk = content;
    this.size = content.length;
    const file = this;
    this.pages = new PageCache(rig.paging, {
      get size() {
        return file.size;
      },
      readPages(index, count, host) {
        file.reads.push(count);
        if (index <= file.unreadable && file.unreadable < index + count) throw linuxError(EIO);
        const start = index * PAGE_SIZE;
        const end = start + count * PAGE_SIZE;
        rig.memory.U8.fill(0xee, host, host + end - start);
        rig.memory.U8.set(file.disk.subarray(start, end), host);
      },
      writePages(index, from, at, length) {
        file.writes.push(Math.ceil(length / PAGE_SIZE));
        const end = index * PAGE_SIZE + length;
        if (file.disk.length < end) {
          const longer = new Uint8Array(end);
          longer.set(file.disk);
          file.disk = longer;
        }
        file.disk.set(from.subarray(at, at + length), index * PAGE_SIZE);
      },
    });
  }

  truncate(size: number): void {
    this.pages.truncate(size);
    this.size = size;
    this.disk = this.disk.slice(0, size);
  }

  punch(from: number, to: number): void {
    this.pages.punch(from, to);
    this.disk.fill(0, from * PAGE_SIZE, to * PAGE_SIZE);
  }

  /** As a file system does it: the cache first, then the size. */
  grow(size: number): void {
    this.pages.truncate(size);
    const longer = new Uint8Array(size);
    longer.set(this.disk.subarray(0, Math.min(this.size, this.disk.length)));
    this.disk = longer;
    this.size = size;
  }

  retain(): void {
    this.refs++;
  }

  release(): void {
    this.refs--;
  }
}

export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >>> 8) * 13 + seed) & 0xff);
}

/** Stores a byte as the CPU would. @returns 0, or -1 / -2 */
export function store8(rig: Rig, va: number, v: number): number {
  return stored(rig, () => rig.access.write8(va | 0, Math.floor(va / 2 ** 32), v));
}

/** Repeats a store as long as it is refused because a page of code has got another frame, as the dispatcher does. */
export function stored(rig: Rig, store: () => number): number {
  let result = store();
  for (let tries = 0; tries < 2 && result === -2 && rig.mmu.codeMoved; tries++) result = store();
  return result;
}

/** Loads a byte as the CPU would. @returns the byte, or -1 */
export function load8(rig: Rig, va: number): number {
  const host = rig.access.read(va | 0, Math.floor(va / 2 ** 32), 1);
  return host < 0 ? host : rig.memory.U8[host]!;
}

/** Vector, error code and address of the fault that was raised last. */
export function lastFault(rig: Rig): { vector: number; error: number; address: number } {
  const { I32 } = rig.memory;
  return {
    vector: I32[ENG_VECTOR]!,
    error: I32[ENG_ERROR]!,
    address: (I32[ENG_FAULT_HI]! >>> 0) * 2 ** 32 + (I32[ENG_FAULT_LO]! >>> 0),
  };
}

/** The errno that `body` throws, 0 if it does not. */
export function errnoOf(body: () => unknown): number {
  try {
    body();
  } catch (e) {
    if (e instanceof LinuxError) return e.errno;
    throw e;
  }
  return 0;
}
