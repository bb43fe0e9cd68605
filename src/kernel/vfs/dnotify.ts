/**
 * fcntl(F_NOTIFY): a signal when a directory's entries change (fs/notify/dnotify/dnotify.c).
 *
 * Invariants: a directory that is open has one registration for each descriptor table that asked; closing any
 * descriptor of it in that table ends the registration.
 */

import { ENOTDIR, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { ownIfNobodyDoes, sendMessage } from './async-io.ts';
import {
  DN_ACCESS,
  DN_ATTRIB,
  DN_CREATE,
  DN_DELETE,
  DN_MODIFY,
  DN_MULTISHOT,
  DN_RENAME,
  IN_ACCESS,
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MODIFY,
  IN_MOVED_FROM,
  IN_MOVED_TO,
} from './constants.ts';
import { addWatch, removeWatch, type Watch } from './notify.ts';
import type { Inode, OpenFile } from './types.ts';
import { S_IFDIR, S_IFMT } from './types.ts';

/** The events of inotify that each DN_* stands for. A rename is told to the directory that the name leaves. */
const EVENTS: readonly (readonly [dn: number, events: number])[] = [
  [DN_ACCESS, IN_ACCESS],
  [DN_MODIFY, IN_MODIFY],
  [DN_CREATE, IN_CREATE | IN_MOVED_TO],
  [DN_DELETE, IN_DELETE | IN_MOVED_FROM],
  [DN_RENAME, IN_MOVED_FROM],
  [DN_ATTRIB, IN_ATTRIB],
];

function eventsOf(dn: number): number {
  return EVENTS.reduce((all, [bit, events]) => (dn & bit ? all | events : all), 0);
}

class DirectoryWatch implements Watch {
  readonly inode: Inode;
  mask = 0;
  multishot = false;
  fd = -1;
  private readonly file: OpenFile;
  private readonly end: () => void;

  constructor(file: OpenFile, inode: Inode, end: () => void) {
    this.file = file;
    this.inode = inode;
    this.end = end;
  }

  event(): void {
    sendMessage(this.file, this.fd);
    if (!this.multishot) this.gone();
  }

  gone(): void {
    removeWatch(this);
    this.end();
  }
}

/** By descriptor table, then by open file. */
const watches = new WeakMap<object, Map<OpenFile, DirectoryWatch>>();

/** F_NOTIFY of `fd`; `dn` without a DN_* ends what was asked for. Throws ENOTDIR. */
export function setDirectoryNotify(sys: Sys, file: OpenFile, fd: number, dn: number): void {
  const table = sys.task.files;
  if ((dn & ~DN_MULTISHOT) === 0) {
    endDirectoryNotify(table, file);
    return;
  }
  const { inode } = file;
  if (inode === null || (inode.mode & S_IFMT) !== S_IFDIR) throw linuxError(ENOTDIR);
  let own = watches.get(table);
  if (own === undefined) watches.set(table, (own = new Map()));
  let watch = own.get(file);
  if (watch === undefined) {
    const all = own;
    watch = new DirectoryWatch(file, inode, () => all.delete(file));
    own.set(file, watch);
    addWatch(watch);
  }
  watch.mask |= eventsOf(dn);
  watch.multishot ||= (dn & DN_MULTISHOT) !== 0;
  watch.fd = fd;
  ownIfNobodyDoes(sys, file);
}

/** A descriptor of the file was closed in `table`. */
export function endDirectoryNotify(table: object, file: OpenFile): void {
  watches.get(table)?.get(file)?.gone();
}
