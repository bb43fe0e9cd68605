/** What fuzzing found once, one small case each. */

import { ECHILD } from '../../src/kernel/errno.ts';
import { Strace } from '../../src/kernel/syscall/strace.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';
import { type Call, runCalls } from './lib/calls.ts';
import { DATA_AT } from './lib/elf.ts';
import { Rig } from './lib/rig.ts';

const test = suite('hostile regressions');

function run(...calls: Call[]): number[] {
  return runCalls(new Rig({ rng: new Random(1) }), calls);
}

test('strace shows a buffer with a negative length by its address', () => {
  const rig = new Rig({ rng: new Random(1) });
  const lines: string[] = [];
  rig.machine.kernel.strace = new Strace((line) => lines.push(line));
  runCalls(rig, [['sethostname', DATA_AT, -1]]);
  assert.match(lines.join('\n'), 'sethostname(0x10000000, -1)');
});

test('a child whose exit signal does not exist ends without one', () => {
  const results = run(
    ['clone', 0x66, 0, 0, 0, 0],
    ['wait4', -1, 0, 0x40000000, 0],
    ['wait4', -1, 0, 0x40000000, 0],
  );
  assert.is(results[1], results[0], 'the child was reaped');
  assert.is(results[2], -ECHILD);
});

test('one sendfile moves a bounded number of bytes', () => {
  const names = DATA_AT;
  const rig = new Rig({ rng: new Random(1) });
  const calls: Call[] = [
    ['open', names, 0],
    ['open', names + 16, 1],
    ['sendfile', 4, 3, 0, 0x7fff0000],
  ];
  const results = runCalls(rig, calls, (mem) => {
    mem.copyOut(names, Buffer.from('/dev/zero\0'));
    mem.copyOut(names + 16, Buffer.from('/dev/null\0'));
  });
  assert.is(results[2], 64 << 20);
});
