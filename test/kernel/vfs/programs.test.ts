/** Programs that use files and descriptors behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { haveMusl, sameAsNative } from '../ipc/compare.ts';
import { compile, runNative } from '../lib/run-guest.ts';

const test = suite('files of programs');

sameAsNative(test, 'a running program is not written, a written one not run', 'exec-busy');
sameAsNative(test, 'new descriptors stay below RLIMIT_NOFILE', 'descriptor-limit');
sameAsNative(test, 'sendfile and splice lose nothing', 'splice');
sameAsNative(test, 'openat2 resolves as Linux does', 'openat2');

const full = 'what fits on a full file system is written';
/** What full-disk says where it may not mount. */
const NO_MOUNT = 77;
if (haveMusl && runNative(compile('full-disk'), []).code === NO_MOUNT) {
  test.skip(full, 'this user may not mount');
} else sameAsNative(test, full, 'full-disk');
