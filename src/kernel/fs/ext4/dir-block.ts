/**
 * Directory blocks (struct ext4_dir_entry_2 and the dx_ structures of fs/ext4/namei.c).
 *
 *   entry   inode 4, rec_len 2, name_len 1, file_type 1, name
 *   tail    inode 0, rec_len 12, name_len 0, type 0xde, checksum 4       (last 12 bytes with metadata_csum)
 *   index   count and limit at 32 (root, after . and ..) or 8; then entries of hash 4, block 4;
 *           the first entry's hash is replaced by limit 2, count 2
 *
 * Invariant: the records of a verified leaf fill its space exactly; each is 4-aligned and holds its name.
 */

import { KIND, type MetaBlock } from './buffers.ts';
import { crc32c, crc32cZeros } from './crc.ts';
import type { DiskInode } from './disk-inode.ts';
import { DIR_TAIL_SIZE, DIR_TAIL_TYPE } from './layout.ts';
import type { Volume } from './volume.ts';

export const DIRENT_HEADER = 8;
/** Position of the dx_countlimit in a root block, and in other index blocks. */
export const DX_ROOT_COUNT = 32;
export const DX_NODE_COUNT = 8;

/** Bytes a record with a name of `length` needs. */
export function recordSize(length: number): number {
  return (length + DIRENT_HEADER + 3) & ~3;
}

/** Bytes of records in a leaf: all but the checksum. */
export function leafSpace(vol: Volume): number {
  return vol.sb.metadataCsum ? vol.blockSize - DIR_TAIL_SIZE : vol.blockSize;
}

export function nameAt(data: Uint8Array, at: number): string {
  const n = data[at + 6]!;
  let s = '';
  for (let i = at + DIRENT_HEADER; i < at + DIRENT_HEADER + n; i++)
    s += String.fromCharCode(data[i]!);
  return s;
}

