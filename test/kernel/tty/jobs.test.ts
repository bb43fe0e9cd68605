/** Job control and hang-ups behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('job control');

sameAsNative(test, 'foreground groups and hang-ups are those of Linux', 'tty-jobs');
sameAsNative(test, 'a read that waits or was stopped is that of Linux', 'tty-waiting');
