/**
 * What a random instruction does not show: exceptions and the signals they become, single steps, code that
 * changes itself, encodings at their limits, floating-point environments. Programs of test/guest/isa print the
 * same in every engine as natively, on CPUs of either vendor.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CpuLevel, Engine } from '../../src/machine/cpu.ts';
import { hostHas } from '../diff/host-features.ts';
import {
  compileSource,
  haveCompiler,
  readBinary,
  runGuest,
  runNative,
} from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';

const test = suite('instruction set programs');

interface IsaProgram {
  readonly name: string;
  /** Beside -O1 -static. */
  readonly flags?: readonly string[];
  readonly cpuLevel?: CpuLevel;
  /** What the host's CPU must have. */
  readonly needs?: readonly string[];
}

const PROGRAMS: readonly IsaProgram[] = [
  { name: 'signal-context' },
  { name: 'single-step' },
  { name: 'self-modifying' },
  { name: 'encoding' },
];

const ENGINES: readonly Engine[] = ['interp', 'js', 'lockstep'];

const directory = fileURLToPath(new URL('../guest/isa/', import.meta.url));
const headers = readdirSync(directory)
  .filter((f) => f.endsWith('.h'))
  .map((f) => join(directory, f));

/** The first line that differs, with what it should be: whole outputs are too long to read. */
function firstDifference(actual: string, expected: string): string {
  const [a, e] = [actual.split('\n'), expected.split('\n')];
  for (let i = 0; i < Math.max(a.length, e.length); i++) {
    if (a[i] !== e[i]) return `line ${i + 1}: ${a[i] ?? '(end)'}\nnatively: ${e[i] ?? '(end)'}`;
  }
  return '';
}

function compare(program: IsaProgram, cc: string): void {
  const flags = ['-O1', '-Wall', '-Werror', '-static', '-pthread', ...(program.flags ?? [])];
  const binary = compileSource(join(directory, `${program.name}.c`), flags, cc, headers);
  const native = runNative(binary, []);
  assert.is(native.code, 0, `natively: ${native.output}`);
  for (const engine of ENGINES) {
    const options = { engine, cpuLevel: program.cpuLevel ?? 2, timeoutMs: 60_000 };
    const guest = runGuest(readBinary(binary), [], options);
    assert.is(firstDifference(guest.output, native.output), '', engine);
    assert.is(guest.code, 0, engine);
  }
}

for (const program of PROGRAMS) {
  const { name } = program;
  const missing = (program.needs ?? []).filter((f) => !hostHas(f));
  if (!haveCompiler('gcc')) test.skip(name, 'gcc is not installed');
  else if (missing.length > 0) test.skip(name, `the host's CPU lacks ${missing.join(', ')}`);
  else test(name, () => compare(program, 'gcc'));
}
