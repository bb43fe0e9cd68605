/** Files without a name that may get one: those of O_TMPFILE without O_EXCL (I_LINKABLE of fs/namei.c). */

import type { Inode } from './types.ts';

const linkable = new WeakSet<Inode>();

export function makeLinkable(inode: Inode): void {
  linkable.add(inode);
}

export function isLinkable(inode: Inode): boolean {
  return linkable.has(inode);
}
