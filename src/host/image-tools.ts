/**
 * What `kevlar-jit image` and the library do with an image that no guest runs on: find paths, list,
 * read, write files. Paths are resolved inside the image, symbolic links included.
 *
 * Names are Latin-1 strings of the raw bytes, as everywhere in the VFS.
 */

import { EISDIR, ELOOP, ENOENT, ENOTDIR, linuxError } from '../kernel/errno.ts';
import type { Ext4Inode } from '../kernel/fs/ext4/inode.ts';
import { BufferSink, BufferSource } from '../kernel/vfs/transfer.ts';
import type { FileSystem, Inode, Stat } from '../kernel/vfs/types.ts';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../kernel/vfs/types.ts';

const MAX_LINKS = 40;
const CHUNK = 1 << 16;

/** The inode that an absolute path leads to. */
export function resolvePath(fs: FileSystem, path: string, followLast: boolean = true): Inode {
  const stack: Inode[] = [fs.root];
  const todo = components(path).reverse();
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    const here = stack[stack.length - 1]!;
    if ((here.mode & S_IFMT) !== S_IFDIR) throw linuxError(ENOTDIR);
    if (name === '..') {
      if (stack.length > 1) stack.pop();
      continue;
    }
    const next = here.lookup(name);
    if (next === null) throw linuxError(ENOENT);
    const isLink = (next.mode & S_IFMT) === S_IFLNK;
    if (!isLink || (todo.length === 0 && !followLast)) {
      stack.push(next);
      continue;
    }
    if (++links > MAX_LINKS) throw linuxError(ELOOP);
    const target = next.readlink();
    if (target.startsWith('/')) stack.length = 1;
    todo.push(...components(target).reverse());
  }
  return stack[stack.length - 1]!;
}

function components(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

export interface ListedFile {
  readonly name: string;
  readonly stat: Stat;
  /** Target of a symbolic link, else ''. */
  readonly target: string;
}

/** A directory's entries without '.' and '..', by name; or the file itself. */
export function listPath(fs: FileSystem, path: string): ListedFile[] {
  const inode = resolvePath(fs, path);
  const name = components(path).pop() ?? '/';
  if ((inode.mode & S_IFMT) !== S_IFDIR) return [describe(name, inode)];
  return namesIn(inode).map((n) => {
    const child = inode.lookup(n);
    if (child === null) throw linuxError(ENOENT);
    return describe(n, child);
  });
}

/** The last component of a path; '' if that says no name of its own ('/', '.', '..'). */
export function lastName(path: string): string {
  const name =
    path
      .split('/')
      .filter((part) => part !== '')
      .pop() ?? '';
  return name === '.' || name === '..' ? '' : name;
}

/** The names of a directory's entries without '.' and '..', in order. */
export function namesIn(dir: Inode): string[] {
  const names: string[] = [];
  dir.readdir(0, (e) => {
    if (e.name !== '.' && e.name !== '..') names.push(e.name);
    return true;
  });
  return names.sort();
}

function describe(name: string, inode: Inode): ListedFile {
  const isLink = (inode.mode & S_IFMT) === S_IFLNK;
  return { name, stat: inode.stat(), target: isLink ? inode.readlink() : '' };
}

const TYPE_LETTERS: Readonly<Record<number, string>> = {
  1: 'p',
  2: 'c',
  4: 'd',
  6: 'b',
  8: '-',
  10: 'l',
  12: 's',
};

/** The mode as `ls -l` shows it. */
export function modeText(mode: number): string {
  let text = TYPE_LETTERS[mode >>> 12] ?? '?';
  for (let shift = 6; shift >= 0; shift -= 3) {
    const bits = mode >>> shift;
    const special = mode & (shift === 6 ? 0o4000 : shift === 3 ? 0o2000 : 0o1000);
    const letters = shift === 0 ? 'tT' : 'sS';
    text += (bits & 4 ? 'r' : '-') + (bits & 2 ? 'w' : '-');
    if (special !== 0) text += bits & 1 ? letters[0] : letters[1];
    else text += bits & 1 ? 'x' : '-';
  }
  return text;
}

/** One line as `ls -l` prints it, without the name. */
export function longLine({ stat }: ListedFile): string {
  const type = stat.mode & S_IFMT;
  const isDevice = type === S_IFCHR || type === S_IFBLK;
  const size = isDevice ? `${(stat.rdev >>> 8) & 0xfff}, ${stat.rdev & 0xff}` : String(stat.size);
  const date = new Date(stat.mtime.sec * 1000).toISOString().slice(0, 16).replace('T', ' ');
  const owner = `${String(stat.uid).padStart(5)} ${String(stat.gid).padStart(5)}`;
  return `${modeText(stat.mode)} ${String(stat.nlink).padStart(3)} ${owner} ${size.padStart(11)} ${date}`;
}

/** Reads a regular file in pieces. */
export function* readPieces(inode: Inode): Generator<Uint8Array> {
  if ((inode.mode & S_IFMT) === S_IFDIR) throw linuxError(EISDIR);
  const { pages } = inode;
  if (pages === null) throw linuxError(ENOENT);
  for (let at = 0; at < inode.size; ) {
    const sink = new BufferSink(Math.min(CHUNK, inode.size - at));
    const n = pages.read(at, sink.bytes.length, sink);
    if (n === 0) return;
    yield sink.bytes.subarray(0, n);
    at += n;
  }
}

/** Appends to a regular file that is being filled. */
export function appendPiece(inode: Inode, offset: number, bytes: Uint8Array): void {
  if (bytes.length === 0) return;
  inode.prepareWrite?.(offset, bytes.length);
  inode.pages!.write(offset, bytes.length, new BufferSource(bytes));
  inode.setattr({ size: offset + bytes.length });
}

/**
 * Makes a regular file and lets `fill` write it. It gets its name, and replaces a file of that name,
 * when it is complete: what does not fit leaves nothing behind and the old file as it was.
 */
export function makeFile(
  dir: Inode,
  name: string,
  owner: { readonly mode: number; readonly uid: number; readonly gid: number },
  fill: (file: Inode) => void,
): Inode {
  const mode = S_IFREG | (owner.mode & 0o7777);
  // Images are ext4.
  const file = (dir as Ext4Inode).tmpfile(mode, owner.uid, owner.gid) as Ext4Inode;
  file.retain();
  try {
    fill(file);
    file.forgetPages();
    giveName(dir, name, file);
  } finally {
    file.release();
  }
  return file;
}

/** Names `file`; a file that has the name loses it in the same operation. */
function giveName(dir: Inode, name: string, file: Inode): void {
  const old = dir.lookup(name);
  if (old === null) {
    dir.link(name, file);
    return;
  }
  if ((old.mode & S_IFMT) === S_IFDIR) throw linuxError(EISDIR);
  let temporary = `.kevlar-jit-${file.ino}`;
  while (dir.lookup(temporary) !== null) temporary += '_';
  dir.link(temporary, file);
  dir.rename(temporary, dir, name, 0);
}

/** The directory `path`, made with its parents if missing. */
export function makeDirectories(fs: FileSystem, path: string): Inode {
  let at = fs.root;
  for (const name of components(path)) {
    const next: Inode = at.lookup(name) ?? at.create(name, S_IFDIR | 0o755, 0, 0, 0);
    if ((next.mode & S_IFMT) !== S_IFDIR) throw linuxError(ENOTDIR);
    at = next;
  }
  return at;
}
