/** The benchmark's plan, medians, table, history and errors. (Numbers are for `npm run bench`.) */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withTable } from '../../scripts/lib/readme-table.ts';
import { text } from '../../src/cli/bench/cases-busybox.ts';
import { growthRatios } from '../../src/cli/bench/cases-programs.ts';
import {
  comparable,
  comparison,
  entryOf,
  readHistory,
  record,
  regressions,
} from '../../src/cli/bench/history.ts';
import { checkedLines, geometricMean } from '../../src/cli/bench/lines.ts';
import { median, plan } from '../../src/cli/bench/measure.ts';
import { allCases, ROWS } from '../../src/cli/bench/rows.ts';
import { losses, markdownTable, textTable } from '../../src/cli/bench/table.ts';
import type { BenchResult, RowResult } from '../../src/cli/bench/types.ts';
import { Workshop } from '../../src/cli/bench/workshop.ts';
import { assert, suite } from '../lib/suite.ts';
import { kevlar } from './cli.ts';

const test = suite('kevlar-jit bench');

const ROW: RowResult = {
  name: 'c-calls',
  work: 'C: calls',
  command: 'kernels 1',
  unit: 'ms',
  engine: 'auto',
  against: 'qemu',
  target: 1,
  values: { native: 10, qemu: 40, auto: 20, js: 15 },
  reached: 0.5,
  note: '',
};

const RESULT: BenchResult = {
  date: '2026-01-01T00:00:00.000Z',
  commit: 'abc',
  cpu: 'A CPU',
  node: 'v20.0.0',
  quick: false,
  rounds: 3,
  engines: ['auto'],
  rows: [
    ROW,
    {
      ...ROW,
      ...{ name: 'boot', work: 'boot', target: 3, reached: null, note: 'qemu: ended with 1' },
      values: { native: 1.25, auto: 1500 },
    },
    {
      ...ROW,
      ...{ name: 'memory', work: 'memory', unit: 'MB', against: null, target: 250, reached: 300 },
      values: { auto: 300 },
    },
  ],
  failures: [],
};

test('median and geometric mean', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  assert.is(median([]), null);
  assert.is(geometricMean([2, 8]).toFixed(6), '4.000000');
});

test('every row is of a case, and names are used once', () => {
  const cases = new Map(allCases(new Workshop(''), true).map((one) => [one.name, one]));
  for (const { name, case: of, against } of ROWS) {
    assert.ok(cases.has(of), `${name}: case ${of}`);
    if (against !== null) assert.ok(cases.get(of)?.references.includes(against), name);
  }
  assert.is(new Set(ROWS.map((row) => row.name)).size, ROWS.length);
  const used = new Set(ROWS.map((row) => row.case));
  assert.equal(
    [...cases.keys()].filter((name) => !used.has(name)),
    [],
  );
});

test('a plan runs only what rows need, with their engines', () => {
  const cases = allCases(new Workshop(''), true);
  const rows = ROWS.filter(({ name }) => ['python-js', 'python-fib', 'c-x87'].includes(name));
  const runs = plan(cases, rows, ['auto']).map(
    ({ one, subject, metrics }) => `${one.name} ${subject} ${metrics.join(',')}`,
  );
  assert.equal(runs, [
    ...['native', 'qemu', 'pyodide', 'js', 'auto'].map((s) => `lines ${s} mean,fib`),
    ...['native', 'qemu', 'auto'].map((s) => `kernels ${s} x87`),
  ]);
});

test('as text', () => {
  const lines = textTable(RESULT).split('\n');
  assert.match(lines[0] as string, /^row +work +native +qemu-x86_64 +kevlar-jit +reached/);
  assert.match(
    lines[1] as string,
    /^c-calls +C: calls +10\.0 ms +40\.0 ms +20\.0 ms +0\.50 x qemu +≤ 1 x qemu +yes$/,
  );
  assert.match(
    lines[2] as string,
    /^boot +boot \(qemu: ended with 1\) +1\.25 ms +– +1\.50 s +– +≤ 3 x qemu$/,
  );
  assert.match(lines[3] as string, /^memory +memory +– +– +300 MB +300 MB +≤ 250 MB +no$/);
  assert.match(textTable(RESULT), /^1 of 2 targets are met; medians of 3 rounds, Node v20/m);
});

