/**
 * Watched memory: every way to change it is reported, by whatever engine, with the instruction or system
 * call; pages that are not watched do not notice.
 */

import { fileURLToPath } from 'node:url';
import type { Engine } from '../../src/machine/cpu.ts';
import type { Machine } from '../../src/machine/machine.ts';
import { MemoryWatcher } from '../../src/machine/watch/watcher.ts';
import type { WatchSpec } from '../../src/machine/watch/where.ts';
import {
  compileSource,
  createMachine,
  haveCompiler,
  putFile,
  readBinary,
  runInMachine,
} from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('watched memory');

const ENGINES: readonly Engine[] = ['interp', 'js', 'wasm', 'auto', 'lockstep', 'lockstep-wasm'];
const FLAGS = ['-O1', '-w', '-static', '-fno-pie', '-no-pie'];
const TARGET: WatchSpec = {
  text: 'target',
  address: null,
  file: null,
  name: 'target',
  length: null,
};
const FIXED: WatchSpec = { text: 'fixed', address: 0x20000000, file: null, name: '', length: 8 };

const gcc = haveCompiler('musl-gcc');
const source = fileURLToPath(new URL('./programs/watched.c', import.meta.url));

interface Run {
  readonly machine: Machine;
  readonly lines: readonly string[];
  /** The first lines of the reports, without what all have. */
  readonly headers: readonly string[];
  readonly code: number;
}

/** Runs one way of programs/watched.c. */
function run(way: string, engine: Engine, specs: readonly WatchSpec[] = [TARGET, FIXED]): Run {
  const machine = createMachine([], { engine });
  putFile(machine, '/bin/program', readBinary(compileSource(source, FLAGS, 'musl-gcc')));
  const lines: string[] = [];
  const watcher =
    specs.length === 0 ? null : new MemoryWatcher(machine, specs, (line) => lines.push(line));
  const { code } = runInMachine(machine, '/bin/program', [way], { timeoutMs: 50_000 });
  watcher?.finish();
  const headers = lines.filter((l) => l.startsWith('watch '));
  return { machine, lines, headers, code };
}

