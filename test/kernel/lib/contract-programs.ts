/** The contract programs (test/guest/contract.h): which there are, and running one of them in a guest. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SYSCALL_NAMES } from '../../../src/kernel/syscall/names.ts';
import type { Engine } from '../../../src/machine/cpu.ts';
import { AUDIT } from '../../lib/audit.ts';
import { machineWithRoot } from './contract-machine.ts';
import { compileSource, readBinary, runInMachine } from './run-guest.ts';

export const CONTRACT_CC = 'musl-gcc';
export const PROGRAM_TIMEOUT_MS = 120_000;

const PROGRAM = '/bin/program';
const GUEST = fileURLToPath(new URL('../../guest/', import.meta.url));
/** Directories of test/guest whose programs are no contracts. */
const NO_CONTRACTS: ReadonlySet<string> = new Set(['isa', 'dlopen']);

export interface ContractProgram {
  readonly family: string;
  /** `file/io` */
  readonly name: string;
  readonly source: string;
  readonly text: string;
}

/** What each contract printed, by name. */
export type Sections = ReadonlyMap<string, string>;

export interface ContractRun {
  readonly sections: Sections;
  /** Names of the system calls that were made. */
  readonly calls: ReadonlySet<string>;
}

export function contractPrograms(): ContractProgram[] {
  const folders = readdirSync(GUEST, { withFileTypes: true }).filter((e) => e.isDirectory());
  const families = folders.map((e) => e.name).filter((name) => !NO_CONTRACTS.has(name));
  return families.sort().flatMap((family) => {
    const files = readdirSync(join(GUEST, family)).filter((f) => f.endsWith('.c'));
    return files.sort().map((file) => {
      const source = join(GUEST, family, file);
      const name = `${family}/${file.slice(0, -2)}`;
      return { family, name, source, text: readFileSync(source, 'utf8') };
    });
  });
}

export function sectionsOf(output: string): Sections {
  const found = new Map<string, string>();
  for (const part of output.split(/^== /m).slice(1)) {
    const end = part.indexOf('\n');
    found.set(part.slice(0, end), part.slice(end + 1));
  }
  return found;
}

function headersIn(folder: string): string[] {
  const names = readdirSync(folder).filter((f) => f.endsWith('.h'));
  return names.sort().map((f) => join(folder, f));
}

/** @returns the path of the binary */
export function compileContracts({ family, source }: ContractProgram): string {
  const headers = [...headersIn(GUEST), ...headersIn(join(GUEST, family))];
  return compileSource(source, ['-O1', '-w', '-static', '-pthread'], CONTRACT_CC, headers);
}

export function runContracts(program: ContractProgram, engine: Engine): ContractRun {
  const log: string[] = [];
  const audit = AUDIT && !program.text.includes('Audit: off');
  const binary = readBinary(compileContracts(program));
  const machine = machineWithRoot(engine, PROGRAM, binary, log, audit);
  const options = { timeoutMs: PROGRAM_TIMEOUT_MS };
  const { output } = runInMachine(machine, PROGRAM, [], options, log);
  const calls = new Set<string>();
  machine.kernel.syscallCounts.forEach((count, nr) => {
    const name = SYSCALL_NAMES[nr];
    if (count > 0 && name !== undefined) calls.add(name);
  });
  return { sections: sectionsOf(output), calls };
}
