/**
 * A folder of this computer as a HostDirectoryPort: what `-v HOST:GUEST` and `--root DIR` share.
 *
 * On Linux every directory is an O_PATH descriptor and every entry is named /proc/self/fd/N/NAME, the
 * openat(2) that Node does not have: the kernel starts at the very directory, so neither `..` nor a
 * rename or a link that is put in its place can lead elsewhere, and O_NOFOLLOW stops at links. On other
 * systems a directory is a path that is checked (same object, real path inside the folder) before each
 * use; that leaves a moment between check and use.
 */

import * as fs from 'node:fs';
import {
  EACCES,
  EINVAL,
  EIO,
  ENOENT,
  EROFS,
  ESTALE,
  errnoName,
  linuxError,
} from '../../kernel/errno.ts';
import type {
  HostAttr,
  HostDirEntry,
  HostDirectoryPort,
  HostHandle,
  HostStat,
} from '../../kernel/fs/hostfs/port.ts';
import type { StatFs, Timespec } from '../../kernel/vfs/types.ts';

const O_PATH = process.platform === 'linux' ? 0o10000000 : 0;
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants;
/** Descriptors of files are handles as they are; directories known by path count from here. */
const FIRST_PATH_HANDLE = 0x40000000;

const ERRNO_BY_NAME = new Map<string, number>();
for (let n = 1; n <= 133; n++) ERRNO_BY_NAME.set(errnoName(n), n);

/** Runs a call of Node, and turns its errors into the kernel's. */
function host<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    if (typeof code !== 'string') throw e;
    throw linuxError(ERRNO_BY_NAME.get(code) ?? EIO);
  }
}

const BILLION = 1000000000n;

/** Of nanoseconds since 1970, which may be negative. */
export function timespec(ns: bigint): Timespec {
  const sec = ns / BILLION - (ns % BILLION < 0n ? 1n : 0n);
  return { sec: Number(sec), nsec: Number(ns - sec * BILLION) };
}

function convert(st: fs.BigIntStats): HostStat {
  return {
    dev: Number(st.dev),
    ino: Number(st.ino),
    mode: Number(st.mode),
    nlink: Number(st.nlink),
    uid: Number(st.uid),
    gid: Number(st.gid),
    size: Number(st.size),
    blocks: Number(st.blocks),
    rdev: Number(st.rdev),
    atime: timespec(st.atimeNs),
    mtime: timespec(st.mtimeNs),
    ctime: timespec(st.ctimeNs),
    btime: timespec(st.birthtimeNs),
  };
}

/** As text: Node takes a negative number for the current time. */
function seconds(t: Timespec): string {
  return String(t.sec + t.nsec / 1e9);
}

interface CheckedPath {
  readonly path: Buffer;
  readonly dev: bigint;
  readonly ino: bigint;
}

export class NodeHostDirectory implements HostDirectoryPort {
  readonly readOnly: boolean;
  readonly root: HostHandle;
  /** The folder with all links resolved. */
  private readonly top: string;
  private readonly descriptors: boolean;
  private readonly paths = new Map<HostHandle, CheckedPath>();
  private nextPath = FIRST_PATH_HANDLE;

  /** Throws an Error of Node's if `path` is not a directory that can be opened. */
  constructor(
    path: string,
    options: { readonly readOnly?: boolean; readonly descriptors?: boolean } = {},
  ) {
    this.readOnly = options.readOnly === true;
    this.descriptors = options.descriptors ?? fs.existsSync('/proc/self/fd');
    this.top = fs.realpathSync(path);
    if (!fs.statSync(this.top).isDirectory()) throw new Error(`${path} is not a directory`);
    this.root = this.descriptors
      ? fs.openSync(this.top, O_PATH | O_DIRECTORY)
      : this.addPath(Buffer.from(this.top));
  }

  /** Ids of whoever runs this process, as HostFs wants them. */
  static ids(): { hostUid: number; hostGid: number } {
    return { hostUid: process.geteuid?.() ?? 0, hostGid: process.getegid?.() ?? 0 };
  }

