/** Programs that use files and descriptors behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('files of programs');

sameAsNative(test, 'a running program is not written, a written one not run', 'exec-busy');
sameAsNative(test, 'new descriptors stay below RLIMIT_NOFILE', 'descriptor-limit');
sameAsNative(test, 'sendfile and splice lose nothing', 'splice');
