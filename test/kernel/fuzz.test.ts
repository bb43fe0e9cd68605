/** Random system calls never become an exception of the kernel, nor hang it. */

import { assert, suite } from '../lib/suite.ts';
import { compile, haveCompiler, readBinary, runGuest } from './lib/run-guest.ts';

const test = suite('kernel syscall fuzz');

for (const seed of ['1', '2', '3']) {
  const title = `random system calls, seed ${seed}`;
  if (!haveCompiler('musl-gcc')) {
    test.skip(title, 'musl-gcc is not installed');
    continue;
  }
  test(title, () => {
    const { output, code } = runGuest(readBinary(compile('fuzz')), [seed], { timeoutMs: 40_000 });
    assert.match(output, /survived\n$/);
    assert.is(code, 0);
  });
}
