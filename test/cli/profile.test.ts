/** Where time goes: stacks and their phases, folding, the flame graph, and `run --stats` and `--profile`. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { flameGraph } from '../../src/cli/profile/flame.ts';
import { doing, type Frame } from '../../src/cli/profile/phases.ts';
import { profileRows } from '../../src/cli/profile/profile.ts';
import { type FlameNode, fold } from '../../src/cli/profile/tree.ts';
import { assert, suite } from '../lib/suite.ts';
import { kevlar } from './cli.ts';

const test = suite('where time goes');

const LOOP: readonly string[] = ['slice host/loop.ts', 'runSlice kernel/scheduler.ts'];
const CPU: readonly string[] = [...LOOP, 'run machine/cpu.ts', 'dispatch machine/cpu.ts'];

/** Frames from texts "NAME PLACE"; a name with an address and no place was made of guest code. */
function stack(...frames: readonly string[]): Frame[] {
  return frames.map((text) => {
    const [, name = '', place = ''] = /^(.*?)(?: (\S+\.ts)?)?$/.exec(text) ?? [];
    return { name, place, translated: place === '' && /_0x|^interpreter$|^dispatcher$/.test(name) };
  });
}

function phase(...frames: readonly string[]): string {
  const { phase, detail } = doing(stack(...frames));
  return detail === '' ? phase : `${phase}: ${detail}`;
}

test('phases of the translator', () => {
  assert.is(phase(...CPU), 'dispatcher');
  const lift = [...CPU, 'lift machine/cpu.ts', 'translateBlock frontend-x86/translate.ts'];
  assert.is(phase(...lift, 'liftAdd frontend-x86/lift-alu.ts'), 'lift');
  assert.is(phase(...lift, 'decodeInsn frontend-x86/decode.ts'), 'decode');
  assert.is(phase(...CPU, 'runPasses ir/passes/index.ts', 'deadFlags ir/passes/dead.ts'), 'passes');
  assert.is(phase(...CPU, 'add ir/interp.ts'), 'lower');
  const compile = [...CPU, 'compile machine/region-compiler.ts'];
  assert.is(phase(...compile, 'formRegion ir/cfg/region.ts'), 'form regions');
  assert.is(phase(...compile, 'emitRegion backend-js/emit-region.ts'), 'emit');
  assert.is(phase(...compile, 'compile backend-js/compile.ts'), 'compile');
});

test('guest code, its helpers and its TLB misses', () => {
  const region = [...CPU, 'memcpy_0x401230'];
  assert.is(phase(...region), 'translated code: memcpy');
  assert.is(phase(...CPU, 'block_0xf7000010'), 'translated code: 0xf7000010');
  assert.is(phase(...region, 'vadd ir/slot-vec.ts'), 'translated code: memcpy');
  assert.is(phase(...region, 'divide128 frontend-x86/divide.ts'), 'translated code: memcpy');
  assert.is(phase(...region, 'read mmu/mmu.ts', 'translate mmu/paging.ts'), 'TLB misses: memcpy');
  const interpreted = [...CPU, 'enter ir/interp.ts', 'interpret '];
  assert.is(phase(...interpreted), 'interpreter');
  assert.is(phase(...interpreted, 'read mmu/mmu.ts'), 'TLB misses');
  assert.is(phase(...CPU, 'fetch mmu/mmu.ts'), 'dispatcher');
  const wasm = [...CPU, 'enter ir/interp.ts', 'interpreter'];
  assert.is(phase(...wasm), 'interpreter');
  assert.is(phase(...wasm, 'helper ir/interp.ts', 'div frontend-x86/divide.ts'), 'interpreter');
  assert.is(phase(...wasm, 'write64 mmu/mmu.ts'), 'TLB misses');
  assert.is(phase(...wasm, 'dispatcher'), 'dispatcher');
  assert.is(phase(...wasm, 'dispatcher', 'memcpy_0x401230'), 'translated code: memcpy');
});

