/**
 * Writes what is below a directory of any file system as a tar archive: POSIX pax (pax(1) of POSIX.1-2001), with
 * owners, modes, times to the nanosecond, hard links, device nodes and SCHILY.xattr extended attributes; what
 * importTar of kernel/fs/tar.ts reads.
 *
 * A writer of our own: names and attributes are bytes that need not be UTF-8, and packages take strings.
 * Sockets cannot be in archives: they are reported, and left out.
 */

import { xattrRecord } from '../kernel/fs/tar-xattrs.ts';
import { major, minor } from '../kernel/vfs/constants.ts';
import type { Inode, Stat } from '../kernel/vfs/types.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../kernel/vfs/types.ts';
import { namesIn, readPieces } from './image-tools.ts';

const BLOCK = 512;
const NAME_BYTES = 100;
/** As GNU tar ends an archive: two empty blocks, padded to 20. */
const RECORD = 20 * BLOCK;
/** Directories nested deeper than this are a damaged image's. */
const MAX_DEPTH = 1000;

const TYPES: ReadonlyMap<number, string> = new Map([
  [S_IFREG, '0'],
  [S_IFLNK, '2'],
  [S_IFCHR, '3'],
  [S_IFBLK, '4'],
  [S_IFDIR, '5'],
  [S_IFIFO, '6'],
]);

export interface TarWriterOptions {
  /** Called before each entry, with how many came before. */
  readonly onEntry?: (done: number) => void;
  /** Something that is left out, by its name in the archive. */
  readonly onSkip?: (name: string) => void;
}

/** The archive of a directory's content, in pieces. Strings are Latin-1 bytes. */
export function* tarOf(root: Inode, options: TarWriterOptions = {}): Generator<Uint8Array> {
  const writer = new TarWriter(options);
  yield* writer.entries(root, '', 0);
  yield* writer.end();
}

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly link: string;
  readonly size: number;
  readonly stat: Stat;
  readonly inode: Inode;
}

class TarWriter {
  private readonly options: TarWriterOptions;
  /** First names of files that have several. */
  private readonly linked = new Map<number, string>();
  private readonly directories = new Set<number>();
  private count = 0;
  private written = 0;

  constructor(options: TarWriterOptions) {
    this.options = options;
  }

  *entries(dir: Inode, prefix: string, depth: number): Generator<Uint8Array> {
    if (depth > MAX_DEPTH) throw new Error(`${prefix}: too many nested directories`);
    // A damaged image's directory may be in itself, or in two.
    if (this.directories.has(dir.ino))
      throw new Error(`${prefix}: a directory for the second time`);
    this.directories.add(dir.ino);
    for (const name of namesIn(dir)) {
      const inode = dir.lookup(name);
      if (inode === null) continue;
      const path = `${prefix}${name}`;
      this.options.onEntry?.(this.count++);
      yield* this.entry(path, inode);
      if (isDirectory(inode)) yield* this.entries(inode, `${path}/`, depth + 1);
    }
  }

  private *entry(path: string, inode: Inode): Generator<Uint8Array> {
    const stat = inode.stat();
    const type = TYPES.get(stat.mode & S_IFMT);
    if (type === undefined) {
      this.options.onSkip?.(path);
      return;
    }
    const first = this.linked.get(inode.ino);
    if (first !== undefined) {
      yield* this.header({ name: path, type: '1', link: first, size: 0, stat, inode });
      return;
    }
    if (!isDirectory(inode) && stat.nlink > 1) this.linked.set(inode.ino, path);
    const name = isDirectory(inode) ? `${path}/` : path;
    const link = type === '2' ? inode.readlink() : '';
    const size = type === '0' ? stat.size : 0;
    yield* this.header({ name, type, link, size, stat, inode });
    if (size > 0) yield* this.content(path, inode, size);
  }

