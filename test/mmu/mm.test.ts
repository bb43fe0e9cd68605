/** mmap, brk, mprotect, mremap, madvise and fork, and the traps that crashed earlier systems. */

import { HUGE_PAGE_FRAMES, PAGE_SIZE } from '../../src/common/layout.ts';
import { EACCES, EBUSY, EEXIST, EFAULT, EINVAL, ENOMEM, EPERM } from '../../src/kernel/errno.ts';
import * as abi from '../../src/kernel/mm/abi.ts';
import type { AddressSpace } from '../../src/kernel/mm/address-space.ts';
import { faultSignal } from '../../src/kernel/mm/fault.ts';
import { forkAddressSpace } from '../../src/kernel/mm/fork.ts';
import { madvise, mincore, msync } from '../../src/kernel/mm/madvise.ts';
import { formatMaps, formatSmaps } from '../../src/kernel/mm/maps.ts';
import { mlock, mlockall, munlock, munlockall } from '../../src/kernel/mm/mlock.ts';
import { brk, mmap, mprotect, munmap } from '../../src/kernel/mm/mmap.ts';
import { mremap } from '../../src/kernel/mm/mremap.ts';
import { frameHost } from '../../src/mmu/frames.ts';
import { FAULT_OOM } from '../../src/mmu/page-tables.ts';
import { assert, suite } from '../lib/suite.ts';
import {
  anon,
  checkAudit,
  errnoOf,
  findings,
  lastFault,
  load8,
  makeRig,
  pattern,
  type Rig,
  RW,
  store8,
  TestFile,
} from './rig.ts';

const test = suite('address spaces');
const A = 0x10_0000;
const P = PAGE_SIZE;
const HUGE = HUGE_PAGE_FRAMES * P;
const { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE } = abi;

function mapFile(
  as: AddressSpace,
  file: TestFile,
  addr: number,
  pages: number,
  prot: number,
  flags: number,
  page = 0,
): number {
  return mmap(as, {
    addr,
    length: pages * P,
    prot,
    flags: flags | (addr === 0 ? 0 : MAP_FIXED),
    file,
    offset: page * P,
    fileWritable: true,
  });
}

function program(rig: Rig): AddressSpace {
  const as = rig.space();
  as.setBrk(0x5556_0000);
  as.setupStack(as.layout.stackTop, 33 * P, RW);
  return as;
}

function maps(as: AddressSpace): string[] {
  return as.areas.items
    .toArray()
    .map((v) => `${v.start.toString(16)}-${v.end.toString(16)} ${v.prot}`);
}

test('brk never grows into what mmap gave out, and never fails with an errno', () => {
  const rig = makeRig();
  const as = program(rig);
  assert.is(brk(as, 0), 0x5556_0000);
  assert.is(brk(as, 0x5556_0000 + 10 * P + 5), 0x5556_0000 + 10 * P + 5);
  store8(rig, 0x5556_0000 + 10 * P, 1);
  anon(as, 0x5556_0000 + 20 * P, 1);
  const end = brk(as, 0);
  assert.is(brk(as, 0x5556_0000 + 21 * P), end, 'over a mapping');
  assert.is(brk(as, 0x5556_0000 + 20 * P), end, 'no page between');
  assert.is(brk(as, 0x5556_0000 + 19 * P), 0x5556_0000 + 19 * P);
  assert.is(brk(as, 2 ** 60), 0x5556_0000 + 19 * P);
  assert.is(brk(as, 0x5556_0000 + P), 0x5556_0000 + P);
  assert.is(load8(rig, 0x5556_0000 + 10 * P), -1);
  assert.is(brk(as, 0x5556_0000 + 12 * P), 0x5556_0000 + 12 * P);
  assert.is(load8(rig, 0x5556_0000 + 10 * P), 0, 'fresh pages are zero');
  checkAudit(rig);
});

