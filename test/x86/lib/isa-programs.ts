/** Compiles programs of test/guest/isa, and compares what they print in the guest with what they print natively. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CpuLevel, Engine } from '../../../src/machine/cpu.ts';
import { hostHas } from '../../diff/host-features.ts';
import {
  compileSource,
  haveCompiler,
  readBinary,
  runGuest,
  runNative,
} from '../../kernel/lib/run-guest.ts';
import { assert, type Test } from '../../lib/suite.ts';

export interface IsaProgram {
  readonly name: string;
  /** Default: gcc. */
  readonly cc?: string;
  /** Beside -O1 -static. */
  readonly flags?: readonly string[];
  readonly args?: readonly string[];
  readonly cpuLevel?: CpuLevel;
  /** What the host's CPU must have. */
  readonly needs?: readonly string[];
  /** Default: all of them. */
  readonly engines?: readonly Engine[];
  readonly timeoutMs?: number;
}

const ENGINES: readonly Engine[] = ['interp', 'js', 'wasm', 'lockstep', 'lockstep-wasm'];
const TIMEOUT_MS = 60_000;

const directory = fileURLToPath(new URL('../../guest/isa/', import.meta.url));
const headers = readdirSync(directory)
  .filter((f) => f.endsWith('.h'))
  .map((f) => join(directory, f));

/** @returns the path of the binary */
export function compileIsaProgram(program: IsaProgram): string {
  const flags = ['-O1', '-Wall', '-static', '-pthread', ...(program.flags ?? []), '-lm'];
  const source = join(directory, `${program.name}.c`);
  return compileSource(source, flags, program.cc ?? 'gcc', headers);
}

/** The first line that differs, with what it should be: whole outputs are too long to read. */
function firstDifference(actual: string, expected: string): string {
  const [a, e] = [actual.split('\n'), expected.split('\n')];
  for (let i = 0; i < Math.max(a.length, e.length); i++) {
    if (a[i] !== e[i]) return `line ${i + 1}: ${a[i] ?? '(end)'}\nnatively: ${e[i] ?? '(end)'}`;
  }
  return '';
}

function compare(program: IsaProgram): void {
  const { args = [], cpuLevel = 2, timeoutMs = TIMEOUT_MS } = program;
  const binary = compileIsaProgram(program);
  const native = runNative(binary, args);
  assert.is(native.code, 0, `natively: ${native.output}`);
  for (const engine of program.engines ?? ENGINES) {
    const guest = runGuest(readBinary(binary), args, { engine, cpuLevel, timeoutMs });
    assert.is(firstDifference(guest.output, native.output), '', engine);
    assert.is(guest.code, 0, engine);
  }
}

/** Adds a test that compares the program, or says why it cannot. */
export function testIsaProgram(test: Test, program: IsaProgram): void {
  const { name, cc = 'gcc', needs = [] } = program;
  const title = cc === 'gcc' ? name : `${name} with ${cc}`;
  const missing = needs.filter((f) => !hostHas(f));
  if (!haveCompiler(cc)) test.skip(title, `${cc} is not installed`);
  else if (missing.length > 0) test.skip(title, `the host's CPU lacks ${missing.join(', ')}`);
  else test(title, () => compare(program));
}
