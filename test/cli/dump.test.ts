/**
 * `kevlar-jit dump`: counts are exact, source maps lead to the addresses that objdump shows, and what the
 * guest wrote into its symbol table stays text in the page.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'acorn';
import { SourceMapConsumer } from 'source-map';
import type { Report, ReportBlock } from '../../src/cli/dump/report.ts';
import { assert, suite } from '../lib/suite.ts';
import { have, kevlar, scratch } from './cli.ts';
import { compileFixture, GUEST_DIRECTORY, VOLUME } from './gcc.ts';

const test = suite('kevlar-jit dump');

/** Both names are of one length: the second replaces the first in the symbol table. */
const PLAIN = 'mix_words_x_x_x_words';
const HOSTILE = 'mix<img/src=x>&"words';
const ROUNDS = 1_000_000;

interface Dumped {
  readonly program: string;
  readonly directory: string;
  readonly report: Report;
}

let dumped: Dumped | null = null;

/** The fixture compiled and dumped, once. */
function dumpLoop(): Dumped {
  if (dumped !== null) return dumped;
  const program = compileFixture('loop');
  const bytes = readFileSync(program, 'latin1');
  assert.ok(bytes.includes(PLAIN));
  writeFileSync(program, bytes.replace(PLAIN, HOSTILE), 'latin1');
  const directory = join(scratch(), 'dump/');
  const r = kevlar([
    'dump',
    '--engine',
    'js',
    ...VOLUME,
    '-o',
    directory,
    '--',
    `${GUEST_DIRECTORY}/loop`,
  ]);
  const native = spawnSync(program).status;
  assert.is(r.status, native, r.stderr);
  const report = JSON.parse(readFileSync(join(directory, 'dump.json'), 'utf8')) as Report;
  dumped = { program, directory, report };
  return dumped;
}

/** Every block at an address: as interpreted, and its copies in regions. */
function blocksAt(report: Report, address: string): ReportBlock[] {
  const all = [...report.blocks, ...report.regions.flatMap((r) => r.blocks)];
  return all.filter((b) => b.address === address);
}