test('mmap leaves the heap room to grow and stays below 4 GiB while it can', () => {
  const rig = makeRig();
  const as = program(rig);
  let lowest = 2 ** 47;
  for (let i = 0; i < 6; i++) {
    const addr = mmap(as, {
      addr: 0,
      length: 0x1000_0000,
      prot: 0,
      flags: MAP_PRIVATE | MAP_ANONYMOUS,
      file: null,
      offset: 0,
    });
    assert.ok(addr + 0x1000_0000 <= 2 ** 32);
    lowest = Math.min(lowest, addr);
  }
  assert.ok(lowest >= as.startBrk + 0x4000_0000);
  const big = mmap(as, {
    addr: 0,
    length: 2 ** 36,
    prot: 0,
    flags: MAP_PRIVATE | MAP_ANONYMOUS,
    file: null,
    offset: 0,
  });
  assert.ok(big >= 2 ** 32 && big + 2 ** 36 < 2 ** 47);
  checkAudit(rig);
});

test('fresh mappings never show what was there before', () => {
  const rig = makeRig();
  const as = rig.space();
  const first = anon(as, 0, 4);
  for (let i = 0; i < 4; i++) store8(rig, first + i * P, 0x55);
  munmap(as, first, 4 * P);
  const second = anon(as, 0, 4);
  assert.is(second, first, 'the same range again');
  for (let i = 0; i < 4; i++) assert.is(load8(rig, second + i * P), 0);
  anon(as, first, 2);
  checkAudit(rig);
});

test('a low hint is not taken, a good one is, a bad one is not an error', () => {
  const rig = makeRig();
  const as = program(rig);
  const hint = (addr: number): number =>
    mmap(as, {
      addr,
      length: P,
      prot: RW,
      flags: MAP_PRIVATE | MAP_ANONYMOUS,
      file: null,
      offset: 0,
    });
  assert.ok(hint(0x1000) > 0x10000);
  assert.ok(hint(0xffff) > 0x10000);
  assert.is(hint(0xc0_0000_0000), 0xc0_0000_0000);
  assert.is(hint(0xc0_0000_2001), 0xc0_0000_2000, 'rounded down');
  assert.is.not(hint(0xc0_0000_0000), 0xc0_0000_0000, 'taken');
  assert.ok(hint(2 ** 47) < 2 ** 47);
  assert.ok(hint(as.layout.stackTop - 40 * P) < as.layout.stackTop - 256 * P, 'in the guard gap');
  const low = mmap(as, {
    addr: 0,
    length: P,
    prot: RW,
    flags: MAP_PRIVATE | MAP_ANONYMOUS | abi.MAP_32BIT,
    file: null,
    offset: 0,
  });
  assert.ok(low < 2 ** 31);
  checkAudit(rig);
});

test('mmap gives the errors of Linux', () => {
  const rig = makeRig();
  const as = rig.space();
  const tryMap = (change: object): number =>
    errnoOf(() =>
      mmap(as, {
        addr: 0,
        length: P,
        prot: RW,
        flags: MAP_PRIVATE | MAP_ANONYMOUS,
        file: null,
        offset: 0,
        ...change,
      }),
    );
  const fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  assert.is(tryMap({ length: 0 }), EINVAL);
  assert.is(tryMap({ flags: MAP_ANONYMOUS }), EINVAL);
  assert.is(tryMap({ offset: 100 }), EINVAL);
  assert.is(tryMap({ length: 2 ** 48 }), ENOMEM);
  assert.is(tryMap({ addr: 0x20001, flags: fixed }), EINVAL);
  assert.is(tryMap({ addr: 0x1000, flags: fixed }), EPERM);
  assert.is(tryMap({ addr: abi.TASK_SIZE, flags: fixed }), ENOMEM);
  assert.is(tryMap({ length: 2 ** 40 }), ENOMEM, 'more than there is');
  assert.is(tryMap({ length: 2 ** 40, prot: 0 }), 0, 'address space only');
  anon(as, A, 2);
  const noReplace = MAP_PRIVATE | MAP_ANONYMOUS | abi.MAP_FIXED_NOREPLACE;
  assert.is(tryMap({ addr: A + P, flags: noReplace }), EEXIST);
  assert.is(tryMap({ addr: A + 2 * P, flags: noReplace }), 0);
  assert.is(tryMap({ flags: MAP_PRIVATE | MAP_ANONYMOUS | abi.MAP_HUGETLB }), ENOMEM);
  as.limits = { ...as.limits, as: (as.areas.totalPages + 2) * P };
  assert.is(tryMap({ length: 3 * P }), ENOMEM);
  assert.is(tryMap({ length: 2 * P }), 0);
});

