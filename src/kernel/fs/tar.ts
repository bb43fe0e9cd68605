/**
 * Reads tar archives (POSIX ustar and pax, GNU long names, sparse-free) and puts them into any file system
 * through the Inode interface. Owners, modes, times, hard links, device nodes and extended attributes
 * are kept.
 *
 * A parser of our own: tar-stream, the obvious package, needs Node's streams, which the kernel must not.
 *
 * The archive is untrusted. Every length is checked against the archive before it is used; names are
 * resolved inside the target only, symbolic links included (`..` in a name is refused); whatever is wrong becomes a TarError that names offset and entry.
 *
 *   ustar header, 512 bytes: name 100, mode 8, uid 8, gid 8, size 12, mtime 12, checksum 8, type 1,
 *   link name 100, magic 6 "ustar", version 2, owner 32, group 32, major 8, minor 8, prefix 155
 */

import { ELOOP, ENOTDIR, LinuxError, linuxError } from '../errno.ts';
import { makedev, NAME_MAX } from '../vfs/constants.ts';
import { BufferSource } from '../vfs/transfer.ts';
import type { FileSystem, Inode, SetAttr, Timespec } from '../vfs/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG } from '../vfs/types.ts';
import { isXattrRecord, xattrsOf } from './tar-xattrs.ts';

export class TarError extends Error {
  override name = 'TarError';
}

export interface TarEntry {
  /** Latin-1 bytes, as stored. */
  name: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: Timespec;
  linkName: string;
  rdev: number;
  data: Uint8Array;
  xattrs: Map<string, Uint8Array>;
  /** Of the header in the archive. */
  offset: number;
}

export interface ImportCounts {
  files: number;
  directories: number;
  links: number;
  others: number;
  bytes: number;
}

const BLOCK = 512;
/** Extended headers are kept in memory: a sane one is a few KiB. */
const MAX_EXTENDED = 1 << 20;
const MAX_PATH = 4096;
const MAX_LINKS = 40;

function fail(offset: number, what: string): never {
  throw new TarError(`tar archive, offset ${offset}: ${what}`);
}

function latin1(bytes: Uint8Array): string {
  let s = '';
  for (let i = 0; i < bytes.length; i += 8192) {
    s += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return s;
}

/** A zero-terminated field. */
function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return latin1(end < 0 ? field : field.subarray(0, end));
}

/** An octal number, or GNU's base-256 if the first bit is set. */
function number(
  block: Uint8Array,
  at: number,
  length: number,
  offset: number,
  what: string,
): number {
  const first = block[at]!;
  if (first & 0x80) {
    let n = first & 0x7f;
    for (let i = 1; i < length; i++) n = n * 256 + block[at + i]!;
    if (!Number.isSafeInteger(n)) fail(offset, `${what} is out of range`);
    return n;
  }
  const digits = text(block, at, length).trim();
  if (digits === '') return 0;
  if (!/^[0-7]+$/.test(digits)) fail(offset, `${what} is not an octal number`);
  return Number.parseInt(digits, 8);
}

/** Sum of all bytes with the checksum field taken as spaces; some writers summed signed bytes. */
function checksumMatches(block: Uint8Array, stored: number): boolean {
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK; i++) {
    const b = i >= 148 && i < 156 ? 32 : block[i]!;
    unsigned += b;
    signed += b > 127 ? b - 256 : b;
  }
  return stored === unsigned || stored === signed;
}

/** What extended headers said about the next entry, or about all. */
interface Overrides {
  name?: string;
  linkName?: string;
  pax: Map<string, string>;
}

function isZero(block: Uint8Array): boolean {
  for (const b of block) if (b !== 0) return false;
  return true;
}

