/**
 * fallocate(2) on regular files (fs/ext4/extents.c ext4_fallocate).
 *
 * Collapsing and inserting write back and drop all pages from the range on, so that reads and mappings find
 * the moved blocks; like Linux, private copies of these pages go as well.
 */

import { PAGE_SIZE } from '../../../common/layout.ts';
import { EFBIG, EINVAL, EOPNOTSUPP, EPERM, linuxError } from '../../errno.ts';
import {
  FALLOC_FL_COLLAPSE_RANGE,
  FALLOC_FL_INSERT_RANGE,
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FALLOC_FL_ZERO_RANGE,
  MAX_FILE_SIZE,
} from '../../vfs/constants.ts';
import { BufferSource } from '../../vfs/transfer.ts';
import { collapseBlocks, insertBlocks } from './extent-shift.ts';
import { extentsEnd } from './extent-tree.ts';
import type { FileData } from './file-data.ts';
import type { Ext4Inode } from './inode.ts';
import { EXT_MAX_BLOCKS, FL_APPEND, FL_IMMUTABLE } from './layout.ts';
import type { Volume } from './volume.ts';

/** The largest size of a file in bytes. */
export function sizeLimit(volume: Volume): number {
  return Math.min(MAX_FILE_SIZE, EXT_MAX_BLOCKS * volume.blockSize);
}

export function fallocateFile(
  inode: Ext4Inode,
  data: FileData,
  mode: number,
  offset: number,
  length: number,
): void {
  const { volume } = inode.fs;
  const kind = mode & ~FALLOC_FL_KEEP_SIZE;
  const end = offset + length;
  const { flags } = inode.disk;
  if (flags & FL_IMMUTABLE || (flags & FL_APPEND && kind !== 0)) throw linuxError(EPERM);
  if (end > sizeLimit(volume)) throw linuxError(EFBIG);
  const change = CHANGES[kind];
  if (change === undefined) throw linuxError(EOPNOTSUPP);
  // As in Linux, the times change even if what follows finds that the range will not do.
  const now = volume.now();
  inode.setattr({ mtime: now, ctime: now });
  change(inode, data, offset, end);
  const grows = (kind === 0 || kind === FALLOC_FL_ZERO_RANGE) && (mode & FALLOC_FL_KEEP_SIZE) === 0;
  if (grows && end > inode.size) inode.setattr({ size: end });
}

type Change = (inode: Ext4Inode, data: FileData, offset: number, end: number) => void;

const CHANGES: Readonly<Record<number, Change>> = {
  0: allocate,
  [FALLOC_FL_PUNCH_HOLE]: punch,
  [FALLOC_FL_ZERO_RANGE]: zeroRange,
  [FALLOC_FL_COLLAPSE_RANGE]: collapseRange,
  [FALLOC_FL_INSERT_RANGE]: insertRange,
};

function allocate(inode: Ext4Inode, data: FileData, offset: number, end: number): void {
  const bs = inode.fs.volume.blockSize;
  inode.writeBack();
  data.allocate(Math.floor(offset / bs), Math.ceil(end / bs));
}

function zeroRange(inode: Ext4Inode, data: FileData, offset: number, end: number): void {
  punch(inode, data, offset, end);
  allocate(inode, data, offset, end);
}

/** Makes the range read as zeros; whole blocks are freed. */
function punch(inode: Ext4Inode, data: FileData, start: number, rangeEnd: number): void {
  const end = Math.min(rangeEnd, inode.size);
  if (start >= end) return;
  const bs = inode.fs.volume.blockSize;
  const first = Math.ceil(start / PAGE_SIZE);
  // The last page of the file is whole as far as holes are concerned.
  const last = end === inode.size ? Math.ceil(end / PAGE_SIZE) : Math.floor(end / PAGE_SIZE);
  if (first >= last) {
    zero(inode, start, end);
    return;
  }
  zero(inode, start, first * PAGE_SIZE);
  zero(inode, last * PAGE_SIZE, end);
  inode.pages!.punch(first, last);
  data.free((first * PAGE_SIZE) / bs, (last * PAGE_SIZE) / bs, () => {});
}

function zero(inode: Ext4Inode, start: number, end: number): void {
  if (start >= end) return;
  inode.prepareWrite(start, end - start);
  inode.pages!.write(start, end - start, new BufferSource(new Uint8Array(end - start)));
}

function collapseRange(inode: Ext4Inode, data: FileData, offset: number, end: number): void {
  const { disk } = inode;
  const bs = disk.vol.blockSize;
  mustBeMovable(inode, offset, end);
  if (end >= inode.size) throw linuxError(EINVAL);
  dropPages(inode, data, offset);
  collapseBlocks(disk, offset / bs, end / bs, () => {
    disk.size -= end - offset;
  });
}

function insertRange(inode: Ext4Inode, data: FileData, offset: number, end: number): void {
  const { disk } = inode;
  const bs = disk.vol.blockSize;
  const length = end - offset;
  mustBeMovable(inode, offset, end);
  if (inode.size + length > sizeLimit(disk.vol)) throw linuxError(EFBIG);
  if (offset >= inode.size) throw linuxError(EINVAL);
  // What was allocated beyond the end may be moved too far.
  if (extentsEnd(disk) + length / bs > EXT_MAX_BLOCKS) throw linuxError(EINVAL);
  dropPages(inode, data, offset);
  insertBlocks(disk, offset / bs, length / bs, () => disk.enlarge(disk.size + length));
}

/** Only whole blocks move, and only in extent trees. */
function mustBeMovable(inode: Ext4Inode, offset: number, end: number): void {
  const bs = inode.fs.volume.blockSize;
  if (!inode.disk.usesExtents) throw linuxError(EOPNOTSUPP);
  if (offset % bs !== 0 || end % bs !== 0) throw linuxError(EINVAL);
}

/** Everything from the page of `offset` on is on the device, and nothing of it in memory. */
function dropPages(inode: Ext4Inode, data: FileData, offset: number): void {
  const from = Math.floor(offset / PAGE_SIZE) * PAGE_SIZE;
  inode.writeBack();
  data.forget(from / inode.fs.volume.blockSize, EXT_MAX_BLOCKS);
  data.cleanTail();
  inode.pages!.truncate(from);
}
