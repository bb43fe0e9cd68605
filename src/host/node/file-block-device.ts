/**
 * A file of the host as a block device.
 *
 * A writable device holds a lock until it is closed, so that two runs cannot write the same image: a
 * file "IMAGE.lock" that names the process. A lock whose process is gone is taken over.
 */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import type { BlockDevice } from '../../kernel/ports.ts';

export interface FileBlockDeviceOptions {
  readonly readOnly?: boolean;
}

export class FileBlockDevice implements BlockDevice {
  readonly readOnly: boolean;
  private length: number;
  private readonly fd: number;
  private readonly lock: string | null;
  private open = true;

  constructor(path: string, options: FileBlockDeviceOptions = {}) {
    this.readOnly = options.readOnly ?? false;
    this.fd = openSync(path, this.readOnly ? constants.O_RDONLY : constants.O_RDWR);
    try {
      const info = fstatSync(this.fd);
      if (!info.isFile()) throw new Error(`${path}: not a regular file`);
      this.length = info.size;
      this.lock = this.readOnly ? null : takeLock(realpathSync(path));
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  get size(): number {
    return this.length;
  }

  /** Makes the file longer, with zeros, or shorter. */
  resize(size: number): void {
    if (this.readOnly) throw new Error('the image is open for reading');
    ftruncateSync(this.fd, size);
    this.length = size;
  }

  read(offset: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      const n = readSync(this.fd, into, done, into.length - done, offset + done);
      if (n === 0) throw new Error(`read beyond the end of the image at ${offset + done}`);
      done += n;
    }
  }

  write(offset: number, from: Uint8Array): void {
    if (this.readOnly) throw new Error('write to an image that is open for reading');
    if (offset < 0 || offset + from.length > this.size) {
      throw new Error(`write beyond the end of the image at ${offset}`);
    }
    let done = 0;
    while (done < from.length) {
      done += writeSync(this.fd, from, done, from.length - done, offset + done);
    }
  }

  flush(): void {
    if (!this.readOnly) fsyncSync(this.fd);
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    closeSync(this.fd);
    if (this.lock !== null) unlinkSync(this.lock);
  }
}

/** @returns the lock file's path */
function takeLock(image: string): string {
  const path = `${image}.lock`;
  // Written beside and linked into place, so that a lock is never seen without its owner.
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(mine, `${process.pid}\n`);
  try {
    return linkLock(image, mine, path);
  } finally {
    unlinkSync(mine);
  }
}

function linkLock(image: string, mine: string, path: string): string {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      linkSync(mine, path);
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = lockOwner(path);
    if (owner !== 0) throw new Error(`${image} is in use by process ${owner}`);
    try {
      unlinkSync(path);
    } catch {
      // Somebody else removed it; try again.
    }
  }
  throw new Error(`${path}: cannot take the lock`);
}

/** The live process that holds the lock, or 0. */
function lockOwner(path: string): number {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(path, 'latin1'), 10);
  } catch {
    return 0;
  }
  if (!(pid > 0)) return 0;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : 0;
  }
}
