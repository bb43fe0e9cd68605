/** Where mmap finds room: the highest gap, whatever was mapped, unmapped, moved and looked for before. */

import fc from 'fast-check';
import { PAGE_SIZE } from '../../src/common/layout.ts';
import { STACK_GUARD_GAP } from '../../src/kernel/mm/abi.ts';
import { GapBuffer } from '../../src/kernel/mm/gap-buffer.ts';
import { VM_GROWSDOWN, Vma } from '../../src/kernel/mm/vma.ts';
import { VmaList } from '../../src/kernel/mm/vma-list.ts';
import { HeapAccount } from '../../src/mmu/heap-account.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('gaps between areas');

const FLOOR = 0x100000;
const CEILINGS = [0x800000, 0x1000000];
const OWNER = { unmapPages: () => {} };

const newList = (): VmaList => new VmaList(OWNER, new HeapAccount(1 << 30));

function area(start: number, end: number, flags = 0): Vma {
  return new Vma(OWNER, start, end, 3, flags, null, 0, '');
}

/** The highest free range, by looking at every page: free if no area has it, nor the guard gap of the next above. */
function highest(list: VmaList, length: number, ceiling: number): number {
  const areas = list.items.toArray();
  const free = (va: number): boolean => {
    const above = areas.find((vma) => va < vma.end);
    return above === undefined || va + PAGE_SIZE <= list.gapStart(above);
  };
  let run = 0;
  for (let va = ceiling - PAGE_SIZE; va >= FLOOR; va -= PAGE_SIZE) {
    run = free(va) ? run + PAGE_SIZE : 0;
    if (run === length) return va;
  }
  return -1;
}

type Step = readonly [kind: number, a: number, b: number];

/** Changes a list as mmap, munmap, mremap, mprotect and growing stacks do. */
function apply(list: VmaList, [kind, a, b]: Step): void {
  const length = (1 + (b % 5)) * PAGE_SIZE;
  const ceiling = CEILINGS[a % CEILINGS.length] as number;
  const vma = list.items.at(a % Math.max(1, list.items.length));
  if (kind < 4) {
    const at = list.findTopDown(length, FLOOR, ceiling);
    assert.is(at, highest(list, length, ceiling));
    if (at >= 0) list.insert(area(at, at + length, kind === 3 ? VM_GROWSDOWN : 0));
    return;
  }
  if (vma === undefined) return;
  const inside = vma.start + PAGE_SIZE * (b % vma.pages);
  if (kind === 4) list.remove(vma);
  else if (kind === 5) list.removeWithin(vma.start, vma.end);
  else if (kind === 6 && inside > vma.start) list.resize(vma, vma.start, inside);
  else if (kind === 7) list.resize(vma, inside, vma.end);
  else if (kind === 8) list.splitAt(inside);
  else if (kind === 9) list.mergeAround(vma.start, vma.end);
  else if (kind === 10 && !list.overlaps(vma.start - PAGE_SIZE, vma.start)) {
    list.resize(vma, vma.start - PAGE_SIZE, vma.end);
  } else if (kind === 11 && vma.start >= (1 + b) * PAGE_SIZE) {
    const at = vma.start - (1 + b) * PAGE_SIZE; // MAP_FIXED, perhaps in a guard gap
    if (!list.overlaps(at, at + PAGE_SIZE)) list.insert(area(at, at + PAGE_SIZE));
  }
}

function compareAfter(steps: readonly Step[]): void {
  const list = newList();
  for (const s of steps) apply(list, s);
  for (const length of [1, 2, 3, 8]) {
    for (const ceiling of CEILINGS) {
      const bytes = length * PAGE_SIZE;
      assert.is(list.findTopDown(bytes, FLOOR, ceiling), highest(list, bytes, ceiling));
    }
  }
}

test('findTopDown gives the highest gap after any changes', () => {
  const step = fc.tuple(fc.nat(11), fc.nat(200), fc.nat(50));
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) =>
      compareAfter(steps),
    ),
    { numRuns: 3000 },
  );
});

test('an area in the guard gap of a stack that grew is where the gap ends', () => {
  compareAfter([
    [3, 127, 0],
    [0, 3, 0],
    [10, 111, 0],
    [10, 51, 0],
    [0, 0, 0],
  ]);
});

test('a stack keeps its guard gap', () => {
  const list = newList();
  const ceiling = CEILINGS[1] as number;
  list.insert(area(ceiling - PAGE_SIZE, ceiling, VM_GROWSDOWN));
  const at = list.findTopDown(PAGE_SIZE, FLOOR, ceiling);
  assert.is(at, ceiling - 2 * PAGE_SIZE - STACK_GUARD_GAP);
  assert.is(list.findTopDown(PAGE_SIZE, FLOOR, ceiling), at);
});

test('with many areas, mmap and munmap by turns look at few of them', () => {
  const list = newList();
  const ceiling = 0x7000_0000;
  let looked = 0;
  for (let i = 0; i < 20_000; i++) {
    const at = list.findTopDown(PAGE_SIZE, FLOOR, ceiling);
    list.insert(area(at, at + PAGE_SIZE));
  }
  const gapStart = list.gapStart.bind(list);
  list.gapStart = (vma) => {
    looked++;
    return gapStart(vma);
  };
  for (let i = 0; i < 1000; i++) {
    const at = list.findTopDown(2 * PAGE_SIZE, FLOOR, ceiling);
    list.insert(area(at, at + 2 * PAGE_SIZE));
    list.removeWithin(at, at + 2 * PAGE_SIZE);
  }
  assert.ok(looked < 10_000, `${looked} areas`);
});

test('a gap buffer is a list', () => {
  const change = fc.tuple(fc.boolean(), fc.nat(100), fc.nat(5));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const buffer = new GapBuffer<number>();
      const list: number[] = [];
      changes.forEach(([insert, where, count], i) => {
        const at = where % (list.length + 1);
        if (insert) {
          buffer.insert(at, i);
          list.splice(at, 0, i);
        } else {
          assert.equal(buffer.remove(at, count), list.splice(at, count));
        }
        assert.is(buffer.length, list.length);
      });
      assert.equal([...buffer], list);
      const read = Array.from({ length: list.length + 2 }, (_, i) => buffer.at(i - 1));
      assert.equal(read, [undefined, ...list, undefined]);
    }),
  );
});