  private addPath(path: Buffer): HostHandle {
    const st = fs.lstatSync(path, { bigint: true });
    const handle = this.nextPath++;
    this.paths.set(handle, { path, dev: st.dev, ino: st.ino });
    return handle;
  }

  /** A path of `name` that other processes of this user may use, for as long as the directory is open. */
  pathOf(dir: HostHandle, name: string): Buffer {
    const place = this.descriptors
      ? Buffer.from(`/proc/${process.pid}/fd/${dir}`)
      : this.place(dir);
    return Buffer.concat([place, Buffer.from(`/${name}`, 'latin1')]);
  }

  /** The path of an open directory. */
  private place(dir: HostHandle): Buffer {
    if (this.descriptors) return Buffer.from(`/proc/self/fd/${dir}`);
    const known = this.paths.get(dir);
    if (known === undefined) throw linuxError(EINVAL);
    const st = host(() => fs.lstatSync(known.path, { bigint: true }));
    if (st.dev !== known.dev || st.ino !== known.ino) throw linuxError(ESTALE);
    const real = host(() => fs.realpathSync(known.path));
    const inside = real === this.top || real.startsWith(this.top === '/' ? '/' : `${this.top}/`);
    if (!inside) throw linuxError(EACCES);
    return known.path;
  }

  /** The path of an entry. */
  private at(dir: HostHandle, name: string): Buffer {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) {
      throw linuxError(EINVAL);
    }
    return Buffer.concat([this.place(dir), Buffer.from('/'), Buffer.from(name, 'latin1')]);
  }

  private checkWrite(): void {
    if (this.readOnly) throw linuxError(EROFS);
  }

  lookup(dir: HostHandle, name: string): HostStat | null {
    const path = this.at(dir, name);
    const st = host(() => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }));
    return st === undefined ? null : convert(st);
  }

  openDirectory(dir: HostHandle, name: string): HostHandle {
    const path = this.at(dir, name);
    if (this.descriptors) return host(() => fs.openSync(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    const st = host(() => fs.lstatSync(path));
    if (!st.isDirectory()) throw linuxError(ENOENT);
    return this.addPath(path);
  }

  openFile(dir: HostHandle, name: string, write: boolean): HostHandle {
    if (write) this.checkWrite();
    const path = this.at(dir, name);
    // O_NONBLOCK: should a FIFO have taken the file's place, opening it must not wait.
    const flags = (write ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    const fd = host(() => fs.openSync(path, flags));
    if (host(() => fs.fstatSync(fd)).isFile()) return fd;
    fs.closeSync(fd);
    throw linuxError(ESTALE);
  }

  createFile(dir: HostHandle, name: string, mode: number): HostHandle {
    this.checkWrite();
    const path = this.at(dir, name);
    return host(() => {
      const fd = fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
      // The host's umask has no say: the guest has applied its own.
      fs.fchmodSync(fd, mode);
      return fd;
    });
  }

  close(handle: HostHandle): void {
    if (!this.paths.delete(handle)) host(() => fs.closeSync(handle));
  }

  stat(handle: HostHandle): HostStat {
    if (this.paths.has(handle)) {
      const path = this.place(handle);
      return convert(host(() => fs.lstatSync(path, { bigint: true })));
    }
    return convert(host(() => fs.fstatSync(handle, { bigint: true })));
  }

  list(dir: HostHandle): HostDirEntry[] {
    const path = this.place(dir);
    const found = host(() => fs.readdirSync(path, { encoding: 'buffer', withFileTypes: true }));
    return found.map((e) => ({
      name: e.name.toString('latin1'),
      type: typeOf(e),
      // Node does not tell; programs that care use stat.
      ino: 1,
    }));
  }

  readlink(dir: HostHandle, name: string): string {
    const path = this.at(dir, name);
    return host(() => fs.readlinkSync(path, 'buffer')).toString('latin1');
  }

  read(file: HostHandle, offset: number, into: Uint8Array): number {
    return host(() => fs.readSync(file, into, 0, into.length, offset));
  }

  write(file: HostHandle, offset: number, from: Uint8Array): number {
    this.checkWrite();
    return host(() => fs.writeSync(file, from, 0, from.length, offset));
  }

  truncate(file: HostHandle, size: number): void {
    this.checkWrite();
    host(() => fs.ftruncateSync(file, size));
  }

  sync(file: HostHandle, dataOnly: boolean): void {
    host(() => (dataOnly ? fs.fdatasyncSync(file) : fs.fsyncSync(file)));
  }

  makeDirectory(dir: HostHandle, name: string, mode: number): void {
    this.checkWrite();
    const path = this.at(dir, name);
    host(() => fs.mkdirSync(path, mode));
    this.setMode(path, mode);
  }

  symlink(dir: HostHandle, name: string, target: string): void {
    this.checkWrite();
    const path = this.at(dir, name);
    host(() => fs.symlinkSync(Buffer.from(target, 'latin1'), path));
  }

  link(fromDir: HostHandle, from: string, dir: HostHandle, name: string): void {
    this.checkWrite();
    const old = this.at(fromDir, from);
    const path = this.at(dir, name);
    host(() => fs.linkSync(old, path));
  }

  unlink(dir: HostHandle, name: string): void {
    this.checkWrite();
    const path = this.at(dir, name);
    host(() => fs.unlinkSync(path));
  }

  removeDirectory(dir: HostHandle, name: string): void {
    this.checkWrite();
    const path = this.at(dir, name);
    host(() => fs.rmdirSync(path));
  }

  rename(fromDir: HostHandle, from: string, toDir: HostHandle, to: string): void {
    this.checkWrite();
    const old = this.at(fromDir, from);
    const path = this.at(toDir, to);
    host(() => fs.renameSync(old, path));
  }

  setattr(dir: HostHandle, name: string, attr: HostAttr): void {
    this.checkWrite();
    const path = this.at(dir, name);
    if (attr.mode !== undefined) this.setMode(path, attr.mode);
    if (attr.atime === undefined && attr.mtime === undefined) return;
    const st = convert(host(() => fs.lstatSync(path, { bigint: true })));
    const { atime = st.atime, mtime = st.mtime } = attr;
    host(() => fs.lutimesSync(path, seconds(atime), seconds(mtime)));
  }

  /** Changes the owner of an entry, links included, which needs the host's permission. */
  changeOwner(dir: HostHandle, name: string, uid: number, gid: number): void {
    this.checkWrite();
    const path = this.at(dir, name);
    host(() => fs.lchownSync(path, uid, gid));
  }

  /** chmod(2) follows links, so the object is opened first. */
  private setMode(path: Buffer, mode: number): void {
    const flags = this.descriptors ? O_PATH | O_NOFOLLOW : O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    const fd = host(() => fs.openSync(path, flags));
    try {
      host(() =>
        this.descriptors ? fs.chmodSync(`/proc/self/fd/${fd}`, mode) : fs.fchmodSync(fd, mode),
      );
    } finally {
      fs.closeSync(fd);
    }
  }

  statfs(): StatFs {
    const path = this.place(this.root);
    const st = host(() => fs.statfsSync(path));
    return {
      type: st.type,
      bsize: st.bsize,
      blocks: st.blocks,
      bfree: st.bfree,
      bavail: st.bavail,
      files: st.files,
      ffree: st.ffree,
      namelen: 255,
    };
  }
}

/** S_IF* of a directory entry; 0 if it is not known. */
function typeOf(e: fs.Dirent<Buffer>): number {
  if (e.isFile()) return 0o100000;
  if (e.isDirectory()) return 0o040000;
  if (e.isSymbolicLink()) return 0o120000;
  if (e.isFIFO()) return 0o010000;
  if (e.isSocket()) return 0o140000;
  if (e.isCharacterDevice()) return 0o020000;
  return e.isBlockDevice() ? 0o060000 : 0;
}