test('munmap and mprotect split areas, and like neighbours merge again', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 8);
  munmap(as, A + 3 * P, P);
  assert.equal(maps(as), ['100000-103000 3', '104000-108000 3']);
  mprotect(as, A + 5 * P, P, PROT_READ);
  assert.equal(maps(as), [
    '100000-103000 3',
    '104000-105000 3',
    '105000-106000 1',
    '106000-108000 3',
  ]);
  mprotect(as, A + 4 * P, 4 * P, RW);
  anon(as, A + 3 * P, 1);
  assert.equal(maps(as), ['100000-108000 3']);
  anon(as, A + 10 * P, 1);
  assert.is(
    errnoOf(() => mprotect(as, A + 6 * P, 4 * P, PROT_READ)),
    ENOMEM,
  );
  assert.equal(
    maps(as),
    ['100000-106000 3', '106000-108000 1', '10a000-10b000 3'],
    'up to the hole',
  );
  assert.is(
    errnoOf(() => munmap(as, A + 1, P)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => munmap(as, A, 0)),
    EINVAL,
  );
  munmap(as, 0, abi.TASK_SIZE);
  assert.is(rig.paging.frames.free, rig.paging.frames.total - 1);
  checkAudit(rig);
});

test('mprotect keeps contents, through PROT_NONE and back', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 2);
  store8(rig, A, 1);
  mprotect(as, A, 2 * P, abi.PROT_NONE);
  checkAudit(rig);
  assert.is(load8(rig, A), -1);
  assert.equal(faultSignal(rig.mmu.lastFault), { signal: 11, code: 2 });
  mprotect(as, A, 2 * P, RW);
  assert.is(load8(rig, A), 1);
  assert.is(store8(rig, A, 2), 0);
  assert.is(load8(rig, A), 2);
  checkAudit(rig);
});

test('2 MiB pages appear on demand and split where an area ends', () => {
  const rig = makeRig(2048);
  const as = rig.space();
  const base = 2 * HUGE;
  anon(as, base - P, HUGE_PAGE_FRAMES + 2);
  madvise(as, base - P, HUGE + 2 * P, abi.MADV_HUGEPAGE);
  store8(rig, base + 5 * P, 5);
  store8(rig, base - P, 6);
  assert.is(as.tables.huge.size, 1);
  assert.is(as.residentPages, HUGE_PAGE_FRAMES + 1, 'the page outside the 2 MiB is a small one');
  checkAudit(rig);
  store8(rig, base + 6 * P, 7);
  munmap(as, base + 6 * P, P);
  assert.is(as.tables.huge.size, 0);
  assert.is(load8(rig, base + 6 * P), -1);
  assert.is(load8(rig, base + 5 * P), 5);
  checkAudit(rig);
  anon(as, base + 4 * P, 2);
  assert.is(load8(rig, base + 5 * P), 0, 'MAP_FIXED inside what was a 2 MiB page');
  const free = rig.paging.frames.free;
  munmap(as, base - P, HUGE + 2 * P);
  assert.is(rig.paging.frames.free, free + HUGE_PAGE_FRAMES - 3 + 1);
  checkAudit(rig);
});

test('a 2 MiB page is copied on write page by page after fork', () => {
  const rig = makeRig(2048);
  const as = rig.space();
  anon(as, HUGE, HUGE_PAGE_FRAMES);
  madvise(as, HUGE, HUGE, abi.MADV_HUGEPAGE);
  store8(rig, HUGE, 1);
  const child = forkAddressSpace(as);
  rig.spaces.add(child);
  store8(rig, HUGE + P, 2);
  child.activate();
  assert.is(load8(rig, HUGE + P), 0);
  assert.is(load8(rig, HUGE), 1);
  store8(rig, HUGE, 3);
  as.activate();
  assert.is(load8(rig, HUGE), 1);
  checkAudit(rig);
});

