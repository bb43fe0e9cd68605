/** epoll and the descriptors of events behave as on the host's kernel. */

import { suite } from '../../lib/suite.ts';
import { sameAsNative } from './compare.ts';

const test = suite('events');

sameAsNative(test, 'epoll, eventfd, signalfd and timerfd are those of Linux', 'ipc-events');
