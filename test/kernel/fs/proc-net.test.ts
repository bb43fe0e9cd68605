/** /proc/net shows sockets as the host's kernel does. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('/proc/net');

sameAsNative(test, 'sockets and headers are those of Linux', 'proc-net');
