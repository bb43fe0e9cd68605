/** All file system calls, for the syscall table. */

import type { SyscallRow } from '../../syscall/types.ts';
import { ATTRIBUTE_SYSCALLS } from './attributes.ts';
import { IO_SYSCALLS } from './io.ts';
import { NAME_SYSCALLS } from './names.ts';
import { OPEN_SYSCALLS } from './open.ts';
import { STAT_SYSCALLS } from './stat.ts';

export const FS_SYSCALLS: readonly SyscallRow[] = [
  ...IO_SYSCALLS,
  ...OPEN_SYSCALLS,
  ...STAT_SYSCALLS,
  ...NAME_SYSCALLS,
  ...ATTRIBUTE_SYSCALLS,
];
