/**
 * `kevlar-jit image cp`: files between this computer and an image, in either direction, as cp(1) copies
 * them: into DESTINATION if that is a directory, else to that name.
 */

import { existsSync, lstatSync, readdirSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { lastName, namesIn, resolvePath } from '../../host/image-tools.ts';
import { Exporter } from '../../host/node/export-directory.ts';
import { NodeHostDirectory } from '../../host/node/host-directory.ts';
import { Importer } from '../../host/node/import-directory.ts';
import { ELOOP, ENAMETOOLONG, ENOENT, LinuxError, linuxError } from '../../kernel/errno.ts';
import type { Ext4FileSystem } from '../../kernel/fs/ext4/fs.ts';
import type { Inode } from '../../kernel/vfs/types.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../kernel/vfs/types.ts';
import { UserError } from '../errors.ts';
import { atPath, explain, withBar, withImage } from '../image-access.ts';

export const COPY_HELP = `
A path in an image is IMAGE:/PATH; a path of this computer that has ':/' in it means itself if what
stands before the '/' exists. Either all SOURCEs are in images, or DESTINATION is.

If DESTINATION is a directory, files are copied into it, otherwise to that name. Of DIRECTORY/. and
IMAGE:/ the content is copied. Files and symbolic links that are there are replaced, directories
merged. A file that cannot be copied whole leaves what was there.

Modes, times and, with -r, hard and symbolic links are kept; into an image also owners and devices.
On this computer owners are kept for root only, times to the microsecond; devices, FIFOs and sockets
are left out, with a message and exit status 1. Extended attributes are copied, too, if getfattr and
setfattr, or python3, are installed; what could not be set is named, with exit status 1.

Examples:
  kevlar-jit image cp notes.txt disk.ext4:/root/
  kevlar-jit image cp -r ./src/. disk.ext4:/src
  kevlar-jit image cp -r disk.ext4:/var/log disk.ext4:/etc/passwd ./saved`;

/** Exit status if something was left out. */
const EXIT_LEFT_OUT = 1;
const NAME_MAX = 255;
const MAX_LINKS = 40;
/** What an entry counts in the progress bar beside its bytes. */
const ENTRY_WEIGHT = 4096;

interface CopyFlags {
  readonly recursive?: boolean;
}

interface Place {
  /** null: a path of this computer. */
  readonly image: string | null;
  readonly path: string;
}

interface ImagePlace extends Place {
  readonly image: string;
}

export function copy(paths: readonly string[], flags: CopyFlags): void {
  const places = paths.map(parsePlace);
  const to = places.pop() as Place;
  if (places.length === 0) throw new UserError('write image cp SOURCE... DESTINATION');
  const recursive = flags.recursive ?? false;
  if (places.every(inImage)) {
    if (inImage(to)) {
      throw new UserError('from image to image: copy to a directory of this computer first');
    }
    copyOut(places, to.path, recursive);
  } else {
    const wrong = places.find(inImage);
    if (wrong !== undefined) {
      throw new UserError(`${text(wrong)}: either all SOURCEs are in images or none is`);
    }
    if (!inImage(to)) {
      throw new UserError(`${to.path}: not in an image; write IMAGE:/PATH for a path in one`);
    }
    const sources = places.map((place) => place.path);
    explain(to.image, () => copyIn(sources, to, recursive));
  }
}

function parsePlace(argument: string): Place {
  const colon = argument.indexOf(':/');
  const inside = colon > 0 && !existsSync(argument.slice(0, colon + 1));
  if (!inside) {
    if (argument === '') throw new UserError("'' is not a path");
    return { image: null, path: argument };
  }
  return { image: argument.slice(0, colon), path: argument.slice(colon + 1) };
}

function inImage(place: Place): place is ImagePlace {
  return place.image !== null;
}

function text(place: ImagePlace): string {
  return `${place.image}:${place.path}`;
}

/** What importers and exporters call to move a bar, by bytes and entries. */
function progress(bar: (done: number, total: number) => void, total: number) {
  let done = 0;
  const onBytes = (length: number): void => {
    done += length;
    bar(done, total);
  };
  return { onBytes, onEntry: (): void => onBytes(ENTRY_WEIGHT) };
}

// Into an image.

function copyIn(sources: readonly string[], to: ImagePlace, recursive: boolean): void {
  let total = 0;
  for (const source of sources) total += checkHostSource(source, recursive);
  const { dev, ino } = statSync(to.image);
  withImage(to.image, false, (fs) => {
    if (fs.readOnly) throw new UserError(`${to.image}: cannot be written`);
    const makes = sources.length === 1 && isDirectory(hostStat(sources[0] as string, recursive));
    const target = atPath(text(to), () => targetIn(fs, to, sources.length > 1, makes));
    withBar('copying', (bar) => {
      const onMissing = (line: string): void => {
        process.stderr.write(`kevlar-jit: ${line}\n`);
      };
      const importer = new Importer({ ...progress(bar, total), image: { dev, ino }, onMissing });
      for (const source of sources) {
        const name = target.name ?? bytes(lastName(source));
        const follow = !recursive || source.endsWith('/');
        const path = Buffer.from(follow ? realpathSync(source) : source);
        if (name === '') importer.copyEntries(path, target.dir);
        else importer.copyEntry(path, name, target.dir);
      }
    });
  });
}

function hostStat(source: string, recursive: boolean): Stats {
  const info = (recursive ? lstatSync : statSync)(source, { throwIfNoEntry: false });
  if (info === undefined) throw new UserError(`${source}: no such file or directory`);
  return info;
}

/** @returns what it counts in the progress bar */
function checkHostSource(source: string, recursive: boolean): number {
  const info = hostStat(source, recursive);
  if (!recursive) mustBeFile(source, info.mode);
  return weighHost(Buffer.from(source), info);
}

function mustBeFile(source: string, mode: number): void {
  const type = mode & S_IFMT;
  if (type === S_IFDIR) throw new UserError(`${source}: is a directory; use -r to copy it`);
  if (type !== S_IFREG) throw new UserError(`${source}: not a regular file; use -r to copy it`);
}

function isDirectory(info: { readonly mode: number }): boolean {
  return (info.mode & S_IFMT) === S_IFDIR;
}

function weighHost(path: Buffer, info: Stats): number {
  if (!info.isDirectory()) return ENTRY_WEIGHT + (info.isFile() ? info.size : 0);
  let total = ENTRY_WEIGHT;
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    const child = Buffer.concat([path, Buffer.from('/'), name]);
    const found = lstatSync(child, { throwIfNoEntry: false });
    if (found !== undefined) total += weighHost(child, found);
  }
  return total;
}

