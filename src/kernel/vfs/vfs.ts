/**
 * The name space of one machine: mounts, path lookup and open(2). The operations that change
 * directories are in names.ts, those on attributes in attributes.ts.
 *
 * Invariants: `root` is the root of the name space (tasks have their own in FsContext); every change of
 * a directory keeps the dentry cache in step and reports to inotify.
 */

import { panic } from '../../common/panic.ts';
import {
  EACCES,
  EBUSY,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENODEV,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  linuxError,
} from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { isAnonymous, reopenAnonymous } from './anonymous.ts';
import {
  __O_TMPFILE,
  IN_CREATE,
  IN_MODIFY,
  IN_OPEN,
  MNT_DETACH,
  MS_BIND,
  MS_NODEV,
  O_ACCMODE,
  O_APPEND,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
} from './constants.ts';
import { Dentry, DentryCache } from './dentry.ts';
import { DeviceRegistry } from './devices.ts';
import { PathFile } from './file.ts';
import { FsContext } from './fs-context.ts';
import { isAppendOnly } from './inode-flags.ts';
import { makeLinkable } from './linkable.ts';
import { Mount, mountedOn } from './mount.ts';
import { notifyEntry, notifyInode } from './notify.ts';
import { VfsPath } from './path.ts';
import {
  checkAccess,
  checkWritable,
  isOwner,
  KERNEL_CRED,
  MAY_EXEC,
  MAY_READ,
  MAY_WRITE,
  newGroup,
  newMode,
} from './permissions.ts';
import { RegularFile } from './regular-file.ts';
import type { FileSystem, Inode, OpenFile } from './types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from './types.ts';
import { type Caller, WALK, Walker } from './walk.ts';
import { checkNotRunning } from './write-access.ts';

/** Makes the file system for mount(2): `source`, MS_* and the option string as given. */
export type MountFactory = (sys: Sys, source: string, flags: number, options: string) => FileSystem;

/** Flags that matter only at open time and are not kept in the description (F_GETFL). */
const OPEN_ONLY = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC;

/** fs.mount-max of Linux is 100,000; a mount takes memory of the host's. */
export const MOUNT_MAX = 10_000;

export class Vfs {
  readonly dentries: DentryCache = new DentryCache();
  readonly devices: DeviceRegistry = new DeviceRegistry();
  /** Scratch for walks; read its result before the next walk. */
  readonly walker: Walker = new Walker(this.dentries);
  /** In the order of mounting. */
  readonly mounts: Mount[] = [];
  /** By type name, for mount(2) and /proc/filesystems. */
  readonly types: Map<string, MountFactory> = new Map();
  private rootPath: VfsPath | null = null;
  private hostCaller: Caller | null = null;
  private nextMountId = 21;

  get root(): VfsPath {
    return this.rootPath ?? panic('no root file system is mounted');
  }

  /** The host's own view: the name space's root, all rights. */
  get host(): Caller {
    this.hostCaller ??= { fs: new FsContext(this.root, this.root, 0o022), cred: KERNEL_CRED };
    return this.hostCaller;
  }

  registerFileSystem(type: string, factory: MountFactory): void {
    this.types.set(type, factory);
  }

  // ---- mounts

  mountRoot(fs: FileSystem, source: string, flags: number = 0): VfsPath {
    if (this.rootPath !== null) panic('the root is already mounted');
    const root = this.dentries.root(fs.root);
    const mount = new Mount(this.nextMountId++, fs, root, flags, source);
    this.mounts.push(mount);
    this.rootPath = new VfsPath(mount, root);
    return this.rootPath;
  }

  /** Mounts `fs` on the directory (or, for single files, file) `at`. */
  mountAt(at: VfsPath, fs: FileSystem, source: string, flags: number): Mount {
    try {
      return this.attach(at, fs, this.dentries.root(fs.root), source, flags);
    } catch (e) {
      if (!this.mounts.some((m) => m.fs === fs)) fs.unmounted?.();
      throw e;
    }
  }

  /** Makes what `from` names visible at `at` too; `recursive` takes the mounts below it along. */
  bind(from: VfsPath, at: VfsPath, recursive: boolean): Mount {
    const { mount, dentry } = from;
    // One that was detached, or belongs to a file without a name (check_mnt()).
    if (!this.isMounted(mount)) throw linuxError(EINVAL);
    const below = recursive ? this.mountsBelow(mount, dentry) : [];
    this.checkMounts(1 + below.length);
    const copy = this.attach(at, mount.fs, dentry, mount.source, mount.flags & ~MS_BIND);
    const copies = new Map<Mount, Mount>([[mount, copy]]);
    for (const m of below) {
      const parent = copies.get(m.parent!)!;
      const twin = this.newMount(m.fs, m.root, m.source, m.flags);
      twin.attach(parent, m.point!);
      copies.set(m, twin);
    }
    return copy;
  }

