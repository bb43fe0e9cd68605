/**
 * Which pages of a file go when memory is needed (Linux: mm/vmscan.c, in small): those that are clean, unmapped and can
 * be read again, and of these the ones not used lately.
 */

import type { FrameAllocator } from '../../mmu/frames.ts';
import type { ReadAhead } from './page-filler.ts';

/** Who owns the pages. */
export interface PageOwner {
  isDroppable(index: number, frame: number): boolean;
  forget(index: number, frame: number): void;
}

/** Pages looked at for each that is wanted, before others are asked. */
const LOOKS = 4;
/** Pages (16 MB) that stay behind somebody who reads a file in order. */
const STREAM_PAGES = 4096;

/**
 * Frees up to `wanted` of `pages`. What was used since it was last looked at gets a second chance unless `all` may go.
 * What stays goes to the end: the next time others are looked at first.
 * @returns how many were freed
 */
export function dropUnused(
  pages: Map<number, number>,
  { accessed }: FrameAllocator,
  owner: PageOwner,
  wanted: number,
  all: boolean,
): number {
  let looks = all ? pages.size : Math.min(pages.size, LOOKS * wanted);
  let dropped = 0;
  for (const [index, frame] of pages) {
    if (dropped >= wanted || looks-- <= 0) break;
    if (owner.isDroppable(index, frame) && (all || accessed[frame] === 0)) {
      owner.forget(index, frame);
      dropped++;
      continue;
    }
    accessed[frame] = 0;
    pages.delete(index);
    pages.set(index, frame);
  }
  return dropped;
}

/**
 * Who reads a large file in order leaves pages behind that are not worth their memory: reading them again from the host,
 * which keeps them too, takes less than frames that nobody has touched (0.4 and 2.2 us a page of row ext4-read).
 */
export function dropBehind(
  pages: ReadonlyMap<number, number>,
  frames: FrameAllocator,
  owner: PageOwner,
  ahead: ReadAhead,
): void {
  const most = Math.min(STREAM_PAGES, frames.total >>> 3);
  for (const end = ahead.following - most; ahead.first < end; ahead.first++) {
    const frame = pages.get(ahead.first);
    if (frame !== undefined && owner.isDroppable(ahead.first, frame))
      owner.forget(ahead.first, frame);
  }
}
