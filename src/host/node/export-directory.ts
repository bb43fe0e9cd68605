/**
 * Copies files of an image into a directory of the host: modes, times (to the microsecond, which is all
 * that Node sets), hard links, symbolic links, holes and extended attributes; as root also owners.
 *
 * The image is not trusted. Every directory is entered from the one above it and never through a symbolic
 * link (NodeHostDirectory), so that what the image has put there cannot lead elsewhere. A file gets its
 * name, and replaces a file or link of that name, when it is complete.
 */

import { randomBytes } from 'node:crypto';
import { EEXIST, ENOTDIR, errnoMessage, LinuxError, linuxError } from '../../kernel/errno.ts';
import type { Ext4Inode } from '../../kernel/fs/ext4/inode.ts';
import type { HostHandle } from '../../kernel/fs/hostfs/port.ts';
import { S_ISGID, S_ISUID, SEEK_DATA, SEEK_HOLE } from '../../kernel/vfs/constants.ts';
import { BufferSink } from '../../kernel/vfs/transfer.ts';
import type { Inode, Stat } from '../../kernel/vfs/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/vfs/types.ts';
import { namesIn } from '../image-tools.ts';
import type { NodeHostDirectory } from './host-directory.ts';
import { type HostXattr, KEPT, writeXattrs } from './host-xattrs.ts';

const CHUNK = 1 << 18;
/** Directories nested deeper than this are a damaged image's. */
const MAX_DEPTH = 1000;

export class ExportError extends Error {
  override name = 'ExportError';
}

export interface ExportOptions {
  /** Called after each entry. */
  readonly onEntry?: () => void;
  /** Called after each piece of a file. */
  readonly onBytes?: (length: number) => void;
  /** A device, FIFO or socket, which Node cannot make and is left out. */
  readonly onSkip?: (path: string) => void;
  /** Extended attributes of a file could not be set, and why. */
  readonly onLostXattrs?: (path: string, why: string) => void;
  /** Keeps owners, and with them set-user-ID and set-group-ID. */
  readonly owners: boolean;
  /** The image itself, which must not be replaced. */
  readonly image: { readonly dev: number; readonly ino: number };
}

/** A directory of the host, and how it was reached from the destination. */
interface Place {
  readonly handle: HostHandle;
  readonly path: readonly string[];
}

/** Copies files, one after the other: names of the same file stay hard links. Names are Latin-1 bytes. */
export class Exporter {
  private readonly host: NodeHostDirectory;
  private readonly options: ExportOptions;
  /** Where files with several names went first. */
  private readonly copied = new Map<number, readonly string[]>();
  private readonly directories = new Set<number>();

  constructor(host: NodeHostDirectory, options: ExportOptions) {
    this.host = host;
    this.options = options;
  }

  /** Copies `inode`, which is `from` in the image, to `name` in the destination. */
  copyEntry(inode: Inode, from: string, name: string): void {
    this.directories.clear();
    this.copy(inode, from, { handle: this.host.root, path: [] }, name);
  }

  /** Copies what is in a directory of the image into the destination. */
  copyEntries(dir: Inode, from: string): void {
    this.directories.clear();
    this.copyAll(dir, from, { handle: this.host.root, path: [] });
  }

  private copyAll(dir: Inode, from: string, into: Place): void {
    if (into.path.length > MAX_DEPTH)
      throw new ExportError(`${show(from)}: too many nested directories`);
    // A damaged image's directory may be in itself, or in two.
    if (this.directories.has(dir.ino)) {
      throw new ExportError(`${show(from)}: a directory for the second time`);
    }
    this.directories.add(dir.ino);
    for (const name of namesIn(dir)) {
      const inode = dir.lookup(name);
      if (inode !== null) this.copy(inode, `${from === '/' ? '' : from}/${name}`, into, name);
    }
  }

  private copy(inode: Inode, from: string, into: Place, name: string): void {
    try {
      this.make(inode, from, into, name);
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      throw new ExportError(`${show(from)}: cannot be copied: ${errnoMessage(error.errno)}`);
    }
    this.options.onEntry?.();
  }

  private make(inode: Inode, from: string, into: Place, name: string): void {
    const stat = inode.stat();
    const type = stat.mode & S_IFMT;
    if (type === S_IFDIR) {
      this.makeDirectory(inode, stat, from, into, name);
      return;
    }
    if (type !== S_IFREG && type !== S_IFLNK) {
      this.options.onSkip?.(show(from));
      return;
    }
    const first = this.copied.get(inode.ino);
    this.publish(into.handle, name, (temporary) => {
      if (first !== undefined) this.link(first, into.handle, temporary);
      else if (type === S_IFLNK) this.host.symlink(into.handle, temporary, inode.readlink());
      else this.makeFile(inode as Ext4Inode, into.handle, temporary);
      if (first !== undefined) return;
      this.finish(into.handle, temporary, stat, () =>
        this.copyXattrs(inode, from, into.handle, temporary),
      );
    });
    if (stat.nlink > 1 && first === undefined) this.copied.set(inode.ino, [...into.path, name]);
  }

