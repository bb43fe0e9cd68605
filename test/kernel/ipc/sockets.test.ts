/** Sockets behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from './compare.ts';

const test = suite('sockets');

sameAsNative(test, 'Unix sockets and loopback are those of Linux', 'ipc-sockets');
sameAsNative(test, 'time limits of sockets are those of Linux', 'ipc-timeouts');