test('segments that share a file page in two mappings do not disturb each other', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(2 * P));
  // As ld does: .rodata ends and .data begins in the same page of the file.
  mapFile(as, file, A, 1, PROT_READ, MAP_PRIVATE, 1);
  mapFile(as, file, A + P, 1, RW, MAP_PRIVATE, 1);
  store8(rig, A + P + 8, 0xaa);
  assert.is(load8(rig, A + 8), pattern(2 * P)[P + 8]);
  assert.is(load8(rig, A + P + 8), 0xaa);
  assert.is(load8(rig, A + P + 9), pattern(2 * P)[P + 9]);
  assert.is(store8(rig, A + 8, 1), -1);
  checkAudit(rig);
});

test('fork shares frames until one side writes; shared memory stays shared', () => {
  const rig = makeRig();
  const parent = rig.space();
  anon(parent, A, 2);
  anon(parent, A + 2 * P, 1, RW, MAP_SHARED);
  store8(rig, A, 1);
  store8(rig, A + P, 2);
  store8(rig, A + 2 * P, 3);
  const free = rig.paging.frames.free;
  const child = forkAddressSpace(parent);
  rig.spaces.add(child);
  assert.is(rig.paging.frames.free, free);
  assert.is(child.tables.codeGeneration, parent.tables.codeGeneration);
  store8(rig, A, 11);
  store8(rig, A + 2 * P, 33);
  child.activate();
  assert.equal(
    [A, A + P, A + 2 * P].map((va) => load8(rig, va)),
    [1, 2, 33],
  );
  store8(rig, A + P, 22);
  checkAudit(rig);
  rig.spaces.delete(child);
  parent.activate();
  child.release();
  assert.is(load8(rig, A + P), 2);
  store8(rig, A + P, 4);
  checkAudit(rig);
  rig.spaces.delete(parent);
  parent.release();
  assert.is(rig.paging.frames.free, rig.paging.frames.total - 1);
  checkAudit(rig);
});

test('DONTFORK areas are not in the child, WIPEONFORK ones are empty there', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 3);
  for (let i = 0; i < 3; i++) store8(rig, A + i * P, i + 1);
  madvise(as, A, P, abi.MADV_DONTFORK);
  madvise(as, A + P, P, abi.MADV_WIPEONFORK);
  const child = forkAddressSpace(as);
  rig.spaces.add(child);
  child.activate();
  assert.equal(
    [0, 1, 2].map((i) => load8(rig, A + i * P)),
    [-1, 0, 3],
  );
  checkAudit(rig);
});

test('the stack grows on demand up to its limit, with a gap below', () => {
  const rig = makeRig();
  const as = program(rig);
  const top = as.layout.stackTop;
  assert.is(store8(rig, top - 100 * P, 1), 0);
  assert.is(as.areas.find(top - 1)!.start, top - 100 * P);
  as.limits = { ...as.limits, stack: 200 * P };
  assert.is(store8(rig, top - 200 * P, 1), 0);
  assert.is(store8(rig, top - 201 * P, 1), -1);
  as.limits = { ...as.limits, stack: 2000 * P };
  anon(as, top - 600 * P, 1);
  assert.is(store8(rig, top - 343 * P, 1), 0, 'a gap of 256 pages is left');
  assert.is(store8(rig, top - 344 * P, 1), -1);
  assert.equal(faultSignal(rig.mmu.lastFault), { signal: 11, code: 1 });
  checkAudit(rig);
});

test('private file mappings: read through the cache, copied on write', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(P + 100));
  mapFile(as, file, A, 2, RW, MAP_PRIVATE);
  assert.is(load8(rig, A + 50), pattern(P)[50]);
  assert.is(load8(rig, A + P + 99), pattern(P + 100)[P + 99]);
  assert.is(load8(rig, A + P + 100), 0, 'zeros behind the end');
  assert.equal(file.reads, [2], 'the second page is read ahead');
  store8(rig, A + 50, 0xaa);
  assert.is(file.disk[50], pattern(P)[50]);
  assert.is(rig.memory.U8[frameHost(file.pages.peek(0)) + 50], pattern(P)[50]);
  checkAudit(rig);
  munmap(as, A, 2 * P);
  assert.is(file.refs, 0);
  assert.is(file.pages.mappers.size, 0);
});