test('as Markdown, in the README', () => {
  const table = markdownTable(RESULT);
  assert.match(
    table,
    /^\| c-calls \| C: calls \| 10\.0 ms \| 40\.0 ms \| 20\.0 ms \| 0\.50 x qemu/m,
  );
  const columns = table
    .split('\n')
    .filter((l) => l.startsWith('|'))
    .map((l) => l.split('|').length);
  assert.equal([...new Set(columns)], [10]);
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const replaced = withTable(readme, table);
  assert.ok(replaced.includes(table.trim()));
  assert.is(withTable(replaced, table), replaced);
  assert.is(replaced.split('## ').length, readme.split('## ').length);
  assert.throws(() => withTable('nothing', table), /has no/);
});

test('where auto loses to a single engine', () => {
  assert.equal(losses(RESULT), []);
  const all: BenchResult = { ...RESULT, engines: ['auto', 'js'] };
  assert.equal(losses(all), ['c-calls: auto 20.0 ms, 1.33 x js']);
  assert.match(textTable(all), /auto loses by more than 10 % on 1 rows/);
});

test('other output than the first subject is an error', () => {
  const shop = new Workshop('');
  const times = checkedLines(shop, 'k', Buffer.from('fib 5 1.5\nloop 7 2\n'));
  assert.equal(
    [...times],
    [
      ['fib', 1.5],
      ['loop', 2],
    ],
  );
  checkedLines(shop, 'k', Buffer.from('fib 5 99\n'));
  assert.throws(() => checkedLines(shop, 'k', Buffer.from('fib 6 1\n')), /something else/);
  assert.throws(() => checkedLines(shop, 'k', Buffer.from('Traceback\n')), /printed 'Traceback'/);
});

test('growth', () => {
  const printed = 'fork few 100 many 150\nkill few 0 many 3\n';
  assert.equal(
    [...growthRatios(printed, ['fork', 'kill'])],
    [
      ['fork', 1.5],
      ['kill', 3],
    ],
  );
  assert.throws(() => growthRatios(printed, ['switch']), /nothing about 'switch'/);
});

test('text is lines, as many as asked for', () => {
  assert.is(text(1000, 3).split('\n').length, 4);
  const size = text(5000).length;
  assert.ok(size >= 5000 && size < 5200, String(size));
  assert.is.not(text(100, 1, 1), text(100, 1, 2));
});

test('history shows what got slower', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-history-'));
  try {
    const file = join(directory, 'history.jsonl');
    assert.equal(readHistory(file), []);
    record(file, RESULT);
    record(file, { ...RESULT, cpu: 'Another' });
    record(file, { ...RESULT, quick: true });
    const history = readHistory(file);
    assert.equal(history[0], entryOf(RESULT));
    assert.equal(history[0]?.reached, { 'c-calls': 0.5, memory: 300 });
    assert.is(comparable(history, RESULT), history[0]);
    assert.is(comparable(history, { ...RESULT, cpu: 'A third' }), null);
    const slower = { ...RESULT, rows: [{ ...ROW, reached: 0.6 }, ...RESULT.rows.slice(1)] };
    const found = regressions(history[0]!, slower, 10);
    assert.equal(
      found.map((r) => `${r.row} ${r.percent.toFixed(0)}`),
      ['c-calls 20'],
    );
    assert.equal(regressions(history[0]!, slower, 25), []);
    assert.match(comparison(history[0]!, slower, 10), /c-calls: 0\.600, was 0\.500 \(\+20 %\)/);
    const speed = (reached: number): BenchResult => ({
      ...RESULT,
      rows: [{ ...ROW, unit: 'M/s', against: null, reached }],
    });
    assert.is(regressions(entryOf(speed(100)), speed(50), 10)[0]?.percent, 100);
    assert.equal(regressions(entryOf(speed(50)), speed(100), 10), []);
    writeFileSync(file, 'no\n');
    assert.throws(() => readHistory(file), /line 1 is not JSON/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('options', () => {
  assert.match(kevlar(['bench', '--rounds', '0']).stderr, /write a number from 1/);
  assert.match(kevlar(['bench', '--row', 'nope']).stderr, /no row is called 'nope'/);
  assert.match(kevlar(['bench', '--engines', 'auto,x']).stderr, /choose one of/);
  assert.match(kevlar(['bench', '--from', '/nope.json']).stderr, /no such file/);
  assert.is(kevlar(['bench', '--nope']).status, 125);
  const { stdout } = kevlar(['bench', '--rows']);
  assert.match(stdout, /^c-fib .* 1 x qemu +kernels 4 1$/m);
  assert.is(stdout.trimEnd().split('\n').length, ROWS.length);
});