  moveMount(from: VfsPath, at: VfsPath): void {
    const { mount } = from;
    if (mount.root !== from.dentry || mount.parent === null) throw linuxError(EINVAL);
    for (let m: Mount | null = at.mount; m !== null; m = m.parent) {
      if (m === mount) throw linuxError(ELOOP);
    }
    mount.detach();
    mount.attach(at.mount, at.dentry);
  }

  private attach(at: VfsPath, fs: FileSystem, root: Dentry, source: string, flags: number): Mount {
    if (at.dentry.isDirectory !== root.isDirectory) throw linuxError(ENOTDIR);
    if (at.dentry.unlinked) throw linuxError(ENOENT);
    this.checkMounts(1);
    const mount = this.newMount(fs, root, source, flags);
    mount.attach(at.mount, at.dentry);
    return mount;
  }

  /** Throws ENOSPC if there would be too many mounts (fs.mount-max). */
  private checkMounts(more: number): void {
    if (this.mounts.length + more > MOUNT_MAX) throw linuxError(ENOSPC);
  }

  private newMount(fs: FileSystem, root: Dentry, source: string, flags: number): Mount {
    const mount = new Mount(this.nextMountId++, fs, root, flags, source);
    this.mounts.push(mount);
    return mount;
  }

  /** Mounts below `dentry` of `mount`, however deep, parents first. */
  private mountsBelow(mount: Mount, dentry: Dentry): Mount[] {
    const found: Mount[] = [];
    const todo = mountsOn(mount, dentry).reverse();
    for (let m = todo.pop(); m !== undefined; m = todo.pop()) {
      found.push(m);
      for (const child of mountsOn(m, m.root).reverse()) todo.push(child);
    }
    return found;
  }

  /** Whether a mount is visible in the name space: not detached, nor that of a file without a name. */
  isMounted(mount: Mount): boolean {
    return this.mounts.includes(mount);
  }

  /** umount2(2). `inUse` says whether files or directories of a mount are in use. */
  unmount(path: VfsPath, flags: number, inUse: (m: Mount) => boolean): void {
    const { mount } = path;
    if (path.dentry !== mount.root || !this.isMounted(mount)) throw linuxError(EINVAL);
    if (mount.parent === null) throw linuxError(EBUSY);
    const lazy = (flags & MNT_DETACH) !== 0;
    if (!lazy && (mount.children.size > 0 || inUse(mount))) throw linuxError(EBUSY);
    for (const m of lazy ? this.mountsBelow(mount, mount.root).reverse() : []) this.remove(m);
    this.remove(mount);
  }

  private remove(mount: Mount): void {
    mount.detach();
    this.mounts.splice(this.mounts.indexOf(mount), 1);
    if (this.mounts.some((m) => m.fs === mount.fs)) return;
    mount.fs.sync();
    mount.fs.unmounted?.();
    this.dentries.forget(mount.fs.root);
  }

  /** Writes everything back, on all file systems. */
  sync(): void {
    const done = new Set<FileSystem>();
    for (const { fs } of this.mounts) {
      if (done.has(fs)) continue;
      done.add(fs);
      fs.sync();
    }
  }

  /** Names were changed without the VFS (an import into a mounted file system). */
  invalidate(fs: FileSystem): void {
    this.dentries.revalidate(this.dentries.root(fs.root));
  }

  // ---- lookup

  /** What `name` leads to. `start`: null for the working directory; `follow`: links in the last component. */
  lookup(who: Caller, start: VfsPath | null, name: string, follow: boolean): VfsPath {
    this.walker.walk(who, start, name, follow ? WALK.follow : 0);
    return this.walker.path();
  }

  /** `lookup` that must end at a directory that may be searched: chdir, chroot. */
  lookupDirectory(who: Caller, name: string): VfsPath {
    const path = this.lookup(who, null, name, true);
    this.checkDirectory(who, path);
    return path;
  }

  checkDirectory(who: Caller, path: VfsPath): void {
    if (!path.dentry.isDirectory) throw linuxError(ENOTDIR);
    checkAccess(who.cred, path.inode, MAY_EXEC);
  }

