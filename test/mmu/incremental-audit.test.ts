/**
 * The incremental audit finds every kind of damage: each test leaves out or breaks one step of the memory
 * management, does what needs the step, and looks at what the audit says about it. Without the damage
 * the same must find nothing.
 */

import { RAM_BASE } from '../../src/common/layout.ts';
import { createLinearMemory } from '../../src/common/memory.ts';
import { PROT_READ, PROT_WRITE } from '../../src/kernel/mm/abi.ts';
import type { AddressSpace } from '../../src/kernel/mm/address-space.ts';
import { forkAddressSpace } from '../../src/kernel/mm/fork.ts';
import { IncrementalAudit } from '../../src/kernel/mm/incremental-audit.ts';
import { madvise } from '../../src/kernel/mm/madvise.ts';
import { brk, mprotect, munmap } from '../../src/kernel/mm/mmap.ts';
import { mremap } from '../../src/kernel/mm/mremap.ts';
import type { MmCall } from '../../src/kernel/mm/postconditions.ts';
import { Paging } from '../../src/mmu/paging.ts';
import { WatchedFrames } from '../../src/mmu/watched-frames.ts';
import { assert, suite } from '../lib/suite.ts';
import { anon, load8, type Rig, RW, rigOf, store8 } from './rig.ts';

const test = suite('incremental audit');

const P = 4096;
const A = 0x10_0000;
const MADV_DONTNEED = 4;
const MAP_FIXED_PRIVATE_ANONYMOUS = 0x32;

interface Watched {
  readonly rig: Rig;
  readonly as: AddressSpace;
  /** What the audit says after a call. */
  check(call?: MmCall | null): string;
}

/** A rig with an address space that has been looked at. */
function watched(): Watched {
  const memory = createLinearMemory(RAM_BASE + 1024 * P);
  const frames = new WatchedFrames(memory);
  const rig = rigOf(memory, new Paging(memory, frames));
  const audit = new IncrementalAudit(rig.paging, frames, () => {});
  const as = rig.space();
  as.setBrk(0x40_0000);
  const check = (call: MmCall | null = null): string => {
    const out: string[] = [];
    audit.check(as, call, out);
    return out.join('\n');
  };
  assert.is(check(), '');
  return { rig, as, check };
}

/** Maps four pages at A and stores into them; the audit finds nothing wrong with that. */
function mapped(w: Watched): void {
  anon(w.as, A, 4);
  for (let i = 0; i < 4; i++) store8(w.rig, A + i * P, i);
  assert.is(w.check(), '');
}

interface Damage {
  readonly what: string;
  readonly finding: RegExp;
  /** Breaks a step. */
  readonly broken: (w: Watched) => void;
  /** What needs the step. @returns the call that was made, if one was */
  readonly run: (w: Watched) => MmCall | null;
}

/** Replaces a method of one object. */
function replace<T extends object, K extends keyof T>(object: T, key: K, by: T[K]): void {
  Object.defineProperty(object, key, { value: by });
}

const NOTHING = (): void => {};

function unmap(w: Watched): MmCall {
  munmap(w.as, A + P, P);
  return { name: 'munmap', args: [A + P, P], result: 0 };
}

