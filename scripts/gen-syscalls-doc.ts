/** Writes docs/SYSCALLS.md from the system call table: `node --import tsx scripts/gen-syscalls-doc.ts`. */

import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SYSCALL_NAMES } from '../src/kernel/syscall/names.ts';
import { SYSCALL_FAMILIES } from '../src/kernel/syscall/table.ts';
import type { SyscallRow } from '../src/kernel/syscall/types.ts';

function rowText(row: SyscallRow): string {
  const args = Object.entries(row.args).map(([name, type]) => {
    const gap = type.name.endsWith('*') ? '' : ' ';
    return `${type.name}${gap}${name}`;
  });
  return `| ${row.nr} | \`${row.name}\` | \`${args.join(', ') || 'void'}\` |`;
}

/** The page as text. */
export function syscallsDoc(): string {
  const rows = SYSCALL_FAMILIES.flatMap((f) => f.rows);
  const known = new Set(rows.map((r) => r.nr));
  const missing = Object.entries(SYSCALL_NAMES).filter(([nr]) => !known.has(Number(nr)));
  const lines = [
    '# System calls',
    '',
    'Generated from the table (`src/kernel/syscall/table.ts`) by `npm run docs`; do not edit.',
    '',
    `${rows.length} system calls have a row. The others return ENOSYS and are logged once.`,
  ];
  for (const { name, rows: family } of SYSCALL_FAMILIES) {
    lines.push('', `## ${name}`, '', '| number | name | arguments |', '|---|---|---|');
    for (const row of [...family].sort((a, b) => a.nr - b.nr)) lines.push(rowText(row));
  }
  lines.push('', '## Without a row (ENOSYS)', '');
  lines.push(`${missing.map(([, name]) => `\`${name}\``).join(', ')}.`, '');
  return lines.join('\n');
}

const main = process.argv[1];
if (main !== undefined && import.meta.url === pathToFileURL(main).href) {
  const path = fileURLToPath(new URL('../docs/SYSCALLS.md', import.meta.url));
  writeFileSync(path, syscallsDoc());
}
