/** The system calls of this folder: pipes, waiting for descriptors, sockets and their kin. */

import type { SyscallRow } from '../syscall/types.ts';
import { EPOLL_SYSCALLS } from './epoll-syscalls.ts';
import { EVENTFD_SYSCALLS } from './eventfd.ts';
import { PIPE_SYSCALLS } from './pipe-syscalls.ts';
import { POLL_SYSCALLS } from './poll.ts';
import { SELECT_SYSCALLS } from './select.ts';
import { SIGNALFD_SYSCALLS } from './signalfd.ts';
import { SOCKET_SYSCALLS } from './socket/syscalls.ts';
import { MSG_SYSCALLS } from './sysv/msg.ts';
import { SEM_SYSCALLS } from './sysv/sem.ts';
import { SHM_SYSCALLS } from './sysv/shm.ts';
import { TIMERFD_SYSCALLS } from './timerfd.ts';
import { UNSUPPORTED_SYSCALLS } from './unsupported.ts';

export const IPC_SYSCALLS: readonly SyscallRow[] = [
  ...PIPE_SYSCALLS,
  ...POLL_SYSCALLS,
  ...SELECT_SYSCALLS,
  ...EPOLL_SYSCALLS,
  ...EVENTFD_SYSCALLS,
  ...SIGNALFD_SYSCALLS,
  ...TIMERFD_SYSCALLS,
  ...SOCKET_SYSCALLS,
  ...SHM_SYSCALLS,
  ...SEM_SYSCALLS,
  ...MSG_SYSCALLS,
  ...UNSUPPORTED_SYSCALLS,
];
