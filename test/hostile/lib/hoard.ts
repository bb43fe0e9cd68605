/** Runs the cases of programs/hoard.c. */

import { Random } from '../../diff/random.ts';
import { haveCompiler, readBinary } from '../../kernel/lib/run-guest.ts';
import { assert, suite } from '../../lib/suite.ts';
import { compileHostile } from './compile.ts';
import { Rig } from './rig.ts';

const PROCESSES = 3;
const INSTRUCTIONS = 150_000_000;
const MEMORY_MB = 32;

export const NO_MEMORY = 'Out of memory';
export const NO_SPACE = 'No space left on device';

function hoard(name: string, memory: number): { rig: Rig; before: number } {
  const rig = new Rig({ rng: new Random(1), engine: 'js', memory, hot: 1000, records: false });
  rig.put('/bin/hoard', readBinary(compileHostile('hoard')));
  const before = rig.machine.kernel.heap.used;
  rig.start(['/bin/hoard', name, String(PROCESSES)]);
  const { kernel, cpu } = rig.machine;
  for (let idle = 0; idle < 20; ) {
    if (cpu.instructions > INSTRUCTIONS) throw new Error(`${name} was not refused`);
    const r = kernel.runSlice(1);
    if (r.kind !== 'idle') continue;
    if (r.deadline === Number.POSITIVE_INFINITY) break;
    idle++;
    rig.now += Math.max(0, r.deadline - kernel.now());
  }
  return { rig, before };
}

/** System V objects, names and mounts stay; everything else goes with the processes. */
const STAYS = new Set([
  'links',
  'symlinks',
  'attributes',
  'watched',
  'binds',
  'messages',
  'semaphores',
]);

/** `cases`: how each is refused, and the megabytes of a machine other than usual. */
export function hoardTests(
  suiteName: string,
  cases: Readonly<Record<string, string | readonly [string, number]>>,
): void {
  const test = suite(suiteName, { timeout: 1_700_000 });
  if (!haveCompiler('musl-gcc')) {
    test.skip('all', 'musl-gcc is not installed');
    return;
  }
  for (const [name, how] of Object.entries(cases)) {
    const [refusal, memory] = typeof how === 'string' ? [how, MEMORY_MB] : how;
    test(name, () => {
      const { rig, before } = hoard(name, memory);
      const { kernel } = rig.machine;
      const { heap } = kernel;
      const lines = rig.out.text.trim().split('\n');
      assert.is(lines.length, PROCESSES, rig.out.text);
      assert.ok(lines.includes(`${name}: ${refusal}`), rig.out.text);
      assert.ok(heap.used > before && heap.used <= heap.limit * 1.05, `${heap.used} bytes`);
      kernel.killAll(9);
      assert.is(heap.files, 0);
      if (!STAYS.has(name)) assert.is(heap.used, before);
      rig.audit();
    });
  }
}
