/** Extended attributes (xattr(7), fs/xattr.c). */

import { E2BIG, ENODATA, EOPNOTSUPP, EPERM, ERANGE, EROFS, linuxError } from '../../errno.ts';
import { CString, Fd, Flags, InBuf, OutBuf, Size } from '../../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../../syscall/types.ts';
import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  IN_ATTRIB,
  S_ISVTX,
  XATTR_CREATE,
  XATTR_LIST_MAX,
  XATTR_NAME_MAX,
  XATTR_REPLACE,
  XATTR_SIZE_MAX,
} from '../constants.ts';
import { checkChangeable } from '../inode-flags.ts';
import { notifyInode } from '../notify.ts';
import { VfsPath } from '../path.ts';
import { CAP_SYS_ADMIN, checkAccess, isOwner, MAY_READ, MAY_WRITE } from '../permissions.ts';
import type { Inode, Path } from '../types.ts';
import { S_IFDIR, S_IFMT, S_IFREG } from '../types.ts';
import { checkFlags, inodeOf, lookupAt, readShortName } from './common.ts';

interface Target {
  readonly inode: Inode;
  readonly path: Path | null;
}

/** Name spaces and who may use them (xattr_permission). */
function checkName(sys: Sys, inode: Inode, name: string, write: boolean): void {
  const { cred } = sys.task;
  if (write) checkChangeable(inode);
  if (name.startsWith('security.')) {
    if (write && !cred.has(CAP_SYS_ADMIN)) throw linuxError(EPERM);
    return;
  }
  if (name.startsWith('trusted.')) {
    if (!cred.has(CAP_SYS_ADMIN)) throw linuxError(write ? EPERM : ENODATA);
    return;
  }
  // POSIX ACLs (system.*) would have to take part in permission checks.
  if (!name.startsWith('user.')) throw linuxError(EOPNOTSUPP);
  const type = inode.mode & S_IFMT;
  if (type !== S_IFREG && type !== S_IFDIR) throw linuxError(write ? EPERM : ENODATA);
  if (write && type === S_IFDIR && inode.mode & S_ISVTX && !isOwner(cred, inode)) {
    throw linuxError(EPERM);
  }
  checkAccess(cred, inode, write ? MAY_WRITE : MAY_READ);
}

function readName(sys: Sys, addr: number): string {
  const name = readShortName(sys, addr, XATTR_NAME_MAX, ERANGE);
  if (name === '') throw linuxError(ERANGE);
  return name;
}

function checkNotReadOnly(t: Target): void {
  if (t.path instanceof VfsPath && t.path.mount.readOnly) throw linuxError(EROFS);
}

function set(sys: Sys, t: Target, a: SetArgs): number {
  checkFlags(a.flags, XATTR_CREATE | XATTR_REPLACE);
  const name = readName(sys, a.name);
  if (a.size > XATTR_SIZE_MAX) throw linuxError(E2BIG);
  const value = new Uint8Array(a.size);
  sys.mem.copyIn(a.value, value, 0, a.size);
  checkNotReadOnly(t);
  checkName(sys, t.inode, name, true);
  t.inode.setxattr(name, value, a.flags);
  notifyInode(t.inode, t.path, IN_ATTRIB);
  return 0;
}

function get(sys: Sys, t: Target, a: GetArgs): number {
  const name = readName(sys, a.name);
  checkName(sys, t.inode, name, false);
  const value = t.inode.getxattr(name);
  if (value === null) throw linuxError(ENODATA);
  if (a.size === 0) return value.length;
  if (value.length > a.size) throw linuxError(ERANGE);
  sys.mem.copyOut(a.value, value, 0, value.length);
  return value.length;
}

function list(sys: Sys, t: Target, a: ListArgs): number {
  const admin = sys.task.cred.has(CAP_SYS_ADMIN);
  const names = t.inode.listxattr().filter((n) => admin || !n.startsWith('trusted.'));
  const text = names.map((n) => `${n}\0`).join('');
  if (text.length > XATTR_LIST_MAX) throw linuxError(E2BIG);
  if (a.size === 0) return text.length;
  if (text.length > a.size) throw linuxError(ERANGE);
  sys.mem.copyOut(
    a.list,
    Uint8Array.from(text, (c) => c.charCodeAt(0)),
    0,
    text.length,
  );
  return text.length;
}

function remove(sys: Sys, t: Target, a: { name: number }): number {
  const name = readName(sys, a.name);
  checkNotReadOnly(t);
  checkName(sys, t.inode, name, true);
  t.inode.removexattr(name);
  notifyInode(t.inode, t.path, IN_ATTRIB);
  return 0;
}

interface SetArgs {
  name: number;
  value: number;
  size: number;
  flags: number;
}

interface GetArgs {
  name: number;
  value: number;
  size: number;
}

interface ListArgs {
  list: number;
  size: number;
}

type Work<A> = (sys: Sys, t: Target, a: A) => number;

function byPath<A>(work: Work<A>, flags: number): (sys: Sys, a: A & { path: number }) => number {
  return (sys, a) => {
    const path = lookupAt(sys, AT_FDCWD, a.path, flags);
    return work(sys, { inode: path.inode, path }, a);
  };
}

function byFd<A>(work: Work<A>): (sys: Sys, a: A & { fd: number }) => number {
  return (sys, a) => {
    const file = sys.task.files.get(a.fd);
    return work(sys, { inode: inodeOf(file), path: file.path }, a);
  };
}

const XATTR_NAMES = { XATTR_CREATE, XATTR_REPLACE } as const;
const path = { path: CString } as const;
const fd = { fd: Fd } as const;
const name = { name: CString } as const;
const setArgs = {
  ...name,
  value: InBuf('size'),
  size: Size,
  flags: Flags('XATTR', XATTR_NAMES),
} as const;
const getArgs = { ...name, value: OutBuf('size'), size: Size } as const;
const listArgs = { list: OutBuf('size'), size: Size } as const;
const NOFOLLOW = AT_SYMLINK_NOFOLLOW;

export const XATTR_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    188,
    'setxattr',
    { ...path, ...setArgs },
    byPath(set, 0),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(
    189,
    'lsetxattr',
    { ...path, ...setArgs },
    byPath(set, NOFOLLOW),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(
    190,
    'fsetxattr',
    { ...fd, ...setArgs },
    byFd(set),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(
    191,
    'getxattr',
    { ...path, ...getArgs },
    byPath(get, 0),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(
    192,
    'lgetxattr',
    { ...path, ...getArgs },
    byPath(get, NOFOLLOW),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(
    193,
    'fgetxattr',
    { ...fd, ...getArgs },
    byFd(get),
    'access control lists (system.posix_acl_*)',
  ),
  syscall(194, 'listxattr', { ...path, ...listArgs }, byPath(list, 0)),
  syscall(195, 'llistxattr', { ...path, ...listArgs }, byPath(list, NOFOLLOW)),
  syscall(196, 'flistxattr', { ...fd, ...listArgs }, byFd(list)),
  syscall(197, 'removexattr', { ...path, ...name }, byPath(remove, 0)),
  syscall(198, 'lremovexattr', { ...path, ...name }, byPath(remove, NOFOLLOW)),
  syscall(199, 'fremovexattr', { ...fd, ...name }, byFd(remove)),
];