test('the kernel, by system call', () => {
  const call = [
    ...LOOP,
    'handle kernel/syscall/dispatch.ts',
    'sysRtSigaction kernel/signal/calls.ts',
  ];
  assert.is(phase(...LOOP), 'kernel');
  assert.is(phase(...call), 'kernel: rt_sigaction');
  assert.is(phase(...call, 'write mmu/mmu.ts'), 'kernel: rt_sigaction');
  assert.is(phase(...call, 'getReg machine/cpu.ts'), 'kernel: rt_sigaction');
  assert.is(phase(...LOOP, 'sysRead2 kernel/vfs/read.ts', 'pread host/node/f.ts'), 'kernel: read');
  const row = [...LOOP, 'runHandler kernel/syscall/dispatch.ts', '(anonymous) kernel/mm/rows.ts'];
  assert.is(phase(...row, 'munmap kernel/mm/mmap.ts', 'mremap kernel/mm/x.ts'), 'kernel: munmap');
  assert.is(phase(...LOOP, 'wait4 kernel/process/wait.ts'), 'kernel');
  assert.is(phase(...LOOP, 'sysGetdents64 kernel/vfs/dir.ts'), 'kernel: getdents64');
  assert.is(phase(...call, '(garbage collector)'), 'GC: rt_sigaction');
  assert.is(phase('(program)'), 'V8 and Node');
  assert.is(phase('(idle)'), 'idle');
});

const frame = (functionName: string, url: string) => ({
  ...{ functionName, url },
  ...{ lineNumber: 0, columnNumber: 0 },
});

const PROFILE = {
  nodes: [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 4] },
    { id: 2, callFrame: frame('run', 'file:///x/src/machine/cpu.ts'), children: [3] },
    { id: 3, callFrame: frame('</script>_0x10', '') },
    { id: 4, callFrame: frame('(garbage collector)', '') },
  ],
  samples: [2, 3, 3, 4],
  timeDeltas: [50, 1000, 2000, 3000, 4000],
};

test('samples are folded by phase and symbol', () => {
  const root = fold(PROFILE);
  assert.is(root.time, 10_000);
  const times = [...root.children].map(([name, node]) => [name, node.time]);
  assert.equal(times, [
    ['dispatcher', 1000],
    ['translated code', 5000],
    ['GC', 4000],
  ]);
  assert.equal(profileRows(root), [
    ['host time, ms', 10],
    ['  translated code', 5],
    ['    </script>', 5],
    ['  dispatcher', 1],
    ['  GC', 4],
  ]);
});

/** The data block of a page. */
function dataOf(html: string): [string, number, unknown[]] {
  const m = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html);
  return JSON.parse(m?.[1] as string) as [string, number, unknown[]];
}

test('the page holds names of guests as data only', () => {
  const html = flameGraph(fold(PROFILE), 'sh -c "<b>&"');
  assert.is(dataOf(html)[1], 10_000);
  assert.ok(html.includes('sh -c "&lt;b>&amp;"'));
  assert.is(html.split('</script>').length, 3);
  assert.match(html, /default-src 'none'/);
  const script = /<script>(.*?)<\/script>/s.exec(html)?.[1] as string;
  assert.type(new Function(script), 'function');
  const deep: FlameNode = { name: 'all', time: 1, children: new Map() };
  assert.equal(dataOf(flameGraph(deep, ''))[2], []);
});

test('run --stats and --profile', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-profile-'));
  try {
    const page = join(directory, 'page.html');
    const loop = 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; ls /usr | wc -l';
    const r = kevlar(['run', '--stats', '--profile', page, '--', 'sh', '-c', loop]);
    assert.is(r.status, 0);
    assert.match(r.stderr, /^host time, ms +\d/m);
    assert.match(r.stderr, /^ {2}interpreter +\d/m);
    assert.match(r.stderr, /^ {2}kernel +\d/m);
    assert.match(r.stderr, /^resident memory, peak MB +\d+$/m);
    assert.match(r.stderr, /^translation bytes a guest code byte +\d/m);
    const names = dataOf(readFileSync(page, 'utf8'))[2].map((c) => (c as [string])[0]);
    assert.ok(names.includes('interpreter') && names.includes('kernel'), names.join());
    const without = kevlar(['run', '--stats', '--no-profile', '--', 'true']);
    assert.match(without.stderr, /^guest instructions/m);
    assert.not.match(without.stderr, /host time/);
    const wrong = kevlar(['run', '--profile', join(directory, 'no', 'page'), '--', 'true']);
    assert.match(wrong.stderr, /--profile: .*no such file/);
    assert.is(wrong.status, 125);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