/** Calls `visit` for each entry. `visit` gets views into `bytes`. */
export function readTar(bytes: Uint8Array, visit: (entry: TarEntry) => void): void {
  if (bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b) {
    fail(0, 'is compressed with gzip; decompress it first');
  }
  let at = 0;
  let zeros = 0;
  let headers = 0;
  const global = new Map<string, string>();
  let next: Overrides = { pax: new Map() };
  while (at + BLOCK <= bytes.length && zeros < 2) {
    const block = bytes.subarray(at, at + BLOCK);
    if (isZero(block)) {
      zeros++;
      at += BLOCK;
      continue;
    }
    zeros = 0;
    const header = readHeader(block, at, global, next);
    headers++;
    const dataAt = at + BLOCK;
    if (header.size > bytes.length - dataAt) {
      fail(at, `entry ${show(header.entry.name)} is cut off: ${header.size} bytes announced`);
    }
    const data = bytes.subarray(dataAt, dataAt + header.size);
    const extended = readExtended(header.entry.type, data, at, global, next);
    if (!extended) {
      header.entry.data = data;
      visit(header.entry);
      next = { pax: new Map() };
    }
    at = dataAt + Math.ceil(header.size / BLOCK) * BLOCK;
  }
  if (zeros === 0 && at !== bytes.length && headers > 0) fail(at, 'is cut off inside a block');
  if (headers === 0) fail(0, bytes.length === 0 ? 'is empty' : 'has no entries');
}

interface Header {
  entry: TarEntry;
  size: number;
}

function readHeader(
  block: Uint8Array,
  offset: number,
  global: ReadonlyMap<string, string>,
  next: Overrides,
): Header {
  if (!checksumMatches(block, number(block, 148, 8, offset, 'checksum'))) {
    fail(offset, 'header checksum does not match (not a tar archive, or damaged)');
  }
  const ustar = text(block, 257, 5) === 'ustar';
  // GNU's own format has "ustar  " and other fields where POSIX has the prefix.
  const posix = ustar && block[262] === 0;
  const type = String.fromCharCode(block[156]!);
  const prefix = posix ? text(block, 345, 155) : '';
  const shortName = text(block, 0, 100);
  const extended = type === 'x' || type === 'g' || type === 'L' || type === 'K';
  const pax = (key: string): string | undefined =>
    extended ? undefined : (next.pax.get(key) ?? global.get(key));
  const paxNumber = (key: string): number | undefined => decimal(pax(key), key, offset);
  const entry: TarEntry = {
    name:
      (extended ? undefined : (pax('path') ?? next.name)) ??
      (prefix === '' ? shortName : `${prefix}/${shortName}`),
    type,
    mode: number(block, 100, 8, offset, 'mode') & 0o7777,
    uid: paxNumber('uid') ?? number(block, 108, 8, offset, 'uid'),
    gid: paxNumber('gid') ?? number(block, 116, 8, offset, 'gid'),
    mtime: paxTime(pax('mtime'), offset) ?? {
      sec: number(block, 136, 12, offset, 'mtime'),
      nsec: 0,
    },
    linkName: pax('linkpath') ?? (extended ? undefined : next.linkName) ?? text(block, 157, 100),
    rdev:
      type === '3' || type === '4'
        ? makedev(number(block, 329, 8, offset, 'major'), number(block, 337, 8, offset, 'minor'))
        : 0,
    data: block.subarray(0, 0),
    xattrs: extended
      ? new Map()
      : xattrsOf([global, next.pax], (key) => fail(offset, `pax ${key} is not base64`)),
    offset,
  };
  const links = type === '1' || type === '2' || type === '3' || type === '4' || type === '6';
  const stored = paxNumber('size') ?? number(block, 124, 12, offset, 'size');
  // Some writers give hard links a size although no data follows; directories never have any.
  const size = links || type === '5' ? 0 : stored;
  return { entry, size };
}

function decimal(value: string | undefined, key: string, offset: number): number | undefined {
  if (value === undefined) return undefined;
  const n = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(n)) fail(offset, `pax ${key} is not a number`);
  return n;
}

