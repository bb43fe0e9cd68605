/**
 * Records which contract program makes which system calls.
 *
 * Usage: node --import tsx test/kernel/update-syscall-tests.ts [PROGRAM...]    (`file/io`; default: all)
 */

import { existsSync, writeFileSync } from 'node:fs';
import { contractPrograms, runContracts } from './lib/contract-programs.ts';
import { RECORD, recordedCalls } from './lib/syscall-record.ts';

type Calls = Readonly<Record<string, readonly string[]>>;

function write(calls: Calls): void {
  writeFileSync(RECORD, `${JSON.stringify(calls, null, 2)}\n`);
}

const chosen = process.argv.slice(2);
const old: Calls = existsSync(RECORD) ? recordedCalls() : {};
const record: Record<string, readonly string[]> = {};

for (const program of contractPrograms()) {
  const { name } = program;
  const known = old[name];
  if (chosen.length === 0 || chosen.includes(name)) {
    record[name] = [...runContracts(program, 'auto').calls].sort();
    console.log(`${name}: ${record[name].length}`);
    write({ ...old, ...record });
  } else if (known !== undefined) record[name] = known;
}
write(record);