  private *header(entry: Entry): Generator<Uint8Array> {
    const records = extendedRecords(entry);
    if (records.length > 0) {
      const { stat, inode } = entry;
      const name = `PaxHeaders/${entry.name}`.slice(0, NAME_BYTES);
      const pax = { name, type: 'x', link: '', size: records.length, stat, inode };
      yield this.took(headerBlock(pax));
      yield this.took(records);
      yield this.took(padding(records.length));
    }
    yield this.took(headerBlock(entry));
  }

  private *content(path: string, inode: Inode, size: number): Generator<Uint8Array> {
    let done = 0;
    for (const piece of readPieces(inode)) {
      done += piece.length;
      yield this.took(piece);
    }
    if (done !== size) throw new Error(`${path}: ends after ${done} of ${size} bytes`);
    yield this.took(padding(size));
  }

  *end(): Generator<Uint8Array> {
    const least = this.written + 2 * BLOCK;
    yield new Uint8Array(Math.ceil(least / RECORD) * RECORD - this.written);
  }

  private took(bytes: Uint8Array): Uint8Array {
    this.written += bytes.length;
    return bytes;
  }
}

function isDirectory(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFDIR;
}

function padding(length: number): Uint8Array {
  return new Uint8Array((BLOCK - (length % BLOCK)) % BLOCK);
}

const MAX_7 = 0o7777777;
const MAX_11 = 0o77777777777;

/** Of what does not fit the old header: "LENGTH KEY=VALUE\n", the length with itself. */
function extendedRecords({ name, link, size, stat, inode, type }: Entry): Uint8Array {
  let text = '';
  const add = (key: string, value: string): void => {
    text += record(key, value);
  };
  if (name.length > NAME_BYTES) add('path', name);
  if (link.length > NAME_BYTES) add('linkpath', link);
  if (size > MAX_11) add('size', String(size));
  if (stat.uid > MAX_7) add('uid', String(stat.uid));
  if (stat.gid > MAX_7) add('gid', String(stat.gid));
  const { sec, nsec } = stat.mtime;
  if (nsec !== 0 || sec < 0 || sec > MAX_11) add('mtime', timeText(sec, nsec));
  if (type !== '1') {
    for (const key of inode.listxattr()) {
      // Access control lists have a form of their own in archives.
      if (key.startsWith('system.')) continue;
      add(xattrRecord(key), latin1(inode.getxattr(key) ?? new Uint8Array(0)));
    }
  }
  return bytesOf(text);
}

/** Decimal seconds; before 1970 with a fraction of a negative number. */
function timeText(sec: number, nsec: number): string {
  if (nsec === 0) return String(sec);
  const negative = sec < 0;
  const whole = negative ? -sec - 1 : sec;
  const part = negative ? 1e9 - nsec : nsec;
  return `${negative ? '-' : ''}${whole}.${String(part).padStart(9, '0')}`;
}

function record(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length++;
  return `${length} ${key}=${value}\n`;
}

function headerBlock({ name, type, link, size, stat }: Entry): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string): void => block.set(bytesOf(text), at);
  const octal = (at: number, digits: number, value: number, max: number): void => {
    const fits = value >= 0 && value <= max ? value : 0;
    put(at, fits.toString(8).padStart(digits, '0'));
  };
  put(0, name.slice(0, NAME_BYTES));
  octal(100, 7, stat.mode & 0o7777, MAX_7);
  octal(108, 7, stat.uid, MAX_7);
  octal(116, 7, stat.gid, MAX_7);
  octal(124, 11, size, MAX_11);
  octal(136, 11, stat.mtime.sec, MAX_11);
  put(156, type);
  put(157, link.slice(0, NAME_BYTES));
  put(257, 'ustar\x0000');
  const device = type === '3' || type === '4' ? stat.rdev : 0;
  octal(329, 7, major(device), MAX_7);
  octal(337, 7, minor(device), MAX_7);
  // The checksum is over the block with spaces in its place.
  block.fill(0x20, 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
