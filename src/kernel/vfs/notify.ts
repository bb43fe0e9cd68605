/**
 * Where VFS operations report what they did, for inotify(7). Watches hang on inodes; a file's events
 * also go to the watches of the directory through which it was opened or named.
 *
 * Nothing is watched most of the time: `live` makes that case one comparison.
 */

import {
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MOVE_SELF,
  IN_ONESHOT,
} from './constants.ts';
import { VfsPath } from './path.ts';
import type { Inode, Path } from './types.ts';
import { S_IFDIR, S_IFMT } from './types.ts';

export interface Watch {
  readonly inode: Inode;
  /** IN_* wanted. */
  mask: number;
  /** @param name the entry of a watched directory, or '' for the watched inode itself */
  event(mask: number, cookie: number, name: string): void;
  /** The watch is over: sends IN_IGNORED. */
  gone(): void;
}

const watches = new WeakMap<Inode, Watch[]>();
let live = 0;
let lastCookie = 0;

export function addWatch(watch: Watch): void {
  const list = watches.get(watch.inode);
  if (list === undefined) watches.set(watch.inode, [watch]);
  else list.push(watch);
  live++;
}

export function removeWatch(watch: Watch): void {
  const list = watches.get(watch.inode);
  const at = list?.indexOf(watch) ?? -1;
  if (at < 0) return;
  list!.splice(at, 1);
  live--;
}

/** A number that connects the two events of a rename. */
export function nextCookie(): number {
  return ++lastCookie;
}

/** Something happened to an inode: tells its watches and those of the directory that `path` names. */
export function notifyInode(inode: Inode, path: Path | null, mask: number): void {
  if (live === 0) return;
  const event = isDirectory(inode) ? mask | IN_ISDIR : mask;
  deliver(inode, event, 0, '');
  if (!(path instanceof VfsPath)) return;
  const { parent, name, unlinked } = path.dentry;
  if (parent?.inode) deliver(parent.inode, event, 0, name, unlinked);
}

/** An entry of a directory appeared, went or moved. */
export function notifyEntry(
  dir: Inode,
  name: string,
  child: Inode,
  mask: number,
  cookie = 0,
): void {
  if (live === 0) return;
  deliver(dir, isDirectory(child) ? mask | IN_ISDIR : mask, cookie, name);
}

/** The inode itself moved or was deleted: only its own watches learn of it. */
export function notifySelf(inode: Inode, mask: number): void {
  if (live === 0) return;
  // Linux sends IN_ISDIR with neither of the two.
  const own = mask & (IN_DELETE_SELF | IN_MOVE_SELF);
  deliver(inode, own !== 0 ? mask : isDirectory(inode) ? mask | IN_ISDIR : mask, 0, '');
  if ((mask & IN_DELETE_SELF) === 0) return;
  for (const w of watches.get(inode)?.slice() ?? []) {
    removeWatch(w);
    w.gone();
  }
}

/** A reference of an inode without names went: if only watches are left it is deleted (fsnotify_inoderemove). */
export function notifyOrphan(inode: Inode, references: number): void {
  if (live === 0) return;
  const count = watches.get(inode)?.length ?? 0;
  if (count > 0 && count === references) notifySelf(inode, IN_DELETE_SELF);
}

/** @param unlinked the name is that of a file that was deleted since */
function deliver(
  inode: Inode,
  mask: number,
  cookie: number,
  name: string,
  unlinked: boolean = false,
): void {
  const list = watches.get(inode);
  if (list === undefined) return;
  for (const w of list.slice()) {
    if (unlinked && (w.mask & IN_EXCL_UNLINK) !== 0) continue;
    if ((w.mask & mask & ~(IN_ISDIR | IN_IGNORED)) === 0) continue;
    w.event(mask, cookie, name);
    if ((w.mask & IN_ONESHOT) !== 0) {
      removeWatch(w);
      w.gone();
    }
  }
}

function isDirectory(inode: Inode): boolean {
  return (inode.mode & S_IFMT) === S_IFDIR;
}
