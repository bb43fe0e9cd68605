/**
 * Random sequences of memory calls, stores, loads, forks and file writes against a model that knows
 * nothing of frames or page tables: per page what it contains and what may be done with it. The
 * audit runs after every step.
 */

import fc from 'fast-check';
import { PAGE_SIZE } from '../../src/common/layout.ts';
import * as abi from '../../src/kernel/mm/abi.ts';
import type { AddressSpace } from '../../src/kernel/mm/address-space.ts';
import { forkAddressSpace } from '../../src/kernel/mm/fork.ts';
import { madvise } from '../../src/kernel/mm/madvise.ts';
import { mmap, mprotect, munmap } from '../../src/kernel/mm/mmap.ts';
import { mremap } from '../../src/kernel/mm/mremap.ts';
import { assert, suite } from '../lib/suite.ts';
import { checkAudit, load8, makeRig, pattern, type Rig, store8, stored, TestFile } from './rig.ts';

const test = suite('memory model');

const P = PAGE_SIZE;
const PAGES = 12;
const FILE_PAGES = 6;
const MAX_SPACES = 3;
/** Just below a 2 MiB border, so that ranges cross it. */
const BASE = 0x60_0000 - 5 * P;
const { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED } = abi;

/** Contents of a page; the same object wherever it is shared. */
interface Cell {
  bytes: Uint8Array;
}

/** The file, or what is behind shared anonymous memory, whose size never changes. */
interface Backing {
  readonly cells: Cell[];
  size: number;
}

interface ModelPage {
  prot: number;
  shared: boolean;
  /** Private contents; null: those of the backing's page. */
  cell: Cell | null;
  /** Null: private anonymous memory. */
  backing: Backing | null;
  /** Page of the backing. */
  index: number;
}

type ModelSpace = (ModelPage | null)[];

/** One step; which fields matter depends on the kind. */
interface Step {
  readonly kind: string;
  readonly page: number;
  readonly count: number;
  readonly prot: number;
  readonly value: number;
  readonly offset: number;
  readonly flag: boolean;
}

class World {
  readonly rig: Rig = makeRig(256);
  readonly file: TestFile;
  /** The model of the file. */
  readonly backing: Backing = { cells: [], size: FILE_PAGES * P };
  readonly spaces: { real: AddressSpace; model: ModelSpace }[] = [];
  at = 0;

  constructor() {
    const content = pattern(FILE_PAGES * P);
    this.file = new TestFile(this.rig, content);
    for (let i = 0; i < FILE_PAGES; i++) {
      this.backing.cells.push({ bytes: content.slice(i * P, (i + 1) * P) });
    }
    this.spaces.push({ real: this.rig.space(), model: new Array<null>(PAGES).fill(null) });
  }

  get current(): { real: AddressSpace; model: ModelSpace } {
    return this.spaces[this.at]!;
  }

  /** The bytes a load sees; null: it faults. */
  contents(page: ModelPage | null | undefined): Uint8Array | null {
    if (page === null || page === undefined || page.prot === 0) return null;
    if (page.backing !== null && page.index * P >= page.backing.size) return null;
    return (page.cell ?? page.backing!.cells[page.index]!).bytes;
  }
}

function va(step: Step): number {
  return BASE + step.page * P;
}

function pagesOf(step: Step): number {
  return Math.min(step.count, PAGES - step.page);
}

function freshCell(): Cell {
  return { bytes: new Uint8Array(P) };
}

