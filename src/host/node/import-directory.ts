/**
 * Copies a directory of the host into a guest file system: owners, modes, times, hard links, symbolic
 * links, device nodes, extended attributes and holes. Symbolic links are copied, never followed.
 */

import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { errnoMessage, LinuxError } from '../../kernel/errno.ts';
import type { Inode } from '../../kernel/vfs/types.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../kernel/vfs/types.ts';
import { appendPiece, makeFile } from '../image-tools.ts';
import { timespec } from './host-directory.ts';
import { type HostXattrs, readXattrs } from './host-xattrs.ts';

export class ImportError extends Error {
  override name = 'ImportError';
}

export interface ImportCounts {
  readonly entries: number;
  readonly bytes: number;
}

const CHUNK = 1 << 18;
const ZEROS = Buffer.alloc(CHUNK);
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
const SLASH = Buffer.from('/');

/** Entries below a directory, for a progress bar. */
export function countEntries(path: string): number {
  return countEntriesIn(Buffer.from(path));
}

function countEntriesIn(path: Buffer): number {
  let count = 0;
  for (const entry of readdirSync(path, { encoding: 'buffer', withFileTypes: true })) {
    count++;
    if (entry.isDirectory()) count += countEntriesIn(join(path, nameOf(entry)));
  }
  return count;
}

/** With encoding 'buffer' a Dirent's name is a Buffer, which the types do not say. */
function nameOf(entry: { readonly name: unknown }): Buffer {
  return entry.name as Buffer;
}

function join(dir: Buffer, name: Buffer): Buffer {
  return Buffer.concat([dir, SLASH, name]);
}

export interface ImportOptions {
  /** Called after each entry, with how many there were. */
  readonly onEntry?: (done: number) => void;
  /** Called after each piece of a file. */
  readonly onBytes?: (length: number) => void;
  /** Something is not copied, with why. */
  readonly onMissing?: (line: string) => void;
  /** The image itself, which cannot be copied into itself. */
  readonly image?: { readonly dev: number; readonly ino: number };
}

/** Copies what is in directory `path` into `into`. */
export function importDirectory(
  path: string,
  into: Inode,
  options: ImportOptions = {},
): ImportCounts {
  const importer = new Importer(options);
  importer.copyEntries(Buffer.from(path), into);
  return importer;
}

/** Copies files, one after the other: names of the same file stay hard links. */
export class Importer {
  entries = 0;
  bytes = 0;
  private readonly options: ImportOptions;
  /** Copied files with several links, by device and inode. */
  private readonly copied = new Map<string, Inode>();
  private readonly buffer = Buffer.alloc(CHUNK);
  /** Of the tree that is being copied, and the length of its path. */
  private xattrs: HostXattrs = new Map();
  private rootLength = 0;

  constructor(options: ImportOptions) {
    this.options = options;
  }

  /** Copies what is in directory `path` into `into`. */
  copyEntries(path: Buffer, into: Inode): void {
    this.enter(path);
    this.copyAll(path, into);
  }

  /** Copies the file or directory `path` to `name` in `into`. */
  copyEntry(path: Buffer, name: string, into: Inode): void {
    this.enter(path);
    this.copyOne(path, name, into);
  }

  private enter(path: Buffer): void {
    const found = readXattrs(path.toString());
    this.rootLength = path.length;
    this.xattrs = typeof found === 'string' ? new Map() : found;
    if (typeof found === 'string') {
      this.options.onMissing?.(`extended attributes are not copied: ${found}`);
    }
  }

  private copyAll(path: Buffer, into: Inode): void {
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      this.copyOne(join(path, name), name.toString('latin1'), into);
    }
  }

  private copyOne(path: Buffer, name: string, into: Inode): void {
    try {
      this.copy(path, name, into);
    } catch (error) {
      if (!(error instanceof LinuxError)) throw error;
      const reason = errnoMessage(error.errno);
      throw new ImportError(`${path.toString()}: cannot be copied into the image: ${reason}`);
    }
    this.options.onEntry?.(++this.entries);
  }

  private copy(path: Buffer, name: string, into: Inode): void {
    const info = lstatSync(path);
    // As numbers they would be exact to a quarter of a microsecond only.
    const times = lstatSync(path, { bigint: true });
    const key = `${info.dev}:${info.ino}`;
    const known = info.nlink > 1 ? this.copied.get(key) : undefined;
    if (known !== undefined) {
      if (into.lookup(name) === known) return;
      this.replace(into, name);
      into.link(name, known);
      return;
    }
    const made = this.make(path, name, into, info);
    if (info.nlink > 1 && !info.isDirectory()) this.copied.set(key, made);
    if (info.isDirectory()) this.copyAll(path, made);
    const mode = (info.mode & S_IFMT) === S_IFLNK ? {} : { mode: info.mode };
    made.setattr({
      ...mode,
      uid: info.uid,
      gid: info.gid,
      atime: timespec(times.atimeNs),
      mtime: timespec(times.mtimeNs),
    });
    const below = path.toString('latin1').slice(this.rootLength).replace(/^\/+/, '');
    for (const [key, value] of this.xattrs.get(below) ?? []) made.setxattr(key, value, 0);
  }

  private replace(into: Inode, name: string): void {
    if (into.lookup(name) !== null) into.unlink(name);
  }

  private make(path: Buffer, name: string, into: Inode, info: Stats): Inode {
    const { uid, gid } = info;
    switch (info.mode & S_IFMT) {
      case S_IFDIR: {
        const old = into.lookup(name);
        if (old !== null && (old.mode & S_IFMT) === S_IFDIR) return old;
        return into.create(name, info.mode, uid, gid, 0);
      }
      case S_IFREG: {
        const { image } = this.options;
        if (image?.ino === info.ino && image.dev === info.dev) {
          throw new ImportError(`${path.toString()}: the image cannot be copied into itself`);
        }
        return makeFile(into, name, info, (file) => this.copyData(path, file, info.size));
      }
      case S_IFLNK:
        this.replace(into, name);
        return into.symlink(name, readlinkSync(path, 'buffer').toString('latin1'), uid, gid);
      case S_IFCHR:
      case S_IFBLK:
      case S_IFIFO:
      case S_IFSOCK:
        this.replace(into, name);
        return into.create(name, info.mode, uid, gid, info.rdev);
      default:
        throw new ImportError(`${path.toString()}: unknown type of file`);
    }
  }

  /** Pieces of zeros become holes. */
  private copyData(path: Buffer, file: Inode, size: number): void {
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      let at = 0;
      while (at < size) {
        const n = readSync(fd, this.buffer, 0, Math.min(CHUNK, size - at), at);
        if (n === 0) break;
        const piece = this.buffer.subarray(0, n);
        if (!piece.equals(ZEROS.subarray(0, n))) appendPiece(file, at, piece);
        at += n;
        this.bytes += n;
        this.options.onBytes?.(n);
      }
      if (file.size < at) file.setattr({ size: at });
    } finally {
      closeSync(fd);
    }
  }
}
