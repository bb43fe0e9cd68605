/**
 * Changing an extent tree: insert, split, remove (fs/ext4/extents.c).
 *
 * Invariants: only the root may be empty; an index entry's key equals the first key of its child; entries
 * that can be one extent are one. Everything runs inside an operation and counts the inode's blocks.
 */

import { panic } from '../../../common/panic.ts';
import { freeBlocks, goalOf, newMetaBlock } from './alloc.ts';
import { KIND } from './buffers.ts';
import type { DiskInode } from './disk-inode.ts';
import {
  bytesOf,
  closeGap,
  type Extent,
  getExtent,
  joins,
  openGap,
  putExtent,
  putIndex,
  setEntries,
  tailOf,
  touchNode,
} from './extent-entries.ts';
import {
  childAt,
  depthOf,
  type ExtentNode,
  entriesOf,
  entryAt,
  extentChild,
  extentRoot,
  findEntry,
  keyAt,
  lengthAt,
  maxOf,
} from './extent-node.ts';
import { EH, EXT_MAGIC, EXT_MAX_BLOCKS, EXT_SIZE, I_BLOCK_SIZE } from './layout.ts';

export interface Step {
  readonly node: ExtentNode;
  /** Entry taken (index nodes), or the last one at or before the block (leaf; may be -1). */
  index: number;
}

/** Makes i_block the root of an empty tree. */
export function initExtents(inode: DiskInode): void {
  const v = inode.touch();
  const at = inode.iblock;
  for (let i = 0; i < I_BLOCK_SIZE; i += 4) v.setUint32(at + i, 0, true);
  initHeader(v, at, I_BLOCK_SIZE / EXT_SIZE - 1, 0);
}

function initHeader(v: DataView, at: number, max: number, depth: number): void {
  v.setUint16(at + EH.magic, EXT_MAGIC, true);
  v.setUint16(at + EH.entries, 0, true);
  v.setUint16(at + EH.max, max, true);
  v.setUint16(at + EH.depth, depth, true);
  v.setUint32(at + EH.generation, 0, true);
}

export function descend(inode: DiskInode, lblk: number): Step[] {
  let node = extentRoot(inode);
  const path: Step[] = [];
  while (depthOf(node) > 0) {
    const index = Math.max(0, findEntry(node, lblk));
    path.push({ node, index });
    node = extentChild(inode, node, index);
  }
  path.push({ node, index: findEntry(node, lblk) });
  return path;
}

/** Carries a changed first key of the node at `level` up. */
export function fixKeys(inode: DiskInode, path: readonly Step[], level: number): void {
  for (let k = level; k > 0; k--) {
    const { node, index } = path[k - 1]!;
    const key = keyAt(path[k]!.node, 0);
    if (keyAt(node, index) === key) return;
    touchNode(inode, node);
    node.view.setUint32(entryAt(node, index), key, true);
    if (index > 0) return;
  }
}

/** Adds an extent where the file has a hole. Its blocks are counted by whoever allocated them. */
export function insertExtent(
  inode: DiskInode,
  lblk: number,
  length: number,
  start: number,
  unwritten: boolean,
): void {
  const added: Extent = { lblk, length, start, unwritten };
  if (!mergeInto(inode, descend(inode, lblk), added)) addEntry(inode, added);
}

/** Adds an entry of its own, even if it could be one with its neighbour. */
function addEntry(inode: DiskInode, added: Extent): void {
  let path = descend(inode, added.lblk);
  while (entriesOf(lastStep(path).node) >= maxOf(lastStep(path).node)) {
    makeRoom(inode, path);
    path = descend(inode, added.lblk);
  }
  const step = lastStep(path);
  touchNode(inode, step.node);
  openGap(step.node, step.index + 1);
  putExtent(step.node, step.index + 1, added);
  if (step.index < 0) fixKeys(inode, path, path.length - 1);
}

/** The step at the leaf. */
export function lastStep(path: readonly Step[]): Step {
  return path[path.length - 1]!;
}

function mergeInto(inode: DiskInode, path: readonly Step[], added: Extent): boolean {
  const { node, index } = lastStep(path);
  const before = index >= 0 ? getExtent(node, index) : null;
  const after = index + 1 < entriesOf(node) ? getExtent(node, index + 1) : null;
  const left = before !== null && joins(before, added);
  if (left) {
    touchNode(inode, node);
    const joined = { ...before, length: before.length + added.length };
    putExtent(node, index, joined);
    if (after !== null && joins(joined, after)) {
      putExtent(node, index, { ...joined, length: joined.length + after.length });
      closeGap(node, index + 1);
    }
    return true;
  }
  if (after === null || !joins(added, after)) return false;
  touchNode(inode, node);
  putExtent(node, index + 1, { ...added, length: added.length + after.length });
  if (index < 0) fixKeys(inode, path, path.length - 1);
  return true;
}

