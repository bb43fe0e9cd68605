/** The guest's files from outside: what a library user reads and writes, with all rights. */

import { EISDIR, ENOTDIR, linuxError } from '../kernel/errno.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { O_CREAT, O_TRUNC, O_WRONLY } from '../kernel/vfs/constants.ts';
import { makeDirectory, removeFile } from '../kernel/vfs/names.ts';
import { BufferSink, BufferSource } from '../kernel/vfs/transfer.ts';
import type { Stat } from '../kernel/vfs/types.ts';
import { fromBytesString, toBytesString } from './text.ts';

/** Reading and writing guest files. Paths are absolute; errors are LinuxError (ENOENT …). */
export class GuestFiles {
  private readonly kernel: Kernel;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Content of a regular file. */
  read(path: string): Uint8Array {
    const { vfs } = this.kernel;
    const { inode } = vfs.lookup(vfs.host, null, toBytesString(path), true);
    if (inode.pages === null) throw linuxError(EISDIR);
    const sink = new BufferSink(inode.size);
    if (inode.size > 0) inode.pages.read(0, inode.size, sink);
    return sink.bytes.subarray(0, sink.length);
  }

  readText(path: string): string {
    return new TextDecoder().decode(this.read(path));
  }

  /** Replaces or creates a regular file. @param mode permissions of a new file */
  write(path: string, content: Uint8Array | string, mode = 0o644): void {
    const { vfs } = this.kernel;
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    const flags = O_CREAT | O_TRUNC | O_WRONLY;
    const file = vfs.open(null, vfs.host, null, toBytesString(path), flags, mode);
    if (typeof file === 'number' || file.inode?.pages == null) throw linuxError(EISDIR);
    file.retain();
    try {
      const n = file.inode.pages.write(0, bytes.length, new BufferSource(bytes));
      file.inode.setattr({ size: n });
    } finally {
      file.release();
    }
  }

  /** Names in a directory, without `.` and `..`, in the directory's order. */
  list(path: string): string[] {
    const { vfs } = this.kernel;
    const { inode, dentry } = vfs.lookup(vfs.host, null, toBytesString(path), true);
    if (!dentry.isDirectory) throw linuxError(ENOTDIR);
    const names: string[] = [];
    inode.readdir(0, (e) => {
      if (e.name !== '.' && e.name !== '..') names.push(fromBytesString(e.name));
      return true;
    });
    return names;
  }

  stat(path: string): Stat {
    const { vfs } = this.kernel;
    return vfs.lookup(vfs.host, null, toBytesString(path), true).inode.stat();
  }

  makeDirectory(path: string, mode = 0o755): void {
    const { vfs } = this.kernel;
    makeDirectory(vfs, vfs.host, null, toBytesString(path), mode);
  }

  remove(path: string): void {
    const { vfs } = this.kernel;
    removeFile(vfs, vfs.host, null, toBytesString(path));
  }
}