test('beyond the end of a mapped file there is SIGBUS', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(100));
  mapFile(as, file, A, 2, RW, MAP_SHARED);
  assert.is(load8(rig, A + P - 1), 0);
  assert.is(load8(rig, A + P), -1);
  assert.is(lastFault(rig).error, 4);
  assert.equal(faultSignal(rig.mmu.lastFault), { signal: 7, code: 2 });
  assert.is(
    errnoOf(() => as.mem.readU8(A + P)),
    EFAULT,
  );
});

test('shared file mappings: stores are seen by all, written back, and tracked again', () => {
  const rig = makeRig();
  const a = rig.space();
  const b = rig.space();
  const file = new TestFile(rig, pattern(2 * P));
  mapFile(a, file, A, 2, RW, MAP_SHARED);
  mapFile(b, file, A, 2, PROT_READ, MAP_SHARED, 0);
  load8(rig, A);
  assert.is(file.pages.dirtyPages, 0, 'a load makes nothing dirty');
  store8(rig, A, 0x77);
  assert.is(file.pages.dirtyPages, 1);
  b.activate();
  assert.is(load8(rig, A), 0x77);
  checkAudit(rig);
  msync(b, A, P, abi.MS_SYNC);
  assert.is(file.disk[0], 0x77);
  assert.is(file.pages.dirtyPages, 0);
  checkAudit(rig);
  a.activate();
  store8(rig, A + 1, 0x78);
  assert.is(file.pages.dirtyPages, 1);
  file.pages.sync();
  assert.is(file.disk[1], 0x78);
  checkAudit(rig);
});

test('truncate unmaps pages, private copies too, and clears the tail', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(3 * P));
  mapFile(as, file, A, 3, RW, MAP_PRIVATE);
  mapFile(as, file, A + 8 * P, 3, RW, MAP_SHARED);
  store8(rig, A + 2 * P, 1);
  store8(rig, A + 10 * P, 2);
  load8(rig, A + 8 * P);
  file.truncate(100);
  assert.is(load8(rig, A + 2 * P), -1);
  assert.equal(faultSignal(rig.mmu.lastFault), { signal: 7, code: 2 });
  assert.is(load8(rig, A + 8 * P + 100), 0);
  checkAudit(rig);
  store8(rig, A + 8 * P + 200, 9);
  file.truncate(P);
  assert.is(
    load8(rig, A + 8 * P + 200),
    0,
    'what was stored behind the end does not come into the file',
  );
});

test('mremap grows in place, moves, shrinks, and checks like Linux', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 2);
  store8(rig, A, 1);
  store8(rig, A + P, 2);
  assert.is(mremap(as, A, 2 * P, 4 * P, 0, 0), A);
  anon(as, A + 4 * P, 1);
  assert.is(
    errnoOf(() => mremap(as, A, 4 * P, 6 * P, 0, 0)),
    ENOMEM,
    'not in place',
  );
  const moved = mremap(as, A, 4 * P, 6 * P, abi.MREMAP_MAYMOVE, 0);
  assert.is.not(moved, A);
  assert.equal(
    [0, 1, 2, 5].map((i) => load8(rig, moved + i * P)),
    [1, 2, 0, 0],
  );
  assert.is(load8(rig, A), -1);
  checkAudit(rig);
  assert.is(mremap(as, moved, 6 * P, P, 0, 0), moved);
  assert.is(load8(rig, moved + P), -1);
  const fixed = abi.MREMAP_MAYMOVE | abi.MREMAP_FIXED;
  assert.is(mremap(as, moved, P, P, fixed, A + 4 * P), A + 4 * P);
  assert.is(load8(rig, A + 4 * P), 1);
  const keep = abi.MREMAP_MAYMOVE | abi.MREMAP_DONTUNMAP;
  const kept = mremap(as, A + 4 * P, P, P, keep, 0);
  assert.equal([load8(rig, kept), load8(rig, A + 4 * P)], [1, 0]);
  checkAudit(rig);
  assert.is(
    errnoOf(() => mremap(as, A + 1, P, P, 0, 0)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => mremap(as, A, P, P, 0, 0)),
    EFAULT,
  );
  assert.is(
    errnoOf(() => mremap(as, kept, P, 0, 0, 0)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => mremap(as, kept, 2 * P, 3 * P, 1, 0)),
    EFAULT,
    'more than one area',
  );
  assert.is(
    errnoOf(() => mremap(as, kept, P, P, abi.MREMAP_FIXED, A)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => mremap(as, kept, P, 2 * P, fixed, kept)),
    EINVAL,
    'overlap',
  );
  assert.is(
    errnoOf(() => mremap(as, kept, 0, P, abi.MREMAP_MAYMOVE, 0)),
    EINVAL,
  );
});

