/** Guest accesses: TLB, faults and their error codes, page-crossing loads and stores, fetch. */

import { ENG_CODE_GEN, ENG_TLB_GEN, PAGE_SIZE, TLB_WRITE } from '../../src/common/layout.ts';
import { PROT_EXEC, PROT_NONE, PROT_READ } from '../../src/kernel/mm/abi.ts';
import { forkAddressSpace } from '../../src/kernel/mm/fork.ts';
import { mprotect, munmap } from '../../src/kernel/mm/mmap.ts';
import { tlbEntry } from '../../src/mmu/tlb.ts';
import { assert, suite } from '../lib/suite.ts';
import { anon, checkAudit, lastFault, load8, makeRig, type Rig, store8 } from './rig.ts';

/** Valid entries. */
function tlbEntries(rig: Rig): number {
  let n = 0;
  rig.paging.tlb.forEach(() => {
    n++;
  });
  return n;
}

const test = suite('guest access');
const A = 0x10_0000;

test('a store is read back, at low and at high addresses', () => {
  const rig = makeRig();
  const as = rig.space();
  for (const va of [A, 0xc0_0000_0000, 0x7fff_ffff_e000, 0xffff_f000]) {
    anon(as, va, 1);
    assert.is(rig.access.write64(va | 0, Math.floor(va / 2 ** 32), 0x12345678, -2), 0);
    const host = rig.access.read(va | 0, Math.floor(va / 2 ** 32), 8);
    assert.is(rig.memory.D.getInt32(host, true), 0x12345678);
    assert.is(rig.memory.D.getInt32(host + 4, true), -2);
  }
  checkAudit(rig);
});

test('untouched memory reads as zero and takes no frame until a store', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 4);
  const free = rig.paging.frames.free;
  assert.is(load8(rig, A + 5), 0);
  assert.is(rig.paging.frames.free, free);
  store8(rig, A + 5, 9);
  assert.is(rig.paging.frames.free, free - 1);
  assert.is(load8(rig, A + 5), 9);
  checkAudit(rig);
});

test('page faults carry the error code and address that x86 gives', () => {
  const rig = makeRig();
  const as = rig.space();
  const fault = (access: () => number): object => {
    assert.is(access(), -1);
    return lastFault(rig);
  };
  const at = { vector: 14, address: A + 8 };
  assert.equal(
    fault(() => load8(rig, A + 8)),
    { ...at, error: 4 },
  );
  assert.equal(
    fault(() => store8(rig, A + 8, 1)),
    { ...at, error: 6 },
  );
  assert.equal(
    fault(() => rig.mmu.fetch(A + 8, 0)),
    { ...at, error: 0x14 },
  );
  anon(as, A, 1, PROT_READ);
  assert.is(load8(rig, A + 8), 0);
  assert.equal(
    fault(() => store8(rig, A + 8, 1)),
    { ...at, error: 7 },
  );
  assert.equal(
    fault(() => rig.mmu.fetch(A + 8, 0)),
    { ...at, error: 0x15 },
  );
  mprotect(as, A, PAGE_SIZE, PROT_NONE);
  assert.equal(
    fault(() => load8(rig, A + 8)),
    { ...at, error: 4 },
  );
});

test('non-canonical addresses raise #GP(0), kernel addresses a protection fault', () => {
  const rig = makeRig();
  rig.space();
  assert.is(rig.access.read(0, 0x8000, 4), -1);
  assert.is(lastFault(rig).vector, 13);
  assert.is(lastFault(rig).error, 0);
  assert.is(rig.access.write32(0, 0xffff7fff | 0, 1), -1);
  assert.is(lastFault(rig).vector, 13);
  assert.is(rig.access.read(0x1000, -1, 4), -1);
  assert.equal(lastFault(rig), { vector: 14, error: 5, address: 0xffff_ffff_0000_1000 });
  assert.is(rig.access.read(-1, 0x7fff, 4), -1);
  assert.is(lastFault(rig).vector, 14, 'the last user page is never mapped');
});

test('a load that crosses pages is assembled; two of them stay valid', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 3);
  for (let i = 0; i < 3 * PAGE_SIZE; i++) store8(rig, A + i, i * 3 + (i >>> 12));
  const first = rig.access.read(A + 0xffd, 0, 8);
  const second = rig.access.read(A + 0x1fe0, 0, 64);
  for (let i = 0; i < 8; i++) {
    assert.is(rig.memory.U8[first + i], ((0xffd + i) * 3 + ((0xffd + i) >>> 12)) & 255);
  }
  for (let i = 0; i < 64; i++) {
    assert.is(rig.memory.U8[second + i], ((0x1fe0 + i) * 3 + ((0x1fe0 + i) >>> 12)) & 255);
  }
});

test('a store that crosses into a page that cannot be written writes nothing', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 1);
  anon(as, A + PAGE_SIZE, 1, PROT_READ);
  assert.is(rig.access.write32(A + 0xffe, 0, -1), -1);
  assert.equal(lastFault(rig), { vector: 14, error: 6, address: A + PAGE_SIZE });
  assert.is(load8(rig, A + 0xffe), 0);
  mprotect(as, A + PAGE_SIZE, PAGE_SIZE, 3);
  assert.is(rig.access.write64(A + 0xffe, 0, 0x44332211, 0x08776655), 0);
  assert.equal(
    [0, 1, 2, 3, 4, 7].map((i) => load8(rig, A + 0xffe + i)),
    [0x11, 0x22, 0x33, 0x44, 0x55, 8],
  );
  assert.is(rig.access.write16(A + 0xfff, 0, 0xbeef), 0);
  assert.is(load8(rig, A + 0x1000), 0xbe);
  checkAudit(rig);
});

