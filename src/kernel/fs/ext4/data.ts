/** File data between pages and the device, and where data and holes are. */

import { PAGE_SIZE } from '../../../common/layout.ts';
import type { DiskInode } from './disk-inode.ts';
import { inlineData } from './inline.ts';
import { EXT_MAX_BLOCKS } from './layout.ts';
import { isHole, mapBlock } from './mapping.ts';

const SEEK_DATA = 3;

/** Reads `count` pages of a file from page `index` on; holes and unwritten blocks are zeros. */
export function readData(
  inode: DiskInode,
  index: number,
  count: number,
  into: Uint8Array,
  at: number,
): void {
  const { vol } = inode;
  const bs = vol.blockSize;
  if (inode.hasInlineData) {
    into.fill(0, at, at + count * PAGE_SIZE);
    if (index === 0) into.set(inlineData(inode).subarray(0, count * PAGE_SIZE), at);
    return;
  }
  const perPage = PAGE_SIZE / bs;
  const blocks = count * perPage;
  for (let i = 0; i < blocks; ) {
    const m = mapBlock(inode, index * perPage + i);
    const n = Math.min(m.length, blocks - i);
    const run = into.subarray(at + i * bs, at + (i + n) * bs);
    if (isHole(m)) run.fill(0);
    else vol.disk.read(m.start, run);
    i += n;
  }
}

/** SEEK_DATA and SEEK_HOLE from `offset`. @returns the position, or -1 if no data follows */
export function seekSparse(inode: DiskInode, offset: number, whence: number): number {
  const { size } = inode;
  if (inode.hasInlineData) return whence === SEEK_DATA ? offset : size;
  const bs = inode.vol.blockSize;
  const end = Math.min(Math.ceil(size / bs), EXT_MAX_BLOCKS);
  for (let lblk = Math.floor(offset / bs); lblk < end; ) {
    const m = mapBlock(inode, lblk);
    if (isHole(m) !== (whence === SEEK_DATA)) return Math.min(size, Math.max(offset, lblk * bs));
    lblk += m.length;
  }
  return whence === SEEK_DATA ? -1 : size;
}
