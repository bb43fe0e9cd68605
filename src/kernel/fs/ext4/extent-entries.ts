/**
 * Changing the entries of one extent tree node, and extents as values. Everything runs inside an operation.
 */

import type { DiskInode } from './disk-inode.ts';
import {
  type ExtentNode,
  entriesOf,
  entryAt,
  keyAt,
  lengthAt,
  startAt,
  unwrittenAt,
} from './extent-node.ts';
import { EH, EXT_INIT_MAX_LEN, EXT_UNWRITTEN_MAX_LEN } from './layout.ts';

export interface Extent {
  readonly lblk: number;
  readonly length: number;
  readonly start: number;
  readonly unwritten: boolean;
}

export function touchNode(inode: DiskInode, n: ExtentNode): void {
  if (n.block === null) inode.touch();
  else inode.vol.cache.touch(n.block);
}

export function setEntries(n: ExtentNode, count: number): void {
  n.view.setUint16(n.at + EH.entries, count, true);
}

export function putExtent(n: ExtentNode, i: number, e: Extent): void {
  const at = entryAt(n, i);
  n.view.setUint32(at, e.lblk, true);
  n.view.setUint16(at + 4, e.unwritten ? e.length + EXT_INIT_MAX_LEN : e.length, true);
  n.view.setUint16(at + 6, Math.floor(e.start / 2 ** 32), true);
  n.view.setUint32(at + 8, e.start % 2 ** 32, true);
}

export function putIndex(n: ExtentNode, i: number, lblk: number, child: number): void {
  const at = entryAt(n, i);
  n.view.setUint32(at, lblk, true);
  n.view.setUint32(at + 4, child % 2 ** 32, true);
  n.view.setUint16(at + 8, Math.floor(child / 2 ** 32), true);
  n.view.setUint16(at + 10, 0, true);
}

export function getExtent(n: ExtentNode, i: number): Extent {
  return {
    lblk: keyAt(n, i),
    length: lengthAt(n, i),
    start: startAt(n, i),
    unwritten: unwrittenAt(n, i),
  };
}

export function bytesOf(n: ExtentNode): Uint8Array {
  return new Uint8Array(n.view.buffer, n.view.byteOffset, n.view.byteLength);
}

/** Makes a gap at entry `i`. */
export function openGap(n: ExtentNode, i: number): void {
  const count = entriesOf(n);
  bytesOf(n).copyWithin(entryAt(n, i + 1), entryAt(n, i), entryAt(n, count));
  setEntries(n, count + 1);
}

export function closeGap(n: ExtentNode, i: number): void {
  const count = entriesOf(n);
  bytesOf(n).copyWithin(entryAt(n, i), entryAt(n, i + 1), entryAt(n, count));
  setEntries(n, count - 1);
}

export function joins(a: Extent, b: Extent): boolean {
  if (a.lblk + a.length !== b.lblk || a.start + a.length !== b.start) return false;
  const limit = a.unwritten ? EXT_UNWRITTEN_MAX_LEN : EXT_INIT_MAX_LEN;
  return a.unwritten === b.unwritten && a.length + b.length <= limit;
}

export function tailOf(e: Extent, from: number): Extent {
  const skip = from - e.lblk;
  return { lblk: from, length: e.length - skip, start: e.start + skip, unwritten: e.unwritten };
}
