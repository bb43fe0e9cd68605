/**
 * From a block of a file to a block of the device: through the extent tree, or the indirect blocks of
 * ext2 and ext3 (fs/ext4/extents.c ext4_ext_map_blocks, fs/ext4/indirect.c).
 */

import { KIND } from './buffers.ts';
import type { DiskInode } from './disk-inode.ts';
import {
  depthOf,
  type ExtentNode,
  entriesOf,
  extentChild,
  extentRoot,
  findEntry,
  keyAt,
  lengthAt,
  startAt,
  unwrittenAt,
} from './extent-node.ts';
import { EXT_MAX_BLOCKS } from './layout.ts';

const NDIR_BLOCKS = 12;

/** A run of blocks of a file that are together on the device, or together a hole. */
export interface Mapping {
  /** First logical block asked for. */
  lblk: number;
  length: number;
  /** First device block; 0 for a hole. */
  start: number;
  /** Allocated, but reads as zeros. */
  unwritten: boolean;
}

/** Whether a run reads as zeros. */
export function isHole(m: Mapping): boolean {
  return m.start === 0 || m.unwritten;
}

/** The run that `lblk` is in, from `lblk` on. Holes may be reported in several pieces. */
export function mapBlock(inode: DiskInode, lblk: number): Mapping {
  if (lblk >= EXT_MAX_BLOCKS) return hole(lblk, 1);
  return inode.usesExtents ? mapExtent(inode, lblk) : mapIndirect(inode, lblk);
}

/** The device block of a block of a directory or another metadata file, which must exist. */
export function mustMap(inode: DiskInode, lblk: number): number {
  const m = mapBlock(inode, lblk);
  if (isHole(m)) {
    inode.vol.damaged(`inode ${inode.ino}: its block ${lblk} is missing`);
  }
  return m.start;
}

function hole(lblk: number, length: number): Mapping {
  return { lblk, length, start: 0, unwritten: false };
}

function mapExtent(inode: DiskInode, lblk: number): Mapping {
  let node: ExtentNode = extentRoot(inode);
  let end = EXT_MAX_BLOCKS;
  while (depthOf(node) > 0) {
    const i = findEntry(node, lblk);
    if (i < 0) return hole(lblk, keyAt(node, 0) - lblk);
    if (i + 1 < entriesOf(node)) end = keyAt(node, i + 1);
    node = extentChild(inode, node, i);
  }
  const i = findEntry(node, lblk);
  if (i >= 0) {
    const skip = lblk - keyAt(node, i);
    const length = lengthAt(node, i) - skip;
    if (length > 0)
      return { lblk, length, start: startAt(node, i) + skip, unwritten: unwrittenAt(node, i) };
  }
  if (i + 1 < entriesOf(node)) end = keyAt(node, i + 1);
  return hole(lblk, end - lblk);
}

/** The path of block numbers to `lblk`: index in i_block, then indexes in indirect blocks. */
function indirectPath(perBlock: number, lblk: number): number[] | null {
  if (lblk < NDIR_BLOCKS) return [lblk];
  let left = lblk - NDIR_BLOCKS;
  if (left < perBlock) return [NDIR_BLOCKS, left];
  left -= perBlock;
  if (left < perBlock * perBlock)
    return [NDIR_BLOCKS + 1, Math.floor(left / perBlock), left % perBlock];
  left -= perBlock * perBlock;
  if (left >= perBlock ** 3) return null;
  return [
    NDIR_BLOCKS + 2,
    Math.floor(left / perBlock ** 2),
    Math.floor(left / perBlock) % perBlock,
    left % perBlock,
  ];
}

function mapIndirect(inode: DiskInode, lblk: number): Mapping {
  const { vol } = inode;
  const perBlock = vol.blockSize >> 2;
  const path = indirectPath(perBlock, lblk);
  if (path === null) return hole(lblk, EXT_MAX_BLOCKS - lblk);
  let view = inode.view();
  let at = inode.iblock;
  let slots = NDIR_BLOCKS;
  for (let level = 0; ; level++) {
    const index = path[level]!;
    const nr = view.getUint32(at + index * 4, true);
    if (nr === 0) {
      const below = perBlock ** (path.length - 1 - level);
      return hole(lblk, below - offsetIn(path, level, perBlock));
    }
    if (!vol.zone.allows(nr, 1))
      vol.damaged(`inode ${inode.ino}: block ${nr} cannot be part of a file`);
    if (level === path.length - 1) {
      let length = 1;
      while (
        index + length < slots &&
        view.getUint32(at + (index + length) * 4, true) === nr + length
      )
        length++;
      if (!vol.zone.allows(nr, length)) length = 1;
      return { lblk, length, start: nr, unwritten: false };
    }
    const block = vol.cache.get(nr);
    if (block.kind !== KIND.raw && block.kind !== KIND.indirect) {
      vol.damaged(`block ${nr}: an indirect block of inode ${inode.ino} and something else`);
    }
    block.kind = KIND.indirect;
    view = block.view;
    at = 0;
    slots = perBlock;
  }
}

/** How far into the subtree at `level` of the path its leaf is. */
function offsetIn(path: readonly number[], level: number, perBlock: number): number {
  let offset = 0;
  for (let i = level + 1; i < path.length; i++) offset = offset * perBlock + path[i]!;
  return offset;
}
