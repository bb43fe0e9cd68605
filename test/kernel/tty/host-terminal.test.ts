/** The host's terminal as a guest's console: raw mode, window size, the escape, restoring. More: host-terminal.slow.test.ts. */

import { suite } from '../../lib/suite.ts';
import { terminalTest } from './host-terminal.ts';

const test = suite('host terminal', { timeout: 120_000 });
const [SIGSEGV, SIGTERM, SIGTSTP] = [11, 15, 20];

terminalTest(test, 'a shell edits lines, follows the size, and controls jobs', {
  argv: ['--', 'sh', '-i'],
  steps: [
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
  code: 3,
});

terminalTest(test, 'Ctrl-] three times ends a guest that ignores everything', {
  argv: ['--', 'sh', '-c', 'trap "" INT TERM HUP; echo ready; while :; do :; done'],
  steps: [
    ['expect', 'ready'],
    ['type', '\u001d\u001d\u001d'],
    ['expect', 'ended by Ctrl-]'],
  ],
  code: 130,
});

/** A program that leaves the terminal as no shell would like it, and then runs `end`. */
function raw(end: string): string[] {
  return ['--', 'sh', '-c', `stty raw -echo; echo ready; ${end}`];
}

terminalTest(test, 'a signal that ends the guest leaves the terminal as it was', {
  argv: raw('exec sleep 99'),
  steps: [
    ['expect', 'ready'],
    ['settings', 'raw'],
    ['signal', SIGTERM],
  ],
  code: 128 + SIGTERM,
});

terminalTest(test, 'so does a guest that crashes', {
  argv: raw('kill -SEGV $$'),
  steps: [['expect', 'ready']],
  code: 128 + SIGSEGV,
});

terminalTest(test, 'stopped from outside, the terminal is as before; continued, it is raw again', {
  argv: raw('sleep 99; exit 4'),
  steps: [
    ['expect', 'ready'],
    ['settings', 'raw'],
    ['signal', SIGTSTP],
    ['stopped'],
    ['settings', 'before'],
    ['continue'],
    ['settings', 'raw'],
    ['signal', SIGTERM],
  ],
  code: 128 + SIGTERM,
});

terminalTest(test, 'an error of our own leaves the terminal as it was', {
  argv: raw('hostname crash; exec sleep 99'),
  preload: 'fixtures/crash-on-hostname.ts',
  steps: [
    ['expect', 'ready'],
    ['expect', 'internal error'],
    ['expect', 'crashed by hostname'],
  ],
  code: 125,
});
