/**
 * What open file descriptions share: flags, position, reference count, and the errors of operations
 * that a type of file does not have. The last release closes (`closed()`); a file that is not a
 * regular file is always ready (poll) unless it says otherwise, as in Linux.
 */

import type { HeapAccount } from '../../mmu/heap-account.ts';
import { EBADF, EINVAL, ENFILE, ENOMEM, ENOTDIR, ENOTTY, ESPIPE, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, O_ACCMODE, O_RDONLY, O_WRONLY } from './constants.ts';
import { releaseFileLocks } from './locks.ts';
import { notifyInode } from './notify.ts';
import { VfsPath } from './path.ts';
import type { DirEntry, Inode, IoSink, IoSource, OpenFile, Path } from './types.ts';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from './types.ts';

const NO_QUEUES: readonly WaitQueue[] = [];

/** Told when a file is closed for good (epoll). */
export interface CloseListener {
  fileClosed(): void;
}

export abstract class BaseFile implements OpenFile {
  flags: number;
  pos = 0;
  readonly inode: Inode | null;
  readonly path: Path | null;
  /** Descriptors, mappings and messages that hold this description. Made with none: see retain. */
  protected references = 0;
  private closeListeners: Set<CloseListener> | null = null;
  private countedIn: HeapAccount | null = null;

  constructor(inode: Inode | null, path: Path | null, flags: number) {
    this.inode = inode;
    this.path = path;
    this.flags = flags;
    inode?.retain();
  }

  get readable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY;
  }

  get writable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY;
  }

  describe(): string {
    return this.path?.absolute() ?? 'anon_inode:[unknown]';
  }

  read(_sys: Sys, _to: IoSink): number {
    throw linuxError(EINVAL);
  }

  write(_sys: Sys, _from: IoSource): number {
    throw linuxError(EINVAL);
  }

  pread(_sys: Sys, _to: IoSink, _offset: number): number {
    throw linuxError(ESPIPE);
  }

  pwrite(_sys: Sys, _from: IoSource, _offset: number): number {
    throw linuxError(ESPIPE);
  }

  seek(_sys: Sys, _offset: number, _whence: number): number {
    throw linuxError(ESPIPE);
  }

  ioctl(_sys: Sys, _request: number, _arg: number): number {
    throw linuxError(ENOTTY);
  }

  poll(): number {
    return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
  }

  pollQueues(): readonly WaitQueue[] {
    return NO_QUEUES;
  }

  readdir(_sys: Sys, _emit: (e: DirEntry) => boolean): void {
    throw linuxError(ENOTDIR);
  }

  fsync(_dataOnly: boolean): void {
    throw linuxError(EINVAL);
  }

  countIn(heap: HeapAccount): void {
    if (this.countedIn !== null) return;
    if (!heap.takeFile()) {
      throw linuxError(heap.files >= heap.maxFiles ? ENFILE : ENOMEM);
    }
    this.countedIn = heap;
  }

  /** It is gone: for files that are dropped without ever having been referenced. */
  protected uncount(): void {
    this.countedIn?.giveFile();
    this.countedIn = null;
  }

  retain(): void {
    if (this.references++ === 0 && this.path instanceof VfsPath) this.path.mount.openFiles++;
  }

  release(): void {
    this.references--;
    if (this.references > 0) return;
    if (this.references === 0 && this.path instanceof VfsPath) this.path.mount.openFiles--;
    if (this.closeListeners !== null) for (const l of [...this.closeListeners]) l.fileClosed();
    this.closed();
    this.uncount();
    const inode = this.inode;
    if (inode === null) return;
    releaseFileLocks(inode, this);
    notifyInode(inode, this.path, this.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    inode.release();
  }

  addCloseListener(listener: CloseListener): void {
    this.closeListeners ??= new Set();
    this.closeListeners.add(listener);
  }

  removeCloseListener(listener: CloseListener): void {
    this.closeListeners?.delete(listener);
  }

  /** Whether the type of file has a poll operation: others cannot be in an epoll set. */
  get canPoll(): boolean {
    return this.poll !== BaseFile.prototype.poll;
  }

  /** Whether the type of file sends signals when it becomes ready (O_ASYNC). */
  get canSignal(): boolean {
    return false;
  }

  /** The last reference went. */
  protected closed(): void {}
}

/** open(O_PATH): names a file without opening it. Everything but fstat, fchdir, dup … gives EBADF. */
export class PathFile extends BaseFile {
  override read(): number {
    throw linuxError(EBADF);
  }

  override write(): number {
    throw linuxError(EBADF);
  }

  override ioctl(): number {
    throw linuxError(EBADF);
  }

  override poll(): number {
    return 0;
  }

  override fsync(): void {
    throw linuxError(EBADF);
  }
}
