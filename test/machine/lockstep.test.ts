/** Lockstep: it compares every region run, lets right ones pass, and names the one that is wrong. */

import { ENG_BUDGET } from '../../src/common/layout.ts';
import { stateWord } from '../../src/frontend-x86/state.ts';
import { REGION_LIMITS } from '../../src/ir/cfg/region.ts';
import type { CompiledRegion } from '../../src/machine/code-cache.ts';
import { LockstepError } from '../../src/machine/lockstep.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { StoreJournal } from '../../src/machine/store-journal.ts';
import { Random } from '../diff/random.ts';
import { CODE_AT, DATA_AT, HEADERS, tinyElf } from '../hostile/lib/elf.ts';
import { Rig } from '../hostile/lib/rig.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('lockstep');
const ENTRY = CODE_AT + HEADERS;
const ROUNDS = 400;
const STATUS = ((3 * ROUNDS) & 255) << 8;
/** Instructions of the longest region. */
const LONGEST = REGION_LIMITS.insns * REGION_LIMITS.straightTimes;

/**
 * 400 rounds of stores and a call of a long function that counts by 3, then exit_group(count): regions that lead
 * to each other.
 * With `fault`, the last round's load is from a page that is not there.
 */
function chain(fault: boolean): Uint8Array {
  const step = fault ? 0x20 : 0;
  return Uint8Array.from([
    ...[0xb9, ...little(ROUNDS)], //                       mov $400, %ecx
    ...[0xbb, 0, 0, 0, 0x10], //                       mov $DATA_AT, %ebx
    ...[0xba, ...little(ENTRY + 47)], //               mov $f, %edx
    ...[0x01, 0xc8], //                          loop: add %ecx, %eax
    ...[0x89, 0x03], //                                mov %eax, (%rbx)
    ...[0xff, 0xd2], //                                call *%rdx
    ...[0x83, 0xc3, step], //                          add $step, %ebx
    ...[0x83, 0xe9, 1], //                             sub $1, %ecx
    ...[0x75, 0xf2], //                                jnz loop
    ...[0x8b, 0x7b, 8, 0x90, 0x90], //                 mov 8(%rbx), %edi
    ...[0xb8, 231, 0, 0, 0], //                        mov $exit_group, %eax
    ...[0x0f, 0x05], //                                syscall
    ...Array(6).fill(0x90),
    ...Array(2 * LONGEST).fill(0x90), //            f: more than one region holds
    ...[0x83, 0x43, 8, 3], //                          addl $3, 8(%rbx)
    ...[0xc3], //                                      ret
  ]);
}

function little(n: number): number[] {
  return [n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255];
}

/** Runs the program; `spoil` is called after each run of a region that another one led to: spoiledName. */
let firstEntered: CompiledRegion | null = null;
let spoiledName = '';

function run(
  fault: boolean,
  spoil: ((machine: Machine) => void) | null = null,
  maxSource: number | null = null,
  thorough = Number.POSITIVE_INFINITY,
): [number, Machine] {
  firstEntered = null;
  spoiledName = '';
  const rig = new Rig({ rng: new Random(1), engine: 'lockstep', hot: 3, records: false });
  const { machine } = rig;
  const { regions, cpu } = machine;
  assert.ok(regions !== null && cpu.lockstep !== null);
  cpu.lockstep.thorough = thorough;
  regions.maxSource = maxSource ?? regions.maxSource;
  const compile = regions.compile.bind(regions);
  regions.compile = (tb) => {
    const region = compile(tb);
    if (region !== null && spoil !== null) spoiled(region, machine, spoil);
    return region;
  };
  rig.put('/bin/program', tinyElf({ code: chain(fault) }));
  const result = rig.start(['/bin/program']);
  assert.ok(rig.run(ROUNDS * 4 * LONGEST));
  return [result.status, machine];
}

function spoiled(
  region: CompiledRegion,
  machine: Machine,
  spoil: (machine: Machine) => void,
): void {
  const right = region.run;
  (region as { run: () => number }).run = () => {
    const r = right();
    firstEntered ??= region;
    if (region === firstEntered) return r;
    if (spoiledName === '') spoiledName = region.name;
    spoil(machine);
    return r;
  };
}