const DAMAGES: readonly Damage[] = [
  {
    what: 'munmap leaves the page table entry',
    finding: /101000: frame \d+ PWU.* is in no area/,
    broken: ({ rig }) => replace(rig.paging, 'clearRange', NOTHING),
    run: unmap,
  },
  {
    what: 'the entry goes behind the back of setPte',
    finding: /as 1 101000: TLB has RW- of frame \d+, entry is none/,
    broken: ({ rig }) =>
      replace(rig.paging, 'setPte', (space, vpn, pte) => {
        space.leaves.get(vpn >>> 9)![vpn & 511] = pte;
      }),
    run: unmap,
  },
  {
    what: 'mprotect leaves the right to write',
    finding: /is writable in a read-only area/,
    broken: ({ rig }) => replace(rig.paging, 'setPte', NOTHING),
    run: ({ as }) => {
      mprotect(as, A, P, PROT_READ);
      return { name: 'mprotect', args: [A, P, PROT_READ], result: 0 };
    },
  },
  {
    what: 'mprotect changes another area',
    finding: /protection is 3/,
    broken: NOTHING,
    run: ({ as }) => {
      mprotect(as, A, P, PROT_READ | PROT_WRITE);
      return { name: 'mprotect', args: [A, P, PROT_READ], result: 0 };
    },
  },
  {
    what: 'an entry takes no reference to its frame',
    finding: /frame \d+ \(anonymous, as 1 104000\): 0 references, 1 users/,
    broken: ({ rig }) => replace(rig.paging.frames, 'retain', NOTHING),
    run: (w) => {
      anon(w.as, A + 4 * P, 1);
      store8(w.rig, A + 4 * P, 1);
      return null;
    },
  },
  {
    what: 'an entry goes without letting its frame go',
    finding: /1 references, 0 users/,
    broken: ({ rig }) => replace(rig.paging.frames, 'release', NOTHING),
    run: unmap,
  },
  {
    what: 'somebody takes a reference and keeps it',
    finding: /frame \d+ \(anonymous, as 1 100000\): 2 references, 1 users/,
    broken: NOTHING,
    run: ({ rig, as }) => {
      rig.paging.frames.retain(as.tables.get(A / P) >>> 12);
      return null;
    },
  },
  {
    what: 'a frame is allocated and forgotten',
    finding: /leaked/,
    broken: NOTHING,
    run: ({ rig }) => {
      rig.paging.frames.alloc(2);
      return null;
    },
  },
  {
    what: 'an entry is not in the reverse map',
    finding: /1 entries, 0 in the reverse map/,
    broken: ({ rig }) => replace(rig.paging.rmap, 'add', NOTHING),
    run: (w) => {
      anon(w.as, A + 4 * P, 1);
      store8(w.rig, A + 4 * P, 1);
      return null;
    },
  },
  {
    what: 'the reverse map keeps an entry',
    finding: /0 entries, 1 in the reverse map/,
    broken: ({ rig }) => replace(rig.paging.rmap, 'remove', NOTHING),
    run: unmap,
  },
  {
    what: 'a TLB entry outlives its page table entry',
    finding: /as 1 101000: TLB has RW- of frame \d+, entry is none/,
    broken: ({ rig }) => replace(rig.paging.tlb, 'kill', NOTHING),
    run: unmap,
  },
  {
    what: 'a TLB entry keeps the right to write to a page of code',
    finding: /TLB has RW- of frame \d+ \(code\)/,
    broken: ({ rig }) => replace(rig.paging.tlb, 'killWrite', NOTHING),
    run: ({ rig, as }) => {
      rig.paging.protectCode(as.tables.get(A / P) >>> 12);
      return null;
    },
  },
  {
    what: 'fork leaves pages writable',
    finding:
      /as 1 100000 in 100000-104000: frame \d+ .* is private and writable, but its frame has kind 2, 2 references/,
    broken: ({ rig }) => {
      const { setPte } = rig.paging;
      replace(rig.paging, 'setPte', (space, vpn, pte) => {
        if (space.id !== 1) setPte.call(rig.paging, space, vpn, pte);
      });
    },
    run: ({ as }) => {
      forkAddressSpace(as);
      return null;
    },
  },
  {
    what: 'a child gets a page that its area does not have',
    finding: /as 2 100000: .* is in no area/,
    broken: NOTHING,
    run: ({ as }) => {
      const child = forkAddressSpace(as);
      child.areas.remove(child.areas.find(A)!);
      return null;
    },
  },
  {
    what: 'MAP_FIXED leaves pages of what was there',
    finding: /102000-103000: a page from before is still mapped \(mmap/,
    broken: ({ as }) => replace(as, 'unmapPages', NOTHING),
    run: ({ as }) => {
      anon(as, A + 2 * P, 1);
      const args = [A + 2 * P, P, RW, MAP_FIXED_PRIVATE_ANONYMOUS];
      return { name: 'mmap', args, result: A + 2 * P };
    },
  },
  {
    what: 'mmap chooses a place in the heap',
    finding: /401000-402000: put over another area.*\n.*lies in the heap/,
    broken: ({ as, check }) => {
      brk(as, 0x40_4000);
      assert.is(check({ name: 'brk', args: [0x40_4000], result: 0x40_4000 }), '');
      replace(as.areas, 'findTopDown', () => 0x40_1000);
    },
    run: ({ as }) => {
      const result = anon(as, 0, 1);
      return { name: 'mmap', args: [0, P, RW, 0x22], result };
    },
  },
  {
    what: 'the heap grows over a mapping',
    finding: /400000-402000: put over another area \(brk/,
    broken: ({ as, check }) => {
      anon(as, 0x40_1000, 1);
      assert.is(check(), '');
      replace(as.areas, 'overlaps', () => false);
      as.areas.remove(as.areas.find(0x40_1000)!);
    },
    run: ({ as }) => {
      const result = brk(as, 0x40_2000);
      return { name: 'brk', args: [0x40_2000], result };
    },
  },
  {
    what: 'madvise keeps what it shall forget',
    finding: /a page from before is still mapped \(madvise/,
    broken: ({ rig }) => replace(rig.paging, 'clearRange', NOTHING),
    run: ({ as }) => {
      madvise(as, A, P, MADV_DONTNEED);
      return { name: 'madvise', args: [A, P, MADV_DONTNEED], result: 0 };
    },
  },
  {
    what: 'mremap keeps what it shall give up',
    finding: /103000-104000: still in an area \(mremap/,
    broken: ({ as }) => replace(as, 'removeAreas', NOTHING),
    run: ({ as }) => shrink(as),
  },
  {
    what: 'areas overlap',
    finding: /as 1 105000-106000.*: overlaps the area before it/,
    broken: ({ as }) => anon(as, A + 5 * P, 1, PROT_READ),
    run: ({ as }) => {
      as.areas.find(A)!.end = A + 6 * P;
      return null;
    },
  },
  {
    what: 'the count of pages is wrong',
    finding: /pages in areas, counted/,
    broken: NOTHING,
    run: ({ as }) => {
      as.areas.totalPages++;
      return null;
    },
  },
];

/** Linux looks at the first area only: what is behind it may have gaps. */
function shrink(as: AddressSpace): MmCall {
  const args = [A, 4 * P, 3 * P, 0, 0];
  return { name: 'mremap', args, result: mremap(as, A, 4 * P, 3 * P, 0, 0) };
}

for (const { what, finding, broken, run } of DAMAGES) {
  test(what, () => {
    const w = watched();
    mapped(w);
    broken(w);
    const found = w.check(run(w));
    assert.match(found, finding, `the audit says: ${found}`);
  });
}

test('what is done right is found right', () => {
  const w = watched();
  mapped(w);
  assert.is(w.check(unmap(w)), '');
  for (const { as, rig } of [w]) {
    mprotect(as, A, P, PROT_READ);
    assert.is(w.check({ name: 'mprotect', args: [A, P, PROT_READ], result: 0 }), '');
    madvise(as, A + 2 * P, P, MADV_DONTNEED);
    assert.is(w.check({ name: 'madvise', args: [A + 2 * P, P, MADV_DONTNEED], result: 0 }), '');
    assert.is(load8(rig, A + 2 * P), 0);
    for (const end of [0x40_4000, 0x40_1000, 0x40_1001]) {
      const result = brk(as, end);
      store8(rig, 0x40_0000, 1);
      assert.is(w.check({ name: 'brk', args: [end], result }), '');
    }
    anon(as, A, 2);
    const args = [A, 2 * P, RW, MAP_FIXED_PRIVATE_ANONYMOUS];
    assert.is(w.check({ name: 'mmap', args, result: A }), '');
    store8(rig, A, 1);
    const child = forkAddressSpace(as);
    assert.is(w.check(), '');
    store8(rig, A, 2);
    child.release();
    assert.is(w.check(), '');
  }
});

test('an area may shrink with a gap in what stays', () => {
  const w = watched();
  mapped(w);
  munmap(w.as, A + P, P);
  assert.is(w.check({ name: 'munmap', args: [A + P, P], result: 0 }), '');
  assert.is(w.check(shrink(w.as)), '');
});

test('what did not change is not looked at again', () => {
  const w = watched();
  mapped(w);
  const { paging } = w.rig;
  let looks = 0;
  const { forEachMapped } = paging;
  replace(paging, 'forEachMapped', (space, from, to, visit) => {
    forEachMapped.call(paging, space, from, to, (vpn, pte) => {
      looks++;
      visit(vpn, pte);
    });
  });
  assert.is(w.check(), '');
  assert.is(looks, 0);
  mprotect(w.as, A + P, P, PROT_READ);
  looks = 0;
  assert.is(w.check(), '');
  assert.is(looks, 1, 'the page that has other rights now');
});