/** Splits the highest full node below one with room, or makes the tree deeper. The caller descends again. */
function makeRoom(inode: DiskInode, path: readonly Step[]): void {
  let level = path.length - 1;
  while (level >= 0 && entriesOf(path[level]!.node) >= maxOf(path[level]!.node)) level--;
  if (level < 0) deepen(inode, path[0]!.node);
  else split(inode, path[level]!, path[level + 1]!);
}

function newNode(inode: DiskInode, depth: number, goal: number): ExtentNode {
  const { vol } = inode;
  const nr = newMetaBlock(inode, goal, KIND.extent);
  const block = vol.cache.get(nr);
  initHeader(block.view, 0, Math.floor((vol.blockSize - EXT_SIZE) / EXT_SIZE), depth);
  inode.addBlocks(1);
  return { block, view: block.view, at: 0 };
}

/** Moves the root's entries into a new child. */
function deepen(inode: DiskInode, root: ExtentNode): void {
  const count = entriesOf(root);
  const depth = depthOf(root);
  if (depth >= 5) inode.vol.damaged(`inode ${inode.ino}: its extent tree is too deep`);
  const child = newNode(inode, depth, goalOf(inode));
  const from = bytesOf(root).subarray(entryAt(root, 0), entryAt(root, count));
  bytesOf(child).set(from, entryAt(child, 0));
  setEntries(child, count);
  inode.touch();
  const key = keyAt(root, 0);
  root.view.setUint16(root.at + EH.depth, depth + 1, true);
  setEntries(root, 1);
  putIndex(root, 0, key, child.block!.nr);
}

function split(inode: DiskInode, parent: Step, full: Step): void {
  const { node } = full;
  const count = entriesOf(node);
  // Appending leaves the old node full: most files grow at the end.
  const appending = full.index === count - 1;
  const keep = appending ? count - 1 : count >> 1;
  const sibling = newNode(inode, depthOf(node), node.block!.nr);
  const moved = bytesOf(node).subarray(entryAt(node, keep), entryAt(node, count));
  bytesOf(sibling).set(moved, entryAt(sibling, 0));
  setEntries(sibling, count - keep);
  touchNode(inode, node);
  setEntries(node, keep);
  touchNode(inode, parent.node);
  openGap(parent.node, parent.index + 1);
  putIndex(parent.node, parent.index + 1, keyAt(sibling, 0), sibling.block!.nr);
}

/**
 * Takes blocks [from, to) out of the tree, and frees them if `free`. Stops early when the transaction
 * is full. @returns where to go on, or `to`
 */
export function removeExtents(inode: DiskInode, from: number, to: number, free: boolean): number {
  let at = from;
  while (at < to) {
    if (free && inode.vol.crowded && at > from) return at;
    at = removeOne(inode, at, to, free);
  }
  collapse(inode);
  return to;
}

/** Removes from the first extent that reaches into [from, to). @returns where to go on */
function removeOne(inode: DiskInode, from: number, to: number, free: boolean): number {
  const path = descend(inode, from);
  const step = lastStep(path);
  const { node } = step;
  let i = step.index;
  if (i < 0 || keyAt(node, i) + lengthAt(node, i) <= from) i++;
  if (i >= entriesOf(node)) return Math.min(to, nextKey(path));
  const e = getExtent(node, i);
  const end = e.lblk + e.length;
  if (e.lblk >= to) return to;
  const cutFrom = Math.max(from, e.lblk);
  const cutTo = Math.min(to, end);
  touchNode(inode, node);
  if (e.lblk < cutFrom) {
    putExtent(node, i, { ...e, length: cutFrom - e.lblk });
  } else if (end > cutTo) {
    putExtent(node, i, tailOf(e, cutTo));
    if (i === 0) fixKeys(inode, path, path.length - 1);
  } else {
    closeGap(node, i);
    if (entriesOf(node) === 0) removeNode(inode, path);
    else if (i === 0) fixKeys(inode, path, path.length - 1);
  }
  if (free) {
    freeBlocks(inode.vol, e.start + cutFrom - e.lblk, cutTo - cutFrom);
    inode.addBlocks(cutFrom - cutTo);
  }
  if (e.lblk < cutFrom && end > cutTo) {
    const rest = tailOf(e, cutTo);
    insertExtent(inode, rest.lblk, rest.length, rest.start, rest.unwritten);
  }
  return cutTo;
}