export function nameIs(data: Uint8Array, at: number, name: string): boolean {
  if (data[at + 6] !== name.length) return false;
  // Names of one directory differ at their ends more often than at their beginnings.
  for (let i = name.length - 1; i >= 0; i--) {
    if (data[at + DIRENT_HEADER + i] !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** Reads and verifies block `nr` of a directory as a leaf: a list of records. */
export function readLeaf(dir: DiskInode, nr: number): MetaBlock {
  const block = dir.vol.cache.get(nr);
  const seed = dir.seed;
  if (block.kind === KIND.dirLeaf && block.seed === seed) return block;
  claim(dir, block);
  if (!recordsFill(block.data, 0, leafSpace(dir.vol))) {
    dir.vol.damaged(`block ${nr}: damaged entries in directory inode ${dir.ino}`);
  }
  block.seed = seed;
  if (dir.vol.sb.metadataCsum && dirLeafCsum(block)?.right() !== true) {
    dir.vol.damaged(`block ${nr}: wrong checksum in directory inode ${dir.ino}`);
  }
  block.kind = KIND.dirLeaf;
  return block;
}

/** Reads and verifies block `nr` of an indexed directory as its root or an index node. */
export function readIndex(dir: DiskInode, nr: number, countAt: number): MetaBlock {
  const block = dir.vol.cache.get(nr);
  const seed = dir.seed;
  if (block.kind === KIND.dirIndex && block.seed === seed && indexStart(block) === countAt)
    return block;
  claim(dir, block);
  if (!validIndex(dir.vol, block, countAt)) {
    dir.vol.damaged(`block ${nr}: damaged index of directory inode ${dir.ino}`);
  }
  block.seed = seed;
  if (dir.vol.sb.metadataCsum && dirIndexCsum(block)?.right() !== true) {
    dir.vol.damaged(`block ${nr}: wrong checksum of an index of directory inode ${dir.ino}`);
  }
  block.kind = KIND.dirIndex;
  return block;
}

/** Marks where a directory block of another kind is about to be read again as a different one. */
function claim(dir: DiskInode, block: MetaBlock): void {
  const directory = block.kind === KIND.dirLeaf || block.kind === KIND.dirIndex;
  if (block.kind === KIND.raw || (directory && !block.dirty)) return;
  dir.vol.damaged(`block ${block.nr}: part of directory inode ${dir.ino} and something else`);
}

/** Whether records fill [from, to) exactly and none reaches out of it. */
export function recordsFill(data: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at < to) {
    if (at + DIRENT_HEADER > to) return false;
    const length = data[at + 4]! | (data[at + 5]! << 8);
    if (length < DIRENT_HEADER || length % 4 !== 0 || at + length > to) return false;
    const used = data[at]! | data[at + 1]! | data[at + 2]! | data[at + 3]!;
    if (used !== 0 && (data[at + 6] === 0 || recordSize(data[at + 6]!) > length)) return false;
    at += length;
  }
  return at === to;
}

/** Where an index block has its count: a root begins with the record of '.', 12 bytes long. */
export function indexStart(block: MetaBlock): number {
  return block.view.getUint16(4, true) === 12 ? DX_ROOT_COUNT : DX_NODE_COUNT;
}

function validIndex(vol: Volume, block: MetaBlock, countAt: number): boolean {
  const v = block.view;
  const bs = vol.blockSize;
  if (indexStart(block) !== countAt) return false;
  if (countAt === DX_NODE_COUNT) {
    if (v.getUint32(0, true) !== 0 || v.getUint16(4, true) !== bs) return false;
  } else if (v.getUint16(12 + 4, true) !== bs - 12 || v.getUint8(29) !== 8) return false;
  const limit = v.getUint16(countAt, true);
  const count = v.getUint16(countAt + 2, true);
  return count > 0 && count <= limit && limit === indexLimit(vol, countAt);
}

/** Entries that fit into an index block. */
export function indexLimit(vol: Volume, countAt: number): number {
  const tail = vol.sb.metadataCsum ? 8 : 0;
  return Math.floor((vol.blockSize - countAt - tail) / 8);
}

interface Checksum {
  right(): boolean;
  store(): void;
}

/** The checksum of a leaf, or null if it has no tail. */
export function dirLeafCsum(block: MetaBlock): Checksum | null {
  const at = block.data.length - DIR_TAIL_SIZE;
  const v = block.view;
  const isTail =
    v.getUint32(at, true) === 0 &&
    v.getUint16(at + 4, true) === DIR_TAIL_SIZE &&
    v.getUint16(at + 6, true) === DIR_TAIL_TYPE << 8;
  if (!isTail) return null;
  const value = (): number => crc32c(block.seed, block.data, 0, at);
  return {
    right: () => v.getUint32(at + 8, true) === value(),
    store: () => v.setUint32(at + 8, value(), true),
  };
}

export function dirIndexCsum(block: MetaBlock): Checksum | null {
  const countAt = indexStart(block);
  const v = block.view;
  const tail = countAt + v.getUint16(countAt, true) * 8;
  const used = countAt + v.getUint16(countAt + 2, true) * 8;
  if (tail + 8 > block.data.length || used > tail) return null;
  const value = (): number =>
    crc32cZeros(crc32c(crc32c(block.seed, block.data, 0, used), block.data, tail, tail + 4), 4);
  return {
    right: () => v.getUint32(tail + 4, true) === value(),
    store: () => v.setUint32(tail + 4, value(), true),
  };
}

/** Writes the tail that holds a leaf's checksum. */
export function initTail(vol: Volume, block: MetaBlock): void {
  if (!vol.sb.metadataCsum) return;
  const at = vol.blockSize - DIR_TAIL_SIZE;
  block.view.setUint32(at, 0, true);
  block.view.setUint16(at + 4, DIR_TAIL_SIZE, true);
  block.view.setUint16(at + 6, DIR_TAIL_TYPE << 8, true);
}
