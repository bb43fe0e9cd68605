/** System calls that are refused or absent fail as docs/SYSCALLS.md says, and say once who asked for them. */

import { ENOSYS } from '../../../src/kernel/errno.ts';
import { SYSCALL_NAMES } from '../../../src/kernel/syscall/names.ts';
import { rowOf, SYSCALL_FAMILIES } from '../../../src/kernel/syscall/table.ts';
import type { Support } from '../../../src/kernel/syscall/types.ts';
import { assert, suite } from '../../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest } from '../lib/run-guest.ts';

const test = suite('kernel system calls that are missing');
const NEVER_A_CALL = [-1, 511, 100_000];
/** The limit of Kernel.logOnce. */
const MOST_LINES = 200;

function errnoOf(support: Support): number | null {
  return support.kind === 'refused' ? support.errno : null;
}

function run(numbers: readonly number[]): { output: string; log: readonly string[] } {
  return runGuest(readBinary(compile('by-number')), numbers.map(String));
}

if (!haveCompiler('musl-gcc')) test.skip('all', 'musl-gcc is not installed');
else {
  test('refused calls fail with the errno of their row', () => {
    const rows = SYSCALL_FAMILIES.flatMap((f) => f.rows).filter((r) => errnoOf(r.support) !== null);
    assert.ok(rows.length > 10);
    const expected = rows.map((row) => `${row.nr}: -1 ${errnoOf(row.support)}\n`.repeat(2));
    assert.is(run(rows.map((row) => row.nr)).output, expected.join(''));
  });

  test('calls without a row fail with ENOSYS, and are logged once with their caller', () => {
    const absent = Object.keys(SYSCALL_NAMES)
      .map(Number)
      .filter((nr) => rowOf(nr) === null);
    const numbers = [...absent, ...NEVER_A_CALL];
    const { output, log } = run(numbers);
    assert.is(output, numbers.map((nr) => `${nr}: -1 ${ENOSYS}\n`.repeat(2)).join(''));
    assert.is(log.length, numbers.length);
    const where = 'at 0x[0-9a-f]+ \\(syscall\\+0x[0-9a-f]+\\), called from 0x[0-9a-f]+ \\(ask\\+0x';
    numbers.forEach((nr, i) => {
      const name = SYSCALL_NAMES[nr];
      const what = name === undefined ? `${nr}` : `${name} \\(${nr}\\)`;
      const line = `^unknown system call ${what}, asked for by by\\?number \\(pid 1\\) ${where}`;
      assert.match(log[i] as string, new RegExp(line));
    });
  });

  test('a refused call that a program may need is logged, too', () => {
    const { log } = run([101, 101, 272]);
    assert.is(log.length, 1);
    const line =
      'refused system call ptrace (101: no process can trace another), asked for by by?number';
    assert.ok(log[0]?.startsWith(line), log[0]);
  });

  test('a program cannot fill the log with numbers', () => {
    const { log } = run(Array.from({ length: 2 * MOST_LINES }, (_, i) => 10_000 + i));
    assert.is(log.length, MOST_LINES + 1);
    assert.is(log.at(-1), 'further lines like these are not shown');
  });
}
