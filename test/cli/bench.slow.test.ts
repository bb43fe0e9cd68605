/** `kevlar-jit bench` as a whole, with small sizes: rows of each kind run, agree with native execution and are recorded. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHistory } from '../../src/cli/bench/history.ts';
import { have } from '../../src/cli/bench/tools.ts';
import type { BenchResult } from '../../src/cli/bench/types.ts';
import { assert, suite } from '../lib/suite.ts';
import { kevlar } from './cli.ts';

const test = suite('kevlar-jit bench, measuring', { timeout: 600_000 });

const ROWS = ['boot-sh', 'sqlite', 'tar', 'grep', 'memory', 'code-size'];
/** These are compiled first. */
const COMPILED = ['c-x87', 'c-string', 'chacha20', 'growth-kill', 'interp-loops'];

const rows = [...ROWS, ...(have('musl-gcc') ? COMPILED : [])];

test('rows, JSON, and the history', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kevlar-bench-test-'));
  try {
    const json = join(directory, 'bench.json');
    const history = join(directory, 'history.jsonl');
    const chosen = rows.flatMap((row) => ['--row', row]);
    const r = kevlar(['bench', '--quick', ...chosen, '--json', json, '--record', history], {
      env: { KEVLAR_AUDIT: '0' },
      timeout: 550_000,
    });
    assert.is(r.stderr, '');
    assert.is(r.status, 0);
    const result = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
    assert.equal(result.rows.map((row) => row.name).sort(), [...rows].sort());
    const qemu = have('qemu-x86_64');
    for (const row of result.rows) {
      assert.ok((row.values[row.engine] ?? 0) > 0, row.name);
      if (row.against !== 'qemu' || qemu) assert.ok((row.reached ?? 0) > 0, row.name);
    }
    const [entry] = readHistory(history);
    const reached = result.rows.filter((row) => row.reached !== null).map((row) => row.name);
    assert.equal(Object.keys(entry?.reached ?? {}).sort(), reached.sort());

    const again = kevlar(['bench', '--from', json, '--compare', '--history', history]);
    assert.match(again.stdout, /^0 of \d+ rows are slower by more than 10 %/m);
    const slower = { ...result, rows: result.rows.map((row) => ({ ...row, reached: 1e6 })) };
    writeFileSync(json, JSON.stringify(slower));
    const worse = kevlar(['bench', '--from', json, '--compare', '50', '--history', history]);
    assert.match(worse.stdout, /^ {2}memory: 1\.00e\+6, was \d+(\.\d+)? \(\+\d+ %\)$/m);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
