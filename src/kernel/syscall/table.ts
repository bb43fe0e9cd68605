/** The system call table: the rows of all families, by number. */

import { panic } from '../../common/panic.ts';
import { CRED_SYSCALLS } from '../cred/syscalls.ts';
import { EXEC_SYSCALLS } from '../exec/syscalls.ts';
import { FUTEX_SYSCALLS } from '../futex/syscalls.ts';
import { IPC_SYSCALLS } from '../ipc/syscalls.ts';
import { MM_SYSCALLS } from '../mm/syscalls.ts';
import { PROCESS_SYSCALLS } from '../process/syscalls.ts';
import { SIGNAL_SYSCALLS } from '../signal/syscalls.ts';
import { TIME_SYSCALLS } from '../time/syscalls.ts';
import { FS_SYSCALLS } from '../vfs/syscalls/index.ts';
import type { SyscallRow } from './types.ts';

export interface SyscallFamily {
  readonly name: string;
  readonly rows: readonly SyscallRow[];
}

/** In the order of docs/SYSCALLS.md. */
export const SYSCALL_FAMILIES: readonly SyscallFamily[] = [
  { name: 'Processes', rows: PROCESS_SYSCALLS },
  { name: 'Program execution', rows: EXEC_SYSCALLS },
  { name: 'Signals', rows: SIGNAL_SYSCALLS },
  { name: 'Credentials', rows: CRED_SYSCALLS },
  { name: 'Time', rows: TIME_SYSCALLS },
  { name: 'Futexes', rows: FUTEX_SYSCALLS },
  { name: 'Memory', rows: MM_SYSCALLS },
  { name: 'Files', rows: FS_SYSCALLS },
  { name: 'Pipes, sockets and events', rows: IPC_SYSCALLS },
];

let table: (SyscallRow | null)[] | null = null;

/** Made at the first call: the families' modules import each other in a circle. */
function build(): (SyscallRow | null)[] {
  const rows: (SyscallRow | null)[] = new Array(512).fill(null);
  for (const family of SYSCALL_FAMILIES) {
    for (const row of family.rows) {
      if (rows[row.nr] != null) panic(`two rows for system call ${row.nr} (${row.name})`);
      rows[row.nr] = row;
    }
  }
  return rows;
}

/** The row of a system call, or null. */
export function rowOf(nr: number): SyscallRow | null {
  table ??= build();
  return table[nr] ?? null;
}
