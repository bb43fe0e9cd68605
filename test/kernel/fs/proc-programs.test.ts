/** Programs that read /proc see what they see on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from '../ipc/compare.ts';

const test = suite('/proc for programs');

sameAsNative(test, '/proc/net has sockets and headers as Linux has', 'proc-net');
sameAsNative(test, '/proc/PID/mem reads as on Linux', 'proc-mem');
