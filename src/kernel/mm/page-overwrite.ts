/**
 * Pages that are written as a whole need not be read before (Linux: block_write_begin(), folio_test_uptodate()).
 *
 * Invariant: frames are nobody's while the source fills them. It may be a mapping of the same pages, which are read from
 * the file then; and what it does not give stays as it is.
 */

import { PAGE_SIZE } from '../../common/layout.ts';
import { FRAME_CACHE, frameHost } from '../../mmu/frames.ts';
import type { Paging } from '../../mmu/paging.ts';
import { ENOMEM, LinuxError, linuxError } from '../errno.ts';
import type { IoSource } from '../vfs/types.ts';
import { RUN_PAGES } from './page-filler.ts';

/** The cache whose pages these are to be. */
export interface OverwrittenPages {
  /** Whether page `index` is in the file, but not in memory. */
  isAbsent(index: number): boolean;
  /** Takes a frame for a page that is absent; it differs from the file. */
  replace(index: number, frame: number): void;
  /** The frame of a page, read if it is absent, of which the first `length` bytes are about to change. */
  frameToChange(index: number, length: number): number;
}

/** A frame, unless there was none. */
export function filled(frame: number): number {
  if (frame < 0) throw linuxError(ENOMEM);
  return frame;
}

/**
 * Writes absent pages from `index` on, of those that are in `length` bytes the ones whose frames are neighbours.
 * @returns how many bytes: if they are no whole pages, or none, the source has no more
 */
export function overwrite(
  paging: Paging,
  cache: OverwrittenPages,
  index: number,
  length: number,
  from: IoSource,
): number {
  const { frames, memory } = paging;
  const first = filled(frames.alloc(FRAME_CACHE));
  const most = Math.min(RUN_PAGES, Math.floor(length / PAGE_SIZE));
  const count = takeNeighbours(paging, cache, index, first, most);
  let placed = 0;
  try {
    const given = from.take(memory.U8, frameHost(first), frameHost(first + count));
    for (; (placed + 1) * PAGE_SIZE <= given; placed++)
      place(paging, cache, index + placed, first + placed);
    const rest = given - placed * PAGE_SIZE;
    if (rest > 0) copy(paging, first + placed, cache.frameToChange(index + placed, rest), rest);
    return given;
  } catch (e) {
    if (placed === 0 || !(e instanceof LinuxError)) throw e;
    return placed * PAGE_SIZE;
  } finally {
    for (let i = placed; i < count; i++) frames.discard(first + i);
  }
}

/** Allocates the frames behind `first` as long as they are its neighbours and pages are absent. @returns how many there are */
function takeNeighbours(
  { frames }: Paging,
  cache: OverwrittenPages,
  index: number,
  first: number,
  most: number,
): number {
  let count = 1;
  for (; count < most && frames.free > 0 && cache.isAbsent(index + count); count++) {
    const frame = frames.alloc(FRAME_CACHE);
    if (frame === first + count) continue;
    frames.discard(frame);
    break;
  }
  return count;
}

/** Makes a full frame that of its page, unless the page has got one meanwhile. */
function place(paging: Paging, cache: OverwrittenPages, index: number, frame: number): void {
  if (cache.isAbsent(index)) {
    cache.replace(index, frame);
    return;
  }
  copy(paging, frame, cache.frameToChange(index, PAGE_SIZE), PAGE_SIZE);
  paging.frames.discard(frame);
}

function copy({ memory }: Paging, from: number, to: number, length: number): void {
  const host = frameHost(from);
  memory.U8.copyWithin(frameHost(to), host, host + length);
}
