/**
 * Programs of test/guest/isa with more work: thousands of numbers printed and parsed with two C libraries, code that
 * becomes hot enough between its changes for what the engine does by default.
 */

import { suite } from '../lib/suite.ts';
import { type IsaProgram, testIsaProgram } from './lib/isa-programs.ts';

const test = suite('instruction set programs, at length');

/** musl's long double conversions are 20 times as long as glibc's: they compute with numbers of any size. */
const PROGRAMS: readonly IsaProgram[] = [
  { name: 'self-modifying', args: ['50000'], engines: ['auto', 'js'], timeoutMs: 600_000 },
  { name: 'long-double', args: ['10000'], engines: ['js'], timeoutMs: 600_000 },
  {
    name: 'long-double',
    cc: 'musl-gcc',
    args: ['400'],
    engines: ['js', 'interp'],
    timeoutMs: 600_000,
  },
];

for (const program of PROGRAMS) testIsaProgram(test, program);
