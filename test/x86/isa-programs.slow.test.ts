/** Programs of test/guest/isa that print and parse thousands of numbers, with two C libraries. */

import { suite } from '../lib/suite.ts';
import { type IsaProgram, testIsaProgram } from './lib/isa-programs.ts';

const test = suite('instruction set programs, at length');

/** musl's long double conversions are 20 times as long as glibc's: they compute with numbers of any size. */
const PROGRAMS: readonly IsaProgram[] = [
  { name: 'long-double', args: ['10000'], engines: ['js'], timeoutMs: 600_000 },
  {
    name: 'long-double',
    cc: 'musl-gcc',
    args: ['1000'],
    engines: ['js', 'interp'],
    timeoutMs: 600_000,
  },
];

for (const program of PROGRAMS) testIsaProgram(test, program);