  // ---- open

  /**
   * open(2). @returns the file, or what sys.block returned when a FIFO has to wait for its other end.
   * Without `sys` (the kernel and the host) only regular files and directories can be opened.
   */
  open(
    sys: Sys | null,
    who: Caller,
    start: VfsPath | null,
    name: string,
    flags: number,
    mode: number,
  ): OpenFile | number {
    if (flags & O_PATH) return this.openPath(who, start, name, flags);
    if ((flags & O_TMPFILE) === O_TMPFILE)
      return this.openTemporary(sys, who, start, name, flags, mode);
    if (flags & __O_TMPFILE) throw linuxError(EINVAL);
    if (flags & O_CREAT) {
      if (flags & O_DIRECTORY) throw linuxError(EINVAL);
      return this.openCreate(sys, who, start, name, flags, mode);
    }
    this.walker.walk(who, start, name, flags & O_NOFOLLOW ? 0 : WALK.follow);
    return this.openExisting(sys, who, this.walker.path(), flags);
  }

  /** For the kernel and the host: opens a regular file or directory, or throws. */
  openFile(who: Caller, name: string, flags: number, mode: number = 0o644): OpenFile {
    const file = this.open(null, who, null, name, flags, mode);
    if (typeof file === 'number') throw linuxError(ENXIO);
    return file;
  }

