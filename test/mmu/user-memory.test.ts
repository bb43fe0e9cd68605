/** The kernel's copies from and to a process: over pages in any order in memory, up to the first that cannot be accessed. */

import fc from 'fast-check';
import { PAGE_SIZE, RAM_BASE } from '../../src/common/layout.ts';
import { EFAULT, ENAMETOOLONG } from '../../src/kernel/errno.ts';
import { MAP_FIXED, MAP_SHARED, PROT_NONE, PROT_READ } from '../../src/kernel/mm/abi.ts';
import { mmap } from '../../src/kernel/mm/mmap.ts';
import { UserMemory } from '../../src/kernel/mm/user-memory.ts';
import { assert, suite } from '../lib/suite.ts';
import { anon, checkAudit, errnoOf, makeRig, pattern, RW, TestFile } from './rig.ts';

const test = suite('copies from and to processes');
const P = PAGE_SIZE;
const A = 0x10_0000;
const PAGES = 8;

/** Rights of pages, the order in which they are touched first, a range. */
const cases = fc.record({
  prots: fc.array(fc.constantFrom(RW, RW, RW, RW, PROT_READ, PROT_NONE, -1), {
    minLength: PAGES,
    maxLength: PAGES,
  }),
  order: fc.shuffledSubarray([...Array(PAGES).keys()]),
  offset: fc.nat(PAGES * P),
  length: fc.nat(PAGES * P),
  own: fc.boolean(),
});

test('partial copies end exactly at the first page without the right', () => {
  fc.assert(
    fc.property(cases, ({ prots, order, offset, length, own }) => {
      const rig = makeRig(128);
      const as = rig.space();
      const mem = new UserMemory(as);
      const model = new Uint8Array(PAGES * P);
      for (const [i, prot] of prots.entries()) if (prot >= 0) anon(as, A + i * P, 1, prot);
      for (const i of order) {
        if (prots[i] !== RW) continue;
        mem.writeU8(A + i * P + 5, i + 1);
        model[i * P + 5] = i + 1;
      }
      const reach = (right: number): number => {
        let n = 0;
        while (n < length) {
          const prot = prots[Math.floor((offset + n) / P)] ?? -1;
          if (prot < 0 || (prot & right) !== right) break;
          n = Math.min(length, n + P - ((offset + n) % P));
        }
        return n;
      };
      const { U8 } = rig.memory;
      const scratch = RAM_BASE + 100 * P;
      // Between processes and the page cache both sides are linear memory.
      const into = own ? U8 : new Uint8Array(scratch + length);
      const readable = reach(PROT_READ);
      assert.is(mem.copyInPartial(A + offset, into, scratch, scratch + length), readable);
      const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((x, i) => x === b[i]);
      assert.ok(
        same(into.slice(scratch, scratch + readable), model.slice(offset, offset + readable)),
      );
      into.set(pattern(length, 3), scratch);
      const writable = reach(RW);
      assert.is(mem.copyOutPartial(A + offset, into, scratch, scratch + length), writable);
      model.set(pattern(length, 3).subarray(0, writable), offset);
      for (let i = 0; i < PAGES; i++) {
        if (prots[i]! < PROT_READ) continue;
        const page = new Uint8Array(P);
        mem.copyIn(A + i * P, page);
        assert.ok(same(page, model.subarray(i * P, (i + 1) * P)), `page ${i}`);
      }
      checkAudit(rig);
    }),
    { numRuns: 300 },
  );
});

test('a fault that writes files back loses nothing of the copy that runs into it', () => {
  const rig = makeRig();
  const as = rig.space();
  const mem = new UserMemory(as);
  class Synced extends TestFile {
    prepareFault(): void {
      this.pages.sync();
    }
  }
  const file = new Synced(rig, pattern(4 * P));
  const flags = MAP_SHARED | MAP_FIXED;
  mmap(as, { addr: A, length: 4 * P, prot: RW, flags, file, offset: 0, fileWritable: true });
  mem.writeU8(A, 1);
  mem.writeU8(A + P, 1);
  mem.copyOut(A, pattern(4 * P, 5));
  file.pages.sync();
  assert.equal(file.disk, pattern(4 * P, 5));
  checkAudit(rig);
});

test('strings end at the zero, wherever pages end', () => {
  const rig = makeRig();
  const as = rig.space();
  const mem = new UserMemory(as);
  anon(as, A, 2);
  for (const at of [A, A + P - 1, A + P - 7, A + P]) {
    for (const length of [0, 1, 6, 7, 8, 300, 4000, 5000, 8000]) {
      if (at + length >= A + 2 * P) continue;
      const bytes = pattern(length, 9).map((b) => b || 255);
      mem.clear(A, 2 * P);
      mem.copyOut(at, bytes);
      assert.is(mem.readCString(at, 8192), Buffer.from(bytes).toString('latin1'));
      if (length > 0)
        assert.is(
          errnoOf(() => mem.readCString(at, length)),
          ENAMETOOLONG,
        );
    }
  }
  mem.copyOut(A + P, new Uint8Array(P).fill(65));
  assert.is(
    errnoOf(() => mem.readCString(A + 2 * P - 5, 100)),
    EFAULT,
  );
});
