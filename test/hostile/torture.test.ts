/**
 * Programs that do their worst to the machine below them (programs/torture.c): under each engine they
 * print what they print natively, and where they exhaust something, they alone suffer.
 */

import { spawnSync } from 'node:child_process';
import type { Engine } from '../../src/machine/cpu.ts';
import { Random } from '../diff/random.ts';
import { haveCompiler, readBinary } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { compileHostile } from './lib/compile.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile programs', { timeout: 280_000 });
const ENGINES: readonly Engine[] = ['interp', 'js', 'wasm'];
/** Cases whose output is the same on every Linux. */
const SAME = [
  'self-modify',
  'dual-map',
  'edges',
  'pull-away',
  'overflow',
  'descriptors',
  'arguments',
  'mappings',
  'links',
  'storms',
];
const MB = 1024 * 1024;
const INSTRUCTIONS = 400_000_000;

function run(name: string, engine: Engine, memory: number): { rig: Rig; code: number } {
  const rig = new Rig({ rng: new Random(1), engine, memory, hot: 20 });
  rig.put('/bin/torture', readBinary(compileHostile('torture')));
  const result = rig.start(['/bin/torture', name]);
  assert.ok(
    rig.run(INSTRUCTIONS),
    `${name} ended by itself:\n${rig.out.text}\n${rig.log.join('\n')}`,
  );
  rig.audit();
  rig.checkEmitted();
  return { rig, code: result.status };
}

if (!haveCompiler('musl-gcc')) test.skip('all cases', 'musl-gcc is not installed');
else {
  for (const engine of ENGINES) {
    for (const name of SAME) {
      test(`${name}, ${engine}`, () => {
        const native = spawnSync(compileHostile('torture'), [name], {
          encoding: 'latin1',
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        assert.is(run(name, engine, 128).rig.out.text, native.stdout);
      });
    }
  }

  test('10,000 processes one after the other leave nothing behind', () => {
    const { rig } = run('forks', 'js', 16);
    assert.is(rig.out.text, 'forks 5000 failed 0\n');
    const { kernel, mmu } = rig.machine;
    assert.is(kernel.forks, 10_001);
    assert.equal([kernel.tasks.size, kernel.processes.size], [0, 0]);
    assert.ok(kernel.pids.lastPid > 10_000);
    const { frames } = mmu.paging;
    assert.ok(frames.total - frames.free < 200, `${frames.total - frames.free} frames in use`);
  });

  test('a guest that exhausts its memory is killed, and the machine goes on', () => {
    const before = process.memoryUsage().rss;
    const { rig } = run('exhaust', 'js', 32);
    assert.match(rig.out.text, /^greedy child: 9\nfile: 700\n(sockets: \w+)\nalive 1\n$/);
    const grown = (process.memoryUsage().rss - before) / MB;
    assert.ok(grown < 300, `the process grew by ${Math.round(grown)} MB`);
  });

  test('a fork bomb ends at the limit, and can be killed', () => {
    const before = process.memoryUsage().rss;
    const { rig } = run('bomb', 'js', 32);
    assert.is(rig.out.text, 'bombed\ngone\n');
    const grown = (process.memoryUsage().rss - before) / MB;
    assert.ok(grown < 300, `the process grew by ${Math.round(grown)} MB`);
  });
}
