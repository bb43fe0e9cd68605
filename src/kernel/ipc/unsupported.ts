/**
 * POSIX message queues: not there, as on a kernel without CONFIG_POSIX_MQUEUE. Said once per program, so that its
 * user knows what is missing.
 */

import { ENOSYS } from '../errno.ts';
import { Hex } from '../syscall/args.ts';
import { refused, type SyscallRow } from '../syscall/types.ts';

const CALLS: readonly (readonly [number, string])[] = [
  [240, 'mq_open'],
  [241, 'mq_unlink'],
  [242, 'mq_timedsend'],
  [243, 'mq_timedreceive'],
  [244, 'mq_notify'],
  [245, 'mq_getsetattr'],
];

const args = { arg1: Hex, arg2: Hex, arg3: Hex } as const;

export const UNSUPPORTED_SYSCALLS: readonly SyscallRow[] = CALLS.map(([nr, name]) =>
  refused(nr, name, args, ENOSYS, 'no POSIX message queues'),
);
