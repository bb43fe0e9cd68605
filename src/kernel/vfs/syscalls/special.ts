/** Files that do not come from a path: inotify instances, memfd. */

import { EINVAL, ENOTDIR, EPERM, linuxError } from '../../errno.ts';
import type { TmpFile } from '../../fs/tmpfs/file.ts';
import { TmpFs } from '../../fs/tmpfs/tmpfs.ts';
import type { Kernel } from '../../kernel.ts';
import { CString, Fd, Flags, HexInt, Int } from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  F_SEAL_SEAL,
  IN_DONT_FOLLOW,
  IN_ONLYDIR,
  O_CLOEXEC,
  O_LARGEFILE,
  O_NONBLOCK,
  O_RDWR,
} from '../constants.ts';
import { Dentry } from '../dentry.ts';
import { InotifyFile } from '../inotify.ts';
import { Mount } from '../mount.ts';
import { VfsPath } from '../path.ts';
import { checkAccess, MAY_READ } from '../permissions.ts';
import { RegularFile } from '../regular-file.ts';
import { S_IFREG } from '../types.ts';
import { checkFlags, readPath, readShortName } from './common.ts';

function inotifyInit(sys: Sys, flags: number): number {
  checkFlags(flags, O_CLOEXEC | O_NONBLOCK);
  return sys.task.files.install(
    new InotifyFile(sys.kernel, sys.task.cred.uid, flags),
    (flags & O_CLOEXEC) !== 0,
  );
}

function inotifyFile(sys: Sys, fd: number): InotifyFile {
  const file = sys.task.files.get(fd);
  if (!(file instanceof InotifyFile)) throw linuxError(EINVAL);
  return file;
}

function sysInotifyAddWatch(sys: Sys, a: { fd: number; pathname: number; mask: number }): number {
  const file = inotifyFile(sys, a.fd);
  const follow = (a.mask & IN_DONT_FOLLOW) === 0;
  const path = sys.kernel.vfs.lookup(sys.task, null, readPath(sys, a.pathname), follow);
  if (a.mask & IN_ONLYDIR && !path.dentry.isDirectory) throw linuxError(ENOTDIR);
  checkAccess(sys.task.cred, path.inode, MAY_READ);
  return file.add(path.inode, a.mask);
}

function sysInotifyRmWatch(sys: Sys, a: { fd: number; wd: number }): number {
  inotifyFile(sys, a.fd).remove(a.wd);
  return 0;
}

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const MFD_EXEC = 16;
const MFD_NAME_MAX = 249;

/** The internal tmpfs mount that memfds live in (shm_mnt). */
const memfdMounts = new WeakMap<Kernel, Mount>();

function memfdMount(kernel: Kernel): Mount {
  let mount = memfdMounts.get(kernel);
  if (mount === undefined) {
    const { paging } = kernel.mmu;
    const fs = new TmpFs(paging, kernel.clock, { dev: 1, maxPages: paging.frames.total });
    const root = kernel.vfs.dentries.root(fs.root);
    mount = new Mount(0, fs, root, 0, 'tmpfs');
    memfdMounts.set(kernel, mount);
  }
  return mount;
}

/** Shown as "/memfd:NAME (deleted)". */
function sysMemfdCreate(sys: Sys, a: { uname: number; flags: number }): number {
  checkFlags(a.flags, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC);
  if (a.flags & MFD_NOEXEC_SEAL && a.flags & MFD_EXEC) throw linuxError(EINVAL);
  // F_SEAL_EXEC is not known here: refused, so that nobody relies on it.
  if (a.flags & MFD_NOEXEC_SEAL) throw linuxError(EPERM);
  const name = readShortName(sys, a.uname, MFD_NAME_MAX, EINVAL);
  const mount = memfdMount(sys.kernel);
  const { fsuid, fsgid } = sys.task.cred;
  const fs = mount.fs as TmpFs;
  const inode = fs.root.tmpfile(S_IFREG | 0o777, fsuid, fsgid) as TmpFile;
  inode.seals = a.flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
  const dentry = new Dentry(`memfd:${name}`, mount.root, inode);
  dentry.unlinked = true;
  const file = new RegularFile(inode, new VfsPath(mount, dentry), O_RDWR | O_LARGEFILE);
  return sys.task.files.install(file, (a.flags & MFD_CLOEXEC) !== 0);
}

const IN_INIT_NAMES = { IN_CLOEXEC: O_CLOEXEC, IN_NONBLOCK: O_NONBLOCK } as const;
const MFD_NAMES = { MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC } as const;

export const SPECIAL_SYSCALLS: readonly SyscallRow[] = [
  syscall(253, 'inotify_init', {}, (sys) => inotifyInit(sys, 0)),
  syscall(
    254,
    'inotify_add_watch',
    { fd: Fd, pathname: CString, mask: HexInt },
    sysInotifyAddWatch,
  ),
  syscall(255, 'inotify_rm_watch', { fd: Fd, wd: Int }, sysInotifyRmWatch),
  syscall(294, 'inotify_init1', { flags: Flags('IN', IN_INIT_NAMES) }, (sys, a) =>
    inotifyInit(sys, a.flags),
  ),
  syscall(
    319,
    'memfd_create',
    { uname: CString, flags: Flags('MFD', MFD_NAMES) },
    sysMemfdCreate,
    'MFD_NOEXEC_SEAL, MFD_HUGETLB',
  ),
];
