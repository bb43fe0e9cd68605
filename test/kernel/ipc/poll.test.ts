/** poll and select behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from './compare.ts';

const test = suite('poll and select');

sameAsNative(test, 'readiness, timeouts and signals are those of Linux', 'ipc-poll');
