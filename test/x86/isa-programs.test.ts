/**
 * What a random instruction does not show: exceptions and the signals they become, single steps, code that
 * changes itself, encodings at their limits, floating-point environments. Programs of test/guest/isa print the
 * same in every engine as natively, on CPUs of either vendor.
 */

import type { CpuLevel } from '../../src/machine/cpu.ts';
import { ON_INTEL } from '../diff/host-features.ts';
import { haveCompiler, readBinary, runGuest } from '../kernel/lib/run-guest.ts';
import { assert, suite } from '../lib/suite.ts';
import { compileIsaProgram, type IsaProgram, testIsaProgram } from './lib/isa-programs.ts';

const test = suite('instruction set programs');

/** Beside what vendors agree on, programs try what only Intel's do as we do, if the native run is on one. */
const VENDOR = { args: [ON_INTEL ? 'intel' : 'other'] };

const PROGRAMS: readonly IsaProgram[] = [
  { name: 'signal-context', ...VENDOR },
  { name: 'single-step' },
  { name: 'fp-signals' },
  { name: 'self-modifying' },
  { name: 'encoding', ...VENDOR },
  { name: 'vex-prefixes', ...VENDOR, cpuLevel: 3, needs: ['avx2', 'bmi2'] },
  { name: 'fenv', flags: ['-frounding-math', '-fno-builtin', '-Wno-unknown-pragmas'] },
  { name: 'long-double', args: ['20'] },
  { name: 'x87-accuracy' },
  { name: 'string-down' },
  { name: 'x87-common', args: ['10000'] },
  { name: 'fma-common', flags: ['-mavx2', '-mfma'], cpuLevel: 3, needs: ['avx2', 'fma'] },
  { name: 'same-address' },
  { name: 'ordinary' },
];

for (const program of PROGRAMS) testIsaProgram(test, program);

// AMD's may read in another order, so there is no native run to compare with.
if (!haveCompiler('gcc')) test.skip('CMPS reads the operand at rDI first', 'gcc is not installed');
else {
  test('CMPS reads the operand at rDI first', () => {
    const { output, code } = runGuest(readBinary(compileIsaProgram({ name: 'cmps-order' })), []);
    assert.is(output, '14 tried\n');
    assert.is(code, 0);
  });
}

const LEVELS: readonly CpuLevel[] = [2, 3];
for (const cpuLevel of LEVELS) {
  const title = `what CPUID announces at level ${cpuLevel} works`;
  if (!haveCompiler('gcc')) {
    test.skip(title, 'gcc is not installed');
    continue;
  }
  test(title, () => {
    const binary = readBinary(compileIsaProgram({ name: 'cpuid-features' }));
    const { output, code } = runGuest(binary, [], { cpuLevel });
    const lines = output.trimEnd().split('\n');
    assert.equal(
      lines.filter((line) => !line.endsWith(': ok')),
      [],
    );
    assert.is(code, 0);
    assert.is(lines.includes('avx2: ok'), cpuLevel === 3);
    assert.ok(lines.includes('sse2: ok') && lines.includes('a name of printable characters: ok'));
  });
}
