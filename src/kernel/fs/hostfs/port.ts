/**
 * What a shared host folder must offer (src/host/node/host-directory.ts). The kernel never hands out paths:
 * it names one entry of a directory it holds a handle to, so that `..`, symbolic links and renames on the
 * host cannot lead outside.
 *
 * Invariants for implementations: a handle stays bound to the object it was opened on; names are single
 * components (no "/", "." or ".."), Latin-1 strings of raw bytes; a symbolic link is never followed.
 * Errors are thrown as LinuxError.
 */

import type { StatFs, Timespec } from '../../vfs/types.ts';

/** An open object of the host: a directory, or a file. Opaque to the kernel. */
export type HostHandle = number;

export interface HostStat {
  /** Identifies the object while it exists. */
  readonly dev: number;
  readonly ino: number;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly blocks: number;
  readonly rdev: number;
  readonly atime: Timespec;
  readonly mtime: Timespec;
  readonly ctime: Timespec;
  readonly btime: Timespec;
}

export interface HostAttr {
  readonly mode?: number;
  readonly atime?: Timespec;
  readonly mtime?: Timespec;
}

export interface HostDirEntry {
  readonly name: string;
  /** S_IF* bits, 0 if unknown. */
  readonly type: number;
  readonly ino: number;
}

export interface HostDirectoryPort {
  readonly readOnly: boolean;
  /** Handle of the shared folder itself. */
  readonly root: HostHandle;
  /** The entry's own attributes (lstat); null if there is none. */
  lookup(dir: HostHandle, name: string): HostStat | null;
  /** Opens a directory below `dir`; ENOTDIR for anything else, links included. */
  openDirectory(dir: HostHandle, name: string): HostHandle;
  /** Opens an existing regular file; ELOOP for a link. */
  openFile(dir: HostHandle, name: string, write: boolean): HostHandle;
  /** Creates a regular file; EEXIST if there is anything by that name. */
  createFile(dir: HostHandle, name: string, mode: number): HostHandle;
  close(handle: HostHandle): void;
  stat(handle: HostHandle): HostStat;
  list(dir: HostHandle): HostDirEntry[];
  readlink(dir: HostHandle, name: string): string;
  read(file: HostHandle, offset: number, into: Uint8Array): number;
  write(file: HostHandle, offset: number, from: Uint8Array): number;
  truncate(file: HostHandle, size: number): void;
  sync(file: HostHandle, dataOnly: boolean): void;
  makeDirectory(dir: HostHandle, name: string, mode: number): void;
  symlink(dir: HostHandle, name: string, target: string): void;
  /** Makes `name` another name of the regular file or link `from`. */
  link(fromDir: HostHandle, from: string, dir: HostHandle, name: string): void;
  unlink(dir: HostHandle, name: string): void;
  removeDirectory(dir: HostHandle, name: string): void;
  rename(fromDir: HostHandle, from: string, toDir: HostHandle, to: string): void;
  /** Of an entry; never of what a link leads to. */
  setattr(dir: HostHandle, name: string, attr: HostAttr): void;
  statfs(): StatFs;
}
