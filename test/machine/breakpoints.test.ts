/** Breakpoints of the machine's: every engine stops at each execution, and the program does not notice. */

import { Breakpoints } from '../../src/machine/breakpoints.ts';
import type { Engine } from '../../src/machine/cpu.ts';
import { CODE_AT, HEADERS, tinyElf } from '../hostile/lib/elf.ts';
import { createMachine, putFile, runToEnd } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('breakpoints');
const ENTRY = CODE_AT + HEADERS;
/** Enough for a region, in every engine. */
const ROUNDS = 70_000;
/** Execution of F at which the one behind the call is set. */
const LATER = 50_000;

const BEHIND_CALL = ENTRY + 10;
const F = ENTRY + 27;
const IN_F = ENTRY + 30;

/** Calls F, then exits with the low byte of what F has counted. */
const CODE: readonly number[] = [
  ...[0xb9, ROUNDS & 255, (ROUNDS >> 8) & 255, ROUNDS >> 16, 0], // mov $ROUNDS, %ecx
  ...[0xe8, 17, 0, 0, 0], //                                  loop: call F
  ...[0x83, 0xe9, 1], //                                            sub $1, %ecx
  ...[0x75, 0xf6], //                                               jnz loop
  ...[0x0f, 0xb6, 0xfb], //                                         movzbl %bl, %edi
  ...[0xb8, 231, 0, 0, 0], //                                       mov $exit_group, %eax
  ...[0x0f, 0x05, 0x90, 0x90], //                                   syscall
  ...[0x83, 0xc3, 1], //                                         F: add $1, %ebx
  ...[0x90, 0xc3], //                                         IN_F: nop; ret
];

function run(engine: Engine): { status: number; hits: Map<number, number>; atF: number } {
  const machine = createMachine([], { engine });
  putFile(machine, '/bin/p', tinyElf({ code: CODE }));
  const hits = new Map<number, number>();
  let atF = 0;
  const breakpoints = new Breakpoints(machine.cpu.cache, machine.mmu, (at) => {
    hits.set(at, (hits.get(at) ?? 0) + 1);
    if (at === F && hits.get(at) === LATER) {
      atF = machine.cpu.getReg(3);
      breakpoints.add(BEHIND_CALL);
    }
  });
  machine.cpu.breakpoints = breakpoints;
  breakpoints.add(F);
  breakpoints.add(IN_F);
  let status = -1;
  machine.kernel.spawn(['/bin/p'], [], { onExit: (s) => void (status = s) });
  runToEnd(machine, 50_000);
  return { status, hits, atF };
}

for (const engine of ['interp', 'js', 'wasm', 'auto', 'lockstep', 'lockstep-wasm'] as const) {
  test(`${engine} stops at each execution, also where code was translated before`, () => {
    const { status, hits, atF } = run(engine);
    assert.is(status, (ROUNDS & 255) << 8);
    assert.is(atF, LATER - 1, 'before the instruction');
    assert.is(hits.get(F), ROUNDS);
    assert.is(hits.get(IN_F), ROUNDS);
    assert.is(hits.get(BEHIND_CALL), ROUNDS - LATER + 1);
  });
}
