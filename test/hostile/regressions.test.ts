/** What fuzzing found once, one small case each. */

import { ECHILD, EFAULT, ENOENT, ENOMEM } from '../../src/kernel/errno.ts';
import { Strace } from '../../src/kernel/syscall/strace.ts';
import { Random } from '../diff/random.ts';
import { assert, suite } from '../lib/suite.ts';
import { type Call, runCalls } from './lib/calls.ts';
import { CODE_AT, DATA_AT, HEADERS, tinyElf } from './lib/elf.ts';
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

const HUGE = 2 ** 46;
const AT = 0x100000000;
const NORESERVE = 0x4032;

test('populating or asking about 64 TiB takes bounded time and memory', () => {
  const results = run(
    ['mmap', AT, HUGE, 1, NORESERVE | 0x8000, -1, 0],
    ['madvise', AT, HUGE, 22],
    ['mincore', AT, HUGE, DATA_AT],
    ['mlock', AT, HUGE],
    ['munmap', AT, HUGE],
  );
  assert.equal(results.slice(0, 3), [AT | 0, -ENOMEM, -EFAULT]);
  assert.ok((results[3] as number) < 0);
  assert.is(results[4], 0);
});

test('page tables are bounded, and freed with what they mapped', () => {
  const sparse: Call[] = [];
  for (let i = 0; i < 9000; i++) sparse.push(['access', AT + i * 0x200000, 0]);
  const piecewise: Call[] = [];
  for (let i = 0; i < 9000; i++) piecewise.push(['munmap', AT + i * 0x200000, 4096]);
  const map: Call = ['mmap', AT, HUGE, 1, NORESERVE, -1, 0];
  const results = run(map, ...sparse, ...piecewise, map, ...sparse.slice(0, 8000));
  assert.is(results[1], -ENOENT, 'an empty name');
  assert.is(results[9000], -EFAULT, 'no memory for another table');
  assert.is(results[26_000], -ENOENT, 'room again');
});

test('the number of tasks is bounded by memory', () => {
  const rig = new Rig({ rng: new Random(1), memory: 16 });
  const forks: Call[] = Array.from({ length: 12 }, () => ['fork']);
  runCalls(rig, [...forks, ['pause']]);
  assert.ok(rig.machine.kernel.forks <= 128, `${rig.machine.kernel.forks} forks`);
});

test('a jump through a register to itself stops at the budget, also when it is a region', () => {
  const rig = new Rig({ rng: new Random(1), engine: 'js', hot: 3 });
  const at = CODE_AT + HEADERS;
  // mov $at, %ecx; jmp *%rcx
  const code = [0xb9, at & 255, (at >> 8) & 255, (at >> 16) & 255, 0, 0xff, 0xe1];
  rig.put('/bin/program', tinyElf({ code }));
  rig.start(['/bin/program']);
  assert.not(rig.run(30_000), 'it never ends by itself');
  assert.is(rig.checkEmitted(), 1, 'one region');
});
