/** Pipes and FIFOs behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from './compare.ts';

const test = suite('pipes');

sameAsNative(test, 'capacity, atomicity, errors and FIFOs are those of Linux', 'ipc-pipe');