const STEPS: Record<string, (w: World, s: Step) => void> = {
  mapAnonymous(w, s) {
    const n = pagesOf(s);
    const type = s.flag ? MAP_SHARED : MAP_PRIVATE;
    const flags = type | MAP_ANONYMOUS | MAP_FIXED;
    mmap(w.current.real, {
      addr: va(s),
      length: n * P,
      prot: s.prot,
      flags,
      file: null,
      offset: 0,
    });
    const cells = Array.from({ length: n }, freshCell);
    const backing = s.flag ? { cells, size: n * P } : null;
    for (let index = 0; index < n; index++) {
      const cell = s.flag ? null : cells[index]!;
      w.current.model[s.page + index] = { prot: s.prot, shared: s.flag, cell, backing, index };
    }
  },
  mapFile(w, s) {
    const n = pagesOf(s);
    const first = s.value % FILE_PAGES;
    const flags = (s.flag ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
    mmap(w.current.real, {
      addr: va(s),
      length: n * P,
      prot: s.prot,
      flags,
      file: w.file,
      offset: first * P,
      fileWritable: true,
    });
    for (let i = 0; i < n; i++) {
      w.current.model[s.page + i] = {
        prot: s.prot,
        shared: s.flag,
        cell: null,
        backing: w.backing,
        index: first + i,
      };
    }
  },
  unmap(w, s) {
    munmap(w.current.real, va(s), pagesOf(s) * P);
    w.current.model.fill(null, s.page, s.page + pagesOf(s));
  },
  protect(w, s) {
    const { model, real } = w.current;
    const pages = model.slice(s.page, s.page + pagesOf(s));
    const hole = pages.indexOf(null);
    if (hole < 0) mprotect(real, va(s), pages.length * P, s.prot);
    else assert.throws(() => mprotect(real, va(s), pages.length * P, s.prot), /ENOMEM/);
    for (const page of hole < 0 ? pages : pages.slice(0, hole)) page!.prot = s.prot;
  },
  /** Moves one page, to become one or two. */
  remap(w, s) {
    const { model, real } = w.current;
    const to = s.value % (PAGES - 1);
    const size = s.flag ? 2 : 1;
    const page = model[s.page];
    if (page === null || page === undefined) return;
    if (s.page >= to && s.page < to + size) return;
    const flags = abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED;
    mremap(real, va(s), P, size * P, flags, BASE + to * P);
    model[s.page] = null;
    model[to] = page;
    if (size === 1) return;
    const cell = page.backing === null ? freshCell() : null;
    model[to + 1] = { ...page, cell, index: page.index + 1 };
  },
  dontNeed(w, s) {
    const { model, real } = w.current;
    const pages = model.slice(s.page, s.page + pagesOf(s));
    const advise = (): void => madvise(real, va(s), pages.length * P, abi.MADV_DONTNEED);
    if (pages.includes(null)) assert.throws(advise, /ENOMEM/);
    else advise();
    for (const page of pages) {
      if (page !== null && !page.shared) page.cell = page.backing === null ? freshCell() : null;
    }
  },
  store(w, s) {
    const page = w.current.model[s.page];
    const allowed = w.contents(page) !== null && (page!.prot & abi.PROT_WRITE) !== 0;
    const result = store8(w.rig, va(s) + s.offset, s.value);
    assert.is(result, allowed ? 0 : -1, `store to page ${s.page}`);
    if (allowed) modelStore(page!, s.offset, s.value);
  },
  /** Four bytes across the end of a page. */
  storeCrossing(w, s) {
    const { model } = w.current;
    const pages = [model[s.page], model[s.page + 1]];
    const [first, second] = pages.map((p) => w.contents(p) !== null && (p!.prot & 2) !== 0);
    const allowed = first && second;
    const at = va(s) + P - 2;
    const result = stored(w.rig, () => w.rig.access.write32(at, 0, s.value * 0x01010101));
    assert.is(result, allowed ? 0 : -1, `store across pages ${s.page}`);
    // As on a CPU, the first page has been copied by the time that the second one faults.
    if (first) copyPrivate(pages[0]!);
    if (!allowed) return;
    for (const i of [P - 2, P - 1]) modelStore(pages[0]!, i, s.value);
    for (const i of [0, 1]) modelStore(pages[1]!, i, s.value);
  },
  /** As the kernel stores, into any of the address spaces. */
  copyOut(w, s) {
    const target = w.spaces[s.value % w.spaces.length]!;
    const page = target.model[s.page];
    const allowed = w.contents(page) !== null && (page!.prot & abi.PROT_WRITE) !== 0;
    const n = target.real.mem.copyOutPartial(va(s) + s.offset, Uint8Array.of(s.value), 0, 1);
    assert.is(n, allowed ? 1 : 0);
    if (allowed) modelStore(page!, s.offset, s.value);
  },
  fork(w) {
    if (w.spaces.length === MAX_SPACES) return;
    const child = forkAddressSpace(w.current.real);
    w.rig.spaces.add(child);
    const model = w.current.model.map((page) => {
      if (page === null || page.cell === null) return page && { ...page };
      return { ...page, cell: { bytes: page.cell.bytes.slice() } };
    });
    w.spaces.push({ real: child, model });
  },
  exit(w) {
    if (w.spaces.length === 1) return;
    const [gone] = w.spaces.splice(w.at, 1);
    w.rig.spaces.delete(gone!.real);
    gone!.real.release();
    w.at = 0;
    w.current.real.activate();
  },
  switchTo(w, s) {
    w.at = s.value % w.spaces.length;
    w.current.real.activate();
  },
  /** write(2) into the file. */
  fileWrite(w, s) {
    const at = (s.page % FILE_PAGES) * P + s.offset;
    if (at >= w.file.size) return;
    let left = 1;
    const source = {
      get remaining() {
        return left;
      },
      take(dst: Uint8Array, start: number): number {
        dst[start] = s.value;
        left = 0;
        return 1;
      },
    };
    assert.is(w.file.pages.write(at, 1, source), 1);
    w.backing.cells[s.page % FILE_PAGES]!.bytes[s.offset] = s.value;
  },
  sync(w) {
    w.file.pages.sync();
    assert.is(w.file.pages.dirtyPages, 0);
    for (let i = 0; i * P < w.file.size; i++) {
      const length = Math.min(P, w.file.size - i * P);
      const disk = w.file.disk.slice(i * P, i * P + length);
      assert.equal(disk, w.backing.cells[i]!.bytes.slice(0, length));
    }
  },
  dropClean(w) {
    w.file.pages.dropClean();
  },
  truncate(w, s) {
    const size = (s.page % (FILE_PAGES + 1)) * P + (s.flag && s.page < FILE_PAGES ? s.offset : 0);
    if (size > FILE_PAGES * P) return;
    // As a file system does: what is dirty stays in the cache, what grows reads as zeros.
    if (size > w.file.size) {
      clearModelTail(w, w.file.size);
      w.file.grow(size);
      w.backing.size = size;
      return;
    }
    if (size === w.file.size) return;
    w.file.truncate(size);
    w.backing.size = size;
    const firstGone = Math.ceil(size / P);
    for (const { model } of w.spaces) {
      for (const page of model) {
        if (page?.backing === w.backing && page.index >= firstGone) page.cell = null;
      }
    }
    clearModelTail(w, size);
  },
};

function clearModelTail(w: World, size: number): void {
  for (let i = 0; i < FILE_PAGES; i++) {
    if ((i + 1) * P > size) w.backing.cells[i]!.bytes.fill(0, Math.max(0, size - i * P));
  }
}

function copyPrivate(page: ModelPage): void {
  if (page.cell !== null || page.shared) return;
  page.cell = { bytes: page.backing!.cells[page.index]!.bytes.slice() };
}

function modelStore(page: ModelPage, offset: number, value: number): void {
  copyPrivate(page);
  (page.cell ?? page.backing!.cells[page.index]!).bytes[offset] = value;
}

/** Loads the interesting bytes of every page of the running address space. */
function compare(w: World): void {
  const { model } = w.current;
  for (let i = 0; i < PAGES; i++) {
    const expected = w.contents(model[i]);
    for (const offset of [0, 1, 100, P - 2, P - 1]) {
      const seen = load8(w.rig, BASE + i * P + offset);
      assert.is(seen, expected === null ? -1 : expected[offset], `page ${i} byte ${offset}`);
    }
  }
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('store', 'storeCrossing', 'copyOut') },
    { weight: 3, arbitrary: fc.constantFrom('mapAnonymous', 'mapFile', 'protect') },
    { weight: 5, arbitrary: fc.constantFrom(...Object.keys(STEPS)) },
  ),
  page: fc.integer({ min: 0, max: PAGES - 1 }),
  count: fc.integer({ min: 1, max: 5 }),
  prot: fc.constantFrom(0, 1, 3, 3, 3, 5, 7),
  value: fc.integer({ min: 0, max: 255 }),
  offset: fc.constantFrom(0, 1, 100, P - 2, P - 1),
  flag: fc.boolean(),
});

test('random sequences behave as the model says', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const w = new World();
      for (const s of steps) {
        STEPS[s.kind]!(w, s);
        if (s.flag) compare(w);
        checkAudit(w.rig);
      }
      for (const { real } of w.spaces) {
        w.rig.spaces.delete(real);
        real.release();
      }
      w.file.pages.dispose();
      assert.is(w.rig.paging.frames.free, w.rig.paging.frames.total - 1, 'all frames are free');
    }),
    { numRuns: Number(process.env['KEVLAR_RUNS'] ?? 150), includeErrorInReport: true },
  );
});
