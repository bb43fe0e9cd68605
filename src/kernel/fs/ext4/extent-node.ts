/**
 * Nodes of an extent tree (fs/ext4/ext4_extents.h): a 12-byte header and 12-byte entries, in the inode's
 * i_block (the root) or in a block of its own.
 *
 *   header  magic 2, entries 2, max 2, depth 2, generation 4
 *   index   first logical block 4, child low 4, child high 2, unused 2
 *   leaf    first logical block 4, length 2 (above 32768: unwritten), start high 2, start low 4
 *
 * Invariant: a node that `extentNode` returns has been verified: magic, depth, counts within the space,
 * entries in ascending order inside [from, to), all addresses allowed for files, and the checksum.
 */

import { KIND, type MetaBlock } from './buffers.ts';
import { crc32c } from './crc.ts';
import type { DiskInode } from './disk-inode.ts';
import {
  EH,
  EXT_INIT_MAX_LEN,
  EXT_MAGIC,
  EXT_MAX_DEPTH,
  EXT_SIZE,
  I_BLOCK_SIZE,
} from './layout.ts';

export interface ExtentNode {
  /** Null for the root, which is in the inode. */
  readonly block: MetaBlock | null;
  readonly view: DataView;
  /** Position of the header in `view`. */
  readonly at: number;
}

export function entriesOf(n: ExtentNode): number {
  return n.view.getUint16(n.at + EH.entries, true);
}

export function maxOf(n: ExtentNode): number {
  return n.view.getUint16(n.at + EH.max, true);
}

export function depthOf(n: ExtentNode): number {
  return n.view.getUint16(n.at + EH.depth, true);
}

/** Position of entry `i` in the node's view. */
export function entryAt(n: ExtentNode, i: number): number {
  return n.at + EXT_SIZE + i * EXT_SIZE;
}

/** First logical block of entry `i`, in leaves and index nodes. */
export function keyAt(n: ExtentNode, i: number): number {
  return n.view.getUint32(entryAt(n, i), true);
}

export function childAt(n: ExtentNode, i: number): number {
  const at = entryAt(n, i);
  return n.view.getUint32(at + 4, true) + n.view.getUint16(at + 8, true) * 2 ** 32;
}

export function lengthAt(n: ExtentNode, i: number): number {
  const raw = n.view.getUint16(entryAt(n, i) + 4, true);
  return raw <= EXT_INIT_MAX_LEN ? raw : raw - EXT_INIT_MAX_LEN;
}

export function unwrittenAt(n: ExtentNode, i: number): boolean {
  return n.view.getUint16(entryAt(n, i) + 4, true) > EXT_INIT_MAX_LEN;
}

export function startAt(n: ExtentNode, i: number): number {
  const at = entryAt(n, i);
  return n.view.getUint32(at + 8, true) + n.view.getUint16(at + 6, true) * 2 ** 32;
}

/** The last entry whose key is at most `lblk`, or -1. */
export function findEntry(n: ExtentNode, lblk: number): number {
  let lo = 0;
  let hi = entriesOf(n);
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (keyAt(n, mid) <= lblk) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}

/** Whether `length` blocks from `nr` may be part of the tree. */
type Allows = (nr: number, length: number) => boolean;

/** The root of an inode's tree, verified. */
export function extentRoot(inode: DiskInode): ExtentNode {
  return verifiedRoot(inode, (nr, length) => inode.vol.zone.allows(nr, length));
}

/** The root of the journal's tree, verified: its blocks are reserved, so that no other file may name them. */
export function journalRoot(inode: DiskInode): ExtentNode {
  return verifiedRoot(inode, (nr, length) => nr + length <= inode.vol.sb.blocks);
}