/** What each way does to watched bytes: the reports that must be there, in order. */
const WAYS: Readonly<Record<string, readonly RegExp[]>> = {
  sizes: [
    /target: .*page-in/,
    /instruction stores 1 byte at .*\(\+0x1\)/,
    /instruction stores 2 bytes at .*\(\+0x2\)/,
    /instruction stores 4 bytes at .*\(\+0x4\)/,
    /instruction stores 8 bytes at .*\(\+0x8\)/,
    /stores 4$/,
  ],
  crossing: [/fixed: .*instruction stores 5 bytes at 0x20000000 /, /stores 1$/],
  strings: [/stores 24 bytes at .*\(\+0x8\)/, /stores 16 bytes at .*\(\+0x28\)/, /stores 2$/],
  vectors: [
    /stores 16 bytes at .*\(\+0x3\)/,
    /stores 16 bytes at .*\(\+0x20\)/,
    /stores 10 bytes at .*\(\+0x32\)/,
    /stores 3$/,
  ],
  locked: [
    /stores 4 bytes at .*\(\+0x4\)/,
    /stores 4 bytes at .*\(\+0x8\)/,
    /stores 4 bytes at .*\(\+0x8\)/,
    /stores 3$|stores 3,/,
  ],
  fxsave: [/stores 32 bytes at .*\(\+0x0\)/, /stores 1$/],
  pushes: [/stores 8 bytes at .*\(\+0x38\)/, /stores 1$/],
  reads: [
    /read\(0x3, 0x\w+, 0x40\) = 0x6 writes 6 bytes at .*\(\+0x10\)/,
    /getcwd\(0x\w+, 0x8\) = 0x2 writes \d bytes? at .*\(\+0x2[01]\)/,
    /kernel writes 2$/,
  ],
  frame: [/the kernel, outside system calls writes \d+ bytes? at 0x2000000/],
  areas: [
    /mmap\(.*\) = 0x20000000 maps it/,
    /page-in at 0x20000000/,
    /instruction stores 1 byte at 0x20000000/,
    /mprotect\(.*\) = 0x0: other protection/,
    /mmap\(.*\) = 0x20000000 \(mmap\): page-out/,
    /instruction stores 1 byte at 0x20000001/,
    /madvise\(.*\) = 0x0 \(madvise\): page-out/,
    /mremap\(.*\) = 0x20010000: unmapped/,
    /mremap\(.*\) = 0x20000000 maps it/,
    /munmap\(.*\) = 0x0: unmapped/,
  ],
  forks: [
    /pid 1 .*instruction stores 1 byte at .*\(\+0x0\)/,
    /fork\(\) = 0x2 maps it/,
    /pid 2 .*copy at .* in place of frame/,
    /pid 2 .*stores 1 byte at .*\(\+0x1\)/,
    /pid 1 .*stores 1 byte at .*\(\+0x2\)/,
    /stores 3/,
  ],
  shared: [
    /pid 1 .*stores 1 byte at 0x20000002/,
    /pid 2 .*munmap\(.*unmapped/,
    /pid 2 .*stores 1 byte at 0x20000003/,
  ],
  file: [
    /pwrite64\(.*\) = 0x2 writes 2 bytes at 0x20000001/,
    /page-in at 0x20000000: a page of the file/,
    /pwrite64\(.*\) = 0x2 writes 2 bytes at 0x20000004/,
    /ftruncate\(.*\) = 0x0 writes 5 bytes at 0x20000003/,
  ],
  faults: [/pid 2 .*mmap\(.*maps it/],
};

function inOrder(run: Run, wanted: readonly RegExp[]): void {
  let at = 0;
  for (const header of run.headers) if (wanted[at]?.test(header)) at++;
  assert.is(at, wanted.length, `no ${wanted[at]} in its place in:\n${run.lines.join('\n')}`);
}

for (const engine of gcc ? ENGINES : []) {
  for (const [way, wanted] of Object.entries(WAYS)) {
    test(`${way}, ${engine}`, () => {
      const done = run(way, engine);
      assert.is(done.code, 0);
      inOrder(done, wanted);
      if (way === 'faults') assert.not.match(done.lines.join('\n'), /stores/);
    });
  }

  test(`hot code, ${engine}`, () => {
    const done = run('hot', engine);
    assert.is(done.code, 0);
    // 120 passes over 64 bytes.
    assert.match(done.lines.join('\n'), /^watch target: .* stores 7680 \(20 shown\)/m);
    const stores = done.lines.filter((l) => l.includes('stores 1 byte'));
    assert.is(stores.length, 20);
    assert.is(done.lines.filter((l) => /^ {2}rip .* fill\+0x\w+ \(program\)$/.test(l)).length, 21);
    assert.match(done.lines.join('\n'), /^ {2}from {3}hot\+0x\w+ \(program\)$/m);
    if (engine === 'js' || engine === 'auto') {
      assert.ok((done.machine.regions?.stats.compiled ?? 0) > 0, 'nothing was compiled');
    }
  });
}

if (!gcc) test.skip('the programs', 'needs musl-gcc');

test('a report has the bytes, the area and the page', () => {
  const { lines } = run('sizes', 'interp');
  const at = lines.findIndex((l) => l.includes('stores 8 bytes'));
  const report = lines.slice(
    at,
    lines.findIndex((l, i) => i > at && l.startsWith('watch ')),
  );
  const text = report.join('\n');
  assert.match(text, /^ {2}rip {4}0x\w+ sizes\+0x\w+ \(program\)$/m);
  assert.match(text, /^ {2}from {3}main\+0x\w+ \(program\)$/m);
  assert.match(text, /^ {2}old {4}01 01 01 01 01 01 01 01$/m);
  assert.match(text, /^ {2}new {4}d1 d2 d3 d4 d5 d6 d7 d8$/m);
  assert.match(text, /^ {2}area {3}\w+-\w+ rw-p \/bin\/program\+0x\w+$/m);
  assert.match(text, /^ {2}page {3}0x\w+000: frame \d+ PWUAD----$/m);
});

test('a write through another mapping says which', () => {
  const text = run('shared', 'interp').lines.join('\n');
  assert.match(text, /^ {2}by way of 0x\w+002 in pid 1 \(program\)$/m);
  assert.match(text, /^ {2}by way of 0x\w+003 in pid 2 \(program\)$/m);
});

test('pages that are not watched keep their TLB entries and their code', () => {
  const plain = run('elsewhere', 'auto', []).machine;
  const watching = run('elsewhere', 'auto').machine;
  // Time slices end elsewhere each time: a fork or so of the count.
  const fills = (m: Machine): number => m.mmu.paging.tlb.fills;
  const more = fills(watching) / fills(plain);
  assert.ok(more < 1.02, `${fills(watching)} fills of the TLB, ${fills(plain)} without a watch`);
  assert.is(watching.regions?.stats.compiled, plain.regions?.stats.compiled);
});

test('when it is over, nothing is marked', () => {
  const { machine } = run('sizes', 'interp');
  assert.is(machine.mmu.paging.watch, null);
  assert.ok(machine.mmu.paging.marks.every((m) => (m & 2) === 0));
});
