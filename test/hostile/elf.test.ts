/**
 * Damaged programs: flipped bits in headers, dynamic sections and code, cut files. Executing one ends
 * with an errno, a signal, an exit, or at the end of its instruction budget; never with an exception.
 */

import { LinuxError } from '../../src/kernel/errno.ts';
import { Random } from '../diff/random.ts';
import { haveCompiler, readBinary } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { compileHostile } from './lib/compile.ts';
import { tinyElf } from './lib/elf.ts';
import { damage } from './lib/flip.ts';
import { randomProgram } from './lib/random-code.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile programs on disk', { timeout: 1_700_000 });
const RUNS = Number(process.env['KEVLAR_FUZZ_RUNS'] ?? 80);
const BUDGET = 50_000;

/** Damages `original` in many ways. @returns how the runs ended: errno names, wait statuses */
function runDamaged(seed: number, original: Uint8Array, head: number): Map<string, number> {
  const rng = new Random(seed);
  // Numbers of its own: what the machine draws at its start does not change the damage.
  const rig = new Rig({ rng: new Random(seed), engine: 'js', hot: 50, memory: 32 });
  const ends = new Map<string, number>();
  for (let i = 0; i < RUNS; i++) {
    rig.put('/bin/victim', damage(rng, original, head));
    let end: string;
    try {
      const result = rig.start(['/bin/victim', 'overflow']);
      end = rig.run(BUDGET) ? String(result.status) : 'budget';
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      end = e.message;
    }
    ends.set(end, (ends.get(end) ?? 0) + 1);
    if (i % 20 === 0) rig.audit();
    rig.checkEmitted();
  }
  rig.machine.kernel.killAll(9);
  rig.audit();
  return ends;
}

test('damaged small programs', () => {
  const exit = tinyElf({ code: [0xb8, 231, 0, 0, 0, 0x0f, 0x05] });
  const ends = runDamaged(1, exit, exit.length);
  assert.ok(ends.size > 3, [...ends].join(' '));
  runDamaged(2, randomProgram(new Random(5)), 400);
});

if (!haveCompiler('musl-gcc')) test.skip('a damaged C program', 'musl-gcc is not installed');
else {
  test('a damaged C program', () => {
    const ends = runDamaged(4, readBinary(compileHostile('torture')), 500);
    assert.ok(ends.size > 3, [...ends].join(' '));
  });
}