/** First key to the right of the path's leaf. */
export function nextKey(path: readonly Step[]): number {
  for (let k = path.length - 2; k >= 0; k--) {
    const { node, index } = path[k]!;
    if (index + 1 < entriesOf(node)) return keyAt(node, index + 1);
  }
  return Number.MAX_SAFE_INTEGER;
}

/** The leaf of the path is empty: takes it and index nodes that become empty out. */
function removeNode(inode: DiskInode, path: readonly Step[]): void {
  for (let k = path.length - 1; k > 0; k--) {
    const { node } = path[k]!;
    if (entriesOf(node) > 0) {
      if (path[k]!.index === 0) fixKeys(inode, path, k);
      return;
    }
    freeBlocks(inode.vol, node.block!.nr, 1);
    inode.addBlocks(-1);
    const above = path[k - 1]!;
    touchNode(inode, above.node);
    closeGap(above.node, above.index);
  }
  const root = path[0]!.node;
  if (entriesOf(root) === 0) root.view.setUint16(root.at + EH.depth, 0, true);
}

/** A root with one child whose entries fit into the root takes them over. */
function collapse(inode: DiskInode): void {
  for (;;) {
    const root = extentRoot(inode);
    if (depthOf(root) === 0 || entriesOf(root) !== 1) return;
    const child = extentChild(inode, root, 0);
    const count = entriesOf(child);
    if (count > maxOf(root)) return;
    inode.touch();
    const from = bytesOf(child).slice(entryAt(child, 0), entryAt(child, count));
    const nr = childAt(root, 0);
    bytesOf(root).set(from, entryAt(root, 0));
    setEntries(root, count);
    root.view.setUint16(root.at + EH.depth, depthOf(child), true);
    freeBlocks(inode.vol, nr, 1);
    inode.addBlocks(-1);
  }
}

/** Splits the extent that reaches over `lblk`, so that one begins there. */
export function splitExtent(inode: DiskInode, lblk: number): void {
  const { node, index } = lastStep(descend(inode, lblk));
  if (index < 0) return;
  const e = getExtent(node, index);
  if (e.lblk === lblk || e.lblk + e.length <= lblk) return;
  touchNode(inode, node);
  putExtent(node, index, { ...e, length: lblk - e.lblk });
  addEntry(inode, tailOf(e, lblk));
}

/** Makes one of the two extents that meet at `lblk`, if they can be one. */
export function joinExtents(inode: DiskInode, lblk: number): void {
  const left = extentAt(inode, lblk - 1);
  const right = extentAt(inode, lblk);
  if (left === null || right === null || !joins(left, right)) return;
  removeExtents(inode, lblk, lblk + right.length, false);
  insertExtent(inode, lblk, right.length, right.start, right.unwritten);
}

/** The last extent that begins at or before `lblk`. */
function extentAt(inode: DiskInode, lblk: number): Extent | null {
  const { node, index } = lastStep(descend(inode, lblk));
  return index < 0 ? null : getExtent(node, index);
}

/** Whether the file has blocks that its extents name. */
export function hasExtents(inode: DiskInode): boolean {
  return inode.usesExtents && entriesOf(extentRoot(inode)) > 0;
}

/** The first block behind all extents. */
export function extentsEnd(inode: DiskInode): number {
  const last = extentAt(inode, EXT_MAX_BLOCKS);
  return last === null ? 0 : last.lblk + last.length;
}

/** Makes unwritten blocks [lblk, lblk + length), which start at `start`, written. */
export function markWritten(inode: DiskInode, lblk: number, length: number, start: number): void {
  if (removeExtents(inode, lblk, lblk + length, false) !== lblk + length) panic('extents left');
  insertExtent(inode, lblk, length, start, false);
}

/**
 * Makes the whole unwritten extent at `lblk` written, without needing room in the tree.
 * @returns the extent, whose blocks the caller has to clear
 */
export function markWhole(inode: DiskInode, lblk: number): { start: number; length: number } {
  const path = descend(inode, lblk);
  const { node, index } = lastStep(path);
  const e = getExtent(node, index);
  touchNode(inode, node);
  putExtent(node, index, { ...e, unwritten: false });
  return { start: e.start, length: e.length };
}

/** Blocks that inserting one extent may need for nodes at worst. */
export function nodesNeeded(inode: DiskInode): number {
  return inode.usesExtents ? depthOf(extentRoot(inode)) + 1 : 4;
}
