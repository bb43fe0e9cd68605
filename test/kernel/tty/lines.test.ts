/** The line discipline behaves as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('terminal lines');

sameAsNative(test, 'editing, echo, modes and output are those of Linux', 'tty-lines');
sameAsNative(test, 'each side of a pseudo-terminal flushes and stops its own', 'tty-flush');
