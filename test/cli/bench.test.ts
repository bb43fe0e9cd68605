/** The benchmark's table: medians, ratios, notes; the command's own errors. (Numbers are for `npm run bench`.) */

import { type BenchResult, median } from '../../src/cli/bench/measure.ts';
import { markdownTable, textTable } from '../../src/cli/bench/table.ts';
import { assert, suite } from '../lib/suite.ts';
import { kevlar } from './cli.ts';

const test = suite('kevlar-jit bench');

const RESULT: BenchResult = {
  date: '2026-01-01T00:00:00.000Z',
  node: 'v20.0.0',
  rounds: 3,
  rows: [
    { name: 'loop: calls', native: 10, qemu: 40, kevlar: 20, note: '' },
    { name: 'boot', native: 1.25, qemu: null, kevlar: 1500, note: 'qemu: ended with 1' },
  ],
  interpreter: [{ name: 'python', mips: 51.23, note: '' }],
};

test('median', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  assert.is(median([]), null);
});

test('as text', () => {
  const lines = textTable(RESULT).split('\n');
  assert.match(lines[1] as string, /^loop: calls +10 ms +40 ms +20 ms +2\.0 x +0\.5 x$/);
  assert.match(
    lines[2] as string,
    /^boot \(qemu: ended with 1\) +1\.3 ms +– +1\.50 s +1200\.0 x +–$/,
  );
  assert.match(textTable(RESULT), /^python +51\.2$/m);
});

test('as Markdown', () => {
  const text = markdownTable(RESULT);
  assert.match(text, /^\| loop: calls \| 10 ms \| 40 ms \| 20 ms \| 2\.0 x \| 0\.5 x \|$/m);
  assert.match(text, /^\| --- \| ---: \|/m);
  const columns = text
    .split('\n')
    .filter((l) => l.startsWith('|'))
    .map((l) => l.split('|').length);
  assert.equal([...new Set(columns)].sort(), [4, 8]);
});

test('options', () => {
  assert.match(kevlar(['bench', '--rounds', '0']).stderr, /write a number from 1/);
  assert.is(kevlar(['bench', '--nope']).status, 125);
});