function paxTime(value: string | undefined, offset: number): Timespec | undefined {
  if (value === undefined) return undefined;
  const m = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
  if (m === null) fail(offset, 'pax mtime is not a number');
  const sec = Number(m[2]);
  const nsec = Number((m[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (m[1] === '') return { sec, nsec };
  // Before 1970 the fraction counts backwards too.
  return nsec === 0 ? { sec: -sec, nsec: 0 } : { sec: -sec - 1, nsec: 1e9 - nsec };
}

/** Takes in a header about other entries. @returns false if it is an entry itself */
function readExtended(
  type: string,
  data: Uint8Array,
  offset: number,
  global: Map<string, string>,
  next: Overrides,
): boolean {
  switch (type) {
    case 'x':
      readPax(data, offset, next.pax);
      return true;
    case 'g':
      readPax(data, offset, global);
      return true;
    case 'L':
      next.name = longText(data, offset);
      return true;
    case 'K':
      next.linkName = longText(data, offset);
      return true;
    default:
      return false;
  }
}

function longText(data: Uint8Array, offset: number): string {
  if (data.length > MAX_PATH + 1) fail(offset, 'long name is too long');
  return text(data, 0, data.length);
}

/** Records "LENGTH KEY=VALUE\n". */
function readPax(data: Uint8Array, offset: number, into: Map<string, string>): void {
  if (data.length > MAX_EXTENDED) fail(offset, 'extended header is too long');
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(32, at);
    const digits = space < 0 || space - at > 8 ? '' : latin1(data.subarray(at, space));
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > data.length || end <= space + 1 || data[end - 1] !== 10) {
      fail(offset, 'malformed extended header');
    }
    const equals = data.indexOf(61, space);
    if (equals < 0 || equals >= end) fail(offset, 'malformed extended header');
    const key = latin1(data.subarray(space + 1, equals));
    const value = latin1(data.subarray(equals + 1, end - 1));
    // No value takes a record back, but an attribute may be empty.
    if (value === '' && !isXattrRecord(key)) into.delete(key);
    else into.set(key, value);
    at = end;
  }
}

function show(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}

/**
 * Puts the archive into `fs`, over what is there. Call it before the file system is mounted, or
 * Vfs.invalidate after. Files may keep views into `bytes`, which must not change afterwards.
 */
export function importTar(
  fs: FileSystem,
  bytes: Uint8Array,
  onProgress: (done: number, total: number) => void = () => {},
): ImportCounts {
  const importer = new Importer(fs);
  readTar(bytes, (entry) => {
    try {
      importer.add(entry);
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      fail(entry.offset, `cannot create ${show(entry.name)}: ${e.message}`);
    }
    onProgress(entry.offset, bytes.length);
  });
  importer.finish();
  onProgress(bytes.length, bytes.length);
  return importer.counts;
}

class Importer {
  readonly counts: ImportCounts = { files: 0, directories: 0, links: 0, others: 0, bytes: 0 };
  private readonly root: Inode;
  /** Applied last, because creating entries changes them. */
  private readonly directoryTimes: [Inode, Timespec][] = [];

  constructor(fs: FileSystem) {
    this.root = fs.root;
  }

  finish(): void {
    for (const [inode, mtime] of this.directoryTimes) inode.setattr({ atime: mtime, mtime });
  }

  add(entry: TarEntry): void {
    const parts = components(entry.name, entry.offset);
    const isRoot = parts.length === 0;
    if (isRoot && entry.type !== '5') fail(entry.offset, 'entry without a name');
    const dir = isRoot ? this.root : this.directory(parts.slice(0, -1));
    const name = parts.at(-1) ?? '';
    switch (entry.type) {
      case '0':
      case '\0':
      case '7':
        // Old archives mark directories by a slash only.
        if (entry.name.endsWith('/')) this.addDirectory(dir, name, entry);
        else this.addFile(dir, name, entry);
        break;
      case '1':
        this.addHardLink(dir, name, entry);
        break;
      case '2':
        this.replace(dir, name);
        this.applyOwner(dir.symlink(name, entry.linkName, entry.uid, entry.gid), entry, false);
        this.counts.links++;
        break;
      case '3':
      case '4':
      case '6':
        this.addNode(dir, name, entry);
        break;
      case '5':
        this.addDirectory(dir, name, entry);
        break;
      default:
        fail(entry.offset, `entry ${show(entry.name)} has the unknown type ${show(entry.type)}`);
    }
  }

  private addFile(dir: Inode, name: string, entry: TarEntry): void {
    this.replace(dir, name);
    const inode = dir.create(name, S_IFREG | entry.mode, entry.uid, entry.gid, 0);
    const { data } = entry;
    if (inode.setContent !== undefined) {
      inode.setContent(data);
    } else if (data.length > 0) {
      inode.prepareWrite?.(0, data.length);
      inode.pages!.write(0, data.length, new BufferSource(data));
      inode.setattr({ size: data.length });
    }
    this.applyOwner(inode, entry, true);
    this.counts.files++;
    this.counts.bytes += data.length;
  }

  private addHardLink(dir: Inode, name: string, entry: TarEntry): void {
    const parts = components(entry.linkName, entry.offset);
    const target = parts.length === 0 ? null : this.find(parts);
    if (target === null) {
      fail(entry.offset, `hard link ${show(entry.name)} to missing ${show(entry.linkName)}`);
    }
    if ((target.mode & S_IFMT) === S_IFDIR) fail(entry.offset, 'hard link to a directory');
    if (dir.lookup(name) === target) return;
    this.replace(dir, name);
    dir.link(name, target);
    this.counts.links++;
  }

  private addNode(dir: Inode, name: string, entry: TarEntry): void {
    const type = entry.type === '3' ? S_IFCHR : entry.type === '4' ? S_IFBLK : S_IFIFO;
    this.replace(dir, name);
    const inode = dir.create(name, type | entry.mode, entry.uid, entry.gid, entry.rdev);
    this.applyOwner(inode, entry, true);
    this.counts.others++;
  }

  private addDirectory(dir: Inode, name: string, entry: TarEntry): void {
    const old = name === '' ? this.root : dir.lookup(name);
    if (old !== null && (old.mode & S_IFMT) !== S_IFDIR) this.replace(dir, name);
    const inode = name === '' ? this.root : this.child(dir, name);
    this.applyOwner(inode, entry, true);
    this.directoryTimes.push([inode, entry.mtime]);
    this.counts.directories++;
  }

  private applyOwner(inode: Inode, entry: TarEntry, withMode: boolean): void {
    const attr: SetAttr = {
      uid: entry.uid,
      gid: entry.gid,
      atime: entry.mtime,
      mtime: entry.mtime,
    };
    if (withMode) attr.mode = (inode.mode & S_IFMT) | entry.mode;
    inode.setattr(attr);
    for (const [name, value] of entry.xattrs) inode.setxattr(name, value, 0);
  }

  /** Makes room for a new entry: the last one of a name wins, as with tar(1). */
  private replace(dir: Inode, name: string): void {
    const old = dir.lookup(name);
    if (old === null) return;
    if ((old.mode & S_IFMT) === S_IFDIR) dir.rmdir(name);
    else dir.unlink(name);
  }

  /** The directory at `parts`; missing ones are made. Links on the way are followed inside the target. */
  private directory(parts: readonly string[]): Inode {
    const todo = parts.slice().reverse();
    const at: Inode[] = [this.root];
    let links = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      const dir = at.at(-1)!;
      if (name === '..') {
        if (at.length > 1) at.pop();
        continue;
      }
      const next = dir.lookup(name);
      if (next !== null && (next.mode & S_IFMT) === S_IFLNK) {
        if (++links > MAX_LINKS) throw linuxError(ELOOP);
        const target = next.readlink();
        if (target.startsWith('/')) at.length = 1;
        todo.push(...plain(target).reverse());
        continue;
      }
      at.push(this.child(dir, name));
    }
    return at.at(-1)!;
  }

  private child(dir: Inode, name: string): Inode {
    const old = dir.lookup(name);
    if (old === null) return dir.create(name, S_IFDIR | 0o755, 0, 0, 0);
    if ((old.mode & S_IFMT) !== S_IFDIR) throw linuxError(ENOTDIR);
    return old;
  }

  private find(parts: readonly string[]): Inode | null {
    let inode: Inode | null = this.root;
    for (const name of parts) {
      if (inode === null || (inode.mode & S_IFMT) !== S_IFDIR) return null;
      inode = inode.lookup(name);
    }
    return inode;
  }
}

function plain(path: string): string[] {
  return path.split('/').filter((c) => c !== '' && c !== '.');
}

/** Path components without "." and empty ones; ".." could leave the target. */
function components(name: string, offset: number): string[] {
  if (name.length > MAX_PATH) fail(offset, 'name is too long');
  const parts = plain(name);
  for (const c of parts) {
    if (c === '..') fail(offset, `entry ${show(name)} contains ".."`);
    if (c.length > NAME_MAX)
      fail(offset, `a component of ${show(name)} is longer than ${NAME_MAX}`);
    if (c.includes('\0')) fail(offset, `entry ${show(name)} contains a zero byte`);
  }
  return parts;
}