  private makeDirectory(dir: Inode, stat: Stat, from: string, into: Place, name: string): void {
    const old = this.host.lookup(into.handle, name);
    if (old === null) this.host.makeDirectory(into.handle, name, 0o700);
    else if ((old.mode & S_IFMT) !== S_IFDIR) throw linuxError(ENOTDIR);
    const handle = this.host.openDirectory(into.handle, name);
    try {
      this.copyAll(dir, from, { handle, path: [...into.path, name] });
    } finally {
      this.host.close(handle);
    }
    this.finish(into.handle, name, stat, () => this.copyXattrs(dir, from, into.handle, name));
  }

  /** Lets `make` make a file under a name that nobody knows, which then becomes `name`. */
  private publish(dir: HostHandle, name: string, make: (temporary: string) => void): void {
    const temporary = `.kevlar-jit-${randomBytes(8).toString('hex')}`;
    try {
      make(temporary);
      this.mayReplace(dir, name);
      this.host.rename(dir, temporary, dir, name);
    } catch (error) {
      if (this.host.lookup(dir, temporary) !== null) this.host.unlink(dir, temporary);
      throw error;
    }
    // Two names of one file: rename(2) has left both.
    if (this.host.lookup(dir, temporary) !== null) this.host.unlink(dir, temporary);
  }

  /** Files and links are replaced; devices and the image are not. */
  private mayReplace(dir: HostHandle, name: string): void {
    const old = this.host.lookup(dir, name);
    if (old === null) return;
    const type = old.mode & S_IFMT;
    const { dev, ino } = this.options.image;
    const isImage = old.dev === dev && old.ino === ino;
    if (isImage || (type !== S_IFREG && type !== S_IFLNK)) throw linuxError(EEXIST);
  }

  /** Links to what was made at `first`, entering each directory on the way anew. */
  private link(first: readonly string[], dir: HostHandle, name: string): void {
    const opened: HostHandle[] = [];
    try {
      let at = this.host.root;
      for (const part of first.slice(0, -1)) {
        at = this.host.openDirectory(at, part);
        opened.push(at);
      }
      this.host.link(at, first[first.length - 1]!, dir, name);
    } finally {
      for (const handle of opened) this.host.close(handle);
    }
  }

  private makeFile(inode: Ext4Inode, dir: HostHandle, name: string): void {
    const file = this.host.createFile(dir, name, 0o600);
    try {
      this.copyData(inode, file);
    } finally {
      inode.forgetPages();
      this.host.close(file);
    }
  }

  /** Holes stay holes. */
  private copyData(inode: Ext4Inode, file: HostHandle): void {
    const { pages, size } = inode;
    let at = size > 0 ? inode.seekSparse(0, SEEK_DATA) : -1;
    while (pages !== null && at >= 0 && at < size) {
      const end = inode.seekSparse(at, SEEK_HOLE);
      const sink = new BufferSink(Math.min(CHUNK, end - at));
      const n = pages.read(at, sink.bytes.length, sink);
      if (n === 0) break;
      for (let done = 0; done < n; ) {
        done += this.host.write(file, at + done, sink.bytes.subarray(done, n));
      }
      this.options.onBytes?.(n);
      at = at + n < size ? inode.seekSparse(at + n, SEEK_DATA) : -1;
    }
    this.host.truncate(file, size);
  }

  private copyXattrs(inode: Inode, from: string, dir: HostHandle, name: string): void {
    const xattrs = inode
      .listxattr()
      .filter((key) => KEPT.test(key))
      .map((key): HostXattr => [key, inode.getxattr(key) ?? new Uint8Array()]);
    if (xattrs.length === 0) return;
    const why = writeXattrs(this.host.pathOf(dir, name), xattrs);
    if (why !== null) this.options.onLostXattrs?.(show(from), why);
  }

  /** Owner first: changing it takes set-user-ID and capabilities away. Attributes before a mode that forbids them. */
  private finish(dir: HostHandle, name: string, stat: Stat, setXattrs: () => void): void {
    const { owners } = this.options;
    if (owners) this.host.changeOwner(dir, name, stat.uid, stat.gid);
    setXattrs();
    const kept = stat.mode & (owners ? 0o7777 : 0o7777 & ~(S_ISUID | S_ISGID));
    const { atime, mtime } = stat;
    const mode = (stat.mode & S_IFMT) === S_IFLNK ? {} : { mode: kept };
    this.host.setattr(dir, name, { ...mode, atime, mtime });
  }
}

/** A path of the image, for a message: control characters would reach the terminal. */
function show(path: string): string {
  return Buffer.from(path, 'latin1')
    .toString()
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '?');
}
