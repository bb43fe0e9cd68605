/** Control groups are bounded: a guest cannot nest them deeper than the host's stack is, or fill its memory. */

import { EAGAIN, LinuxError } from '../../../src/kernel/errno.ts';
import { Cgroup, MAX_DEPTH, MAX_DESCENDANTS } from '../../../src/kernel/process/cgroup.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('control groups');

function errnoOf(act: () => unknown): number {
  try {
    act();
  } catch (e) {
    if (e instanceof LinuxError) return e.errno;
    throw e;
  }
  return 0;
}

test('groups are as deep as the limit, and count those below', () => {
  const root = new Cgroup('', null);
  let at = root;
  for (let i = 0; i < MAX_DEPTH; i++) at = at.addGroup('d');
  assert.is(
    errnoOf(() => at.addGroup('d')),
    EAGAIN,
  );
  assert.is(at.path, '/d'.repeat(MAX_DEPTH));
  assert.is(root.descendants, MAX_DEPTH);
  assert.is(root.populated, false);
  at.remove();
  assert.is(root.descendants, MAX_DEPTH - 1);
  assert.is(at.path, `${'/d'.repeat(MAX_DEPTH)} (deleted)`);
});

test('there are no more than the limit, and room again when some are removed', () => {
  const root = new Cgroup('', null);
  const groups = Array.from({ length: MAX_DESCENDANTS }, (_, i) => root.addGroup(`g${i}`));
  assert.is(
    errnoOf(() => groups[0]!.addGroup('more')),
    EAGAIN,
  );
  groups[1]!.remove();
  assert.is(
    errnoOf(() => groups[0]!.addGroup('more')),
    0,
  );
});
