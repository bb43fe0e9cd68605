/** `kevlar-jit run --watch`, and that docs/finding-a-corrupted-page.md shows what really happens. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseWatch } from '../../src/cli/watch-option.ts';
import { assert, suite } from '../lib/suite.ts';
import { CLI, kevlar, scratch } from './cli.ts';

const test = suite('kevlar-jit run --watch');

const doc = fileURLToPath(new URL('../../docs/finding-a-corrupted-page.md', import.meta.url));
const SLOW = { timeout: 240_000 };

test('WHERE', () => {
  const named = { address: null, file: null, length: null };
  const cases: [string, object][] = [
    ['0x1F000+0x10', { address: 0x1f000, file: null, name: '', length: 16 }],
    ['4096', { address: 4096, file: null, name: '', length: null }],
    ['environ', { ...named, name: 'environ' }],
    ['_ZN1aplEv+32', { ...named, name: '_ZN1aplEv', length: 32 }],
    ['libc.so:.data', { ...named, file: 'libc.so', name: '.data' }],
    ['/a:b/c.so:x+1', { address: null, file: '/a:b/c.so', name: 'x', length: 1 }],
  ];
  for (const [text, wanted] of cases) assert.equal(parseWatch(text), { text, ...wanted });
});

test('what is wrong is one line', () => {
  for (const where of ['', '+8', 'x:', '0x1000+0', 'a+99999999999', '0x7ffffffffffff']) {
    const r = kevlar(['run', '--watch', where, '--', 'true']);
    assert.is(r.status, 125, where);
    assert.match(r.stderr, /--watch/, where);
    assert.not.match(r.stderr, /internal error/, where);
  }
  const log = kevlar(['run', '--watch', '1', '--watch-log', '/no/dir/log', '--', 'true']);
  assert.is(log.status, 125);
  assert.match(log.stderr, /--watch-log: .*\/no\/dir\/log/);
});

test('a section, a symbol and an address, in a file', () => {
  const log = join(scratch(), 'watch.txt');
  const watches = ['--watch', 'ld-musl-x86_64.so.1:.got', '--watch', 'environ', '--watch', '0x10'];
  const r = kevlar(['run', ...watches, '--watch-log', log, '--', 'true']);
  assert.equal([r.status, r.stdout, r.stderr], [0, '', '']);
  const text = readFileSync(log, 'utf8');
  // The dynamic linker relocates itself, and sets environ.
  assert.match(text, /^watch ld-musl\S+: pid 1 \(\w+\): an instruction stores 8 bytes/m);
  assert.match(text, /^watch environ: pid 1 \(\w+\): an instruction stores 8 bytes/m);
  assert.match(text, /^watch 0x10: never mapped$/m);
});

test('a program that goes through many mappings and processes', () => {
  const script = 'i=0; while [ $i -lt 30 ]; do cat /dev/null; i=$((i+1)); done';
  const r = kevlar([
    'run',
    '--watch',
    'busybox:.data',
    '--watch',
    'malloc',
    '--',
    'sh',
    '-c',
    script,
  ]);
  assert.is(r.status, 0);
  const lines = r.stderr.split('\n');
  assert.ok(lines.length < 5000, `${lines.length} lines`);
  assert.match(r.stderr, /^watch busybox:.data: mapped \d+/m);
});

interface Shown {
  readonly command: string;
  readonly output: readonly string[];
}

/** The commands of the page, with the output that it shows of each. */
function shown(): Shown[] {
  const all: { command: string; output: string[] }[] = [];
  for (const [, block] of readFileSync(doc, 'utf8').matchAll(/^```\n(\$ .*?)^```$/gms)) {
    for (const line of (block as string).trimEnd().split('\n')) {
      if (line.startsWith('$ ')) all.push({ command: line.slice(2), output: [] });
      else all[all.length - 1]!.output.push(line);
    }
  }
  return all;
}

/** Frames depend on what was in memory before, and how much is stored on the seed of hashes. */
function plain(line: string): string {
  return line
    .replace(/frame \d+/g, 'frame N')
    .replace(/stores \d+ \(/, 'stores N (')
    .replace(/^ {2}#\d+/, '  #N');
}

test(
  'docs/finding-a-corrupted-page.md: the commands, and their output',
  () => {
    const commands = shown();
    assert.is(commands.length, 4);
    const quoted = CLI.map((word) => `'${word}'`).join(' ');
    let last = 0;
    for (const { command, output } of commands) {
      if (command === 'echo $?') {
        assert.equal(output, [String(last)]);
        continue;
      }
      const r = spawnSync('bash', ['-c', command.replace('kevlar-jit', quoted)], {
        encoding: 'utf8',
        env: { ...process.env, KEVLAR_AUDIT: '0' },
        timeout: 200_000,
      });
      last = r.status as number;
      const lines = (r.stdout + r.stderr).split('\n').map(plain);
      let at = 0;
      for (const wanted of output.map(plain)) {
        if (wanted === '...') continue;
        const found = lines.indexOf(wanted, at);
        assert.ok(found >= 0, `${command}\ndoes not print, behind line ${at}:\n${wanted}`);
        at = found + 1;
      }
    }
  },
  SLOW,
);

test('the culprit is named', () => {
  const text = readFileSync(doc, 'utf8');
  // That this is what happens is what the test above found.
  assert.match(
    text,
    /^watch \S+gnu.hash: pid 1 \(python3\): brk\(0x\w+\) = 0x\w+: other memory at/m,
  );
  assert.match(text, /^ {2}from {3}_Py_hashtable_set\+0x\w+ \(libpython3.13.so.1.0\)$/m);
  assert.match(text, /^watch \S+gnu.hash: pid 1 \(python3\): an instruction stores 8 bytes/m);
  assert.match(text, /put over another area \(brk\(/);
});
