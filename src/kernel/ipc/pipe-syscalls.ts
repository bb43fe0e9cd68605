/** pipe(2) and pipe2(2). */

import { EINVAL, linuxError } from '../errno.ts';
import { Flags, StructOut } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { O_CLOEXEC, O_DIRECT, O_NONBLOCK } from '../vfs/constants.ts';
import { installPair } from './descriptors.ts';
import { createPipe } from './pipe.ts';

const PIPE_FLAGS = { O_CLOEXEC, O_NONBLOCK, O_DIRECT } as const;

/** O_NOTIFICATION_PIPE is refused, as by a kernel without it. */
function sysPipe2(sys: Sys, a: { fildes: number; flags: number }): number {
  if ((a.flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) !== 0) throw linuxError(EINVAL);
  const { read, write } = createPipe(sys.kernel, sys.task.cred, a.flags & (O_NONBLOCK | O_DIRECT));
  return installPair(sys, read, write, (a.flags & O_CLOEXEC) !== 0, a.fildes);
}

export const PIPE_SYSCALLS: readonly SyscallRow[] = [
  syscall(22, 'pipe', { fildes: StructOut('int[2]') }, (sys, a) =>
    sysPipe2(sys, { fildes: a.fildes, flags: 0 }),
  ),
  syscall(293, 'pipe2', { fildes: StructOut('int[2]'), flags: Flags('O', PIPE_FLAGS) }, sysPipe2),
];
