/** The system calls of this folder: pipes, waiting for descriptors, sockets and their kin. */

import type { SyscallRow } from '../syscall/types.ts';
import { PIPE_SYSCALLS } from './pipe-syscalls.ts';
import { POLL_SYSCALLS } from './poll.ts';
import { SELECT_SYSCALLS } from './select.ts';

export const IPC_SYSCALLS: readonly SyscallRow[] = [
  ...PIPE_SYSCALLS,
  ...POLL_SYSCALLS,
  ...SELECT_SYSCALLS,
];