  private openPath(who: Caller, start: VfsPath | null, name: string, flags: number): OpenFile {
    const path = this.lookup(who, start, name, (flags & O_NOFOLLOW) === 0);
    if (flags & O_DIRECTORY && !path.dentry.isDirectory) throw linuxError(ENOTDIR);
    return new PathFile(path.inode, path, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW));
  }

  private openTemporary(
    sys: Sys | null,
    who: Caller,
    start: VfsPath | null,
    name: string,
    flags: number,
    mode: number,
  ): OpenFile | number {
    if ((flags & O_ACCMODE) === O_RDONLY) throw linuxError(EINVAL);
    const dir = this.lookup(who, start, name, (flags & O_NOFOLLOW) === 0);
    if (!dir.dentry.isDirectory) throw linuxError(ENOTDIR);
    checkWritable(who.cred, dir);
    checkAccess(who.cred, dir.inode, MAY_EXEC);
    if (dir.inode.tmpfile === undefined) throw linuxError(EOPNOTSUPP);
    const bits = newMode(who.cred, dir.inode, S_IFREG | (mode & ~who.fs.umask & 0o7777));
    const inode = dir.inode.tmpfile(bits, who.cred.fsuid, newGroup(who.cred, dir.inode));
    if ((flags & O_EXCL) === 0) makeLinkable(inode);
    const dentry = temporaryDentry(dir.dentry, inode);
    return this.openInode(sys, new VfsPath(dir.mount, dentry), flags);
  }

  private openCreate(
    sys: Sys | null,
    who: Caller,
    start: VfsPath | null,
    name: string,
    flags: number,
    mode: number,
  ): OpenFile | number {
    const w = this.walker;
    w.walk(who, start, name, WALK.parent);
    for (;;) {
      if (w.last === '') return this.openExisting(sys, who, w.path(), flags);
      if (w.last === '.' || w.last === '..' || w.last === '/') {
        throw linuxError(flags & O_EXCL ? EEXIST : EISDIR);
      }
      if (w.trailingSlash) throw linuxError(EISDIR);
      const child = this.dentries.lookup(w.dentry, w.last);
      if (child.inode === null) return this.createAndOpen(sys, who, w.path(), w.last, flags, mode);
      if (flags & O_EXCL) throw linuxError(EEXIST);
      if ((child.inode.mode & S_IFMT) !== S_IFLNK) {
        w.enter(child);
        return this.openExisting(sys, who, w.path(), flags);
      }
      if (flags & O_NOFOLLOW) throw linuxError(ELOOP);
      w.continueWith(child, WALK.parent);
    }
  }

  private createAndOpen(
    sys: Sys | null,
    who: Caller,
    dir: VfsPath,
    name: string,
    flags: number,
    mode: number,
  ): OpenFile | number {
    checkWritable(who.cred, dir);
    checkAccess(who.cred, dir.inode, MAY_EXEC);
    if (dir.dentry.unlinked || dir.inode.nlink === 0) throw linuxError(ENOENT);
    const bits = newMode(who.cred, dir.inode, S_IFREG | (mode & ~who.fs.umask & 0o7777));
    const gid = newGroup(who.cred, dir.inode);
    const inode = dir.inode.create(name, bits, who.cred.fsuid, gid, 0);
    const dentry = this.dentries.add(dir.dentry, name, inode);
    notifyEntry(dir.inode, name, inode, IN_CREATE);
    return this.openInode(sys, new VfsPath(dir.mount, dentry), flags & ~O_TRUNC);
  }

  private openExisting(
    sys: Sys | null,
    who: Caller,
    path: VfsPath,
    flags: number,
  ): OpenFile | number {
    this.checkOpen(who, path, flags);
    if (flags & (O_ACCMODE | O_TRUNC)) checkNotRunning(path.inode);
    if (flags & O_TRUNC && (path.inode.mode & S_IFMT) === S_IFREG) {
      if (sys === null) path.inode.setattr({ size: 0 });
      else truncateNow(sys, path.inode, path);
    }
    return this.openInode(sys, path, flags);
  }

  /** may_open in fs/namei.c. */
  private checkOpen(who: Caller, path: VfsPath, flags: number): void {
    const { inode } = path;
    const access = flags & O_ACCMODE;
    const writes = access !== O_RDONLY || (flags & O_TRUNC) !== 0;
    if (flags & O_DIRECTORY && !path.dentry.isDirectory) throw linuxError(ENOTDIR);
    switch (inode.mode & S_IFMT) {
      case S_IFLNK:
        throw linuxError(ELOOP);
      case S_IFDIR:
        if (writes || flags & O_CREAT) throw linuxError(EISDIR);
        break;
      case S_IFCHR:
      case S_IFBLK:
        if (path.mount.flags & MS_NODEV) throw linuxError(EACCES);
        break;
    }
    if (access !== O_WRONLY) checkAccess(who.cred, inode, MAY_READ);
    if (writes) checkWritable(who.cred, path);
    if (writes && access === O_ACCMODE) checkAccess(who.cred, inode, MAY_READ | MAY_WRITE);
    if (isAppendOnly(inode)) {
      if (access !== O_RDONLY && (flags & O_APPEND) === 0) throw linuxError(EPERM);
      if (flags & O_TRUNC) throw linuxError(EPERM);
    }
    if (flags & O_NOATIME && !isOwner(who.cred, inode)) throw linuxError(EPERM);
  }

  private openInode(sys: Sys | null, path: VfsPath, flags: number): OpenFile | number {
    const { inode } = path;
    // Terminals look at O_NOCTTY.
    const kept = (flags & ~OPEN_ONLY) | (flags & O_NOCTTY);
    const again = reopenAnonymous(sys, path, kept & ~O_NOCTTY);
    if (again !== null) return again;
    const file =
      sys !== null && (inode.mode & S_IFMT) === S_IFIFO && !isAnonymous(inode)
        ? this.devices.openFifo(sys, inode, kept, path)
        : inode.open(sys, kept, path);
    if (typeof file === 'number') return file;
    if (file instanceof RegularFile) file.opened();
    file.flags &= ~O_NOCTTY;
    if (flags & O_APPEND) file.flags |= O_APPEND;
    notifyInode(inode, path, IN_OPEN);
    return file;
  }

  /** The mount on top of `path`, or `path` itself. */
  topmost(path: VfsPath): VfsPath {
    let top = path;
    for (let m = mountedOn(top.mount, top.dentry); m !== null; ) {
      top = new VfsPath(m, m.root);
      m = mountedOn(m, m.root);
    }
    return top;
  }

  /** The factory for mount(2), or ENODEV. */
  factory(type: string): MountFactory {
    const factory = this.types.get(type);
    if (factory === undefined) throw linuxError(ENODEV);
    return factory;
  }
}

/** Those of a mount's children that are on `dentry` or below. */
function mountsOn(mount: Mount, dentry: Dentry): Mount[] {
  return [...mount.children].filter((m) => dentry.contains(m.point!));
}

function truncateNow(sys: Sys, inode: Inode, path: VfsPath): void {
  const now = sys.kernel.clock.realtime();
  inode.setattr({ size: 0, mtime: now, ctime: now });
  notifyInode(inode, path, IN_MODIFY);
}

/** O_TMPFILE: shown as "/dir/#ino (deleted)", as Linux does. */
function temporaryDentry(dir: Dentry, inode: Inode): Dentry {
  const d = new Dentry(`#${inode.ino}`, dir, inode);
  d.unlinked = true;
  return d;
}
