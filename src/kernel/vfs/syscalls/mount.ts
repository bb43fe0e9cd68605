/** mount(2), umount2(2). */

import { EBUSY, EINVAL, EPERM, linuxError } from '../../errno.ts';
import { CString, Flags, Ptr } from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  MNT_DETACH,
  MNT_EXPIRE,
  MNT_FORCE,
  MS_BIND,
  MS_MOVE,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_UNBINDABLE,
  UMOUNT_NOFOLLOW,
} from '../constants.ts';
import type { Mount } from '../mount.ts';
import type { VfsPath } from '../path.ts';
import { CAP_SYS_ADMIN } from '../permissions.ts';
import type { FileSystem } from '../types.ts';
import type { Vfs } from '../vfs.ts';
import { checkFlags, readPath } from './common.ts';

/** The flags that a mount keeps. */
const KEPT =
  MS_RDONLY |
  MS_NOSUID |
  MS_NODEV |
  MS_NOEXEC |
  MS_NOATIME |
  MS_NODIRATIME |
  MS_RELATIME |
  MS_STRICTATIME;
const PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE;
const MS_MGC_VAL = 0xc0ed0000;
const MS_MGC_MSK = 0xffff0000;

interface MountArgs {
  dev_name: number;
  dir_name: number;
  type: number;
  flags: number;
  data: number;
}

function optional(sys: Sys, addr: number): string {
  return addr === 0 ? '' : readPath(sys, addr);
}

function sysMount(sys: Sys, a: MountArgs): number {
  const { kernel, task } = sys;
  const { vfs } = kernel;
  const flags = (a.flags & MS_MGC_MSK) >>> 0 === MS_MGC_VAL ? a.flags & ~MS_MGC_MSK : a.flags;
  const at = vfs.lookup(task, null, readPath(sys, a.dir_name), true);
  if (!task.cred.has(CAP_SYS_ADMIN)) throw linuxError(EPERM);
  if (flags & MS_REMOUNT) return remount(sys, at, flags, optional(sys, a.data));
  if (flags & MS_BIND) {
    const from = vfs.lookup(task, null, readPath(sys, a.dev_name), true);
    vfs.bind(from, at, (flags & MS_REC) !== 0);
    return 0;
  }
  if (flags & PROPAGATION) {
    // There is one name space, so propagation between name spaces has nothing to do.
    checkFlags(flags, PROPAGATION | MS_REC | MS_SILENT);
    if (at.dentry !== at.mount.root) throw linuxError(EINVAL);
    return 0;
  }
  if (flags & MS_MOVE) {
    vfs.moveMount(vfs.lookup(task, null, readPath(sys, a.dev_name), true), at);
    return 0;
  }
  const source = optional(sys, a.dev_name);
  if (a.type === 0) throw linuxError(EINVAL);
  const make = vfs.factory(readPath(sys, a.type));
  const fs = make(sys, source, flags, optional(sys, a.data));
  if (at.mount.fs === fs && at.dentry === at.mount.root) throw linuxError(EBUSY);
  const readOnly = (flags & MS_RDONLY) !== 0;
  if (vfs.mounts.some((m) => m.fs === fs)) {
    if (readOnly !== (fs.mountedReadOnly ?? false)) throw linuxError(EBUSY);
  } else fs.mountedReadOnly = readOnly;
  vfs.mountAt(at, fs, source === '' ? 'none' : source, flags & KEPT);
  return 0;
}

/** Changes the flags of a mount, and with MS_BIND nothing else; or those and the options of its file system. */
function remount(sys: Sys, at: VfsPath, flags: number, options: string): number {
  const { mount } = at;
  const { vfs } = sys.kernel;
  if (at.dentry !== mount.root || !vfs.isMounted(mount)) throw linuxError(EINVAL);
  const readOnly = (flags & MS_RDONLY) !== 0;
  if (flags & MS_BIND) {
    if (readOnly && mount.writers > 0) throw linuxError(EBUSY);
  } else remountWhole(vfs, mount.fs, readOnly, options);
  mount.flags = flags & KEPT;
  return 0;
}

function remountWhole(vfs: Vfs, fs: FileSystem, readOnly: boolean, options: string): void {
  if (readOnly && vfs.mounts.some((m) => m.fs === fs && m.writers > 0)) throw linuxError(EBUSY);
  fs.remount?.(options);
  fs.mountedReadOnly = readOnly;
  if (readOnly) fs.sync();
}

/** Whether a mount is some task's root or working directory, or has open files: mappings hold theirs. */
function inUse(sys: Sys, mount: Mount): boolean {
  if (mount.openFiles > 0) return true;
  for (const task of sys.kernel.tasks.values()) {
    if (task.fs.cwd.mount === mount || task.fs.root.mount === mount) return true;
  }
  return false;
}

function sysUmount2(sys: Sys, a: { name: number; flags: number }): number {
  checkFlags(a.flags, MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW);
  if (a.flags & MNT_EXPIRE) throw linuxError(EINVAL);
  const { kernel, task } = sys;
  if (!task.cred.has(CAP_SYS_ADMIN)) throw linuxError(EPERM);
  const follow = (a.flags & UMOUNT_NOFOLLOW) === 0;
  const path = kernel.vfs.lookup(task, null, readPath(sys, a.name), follow);
  const isRoot = path.dentry === path.mount.root && path.mount === task.fs.root.mount;
  if (isRoot && (a.flags & MNT_DETACH) === 0) {
    // As at a shutdown: the root cannot go, but is made read-only.
    remountWhole(kernel.vfs, path.mount.fs, true, '');
    return 0;
  }
  kernel.vfs.unmount(path, a.flags, (m) => inUse(sys, m));
  return 0;
}

const MOUNT_NAMES = {
  MS_RDONLY,
  MS_NOSUID,
  MS_NODEV,
  MS_NOEXEC,
  MS_REMOUNT,
  MS_NOATIME,
  MS_NODIRATIME,
  MS_BIND,
  MS_MOVE,
  MS_REC,
  MS_SILENT,
  MS_UNBINDABLE,
  MS_PRIVATE,
  MS_SLAVE,
  MS_SHARED,
  MS_RELATIME,
  MS_STRICTATIME,
} as const;
const UMOUNT_NAMES = { MNT_FORCE, MNT_DETACH, MNT_EXPIRE, UMOUNT_NOFOLLOW } as const;

export const MOUNT_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    165,
    'mount',
    {
      dev_name: CString,
      dir_name: CString,
      type: CString,
      flags: Flags('MS', MOUNT_NAMES),
      data: Ptr,
    },
    sysMount,
    'propagation between mounts',
  ),
  syscall(
    166,
    'umount2',
    { name: CString, flags: Flags('MNT', UMOUNT_NAMES) },
    sysUmount2,
    'MNT_EXPIRE',
  ),
];
