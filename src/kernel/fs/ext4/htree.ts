/**
 * Indexed directories: finding the leaf for a hash, and walking leaves in the order of hashes
 * (fs/ext4/namei.c dx_probe, ext4_htree_next_block).
 *
 * Invariant: a `Probe` is a verified path; depth is bounded by the format, so a loop in a damaged
 * index cannot hold us.
 */

import type { MetaBlock } from './buffers.ts';
import { DX_NODE_COUNT, DX_ROOT_COUNT, readIndex } from './dir-block.ts';
import type { HashParams } from './dir-hash.ts';
import type { DiskInode } from './disk-inode.ts';
import { FLAG_UNSIGNED_HASH, INCOMPAT, SB } from './layout.ts';
import { mustMap } from './mapping.ts';

/** One level of a path: an index block and the entry taken in it. */
export interface DxFrame {
  readonly block: MetaBlock;
  readonly countAt: number;
  index: number;
}

export function dxCount(f: DxFrame): number {
  return f.block.view.getUint16(f.countAt + 2, true);
}

export function dxLimit(f: DxFrame): number {
  return f.block.view.getUint16(f.countAt, true);
}

/** Hash of entry `i`; the first entry stands for everything below the second. */
export function dxHash(f: DxFrame, i: number): number {
  return i === 0 ? 0 : f.block.view.getUint32(f.countAt + i * 8, true);
}

/** Logical block of entry `i`. */
export function dxBlock(f: DxFrame, i: number): number {
  return f.block.view.getUint32(f.countAt + i * 8 + 4, true) & 0x0fffffff;
}

/** How this directory hashes; read from its root block. */
export function hashParams(dir: DiskInode, root: MetaBlock): HashParams {
  let version = root.view.getUint8(28);
  if (version > 5) dir.vol.damaged(`directory inode ${dir.ino}: unknown hash version ${version}`);
  if (version < 3 && dir.vol.sb.view.getUint32(SB.flags, true) & FLAG_UNSIGNED_HASH) version += 3;
  return { version, seed: dir.vol.sb.hashSeed };
}

export function maxIndirectLevels(dir: DiskInode): number {
  return dir.vol.sb.has(INCOMPAT.large_dir) ? 2 : 1;
}

/** The root block of an indexed directory. */
export function dxRoot(dir: DiskInode): MetaBlock {
  return readIndex(dir, mustMap(dir, 0), DX_ROOT_COUNT);
}

/** The path to the leaf that holds `hash`. */
export function dxProbe(dir: DiskInode, hash: number): DxFrame[] {
  const root = dxRoot(dir);
  const levels = root.view.getUint8(30);
  if (levels > maxIndirectLevels(dir)) {
    dir.vol.damaged(`directory inode ${dir.ino}: an index of ${levels + 1} levels`);
  }
  const path: DxFrame[] = [];
  let block = root;
  for (let level = 0; ; level++) {
    const frame: DxFrame = {
      block,
      countAt: level === 0 ? DX_ROOT_COUNT : DX_NODE_COUNT,
      index: 0,
    };
    frame.index = search(frame, hash);
    path.push(frame);
    if (level === levels) return path;
    block = readIndex(dir, mustMap(dir, dxBlock(frame, frame.index)), DX_NODE_COUNT);
  }
}

function search(f: DxFrame, hash: number): number {
  let lo = 1;
  let hi = dxCount(f);
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (dxHash(f, mid) <= hash) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}

/** Logical block of the leaf that the path leads to. */
export function dxLeaf(path: readonly DxFrame[]): number {
  const last = path[path.length - 1]!;
  return dxBlock(last, last.index);
}

/**
 * Moves the path to the next leaf. @returns the hash it begins with (lowest bit: the leaf before ends
 * with the same hash), or -1 at the end
 */
export function dxNext(dir: DiskInode, path: DxFrame[]): number {
  let level = path.length - 1;
  while (level >= 0 && path[level]!.index + 1 >= dxCount(path[level]!)) level--;
  if (level < 0) return -1;
  const frame = path[level]!;
  frame.index++;
  const hash = dxHash(frame, frame.index);
  for (level++; level < path.length; level++) {
    const above = path[level - 1]!;
    const block = readIndex(dir, mustMap(dir, dxBlock(above, above.index)), DX_NODE_COUNT);
    path[level] = { block, countAt: DX_NODE_COUNT, index: 0 };
  }
  return hash;
}
