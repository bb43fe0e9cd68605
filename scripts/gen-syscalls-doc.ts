/** Writes docs/SYSCALLS.md from the system call table: `node --import tsx scripts/gen-syscalls-doc.ts`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { errnoName } from '../src/kernel/errno.ts';
import { SYSCALL_NAMES } from '../src/kernel/syscall/names.ts';
import { SYSCALL_FAMILIES } from '../src/kernel/syscall/table.ts';
import type { Support, SyscallRow } from '../src/kernel/syscall/types.ts';
import { recordedCalls } from '../test/kernel/lib/syscall-record.ts';

/** More programs than these make many calls. */
const MOST_TESTS = 3;
const MISSING_TEST = 'test/kernel/syscall/missing.test.ts';

function statusText(support: Support): string {
  switch (support.kind) {
    case 'complete':
      return 'complete';
    case 'partial':
      return `partial: without ${support.missing}`;
    case 'refused':
      return `refused: ${errnoName(support.errno)}, ${support.reason}`;
  }
}

/** Names by which C programs know the call: `pread64` is pread(), `rt_sigaction` sigaction(). */
function namesIn(text: string, call: string): boolean {
  const short = call.replace(/^rt_/, '').replace(/64$/, '');
  return new RegExp(`\\b(?:SYS_|__NR_)?(?:${call}|${short})\\b`).test(text);
}

/** The contract programs that make a call, those that name it first. */
export function testsOf(call: string): string[] {
  const made = Object.entries(recordedCalls()).filter(([, calls]) => calls.includes(call));
  const named = (program: string): boolean => {
    const source = new URL(`../test/guest/${program}.c`, import.meta.url);
    return namesIn(readFileSync(source, 'utf8'), call);
  };
  const order = made.map(([program, calls]) => ({
    program,
    calls: calls.length,
    named: named(program),
  }));
  order.sort((a, b) => Number(b.named) - Number(a.named) || a.calls - b.calls);
  return order.map((o) => o.program);
}

function testsText(row: SyscallRow): string {
  const all = testsOf(row.name);
  if (all.length === 0) return row.support.kind === 'refused' ? 'missing' : '';
  const more = all.length > MOST_TESTS ? ` and ${all.length - MOST_TESTS} more` : '';
  return all.slice(0, MOST_TESTS).join(', ') + more;
}

function rowText(row: SyscallRow): string {
  const args = Object.entries(row.args).map(([name, type]) => {
    const gap = type.name.endsWith('*') ? '' : ' ';
    return `${type.name}${gap}${name}`;
  });
  const call = `\`${row.name}\` | \`${args.join(', ') || 'void'}\``;
  return `| ${row.nr} | ${call} | ${statusText(row.support)} | ${testsText(row)} |`;
}

function intro(rows: readonly SyscallRow[]): string[] {
  const count = (kind: Support['kind']): number =>
    rows.filter((r) => r.support.kind === kind).length;
  return [
    '# System calls',
    '',
    'Generated from the table (`src/kernel/syscall/table.ts`) by `npm run docs`; do not edit.',
    '',
    `${rows.length} system calls have a row: ${count('complete')} are complete, ${count('partial')} lack something that`,
    `Linux has, ${count('refused')} are refused with an errno. The others return ENOSYS. A program that makes one that is`,
    'refused or absent is named in one line on standard error, with its caller; only calls that libraries try and do',
    'without are refused silently.',
    '',
    'Tests are programs of `test/guest` that make the call and print the same in a guest as natively, in two engines',
    '(`test/kernel/contracts.test.ts`, which also checks that they do make it); `missing` is',
    `\`${MISSING_TEST}\`.`,
  ];
}

/** The page as text. */
export function syscallsDoc(): string {
  const rows = SYSCALL_FAMILIES.flatMap((f) => f.rows);
  const known = new Set(rows.map((r) => r.nr));
  const absent = Object.entries(SYSCALL_NAMES).filter(([nr]) => !known.has(Number(nr)));
  const lines = intro(rows);
  for (const { name, rows: family } of SYSCALL_FAMILIES) {
    lines.push('', `## ${name}`, '');
    lines.push('| number | name | arguments | status | tests |', '|---|---|---|---|---|');
    for (const row of [...family].sort((a, b) => a.nr - b.nr)) lines.push(rowText(row));
  }
  lines.push('', '## Absent', '', '| number | name | status | tests |', '|---|---|---|---|');
  for (const [nr, name] of absent) lines.push(`| ${nr} | \`${name}\` | absent: ENOSYS | missing |`);
  lines.push('');
  return lines.join('\n');
}

const main = process.argv[1];
if (main !== undefined && import.meta.url === pathToFileURL(main).href) {
  const path = fileURLToPath(new URL('../docs/SYSCALLS.md', import.meta.url));
  writeFileSync(path, syscallsDoc());
}