test('mremap of size 0 maps shared memory a second time', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 1, RW, MAP_SHARED);
  store8(rig, A, 7);
  const twin = mremap(as, A, 0, P, abi.MREMAP_MAYMOVE, 0);
  assert.is(load8(rig, twin), 7);
  store8(rig, twin, 8);
  assert.is(load8(rig, A), 8);
  checkAudit(rig);
});

test('madvise drops private pages, keeps shared ones, reports holes', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(P));
  anon(as, A, 1);
  anon(as, A + P, 1, RW, MAP_SHARED);
  mapFile(as, file, A + 2 * P, 1, RW, MAP_PRIVATE);
  for (let i = 0; i < 3; i++) store8(rig, A + i * P, 99);
  madvise(as, A, 3 * P, abi.MADV_DONTNEED);
  assert.equal(
    [0, 1, 2].map((i) => load8(rig, A + i * P)),
    [0, 99, pattern(P)[0]],
  );
  store8(rig, A, 5);
  assert.is(
    errnoOf(() => madvise(as, A - P, 2 * P, abi.MADV_DONTNEED)),
    ENOMEM,
  );
  assert.is(load8(rig, A), 0, 'done all the same');
  madvise(as, A + P, P, abi.MADV_REMOVE);
  assert.is(load8(rig, A + P), 0);
  assert.is(
    errnoOf(() => madvise(as, A + P, P, abi.MADV_FREE)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => madvise(as, A, P, 999)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => madvise(as, A, P, abi.MADV_REMOVE)),
    EINVAL,
  );
  madvise(as, A, P, abi.MADV_POPULATE_WRITE);
  anon(as, A + 3 * P, 1);
  assert.equal([...mincore(as, A, 4 * P)], [1, 1, 1, 0]);
  assert.is(
    errnoOf(() => mincore(as, A - P, P)),
    ENOMEM,
  );
  checkAudit(rig);
});

test('locked memory is present, counted, limited, and not dropped', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 4);
  as.limits = { ...as.limits, memlock: 3 * P };
  mlock(as, A + 10, BigInt(P), 0);
  assert.is(as.lockedPages, 2);
  assert.is(as.residentPages, 2);
  assert.is(
    errnoOf(() => mlock(as, A, BigInt(4 * P), 0)),
    ENOMEM,
  );
  assert.is(
    errnoOf(() => madvise(as, A, P, abi.MADV_DONTNEED)),
    EINVAL,
  );
  assert.is(
    errnoOf(() => msync(as, A, P, abi.MS_INVALIDATE)),
    EBUSY,
  );
  munlock(as, A, BigInt(4 * P));
  assert.equal(maps(as), ['100000-104000 3']);
  as.limits = { ...as.limits, memlock: 100 * P };
  mlockall(as, abi.MCL_CURRENT | abi.MCL_FUTURE);
  anon(as, A + 8 * P, 1);
  assert.is(as.lockedPages, 5);
  munlockall(as);
  assert.is(as.lockedPages, 0);
  checkAudit(rig);
});

test('a shared mapping of a file opened read-only never becomes writable', () => {
  const rig = makeRig();
  const as = rig.space();
  const file = new TestFile(rig, pattern(P));
  mmap(as, {
    addr: A,
    length: P,
    prot: PROT_READ,
    flags: MAP_SHARED | MAP_FIXED,
    file,
    offset: 0,
    fileWritable: false,
  });
  assert.is(
    errnoOf(() => mprotect(as, A, P, RW)),
    EACCES,
  );
  mprotect(as, A, P, PROT_READ | PROT_EXEC);
});