test('a crossing store at the 4 GiB border carries into the high half', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, 0xffff_f000, 2);
  assert.is(rig.access.write64(-4, 0, 0x11111111, 0x22222222), 0);
  assert.is(load8(rig, 0x1_0000_0000), 0x22);
  checkAudit(rig);
});

test('one changed entry kills one TLB entry, of address spaces that do not run too', () => {
  const rig = makeRig();
  const a = rig.space();
  const b = rig.space();
  for (const as of [a, b]) {
    as.activate();
    anon(as, A, 2);
    store8(rig, A, 1);
    store8(rig, A + PAGE_SIZE, 2);
  }
  assert.is(tlbEntries(rig), 2, 'same pages, same entries: b has replaced a');
  munmap(b, A, PAGE_SIZE);
  assert.is(tlbEntries(rig), 1);
  assert.is(load8(rig, A), -1);
  assert.is(load8(rig, A + PAGE_SIZE), 2);
  a.activate();
  assert.is(load8(rig, A), 1);
  munmap(b, A + PAGE_SIZE, PAGE_SIZE);
  checkAudit(rig);
});

test('TLB generations wrap without mixing address spaces up', () => {
  const rig = makeRig();
  const first = rig.space();
  anon(first, A, 1);
  store8(rig, A, 77);
  for (let i = 0; i < 4095; i++) {
    const as = rig.space();
    as.activate();
    if (i > 4000) {
      anon(as, A, 1);
      store8(rig, A, i);
      assert.is(load8(rig, A), i & 255);
    }
    rig.spaces.delete(as);
    as.release();
  }
  first.activate();
  assert.is(rig.paging.tlb.epoch, 2);
  assert.ok(rig.memory.I32[ENG_TLB_GEN]! >= 1 && rig.memory.I32[ENG_TLB_GEN]! <= 4095);
  assert.is(load8(rig, A), 77);
  checkAudit(rig);
});

test('stores into translated code stop, or go through and invalidate', () => {
  const rig = makeRig();
  const as = rig.space();
  const dropped: string[] = [];
  rig.paging.tracker = {
    overlaps: (_frame, from, to) => from < 0x20 && to > 0x10,
    invalidate: (_frame, from, to, reason) => dropped.push(`${from}-${to} ${reason}`),
  };
  anon(as, A, 2, 7);
  store8(rig, A, 0xc3);
  const frame = rig.mmu.frameOf(rig.mmu.fetch(A, 0));
  rig.mmu.protectCode(frame);
  assert.is(rig.memory.I32[tlbEntry(A) + TLB_WRITE], 0);
  assert.is(store8(rig, A + 0x10, 1), -2);
  assert.is(load8(rig, A + 0x10), 0, 'nothing written');
  assert.is(rig.access.write64(A + 0x0c, 0, 1, 1), -2);
  assert.is(store8(rig, A + 0x20, 5), 0, 'beside the code');
  assert.is(rig.memory.I32[tlbEntry(A) + TLB_WRITE], 0, 'still the slow path');
  checkAudit(rig);
  rig.mmu.allowSelfModify = true;
  assert.is(store8(rig, A + 0x10, 1), 0);
  assert.equal(dropped, ['16-17 store']);
  rig.mmu.allowSelfModify = false;
  as.mem.writeU32(A + 0x14, 0);
  assert.equal(dropped.slice(1), ['20-24 kernel write']);
  munmap(as, A, PAGE_SIZE);
  assert.equal(dropped.slice(2), ['0-4096 frame freed']);
  checkAudit(rig);
});

test('a store that gives code another frame stops once', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 1, 7);
  assert.is(rig.access.write8(A, 0, 0xc3), 0, 'there was no code here');
  rig.mmu.fetch(A, 0);
  const child = forkAddressSpace(as);
  rig.spaces.add(child);
  assert.is(rig.access.write8(A, 0, 0x90), -2);
  assert.is(rig.mmu.codeMoved, true);
  assert.is(load8(rig, A), 0xc3, 'nothing written');
  assert.is(rig.access.write8(A, 0, 0x90), 0);
  child.activate();
  assert.is(load8(rig, A), 0xc3);
  checkAudit(rig);
});

test('code generation changes with executable mappings only', () => {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 1, PROT_READ | PROT_EXEC);
  anon(as, A + PAGE_SIZE, 1);
  rig.mmu.fetch(A, 0);
  store8(rig, A + PAGE_SIZE, 1);
  const generation = rig.memory.I32[ENG_CODE_GEN];
  munmap(as, A + PAGE_SIZE, PAGE_SIZE);
  assert.is(rig.memory.I32[ENG_CODE_GEN], generation);
  mprotect(as, A, PAGE_SIZE, PROT_READ);
  assert.is.not(rig.memory.I32[ENG_CODE_GEN], generation);
});

test('pages next to a multiple of 4 GiB are never in the TLB for loads and stores', () => {
  const rig = makeRig();
  const as = rig.space();
  for (const [va, cached] of [
    [0xffff_f000, false],
    [0x1_0000_0000, false],
    [0x1_0000_f000, false],
    [0xffff_0000, false],
    [0xfffe_f000, true],
    [0x1_0001_0000, true],
  ] as const) {
    anon(as, va, 1);
    const before = tlbEntries(rig);
    store8(rig, va + 8, 7);
    assert.is(load8(rig, va + 8), 7);
    assert.is(tlbEntries(rig) - before, cached ? 1 : 0, va.toString(16));
  }
  checkAudit(rig);
});
