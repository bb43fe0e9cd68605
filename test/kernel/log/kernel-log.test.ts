/** The kernel's log stays as small as it says, whatever is written to it. */

import { CAPACITY, KernelLog } from '../../../src/kernel/log/kernel-log.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('kernel log');

test('empty records are as many as fit, like others', () => {
  const log = new KernelLog(() => 0);
  for (let i = 0; i < 500; i++) log.add(4, '\n'.repeat(900));
  assert.is(log.end, 500 * 901);
  assert.ok(log.end - log.first < CAPACITY / 16, `${log.end - log.first} records`);
});

test('the oldest go first, and a reader is moved to the oldest that is left', () => {
  const log = new KernelLog(() => 0);
  for (let i = 0; i < 10_000; i++) log.add(4, `${i} ${'x'.repeat(90)}`);
  assert.is(log.from(log.end - 1)?.text.startsWith('9999 '), true);
  assert.ok(log.first > 0);
  assert.is(log.from(0)?.seq, log.first);
  assert.is(log.from(log.end), null);
});
