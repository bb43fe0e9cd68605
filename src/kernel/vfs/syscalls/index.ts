/** All file system calls, for the syscall table. */

import type { SyscallRow } from '../../syscall/types.ts';
import { ATTRIBUTE_SYSCALLS } from './attributes.ts';
import { IO_SYSCALLS } from './io.ts';
import { MOUNT_SYSCALLS } from './mount.ts';
import { NAME_SYSCALLS } from './names.ts';
import { OPEN_SYSCALLS } from './open.ts';
import { SPECIAL_SYSCALLS } from './special.ts';
import { STAT_SYSCALLS } from './stat.ts';
import { XATTR_SYSCALLS } from './xattr.ts';

export const FS_SYSCALLS: readonly SyscallRow[] = [
  ...IO_SYSCALLS,
  ...OPEN_SYSCALLS,
  ...STAT_SYSCALLS,
  ...NAME_SYSCALLS,
  ...ATTRIBUTE_SYSCALLS,
  ...XATTR_SYSCALLS,
  ...MOUNT_SYSCALLS,
  ...SPECIAL_SYSCALLS,
];