test('right regions pass, and nearly all of the program is compared', () => {
  const [status, { cpu }] = run(false);
  assert.is(status, STATUS);
  const { lockstep, instructions } = cpu;
  assert.ok(lockstep !== null);
  const { compared, regions } = lockstep;
  assert.ok(compared > ROUNDS && regions >= 2, `${compared} runs of ${regions} regions`);
  assert.ok(lockstep.instructions > 0.9 * instructions, `${lockstep.instructions}`);
});

test('no region is kept for a report: most are dropped long before the program ends', () => {
  const [, { regions }] = run(false);
  assert.equal(regions?.records, []);
});

test('regions are dropped when they are too many, and compiled again', () => {
  const dropped = ({ cpu }: Machine): number => cpu.cache.invalidations.get('cache full') ?? 0;
  assert.is(dropped(run(false)[1]), 0);
  const [status, machine] = run(false, null, 1);
  assert.is(status, STATUS);
  assert.ok(dropped(machine) > 1);
  assert.ok((machine.cpu.lockstep?.compared ?? 0) > 0);
});

test('the first runs of each region are compared, and few of the others, if so wanted', () => {
  const [, all] = run(false);
  const [status, few] = run(false, null, null, 5);
  assert.is(status, STATUS);
  const [a, b] = [all.cpu.lockstep, few.cpu.lockstep];
  assert.ok(a !== null && b !== null);
  assert.ok(
    b.regions > 0 && b.compared >= 5 && b.compared < a.compared / 2,
    `${b.compared} of ${a.compared}`,
  );
  assert.is(few.cpu.instructions, all.cpu.instructions);
});

test('a fault in a region is the fault of the interpreter', () => {
  const [status, { cpu }] = run(true);
  assert.is(status & 127, 11);
  // 4096 bytes in steps of 32.
  assert.ok((cpu.lockstep?.instructions ?? 0) > 0.9 * cpu.instructions);
});

const SPOILERS: Readonly<Record<string, (machine: Machine) => void>> = {
  r8: ({ memory }) => {
    memory.I32[stateWord('r8')]! ^= 4;
  },
  ymm3: ({ memory }) => {
    memory.I32[stateWord('ymm3') + 7]! ^= 1;
  },
  eflags: ({ memory }) => {
    memory.I32[stateWord('ccA')]! ^= -1;
    memory.I32[stateWord('ccC')]! ^= -1;
  },
  memory: ({ mmu }) => {
    mmu.write8(DATA_AT + 100, 0, 1);
  },
  // One instruction too many is charged: the interpreter goes one further.
  rip: ({ memory }) => {
    memory.I32[ENG_BUDGET]! -= 1;
  },
};

for (const [what, spoil] of Object.entries(SPOILERS)) {
  test(`a region that spoils ${what} is named`, () => {
    let error: unknown = null;
    try {
      run(false, spoil);
    } catch (e) {
      error = e;
    }
    assert.ok(error instanceof LockstepError, String(error));
    assert.match(error.message, `lockstep: ${spoiledName} differs from the interpreter`);
    assert.match(error.message, `\n  ${what}`);
    assert.match(error.message, /\nguest code ([0-9a-f]{2})+\nIR before the passes: block 0x/);
    assert.match(error.message, '\nIR after the passes: block 0x');
    assert.match(error.message, '\n"use strict";');
  });
}

test('the journal takes stores back and knows the same stores again', () => {
  const U8 = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  const untouched = U8.slice();
  const [first, second] = [new StoreJournal(U8), new StoreJournal(U8)];
  const store = (journal: StoreJournal, at: number, size: number, value: number): void => {
    journal.save(at, size);
    U8.fill(value, at, at + size);
  };
  const stores = (journal: StoreJournal, last: number): void => {
    journal.clear();
    // Overlapping, small and large, more than the first buffers hold.
    for (let i = 0; i < 3000; i++) store(journal, (i * 37) % 5000, 1 << (i % 4), i);
    store(journal, 100, 200_000, 9);
    store(journal, 250_000, 4, last);
  };
  stores(first, 1);
  const after = U8.slice();
  first.takeBack();
  assert.equal(U8, untouched);
  stores(second, 1);
  assert.ok(first.sameAs(second));
  assert.is(first.bytes(true).size, second.bytes(false).size);
  second.takeBack();
  stores(second, 2);
  assert.not(first.sameAs(second), 'another value');
  assert.is(first.bytes(true).get(250_003), 1);
  assert.is(second.bytes(false).get(250_003), 2);
  second.takeBack();
  stores(second, 1);
  second.save(7, 1);
  assert.not(first.sameAs(second), 'one store more');
  assert.equal(U8, after);
});
