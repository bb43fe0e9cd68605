/**
 * File descriptors of a process (or of tasks that share them by CLONE_FILES).
 *
 * Invariants: a descriptor holds one reference to its description; a new descriptor is the lowest free
 * one; closing any descriptor of a file drops this table's POSIX locks on it, as fcntl_locking(2) says
 * (the table is the locks' owner, as in Linux).
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { EBADF, EINVAL, EMFILE, linuxError } from '../errno.ts';
import { checkHeap, takeHeap } from '../heap.ts';
import { O_PATH } from './constants.ts';
import { endDirectoryNotify } from './dnotify.ts';
import { releasePosixLocks } from './locks.ts';
import type { OpenFile } from './types.ts';

/** RLIMIT_NOFILE of a fresh system. */
const DEFAULT_LIMIT = 1024;
/** Tables grow by so many descriptors at least. */
const CHUNK = 256;
const ENTRY_COST = 16;

export class FdTable {
  private files: (OpenFile | null)[] = [];
  private cloexec: boolean[] = [];
  /** No free descriptor is below. */
  private lowestFree = 0;
  private references = 1;
  private readonly heap: HeapAccount;
  /** Descriptors that room was taken for. */
  private reserved = 0;
  /** Soft RLIMIT_NOFILE: setrlimit stores it here too. */
  limit: number;

  constructor(heap: HeapAccount, limit: number = DEFAULT_LIMIT) {
    this.heap = heap;
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
      file.countIn(this.heap);
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
    file.countIn(this.heap);
    this.growTo(fd);
    file.retain();
    const old = this.files[fd] ?? null;
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

  /** Throws ENOMEM if there is no room for a copy. */
  checkCopy(): void {
    checkHeap(this.heap, this.reserved * ENTRY_COST);
  }

  /** fork: an own copy; the descriptions are shared. */
  clone(): FdTable {
    const copy = new FdTable(this.heap, this.limit);
    copy.reserve(this.files.length);
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
    this.heap.give(this.reserved * ENTRY_COST);
    this.reserved = 0;
  }

  private findFree(min: number): number {
    if (min < 0 || min >= this.limit) throw linuxError(min === 0 ? EMFILE : EINVAL);
    let fd = min > this.lowestFree ? min : this.lowestFree;
    while (this.has(fd)) fd++;
    if (fd >= this.limit) throw linuxError(EMFILE);
    this.growTo(fd);
    return fd;
  }

  /** Makes room for `fd`. */
  private growTo(fd: number): void {
    this.reserve(fd + 1);
    while (this.files.length < fd) {
      this.cloexec[this.files.length] = false;
      this.files.push(null);
    }
  }

  /** Throws ENOMEM if there is no room for so many descriptors. */
  private reserve(count: number): void {
    if (count <= this.reserved) return;
    const wanted = Math.ceil(count / CHUNK) * CHUNK;
    takeHeap(this.heap, (wanted - this.reserved) * ENTRY_COST);
    this.reserved = wanted;
  }

  private drop(file: OpenFile): void {
    if (file.inode !== null) {
      releasePosixLocks(file.inode, this);
      endDirectoryNotify(this, file);
    }
    file.release();
  }
}
