/**
 * Who may write a regular file: either it is open for writing, or a program runs from it (deny_write_access()
 * and get_write_access() of Linux; ETXTBSY).
 *
 * Invariant: the count of an inode is that of its descriptions open for writing, or minus the number of program
 * images that were loaded from it; without an entry it is 0.
 */

import { ETXTBSY, linuxError } from '../errno.ts';
import type { Inode } from './types.ts';

const counts = new WeakMap<Inode, number>();

function change(inode: Inode, by: 1 | -1): void {
  const count = (counts.get(inode) ?? 0) + by;
  if (count === 0) counts.delete(inode);
  else counts.set(inode, count);
}

/** Throws ETXTBSY if a program runs from the file. */
export function checkNotRunning(inode: Inode): void {
  if ((counts.get(inode) ?? 0) < 0) throw linuxError(ETXTBSY);
}

/** Throws ETXTBSY if the file is open for writing. */
export function checkNotWritten(inode: Inode): void {
  if ((counts.get(inode) ?? 0) > 0) throw linuxError(ETXTBSY);
}

/** One more description is open for writing. */
export function addWriter(inode: Inode): void {
  checkNotRunning(inode);
  change(inode, 1);
}

export function removeWriter(inode: Inode): void {
  change(inode, -1);
}

/** One more program image was loaded from the file. */
export function addProgram(inode: Inode): void {
  checkNotWritten(inode);
  change(inode, -1);
}

export function removeProgram(inode: Inode): void {
  change(inode, 1);
}
