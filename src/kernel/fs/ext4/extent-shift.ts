/**
 * Moving extents along the file: collapsing and inserting ranges (fs/ext4/extents.c ext4_ext_shift_extents).
 *
 * Keys change in place, leaf after leaf, beginning where the room is, so that the tree is valid after each
 * leaf and a long move can pause when its transaction is full. Only splitting the extent at the start of
 * an insertion may need a node: it comes first, so what follows cannot run out of space.
 */

import type { DiskInode } from './disk-inode.ts';
import { touchNode } from './extent-entries.ts';
import { type ExtentNode, entriesOf, entryAt, findEntry, keyAt, lengthAt } from './extent-node.ts';
import {
  descend,
  fixKeys,
  joinExtents,
  lastStep,
  nextKey,
  removeExtents,
  type Step,
  splitExtent,
} from './extent-tree.ts';
import { EXT_MAX_BLOCKS } from './layout.ts';

/** What `shiftLeft` returns when it has moved everything. */
const ALL = Number.MAX_SAFE_INTEGER;

/**
 * Frees blocks [from, to) and moves what follows into their place, in as many operations as it takes;
 * `last` runs in the last of them.
 */
export function collapseBlocks(inode: DiskInode, from: number, to: number, last: () => void): void {
  for (let at = from; at !== ALL; ) {
    const here = at;
    at = inode.vol.mutate(() => {
      const start = here < to ? removeExtents(inode, here, to, true) : here;
      if (start < to) return start;
      const next = shiftLeft(inode, start, to - from);
      if (next === ALL) {
        joinExtents(inode, from);
        last();
      }
      return next;
    });
  }
}

/**
 * Moves blocks from `at` on `count` to the right and leaves a hole, in as many operations as it takes; `first`
 * runs in the first of them. Throws ENOSPC before anything has changed.
 */
export function insertBlocks(inode: DiskInode, at: number, count: number, first: () => void): void {
  let end = inode.vol.mutate(() => {
    first();
    splitExtent(inode, at);
    return shiftRight(inode, at, EXT_MAX_BLOCKS, count);
  });
  while (end > at) {
    const here = end;
    end = inode.vol.mutate(() => shiftRight(inode, at, here, count));
  }
}

/**
 * Moves extents from block `from` on `by` blocks to the left, where nothing is. Stops early when the
 * transaction is full. @returns where to go on, or `ALL`
 */
function shiftLeft(inode: DiskInode, from: number, by: number): number {
  let at = from;
  while (at !== ALL) {
    if (inode.vol.crowded && at > from) return at;
    const path = leafPath(inode, at);
    const { node } = lastStep(path);
    const count = entriesOf(node);
    let i = findEntry(node, at);
    if (i < 0 || keyAt(node, i) < at) i++;
    if (i === count) {
      at = nextKey(path);
      continue;
    }
    at = keyAt(node, count - 1) + lengthAt(node, count - 1);
    touchNode(inode, node);
    for (let k = i; k < count; k++) setKey(node, k, keyAt(node, k) - by);
    if (i === 0) fixKeys(inode, path, path.length - 1);
  }
  return ALL;
}

/**
 * Moves extents in [from, to) `by` blocks to the right, where nothing is. Stops early when the transaction is
 * full. @returns the end of what is left to move, or `from`
 */
function shiftRight(inode: DiskInode, from: number, to: number, by: number): number {
  let end = to;
  while (end > from) {
    if (inode.vol.crowded && end < to) return end;
    const path = leafPath(inode, end - 1);
    const { node, index } = lastStep(path);
    let k = index;
    if (k < 0 || keyAt(node, k) < from) return from;
    end = keyAt(node, 0);
    touchNode(inode, node);
    for (; k >= 0 && keyAt(node, k) >= from; k--) setKey(node, k, keyAt(node, k) + by);
    if (k >= 0) return from;
    fixKeys(inode, path, path.length - 1);
  }
  return from;
}

/** The path to the leaf of a block. Leaves without entries could not be moved; nobody makes them. */
function leafPath(inode: DiskInode, lblk: number): Step[] {
  const path = descend(inode, lblk);
  if (path.length > 1 && entriesOf(lastStep(path).node) === 0) {
    inode.vol.damaged(`inode ${inode.ino}: an empty leaf in its extent tree`);
  }
  return path;
}

function setKey(n: ExtentNode, i: number, lblk: number): void {
  n.view.setUint32(entryAt(n, i), lblk, true);
}
