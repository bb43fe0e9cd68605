/** The file behind a page cache, and how its pages get into frames. */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_CACHE, frameHost } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import { LinuxError } from '../errno.ts';

export interface PageFiller {
  /** Current size of the file in bytes. */
  readonly size: number;
  /** Fills `count` pages, neighbours at a host offset of linear memory; the tail beyond the size is cleared by the cache. */
  readPages?(index: number, count: number, host: number): void;
  /** Writes `length` bytes at from[at] back, from page `index` on: whole pages but for the last one of the file. */
  writePages?(index: number, from: Uint8Array, at: number, length: number): void;
}

/** Pages read ahead, and written back at once: a call of the host for each page took most of the time. */
export const RUN_PAGES = 64;

/**
 * How much is read at a miss (mm/readahead.c, ondemand_readahead): what is wanted, and more each time if the file is
 * read in order, from its start or from anywhere.
 */
export class ReadAhead {
  /** The page after the last one that was read. */
  following = 0;
  /** All pages from here to `following` were read in order; whoever gives some up moves it on. */
  first = 0;
  private window = 0;

  /** Pages to read at `index`, of which a reader wants `wanted`. */
  pagesAt(index: number, wanted: number): number {
    const ordered = index === this.following;
    if (!ordered) {
      this.first = index;
      this.following = index;
    }
    this.window = ordered ? Math.min(RUN_PAGES, Math.max(2 * this.window, 4 * wanted)) : 0;
    return Math.min(RUN_PAGES, Math.max(wanted, this.window));
  }

  /** So many were read. */
  done(index: number, count: number): void {
    this.following = index + count;
  }
}

/**
 * Reads `count` pages of the file into frames. Of many that cannot be read, the first alone is tried: others may be damaged.
 * @returns frames, of nobody yet; none: out of memory
 */
export function readFrames(
  paging: Paging,
  filler: PageFiller,
  index: number,
  count: number,
): number[] {
  const { frames } = paging;
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    const frame = frames.alloc(FRAME_CACHE);
    if (frame < 0) break;
    taken.push(frame);
  }
  try {
    fill(paging, filler, index, taken);
  } catch (e) {
    for (const frame of taken) frames.discard(frame);
    if (taken.length > 1 && e instanceof LinuxError) return readFrames(paging, filler, index, 1);
    throw e;
  }
  return taken;
}

/** Reads pages from `index` on; those whose frames are neighbours in memory at once. */
function fill(paging: Paging, filler: PageFiller, index: number, taken: readonly number[]): void {
  for (let i = 0; i < taken.length; ) {
    let n = 1;
    while (taken[i + n] === taken[i]! + n) n++;
    const host = frameHost(taken[i]!);
    filler.readPages!(index + i, n, host);
    const length = filler.size - (index + i) * PAGE_SIZE;
    if (length < n * PAGE_SIZE) paging.memory.U8.fill(0, host + length, host + n * PAGE_SIZE);
    i += n;
  }
}
