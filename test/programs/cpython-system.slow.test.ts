/** CPython's tests of what it does with the kernel: files, processes, threads, signals, sockets, terminals. */

import { compareModules } from './lib/cpython-modules.ts';

compareModules('system');