interface Target {
  readonly dir: Inode;
  /** null: each SOURCE under its own name. */
  readonly name: string | null;
}

/** Where DESTINATION leads in an image, by the image's own links. @param makes a directory is copied */
function targetIn(fs: Ext4FileSystem, to: ImagePlace, several: boolean, makes: boolean): Target {
  let path = bytes(to.path);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const found = find(fs, path);
    if (found !== null && isDirectory(found)) return { dir: found, name: null };
    const name = lastName(path);
    if (several || name === '' || (path.endsWith('/') && (found !== null || !makes))) {
      throw new UserError(`${text(to)}: not a directory`);
    }
    if (name.length > NAME_MAX || name.includes('\0')) throw linuxError(ENAMETOOLONG);
    const above = path.replace(/[^/]*\/*$/, '');
    const dir = find(fs, above);
    if (dir === null) throw new UserError(`${text(to)}: there is no directory of that path`);
    const last = isDirectory(dir) ? dir.lookup(name) : null;
    if (last === null || (last.mode & S_IFMT) !== S_IFLNK) return { dir, name };
    const leads = last.readlink();
    path = leads.startsWith('/') ? leads : `${above}${leads}`;
  }
  throw linuxError(ELOOP);
}

function find(fs: Ext4FileSystem, path: string): Inode | null {
  try {
    return resolvePath(fs, path);
  } catch (error) {
    if (error instanceof LinuxError && error.errno === ENOENT) return null;
    throw error;
  }
}

/** A path as the VFS takes it. */
function bytes(path: string): string {
  return Buffer.from(path).toString('latin1');
}

// Out of an image.

function copyOut(sources: readonly ImagePlace[], to: string, recursive: boolean): void {
  const target = targetOnHost(to, sources.length > 1);
  const host = new NodeHostDirectory(target.dir);
  for (const source of sources) {
    explain(source.image, () => {
      withImage(source.image, true, (fs) => copyOneOut(fs, source, host, target, recursive));
    });
  }
}

function copyOneOut(
  fs: Ext4FileSystem,
  source: ImagePlace,
  host: NodeHostDirectory,
  target: HostTarget,
  recursive: boolean,
): void {
  const path = bytes(source.path);
  const name = target.name ?? lastName(path);
  const follow = !recursive || /\/\.{0,2}$/.test(path);
  const inode = atPath(text(source), () => resolvePath(fs, path, follow));
  if (!recursive) mustBeFile(text(source), inode.mode);
  if (target.slash && !isDirectory(inode)) {
    throw new UserError(`${text(source)}: not a directory, as DESTINATION's slash says`);
  }
  const { dev, ino } = statSync(source.image);
  const total = atPath(text(source), () => weighInode(inode));
  withBar('copying', (bar) => {
    const exporter = new Exporter(host, {
      ...progress(bar, total),
      onSkip: (path) => leftOut(`${source.image}:${path}: left out: a device, FIFO or socket`),
      onLostXattrs: (path, why) =>
        leftOut(`${source.image}:${path}: its extended attributes are left out: ${why}`),
      owners: process.geteuid?.() === 0,
      image: { dev, ino },
    });
    const from = path.replace(/(\/\.?)+$/, '');
    if (name === '') exporter.copyEntries(inode, from);
    else exporter.copyEntry(inode, from, name);
  });
}

function leftOut(line: string): void {
  process.stderr.write(`kevlar-jit: ${line}\n`);
  process.exitCode = EXIT_LEFT_OUT;
}

/** Directories count once, so that a damaged image's circles end. */
function weighInode(from: Inode): number {
  const seen = new Set<number>();
  const todo = [from];
  let total = 0;
  for (let inode = todo.pop(); inode !== undefined; inode = todo.pop()) {
    total += ENTRY_WEIGHT + ((inode.mode & S_IFMT) === S_IFREG ? inode.size : 0);
    if (!isDirectory(inode) || seen.has(inode.ino)) continue;
    seen.add(inode.ino);
    for (const name of namesIn(inode)) {
      const child = inode.lookup(name);
      if (child !== null) todo.push(child);
    }
  }
  return total;
}

interface HostTarget {
  readonly dir: string;
  /** null: each SOURCE under its own name. */
  readonly name: string | null;
  /** With a slash at the end only a directory can be made. */
  readonly slash: boolean;
}

function targetOnHost(to: string, several: boolean): HostTarget {
  const info = statSync(to, { throwIfNoEntry: false });
  if (info?.isDirectory()) return { dir: to, name: null, slash: false };
  if (several) throw new UserError(`${to}: not a directory`);
  if (info !== undefined && !info.isFile()) {
    throw new UserError(`${to}: not a file that can be replaced; use image cat to write to it`);
  }
  if (info === undefined && lstatSync(to, { throwIfNoEntry: false }) !== undefined) {
    throw new UserError(`${to}: a symbolic link that leads nowhere`);
  }
  // Links that DESTINATION itself names are followed.
  const path = info === undefined ? to : realpathSync(to);
  const dir = dirname(path);
  if (!existsSync(dir)) throw new UserError(`${dir}: no such directory`);
  return { dir, name: bytes(basename(path)), slash: to.endsWith('/') };
}
