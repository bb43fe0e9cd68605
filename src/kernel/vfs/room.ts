/** Room for a write: a file system that has less than is wanted gives what it has (generic_perform_write()). */

import { CAP } from '../cred/cred.ts';
import { ENOSPC, LinuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import type { Inode } from './types.ts';

const PAGE_SIZE = 4096;

/** @returns whether the inode could prepare for all of it; throws what is not ENOSPC */
function prepared(inode: Inode, offset: number, length: number, privileged: boolean): boolean {
  try {
    inode.prepareWrite?.(offset, length, privileged);
    return true;
  } catch (e) {
    if (e instanceof LinuxError && e.errno === ENOSPC) return false;
    throw e;
  }
}

/**
 * Prepares for a write of up to `length` bytes, in whole pages of the file.
 * @returns how many bytes there is room for; 0: none
 */
export function makeRoom(sys: Sys, inode: Inode, offset: number, length: number): number {
  if (inode.prepareWrite === undefined) return length;
  const { cred } = sys.task;
  const privileged = cred.fsuid === 0 || cred.has(CAP.SYS_RESOURCE);
  if (prepared(inode, offset, length, privileged)) return length;
  const used = offset % PAGE_SIZE;
  const upTo = (pages: number): number => Math.min(length, pages * PAGE_SIZE - used);
  let fits = 0;
  let tooMuch = Math.ceil((used + length) / PAGE_SIZE);
  while (tooMuch - fits > 1) {
    const pages = Math.floor((fits + tooMuch) / 2);
    if (prepared(inode, offset, upTo(pages), privileged)) fits = pages;
    else tooMuch = pages;
  }
  return fits === 0 ? 0 : upTo(fits);
}
