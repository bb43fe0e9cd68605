/** The system call table agrees with Linux's numbers, and the generated page with the table. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { syscallsDoc, testsOf } from '../../../scripts/gen-syscalls-doc.ts';
import { EFAULT, linuxError } from '../../../src/kernel/errno.ts';
import { ArgvIn } from '../../../src/kernel/exec/format.ts';
import type { UserMemory } from '../../../src/kernel/mm/user-memory.ts';
import { formatFlags, formatOpenFlags, Long, Ptr, Size } from '../../../src/kernel/syscall/args.ts';
import { SYSCALL_NAMES } from '../../../src/kernel/syscall/names.ts';
import { rowOf, SYSCALL_FAMILIES } from '../../../src/kernel/syscall/table.ts';
import { bytesAt, quote } from '../../../src/kernel/syscall/text.ts';
import type { FormatContext } from '../../../src/kernel/syscall/types.ts';
import { assert, suite } from '../../lib/suite.ts';
import { contractPrograms } from '../lib/contract-programs.ts';
import { recordedCalls } from '../lib/syscall-record.ts';

const test = suite('kernel syscall table');

test('every row has its number once and the name of that number', () => {
  const seen = new Set<number>();
  for (const { rows } of SYSCALL_FAMILIES) {
    for (const row of rows) {
      assert.not(seen.has(row.nr), `two rows for ${row.nr}`);
      seen.add(row.nr);
      assert.is(row.name, SYSCALL_NAMES[row.nr]);
      assert.ok(Object.keys(row.args).length <= 6, row.name);
      assert.is(rowOf(row.nr), row);
    }
  }
  assert.is(rowOf(-1), null);
  assert.is(rowOf(100000), null);
});

const header = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';
if (existsSync(header)) {
  test('the names are those of the Linux headers', () => {
    for (const [, name, nr] of readFileSync(header, 'utf8').matchAll(/__NR_(\w+) (\d+)/g)) {
      assert.is(SYSCALL_NAMES[Number(nr)], name);
    }
  });
} else test.skip('the names are those of the Linux headers', 'linux-libc-dev is not installed');

test('docs/SYSCALLS.md is up to date', () => {
  const path = fileURLToPath(new URL('../../../docs/SYSCALLS.md', import.meta.url));
  assert.is(readFileSync(path, 'utf8'), syscallsDoc(), 'run npm run docs');
});

test('every row that is not refused has a contract that makes it', () => {
  const untested: string[] = [];
  for (const row of SYSCALL_FAMILIES.flatMap((f) => f.rows)) {
    if (row.support.kind !== 'refused' && testsOf(row.name).length === 0) untested.push(row.name);
  }
  assert.equal(untested, [], 'write a contract in test/guest, then: npm run golden:update');
});

test('what is recorded of contracts is about programs that exist', () => {
  const programs = contractPrograms().map((p) => p.name);
  assert.equal(Object.keys(recordedCalls()).sort(), programs.sort(), 'npm run golden:update');
});

test('arguments decode as C does', () => {
  assert.is(Long.decode(-5, -1), -5);
  assert.is(Long.decode(-1, 0), 0xffffffff);
  assert.is(Size.decode(-1, -1), 2 ** 53);
  assert.is(Ptr.decode(0x12345678, 0x7fff), 0x7fff12345678);
});

test('texts are those of strace', () => {
  const flags = { A: 1, B: 2, C: 0x80000000 };
  assert.is(formatFlags(0, flags, 'X'), '0');
  assert.is(formatFlags(0x80000003, flags, 'X'), 'A|B|C');
  assert.is(formatFlags(0x11, flags, 'X'), 'A|0x10');
  assert.is(formatFlags(0x10, flags, 'X'), '0x10 /* X_??? */');
  assert.is(formatOpenFlags(0o2000002), 'O_RDWR|O_CLOEXEC');
  assert.is(formatOpenFlags(3), 'O_ACCMODE');
  const bytes = Uint8Array.from([97, 1, 2, 51, 27, 52, 10, 9, 34, 92, 128, 255]);
  assert.is(quote(bytes), '"a\\1\\0023\\0334\\n\\t\\"\\\\\\200\\377"');
});

test('memory that cannot be read is shown by its address, a bug of ours is not hidden', () => {
  const memory = (copyInPartial: () => number, readU64: () => number): UserMemory =>
    ({ copyInPartial, readU64 }) as unknown as UserMemory;
  const show = (mem: UserMemory): string => ArgvIn.format(4096, { mem } as FormatContext);
  const bug = (): never => {
    throw new TypeError('bug');
  };
  const fault = memory(
    () => 3,
    () => {
      throw linuxError(EFAULT);
    },
  );
  assert.is(bytesAt(fault, 4096, 4), null);
  assert.is(show(fault), '0x1000');
  assert.throws(() => bytesAt(memory(bug, bug), 4096, 4), /bug/);
  assert.throws(() => show(memory(bug, bug)), /bug/);
});
