/**
 * What Linux promises programs: each contract of test/guest (contract.h) prints the same in a guest as natively. A
 * contract is a test for each engine; the programs run once for each.
 */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../../src/machine/cpu.ts';
import { AUDIT } from '../../lib/audit.ts';
import { assert, type Test } from '../../lib/suite.ts';
import { machineWithRoot } from './contract-machine.ts';
import { compileSource, haveCompiler, readBinary, runInMachine } from './run-guest.ts';

const CC = 'musl-gcc';
const PROGRAM = '/bin/program';
const TIMEOUT_MS = 120_000;

const GUEST = fileURLToPath(new URL('../../guest/', import.meta.url));
/** Directories of test/guest whose programs are no contracts. */
const NO_CONTRACTS: ReadonlySet<string> = new Set(['isa', 'dlopen']);
/** For the suite: a test may run a program natively and in a guest. */
export const CONTRACT_TIMEOUT_MS: number = TIMEOUT_MS + 30_000;

/** What each contract printed, by name. */
type Sections = ReadonlyMap<string, string>;

function sections(output: string): Sections {
  const found = new Map<string, string>();
  for (const part of output.split(/^== /m).slice(1)) {
    const end = part.indexOf('\n');
    found.set(part.slice(0, end), part.slice(end + 1));
  }
  return found;
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function natively(binary: string): Sections {
  const r = spawnSync(binary, { encoding: 'latin1', env: { PATH: '/bin' }, timeout: TIMEOUT_MS });
  if (r.status !== 0) throw new Error(`natively: status ${r.status}: ${r.stderr}`);
  return sections(r.stdout);
}

function inGuest(binary: string, engine: Engine, audit: boolean): Sections {
  const log: string[] = [];
  const machine = machineWithRoot(engine, PROGRAM, readBinary(binary), log, audit);
  const options = { timeoutMs: TIMEOUT_MS };
  return sections(runInMachine(machine, PROGRAM, [], options, log).output);
}

function headersIn(folder: string): string[] {
  const names = readdirSync(folder).filter((f) => f.endsWith('.h'));
  return names.sort().map((f) => join(folder, f));
}

function addProgram(test: Test, engines: readonly Engine[], family: string, file: string): void {
  const source = join(GUEST, family, file);
  const text = readFileSync(source, 'utf8');
  const audit = AUDIT && !text.includes('Audit: off');
  const names = [...text.matchAll(/^CONTRACT(?:_AS_ROOT)?\((\w+)\)/gm)];
  const headers = [...headersIn(GUEST), ...headersIn(join(GUEST, family))];
  const binary = once(() =>
    compileSource(source, ['-O1', '-w', '-static', '-pthread'], CC, headers),
  );
  const native = once(() => natively(binary()));
  for (const engine of engines) {
    const guest = once(() => inGuest(binary(), engine, audit));
    for (const [declared, name = ''] of names) {
      const title = `${family}: ${name}, ${engine}`;
      if (declared.startsWith('CONTRACT_AS_ROOT') && process.getuid?.() !== 0) {
        test.skip(title, 'the native run must be root’s');
        continue;
      }
      test(title, () => {
        const expected = native().get(name);
        assert.ok(expected !== undefined, 'natively it did not run');
        assert.is.not(expected, '-> signal 14\n', 'natively it takes too long');
        assert.is(guest().get(name), expected);
      });
    }
  }
}

/** Adds the contracts of all families. */
export function addContracts(test: Test, engines: readonly Engine[]): void {
  if (!haveCompiler(CC)) {
    test.skip('all contracts', `${CC} is not installed`);
    return;
  }
  for (const entry of readdirSync(GUEST, { withFileTypes: true })) {
    if (!entry.isDirectory() || NO_CONTRACTS.has(entry.name)) continue;
    const files = readdirSync(join(GUEST, entry.name)).filter((f) => f.endsWith('.c'));
    for (const file of files.sort()) addProgram(test, engines, entry.name, file);
  }
}
