/** System V IPC behaves as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from './compare.ts';

const test = suite('System V IPC');

sameAsNative(test, 'segments, semaphores and message queues are those of Linux', 'sysv');
