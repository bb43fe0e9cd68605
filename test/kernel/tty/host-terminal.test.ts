/** The host's terminal as a guest's console: raw mode, window size, the escape, restoring. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('host terminal');

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const COMMAND = ['--import', 'tsx', here('../../../src/cli/main.ts'), 'run', '--'];
const SIGTERM = 15;
const havePython = spawnSync('python3', ['--version']).status === 0;

type Step = readonly [string, ...(string | number)[]];

function terminalTest(
  name: string,
  argv: readonly string[],
  steps: readonly Step[],
  code: number,
): void {
  if (!havePython) {
    test.skip(name, 'python3 is not installed');
    return;
  }
  const args = [here('host-terminal.py'), process.execPath, ...COMMAND, ...argv];
  test(name, () => {
    const run = spawnSync('python3', args, { input: JSON.stringify(steps), encoding: 'utf8' });
    assert.is(run.stderr, '');
    assert.equal(JSON.parse(run.stdout), { code, restored: true });
  });
}

terminalTest(
  'a shell edits lines, follows the size, and controls jobs',
  ['sh', '-i'],
  [
    ['expect', '# '],
    ['type', 'tty; stty size\r'],
    ['expect', '/dev/pts/0'],
    ['expect', '33 101'],
    ['size', 40, 120],
    ['type', 'echo a\u007fb; stty size\r'],
    ['expect', '40 120'],
    ['type', `sh -c 'echo go; exec sleep 99'\r`],
    ['expect', '\r\ngo\r\n'],
    ['type', '\u001a'],
    ['expect', 'Stopped'],
    ['type', 'fg\r'],
    ['expect', 'sleep 99'],
    // The shell names the job before it is in the foreground.
    ['pause', 1],
    ['type', '\u0003'],
    ['expect', '# '],
    ['type', 'exit 3\r'],
  ],
  3,
);

terminalTest(
  'Ctrl-] three times ends a guest that ignores everything',
  ['sh', '-c', 'trap "" INT TERM HUP; echo ready; while :; do :; done'],
  [
    ['expect', 'ready'],
    ['type', '\u001d\u001d\u001d'],
    ['expect', 'ended by Ctrl-]'],
  ],
  130,
);

terminalTest(
  'a signal that ends the guest leaves the terminal as it was',
  ['sh', '-c', 'echo ready; sleep 99'],
  [
    ['expect', 'ready'],
    ['signal', SIGTERM],
  ],
  143,
);