function verifiedRoot(inode: DiskInode, allows: Allows): ExtentNode {
  const node: ExtentNode = { block: null, view: inode.view(), at: inode.iblock };
  const space = I_BLOCK_SIZE / EXT_SIZE - 1;
  if (!validNode(allows, node, -1, space, 0, 2 ** 32)) {
    inode.vol.damaged(`inode ${inode.ino}: the root of its extent tree is damaged`);
  }
  return node;
}

/** The child `i` of `parent`, verified. */
export function extentChild(inode: DiskInode, parent: ExtentNode, i: number): ExtentNode {
  const { vol } = inode;
  const nr = childAt(parent, i);
  if (!vol.zone.allows(nr, 1)) {
    vol.damaged(`inode ${inode.ino}: block ${nr} cannot be part of an extent tree`);
  }
  const block = vol.cache.get(nr);
  const node: ExtentNode = { block, view: block.view, at: 0 };
  const known = block.kind === KIND.extent && block.seed === inode.seed;
  if (!known && (block.kind !== KIND.raw || block.dirty)) {
    vol.damaged(`block ${nr}: part of the extent tree of inode ${inode.ino} and something else`);
  }
  const space = Math.floor((vol.blockSize - EXT_SIZE) / EXT_SIZE);
  const to = i + 1 < entriesOf(parent) ? keyAt(parent, i + 1) : 2 ** 32;
  // A node in memory was verified when it was read and is kept right since; it may have two parents.
  if (known && depthOf(node) === depthOf(parent) - 1 && isWithin(node, keyAt(parent, i), to)) {
    return node;
  }
  const allows: Allows = (start, length) => vol.zone.allows(start, length);
  if (!validNode(allows, node, depthOf(parent) - 1, space, keyAt(parent, i), to)) {
    vol.damaged(`block ${nr}: an extent tree node of inode ${inode.ino} is damaged`);
  }
  block.seed = inode.seed;
  if (vol.sb.metadataCsum && !extentBlockCsum(block).right()) {
    block.seed = 0;
    vol.damaged(`block ${nr}: wrong checksum of an extent tree node of inode ${inode.ino}`);
  }
  block.kind = KIND.extent;
  return node;
}

/** Whether the entries of a verified node are in [from, to). */
function isWithin(n: ExtentNode, from: number, to: number): boolean {
  const last = entriesOf(n) - 1;
  if (last < 0) return true;
  const end = keyAt(n, last) + (depthOf(n) === 0 ? lengthAt(n, last) : 1);
  return keyAt(n, 0) >= from && end <= to;
}

function validNode(
  allows: Allows,
  n: ExtentNode,
  depth: number,
  space: number,
  from: number,
  to: number,
): boolean {
  const count = entriesOf(n);
  const d = depthOf(n);
  if (n.view.getUint16(n.at, true) !== EXT_MAGIC || d > EXT_MAX_DEPTH) return false;
  if (depth >= 0 && d !== depth) return false;
  if (maxOf(n) === 0 || maxOf(n) > space || count > maxOf(n)) return false;
  if (d > 0 && count === 0) return false;
  let next = from;
  for (let i = 0; i < count; i++) {
    const key = keyAt(n, i);
    if (key < next || key >= to) return false;
    if (d > 0) {
      if (!allows(childAt(n, i), 1)) return false;
      next = key + 1;
    } else {
      const length = lengthAt(n, i);
      if (length === 0 || key + length > to || !allows(startAt(n, i), length)) return false;
      next = key + length;
    }
  }
  return true;
}

interface Checksum {
  right(): boolean;
  store(): void;
}

/** The checksum after the last possible entry of a node's block. */
export function extentBlockCsum(block: MetaBlock): Checksum {
  const at = EXT_SIZE + block.view.getUint16(EH.max, true) * EXT_SIZE;
  const fits = at + 4 <= block.data.length;
  const value = (): number => crc32c(block.seed, block.data, 0, at);
  return {
    right: () => fits && block.view.getUint32(at, true) === value(),
    store: () => {
      if (fits) block.view.setUint32(at, value(), true);
    },
  };
}
