/** C programs that must print the same in the guest as natively, with two C libraries. */

import { assert, suite } from '../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest, runNative } from './lib/run-guest.ts';

const test = suite('kernel guest programs');

const PROGRAMS = ['hello', 'process', 'signals', 'threads', 'pidfd'];
const COMPILERS = ['musl-gcc', 'gcc'];

for (const cc of COMPILERS) {
  for (const name of PROGRAMS) {
    const title = `${name} with ${cc} prints what it prints natively`;
    if (!haveCompiler(cc)) {
      test.skip(title, `${cc} is not installed`);
      continue;
    }
    test(title, () => {
      const binary = compile(name, ['-pthread'], cc);
      const native = runNative(binary, ['a', 'b']);
      const guest = runGuest(readBinary(binary), ['a', 'b']);
      assert.is(guest.output, native.output);
      assert.is(guest.code, native.code);
    });
  }
}
