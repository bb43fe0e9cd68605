/**
 * File descriptors of a process (or of tasks that share them by CLONE_FILES).
 *
 * Invariants: a descriptor holds one reference to its description; a new descriptor is the lowest free
 * one; closing any descriptor of a file drops this table's POSIX locks on it, as fcntl_locking(2) says
 * (the table is the locks' owner, as in Linux).
 */

import { EBADF, EINVAL, EMFILE, linuxError } from '../errno.ts';
import { O_PATH } from './constants.ts';
import { endDirectoryNotify } from './dnotify.ts';
import { releasePosixLocks } from './locks.ts';
import type { OpenFile } from './types.ts';

/** RLIMIT_NOFILE of a fresh system. */
const DEFAULT_LIMIT = 1024;

export class FdTable {
  private files: (OpenFile | null)[] = [];
  private cloexec: boolean[] = [];
  /** No free descriptor is below. */
  private lowestFree = 0;
  private references = 1;
  /** Soft RLIMIT_NOFILE: setrlimit stores it here too. */
  limit: number;

  constructor(limit: number = DEFAULT_LIMIT) {
    this.limit = limit;
  }

  /** The file behind `fd`, for calls that use it: not one opened with O_PATH. */
  get(fd: number): OpenFile {
    const file = this.getAny(fd);
    if (file.flags & O_PATH) throw linuxError(EBADF);
    return file;
  }

  /** The file behind `fd`, also if opened with O_PATH (fstat, dup, *at calls …). */
  getAny(fd: number): OpenFile {
    const file = this.files[fd];
    if (file === undefined || file === null) throw linuxError(EBADF);
    return file;
  }

  has(fd: number): boolean {
    return (this.files[fd] ?? null) !== null;
  }

  /** Throws EMFILE if no descriptor is free: for calls that must not do their work in vain. */
  checkRoom(): void {
    this.findFree(0);
  }

  /** The lowest free descriptor ≥ `min` becomes `file`. A file that was not yet held is closed on EMFILE. */
  install(file: OpenFile, cloexec: boolean, min: number = 0): number {
    file.retain();
    let fd: number;
    try {
      fd = this.findFree(min);
    } catch (e) {
      file.release();
      throw e;
    }
    this.files[fd] = file;
    this.cloexec[fd] = cloexec;
    if (fd === this.lowestFree) this.lowestFree = fd + 1;
    return fd;
  }

  /** `fd` becomes `file`; what it was before is closed (dup2). */
  installAt(fd: number, file: OpenFile, cloexec: boolean): void {
    if (fd < 0 || fd >= this.limit) throw linuxError(EBADF);
    file.retain();
    const old = this.files[fd] ?? null;
    while (this.files.length < fd) {
      this.cloexec[this.files.length] = false;
      this.files.push(null);
    }
    this.files[fd] = file;
    this.cloexec[fd] = cloexec;
    if (old !== null) this.drop(old);
  }

  close(fd: number): void {
    const file = this.getAny(fd);
    this.files[fd] = null;
    if (fd < this.lowestFree) this.lowestFree = fd;
    this.drop(file);
  }

  isCloexec(fd: number): boolean {
    return this.cloexec[fd] === true;
  }

  setCloexec(fd: number, on: boolean): void {
    this.getAny(fd);
    this.cloexec[fd] = on;
  }

  /** Calls `visit` for every open descriptor, in ascending order. */
  forEach(visit: (fd: number, file: OpenFile) => void): void {
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd] ?? null;
      if (file !== null) visit(fd, file);
    }
  }

  /** One past the highest descriptor ever used. */
  get size(): number {
    return this.files.length;
  }

  /** fork: an own copy; the descriptions are shared. */
  clone(): FdTable {
    const copy = new FdTable(this.limit);
    copy.files = this.files.slice();
    copy.cloexec = this.cloexec.slice();
    copy.lowestFree = this.lowestFree;
    for (const file of copy.files) file?.retain();
    return copy;
  }

  /** execve. */
  closeOnExec(): void {
    for (let fd = 0; fd < this.files.length; fd++) {
      if (this.cloexec[fd] === true && this.has(fd)) this.close(fd);
    }
  }

  /** One more task shares the table (CLONE_FILES). */
  retain(): void {
    this.references++;
  }

  /** A task is gone; the last one closes everything. */
  release(): void {
    this.references--;
    if (this.references > 0) return;
    for (let fd = 0; fd < this.files.length; fd++) if (this.has(fd)) this.close(fd);
    this.files = [];
  }

  private findFree(min: number): number {
    if (min < 0 || min >= this.limit) throw linuxError(min === 0 ? EMFILE : EINVAL);
    let fd = min > this.lowestFree ? min : this.lowestFree;
    while (this.has(fd)) fd++;
    if (fd >= this.limit) throw linuxError(EMFILE);
    while (this.files.length < fd) {
      this.cloexec[this.files.length] = false;
      this.files.push(null);
    }
    return fd;
  }

  private drop(file: OpenFile): void {
    if (file.inode !== null) {
      releasePosixLocks(file.inode, this);
      endDirectoryNotify(this, file);
    }
    file.release();
  }
}
