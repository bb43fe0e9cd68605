/** What the MMU and the page cache tell of frames that are watched, and what it costs others. */

import type { PageTables } from '../../src/mmu/page-tables.ts';
import { MARK_CODE, MARK_WATCHED, type MemoryWatch } from '../../src/mmu/paging.ts';
import { assert, suite } from '../lib/suite.ts';
import { anon, checkAudit, load8, makeRig, type Rig, store8 } from './rig.ts';

const test = suite('watched frames');

const P = 4096;
const A = 0x10_0000;

/** Watches bytes 16 to 32 of one frame, and writes down what it is told. */
class TestWatch implements MemoryWatch {
  readonly told: string[] = [];
  frame = -1;
  /** The page that is watched though it is not mapped. */
  vpn = -1;

  overlaps(frame: number, from: number, to: number): boolean {
    return frame === this.frame && from < 32 && to > 16;
  }

  watches(_space: PageTables, vpn: number): boolean {
    return vpn === this.vpn;
  }

  storing(frame: number, from: number, to: number, lo: number): void {
    this.told.push(`store ${frame === this.frame} ${from}-${to} ${lo.toString(16)}`);
  }

  contentChanges(frame: number, from: number, to: number): void {
    this.told.push(`kernel ${frame === this.frame} ${from}-${to}`);
  }

  entryChanged(_space: PageTables, vpn: number): void {
    if (vpn === this.vpn) this.told.push('entry');
  }

  cached(): void {
    this.told.push('cached');
  }

  freed(frame: number): void {
    if (frame === this.frame) this.told.push('freed');
  }
}

function watched(): { rig: Rig; as: ReturnType<Rig['space']>; watch: TestWatch } {
  const rig = makeRig();
  const as = rig.space();
  anon(as, A, 4);
  for (let i = 0; i < 4; i++) store8(rig, A + i * P, 1);
  const watch = new TestWatch();
  rig.paging.watch = watch;
  watch.frame = as.tables.get(A / P) >>> 12;
  rig.paging.watchFrame(watch.frame);
  return { rig, as, watch };
}

test('a store to watched bytes waits for its instruction to be executed alone', () => {
  const { rig, watch } = watched();
  assert.is(store8(rig, A + 16, 9), -2);
  assert.is(load8(rig, A + 16), 0);
  assert.equal(watch.told, []);
  rig.mmu.allowSelfModify = true;
  assert.is(store8(rig, A + 16, 9), 0);
  rig.mmu.allowSelfModify = false;
  assert.is(load8(rig, A + 16), 9);
  assert.equal(watch.told, [`store true 16-17 ${(A + 16).toString(16)}`]);
  checkAudit(rig);
});

test('other bytes of the page are stored at once, without a TLB entry', () => {
  const { rig, watch } = watched();
  const before = rig.paging.tlb.fills;
  for (let i = 0; i < 10; i++) assert.is(store8(rig, A + 100, i), 0);
  assert.ok(rig.paging.tlb.fills - before >= 10);
  assert.is(store8(rig, A + 15, 1), 0);
  assert.is(store8(rig, A + 32, 1), 0);
  assert.equal(watch.told, []);
  checkAudit(rig);
});

test('other pages keep their entries', () => {
  const { rig } = watched();
  const before = rig.paging.tlb.fills;
  for (let i = 0; i < 10; i++) for (let page = 1; page < 4; page++) store8(rig, A + page * P, i);
  assert.is(rig.paging.tlb.fills, before);
});

test('a store across pages writes nothing if either half is watched', () => {
  const { rig, as, watch } = watched();
  watch.frame = as.tables.get(A / P + 1) >>> 12;
  watch.overlaps = (frame) => frame === watch.frame;
  rig.paging.watchFrame(watch.frame);
  assert.is(rig.access.write32(A + P - 2, 0, -1), -2);
  assert.is(load8(rig, A + P - 1), 0);
  watch.frame = as.tables.get(A / P) >>> 12;
  assert.is(rig.access.write32(A + P - 2, 0, -1), -2);
  assert.is(load8(rig, A + P), 1);
});

test('a store that faults on a watched page waits, too', () => {
  const { rig, as, watch } = watched();
  anon(as, 0x20_0000, 1);
  watch.vpn = 0x200;
  assert.is(store8(rig, 0x20_0000, 1), -2);
  assert.equal(watch.told, []);
  rig.mmu.allowSelfModify = true;
  assert.is(store8(rig, 0x20_0000, 1), 0);
  assert.equal(watch.told, ['entry']);
});

test('code and watch are marks of their own', () => {
  const { rig, as, watch } = watched();
  const { marks } = rig.paging;
  rig.paging.protectCode(watch.frame);
  assert.is(marks[watch.frame], MARK_CODE | MARK_WATCHED);
  rig.paging.unprotectCode(watch.frame);
  assert.is(marks[watch.frame], MARK_WATCHED);
  as.mem.writeU8(A + 20, 1);
  assert.equal(watch.told, ['kernel true 20-21']);
  as.unmapPages(A, A + P);
  assert.equal(watch.told, ['kernel true 20-21', 'freed']);
  assert.is(marks[watch.frame], 0);
});