if (!have('gcc') || !have('objdump')) {
  test.skip('all', 'no gcc or objdump here');
} else {
  test('the hot loop is one region, and counts are exact', () => {
    const { report } = dumpLoop();
    const region = report.regions[0];
    assert.ok(region !== undefined && region.share > 0.9, `share ${region?.share}`);
    assert.match(region?.name ?? '', /^mix_img_src_x___words_0x[0-9a-f]+$/);
    const loop = region?.blocks.find((b) => b.address === region.address) as ReportBlock;
    // The loop's block begins at its head, or (in the first round) before it.
    const executed = blocksAt(report, loop.address).reduce((n, b) => n + b.executions, 0);
    assert.ok(executed === ROUNDS || executed === ROUNDS - 1, `executed ${executed}`);
    assert.ok((region?.exits.length ?? 0) > 0);
    const left = region?.exits.reduce((n, e) => n + e.count, 0) ?? 0;
    // Leaving because a slice of the budget is used up counts as well: once per call.
    assert.ok(left >= (region?.entries ?? 0), `${left} exits, ${region?.entries} entries`);
    const inBlocks = report.blocks.reduce((n, b) => n + b.executions * b.asm.length, 0);
    assert.is(inBlocks + report.inRegions, report.instructions);
  });

  test('guest code is disassembled as objdump does', () => {
    const { report, program } = dumpLoop();
    const dump = spawnSync('objdump', ['-d', '--insn-width=16', program], {
      encoding: 'utf8',
    }).stdout;
    const expected = new Map<string, string>();
    for (const line of dump.split('\n')) {
      const m = /^\s+([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\w+)/.exec(line);
      if (m !== null) expected.set(`0x${m[1]}`, `${m[2]} ${m[3]}`);
    }
    const lines = report.blocks.concat(report.regions[0]?.blocks ?? []).flatMap((b) => b.asm);
    assert.ok(lines.length > 10);
    for (const a of lines) {
      const mnemonic = a.text.split(' ')[0] as string;
      assert.is(`${a.bytes} ${mnemonic}`, expected.get(a.address));
    }
  });

  test('the source map resolves a line to the address that objdump shows', async () => {
    const { report, program, directory } = dumpLoop();
    const region = report.regions[0];
    const dump = spawnSync('objdump', ['-d', '--insn-width=16', program], {
      encoding: 'utf8',
    }).stdout;
    const imul = /^\s+([0-9a-f]+):.*\timul /m.exec(dump);
    const shift = /^\s+([0-9a-f]+):.*\tshr +\$0x7,/m.exec(dump);
    const wanted = imul ?? shift;
    assert.ok(wanted, 'objdump shows neither imul nor shr');
    const file = join(directory, `${region?.name}.js`);
    const source = readFileSync(file, 'utf8');
    const text = readFileSync(`${file}.map`, 'utf8');
    const found = new Set<string>();
    await SourceMapConsumer.with(text, null, (consumer) => {
      source.split('\n').forEach((_, i) => {
        const p = consumer.originalPositionFor({ line: i + 1, column: 0 });
        if (p.source === null || p.line === null) return;
        const block = region?.blocks.find((b) => b.address === p.source);
        found.add(block?.asm[p.line - 1]?.address ?? `${p.source}:${p.line}`);
      });
    });
    assert.ok(found.has(`0x${wanted?.[1]}`), `${wanted?.[1]} not in ${[...found].join(' ')}`);
    for (const address of found) assert.match(dump, new RegExp(`^\\s+${address.slice(2)}:`, 'm'));
    parse(source, { ecmaVersion: 2022, allowReturnOutsideFunction: true });
    assert.match(source, new RegExp(`sourceMappingURL=${region?.name}\\.js\\.map\n$`));
  });

  test('the page has no markup of the guest and asks for nothing', () => {
    const { directory, report } = dumpLoop();
    const page = readFileSync(join(directory, 'index.html'), 'utf8');
    assert.ok(report.regions[0]?.symbol.includes('<img'));
    assert.not(page.includes('<img'));
    assert.not.match(page, /https?:\/\/|<link|src=["']/);
    assert.match(page, /default-src 'none'/);
  });

  const chromium = ['chromium', 'chromium-browser', 'google-chrome'].find((c) => have(c));
  if (chromium === undefined) test.skip('the page works in Chromium', 'no chromium here');
  else {
    test('the page works in Chromium', () => {
      const { directory } = dumpLoop();
      const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--virtual-time-budget=2000'];
      const profile = `--user-data-dir=${join(scratch(), 'chromium')}`;
      const url = `file://${join(directory, 'index.html')}`;
      const r = spawnSync(chromium, [...flags, profile, '--dump-dom', url], {
        encoding: 'utf8',
        timeout: 40_000,
        maxBuffer: 1 << 26,
      });
      assert.is(r.status, 0, r.stderr);
      assert.match(r.stdout, /<td>mix_img_src_x___words_0x/);
      assert.match(r.stdout, /mix&lt;img\/src=x&gt;&amp;"words/);
      assert.not.match(r.stdout.replace(/<script[\s\S]*?<\/script>/g, ''), /<img/);
      assert.match(r.stdout, /<pre>[^<]*imul|<pre>[^<]*shr/);
    });
  }

  test('invalidated translations are listed with the reason', () => {
    const program = compileFixture('selfmod');
    const run = ['--', `${GUEST_DIRECTORY}/selfmod`];
    const r = kevlar(['dump', '--format', 'json', ...VOLUME, ...run]);
    assert.is(spawnSync(program).status, 45);
    assert.is(r.status, 45, r.stderr);
    const report = JSON.parse(r.stdout) as Report;
    assert.ok(report.invalidations.length > 0);
    const written = report.blocks.filter((b) => b.asm[0]?.text === 'mov $0x4,%eax');
    assert.is(written.length, 1);
    assert.ok(report.log.some((e) => e.address === written[0]?.address && e.reason !== ''));
  });

  test('the directory has the files of every region', () => {
    const { directory, report } = dumpLoop();
    const files = new Set(readdirSync(directory));
    for (const { name } of report.regions) {
      for (const suffix of ['.js', '.js.map', '.txt']) assert.ok(files.has(name + suffix), name);
    }
    for (const name of ['index.html', 'dump.txt', 'dump.json']) assert.ok(files.has(name), name);
  });
}

test('the loop of a SHA-256, longer than a translation block, is one region', () => {
  const command = 'dd if=/dev/zero of=/tmp/z bs=1M count=8 2>/dev/null; sha256sum /tmp/z';
  const r = kevlar(['dump', '-f', 'json', '--', 'sh', '-c', command]);
  assert.is(r.status, 0, r.stderr);
  const [region] = (JSON.parse(r.stdout) as Report).regions;
  assert.ok(region !== undefined && region.share > 0.4, `share ${region?.share}`);
  const rounds = region.blocks[0]?.executions ?? 0;
  assert.ok(rounds > 20 * region.entries, `${region.entries} entries, ${rounds} rounds`);
});

test('the dump goes to standard output, the program to standard error', () => {
  const r = kevlar(['dump', '--format', 'json', '--', 'echo', 'hello']);
  assert.is(r.status, 0, r.stderr);
  assert.match(r.stderr, /^hello$/m);
  const report = JSON.parse(r.stdout) as Report;
  assert.equal(report.program, ['echo', 'hello']);
  assert.ok(report.blocks.length > 0);
});

test('text is the default, the format follows the file name', () => {
  const file = join(scratch(), 'out.html');
  const r = kevlar(['dump', '-o', file, '--', 'echo', 'hello']);
  assert.is(r.stdout, 'hello\n');
  assert.match(readFileSync(file, 'utf8'), /^<!doctype html>/);
  const text = kevlar(['dump', '--', 'true']);
  assert.match(text.stdout, /^program {7}true\n/);
});

test('run --dump writes the directory', () => {
  const directory = join(scratch(), 'by-run');
  const r = kevlar(['run', '--dump', directory, '--', 'sh', '-c', 'echo hi; exit 3']);
  assert.is(r.status, 3, r.stderr);
  assert.is(r.stdout, 'hi\n');
  assert.ok(readdirSync(directory).includes('index.html'));
});

test('a place that cannot be written is an error before anything runs', () => {
  const file = join(scratch(), 'file');
  writeFileSync(file, '');
  const a = kevlar(['dump', '-o', `${file}/x.html`, '--', 'echo', 'ran']);
  assert.is(a.status, 125);
  assert.is(a.stdout, '');
  assert.match(a.stderr, /^kevlar-jit: --output .*file/m);
  const b = kevlar(['run', '--dump', `${file}/x`, '--', 'echo', 'ran']);
  assert.is(b.status, 125);
  assert.is(b.stdout, '');
  assert.match(b.stderr, /^kevlar-jit: --dump: /m);
});
