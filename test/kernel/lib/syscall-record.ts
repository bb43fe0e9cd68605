/**
 * Which contract program makes which system calls, as it was recorded in guests (update-syscall-tests.ts) and is
 * checked whenever they run. docs/SYSCALLS.md shows it.
 */

import { readFileSync } from 'node:fs';

export const RECORD: URL = new URL('../syscall-tests.json', import.meta.url);

/** Names of system calls, by program (`file/io`). */
export function recordedCalls(): Readonly<Record<string, readonly string[]>> {
  return JSON.parse(readFileSync(RECORD, 'utf8'));
}