test('under memory pressure clean cache pages go, then the task', () => {
  const rig = makeRig(64);
  const as = rig.space();
  const file = new TestFile(rig, pattern(30 * P));
  mapFile(as, file, 2 * A, 30, PROT_READ, MAP_PRIVATE);
  for (let i = 0; i < 30; i++) load8(rig, 2 * A + i * P);
  munmap(as, 2 * A, 30 * P);
  assert.is(file.pages.resident, 30);
  anon(as, A, 64);
  let stored = 0;
  while (store8(rig, A + stored * P, 1) === 0) stored++;
  assert.is(file.pages.resident, 0);
  assert.is(stored, rig.paging.frames.total - 1);
  assert.is(rig.mmu.lastFault, FAULT_OOM);
  assert.is(faultSignal(rig.mmu.lastFault).signal, 9);
  checkAudit(rig);
});

test('maps and smaps look like those of Linux', () => {
  const rig = makeRig();
  const as = program(rig);
  brk(as, as.startBrk + P);
  const file = new TestFile(rig, pattern(2 * P));
  mapFile(as, file, 0x40_0000, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, 1);
  anon(as, 0x7f00_0000_0000, 1, PROT_READ | PROT_WRITE, MAP_SHARED);
  load8(rig, 0x40_0000);
  const lines = formatMaps(as).split('\n');
  assert.is(
    lines[0],
    '00400000-00401000 r-xp 00001000 08:01 42                                 /test/file',
  );
  assert.is(
    lines[1],
    '55560000-55561000 rw-p 00000000 00:00 0                                  [heap]',
  );
  assert.is(
    lines[2],
    'fffcf000-ffff0000 rw-p 00000000 00:00 0                                  [stack]',
  );
  assert.match(
    lines[3]!,
    /^7f0000000000-7f0000001000 rw-s 00000000 00:01 \d+ +\/dev\/zero \(deleted\)$/,
  );
  assert.match(formatSmaps(as), /Rss: {19}4 kB\nPss: {19}4 kB/);
});

test('copyIn and copyOut cross pages, stop at holes, and leave the TLB alone', () => {
  const rig = makeRig();
  const running = rig.space();
  const other = rig.space();
  anon(other, A, 2);
  anon(running, A, 2, PROT_READ);
  const bytes = pattern(6000);
  other.mem.copyOut(A + 100, bytes);
  const back = new Uint8Array(6000);
  other.mem.copyIn(A + 100, back);
  assert.equal(back, bytes);
  assert.is(load8(rig, A + 100), 0, 'the running one has its own memory');
  assert.is(
    errnoOf(() => running.mem.copyOut(A, bytes)),
    EFAULT,
  );
  assert.is(other.mem.copyOutPartial(A + 2 * P - 10, bytes, 0, 100), 10);
  assert.is(
    errnoOf(() => other.mem.copyIn(-P, back)),
    EFAULT,
  );
  assert.is(
    errnoOf(() => other.mem.copyIn(2 ** 63, back)),
    EFAULT,
  );
  other.mem.writeU64(A + P - 3, 0x1234_5678_9abc);
  assert.is(other.mem.readU64(A + P - 3), 0x1234_5678_9abc);
  other.mem.writeU64(A, -2);
  assert.is(other.mem.readI64(A), -2);
  other.mem.writeU32(A, 5);
  assert.is(other.mem.compareExchange(A, 5, 6), 5);
  assert.is(other.mem.compareExchange(A, 5, 7), 6);
  assert.is(other.mem.readU32(A), 6);
  other.mem.copyOut(A + P - 2, new Uint8Array([104, 105, 33, 0]));
  assert.is(other.mem.readCString(A + P - 2, 100), 'hi!');
  assert.is(errnoOf(() => other.mem.readCString(A + 2 * P - 1, 100)) !== 0, true);
  checkAudit(rig);
});

test('the audit finds what is wrong', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 1);
  store8(rig, A, 1);
  as.areas.find(A)!.prot = PROT_READ;
  assert.match(findings(rig), /writable in a read-only area/);
  as.areas.find(A)!.prot = RW;
  rig.paging.frames.retain(as.tables.get(A / P) >>> 12);
  assert.match(findings(rig), /2 references, 1 users/);
  rig.paging.frames.release(as.tables.get(A / P) >>> 12);
  const frame = as.tables.get(A / P) >>> 12;
  rig.paging.marks[frame] = 1;
  assert.match(findings(rig), /TLB has RW/);
  rig.paging.marks[frame] = 0;
  checkAudit(rig);
});
