/**
 * Reading directories: finding a name and listing (fs/ext4/namei.c, dir.c).
 *
 * Listing goes in the order of hashes, as Linux does, because a position must stay right while entries
 * come and go and blocks split. Position: 0 is '.', 1 is '..', then 2 + hash (31 bits) · 2^20 + minor
 * hash (20 bits) — within 2^53 — and + 1 within entries that agree in both. A directory of several blocks
 * without an index is listed by byte position instead; there records never move.
 */

import type { DirEntry } from '../../vfs/types.ts';
import type { MetaBlock } from './buffers.ts';
import { DIRENT_HEADER, leafSpace, nameAt, nameIs, readLeaf } from './dir-block.ts';
import { type HashParams, hashName } from './dir-hash.ts';
import type { DiskInode } from './disk-inode.ts';
import { dxLeaf, dxNext, dxProbe, dxRoot, hashParams } from './htree.ts';
import { inlineDirectory } from './inline.ts';
import {
  EXT_MAX_BLOCKS,
  FL_INDEX,
  FLAG_UNSIGNED_HASH,
  INCOMPAT,
  MODE_OF_DT,
  SB,
} from './layout.ts';
import { isHole, mapBlock, mustMap } from './mapping.ts';

/** Where a name is. */
export interface Slot {
  readonly block: MetaBlock;
  readonly at: number;
  /** Position of the record before it in the block, or -1. */
  readonly previous: number;
}

export function isIndexed(dir: DiskInode): boolean {
  return (dir.flags & FL_INDEX) !== 0 && dir.vol.sb.dirIndex;
}

/** Blocks of a directory. There are no more than the device has, so what counts up to it is bounded. */
export function blockCount(dir: DiskInode): number {
  const { vol } = dir;
  const count = Math.ceil(dir.size / vol.blockSize);
  if (count > Math.min(vol.sb.blocks, EXT_MAX_BLOCKS)) {
    vol.damaged(`directory inode ${dir.ino}: impossible size ${dir.size}`);
  }
  return count;
}

/** Inode number of an entry, which must be possible. */
export function entryInode(
  dir: DiskInode,
  block: { view: DataView; nr: number },
  at: number,
): number {
  const ino = block.view.getUint32(at, true);
  const { sb } = dir.vol;
  if (ino > sb.inodes || (ino < sb.firstIno && ino !== 2)) {
    dir.vol.damaged(`block ${block.nr}: entry of directory inode ${dir.ino} names inode ${ino}`);
  }
  return ino;
}

/** Looks for a name. @returns its slot or null */
export function findEntry(dir: DiskInode, name: string): Slot | null {
  if (dir.vol.sb.dirIndex && isIndexed(dir)) return findIndexed(dir, name);
  const blocks = blockCount(dir);
  for (let lblk = 0; lblk < blocks; lblk++) {
    const m = mapBlock(dir, lblk);
    if (isHole(m)) {
      lblk += m.length - 1;
      continue;
    }
    const slot = findInLeaf(readLeaf(dir, m.start), name, leafSpace(dir.vol));
    if (slot !== null) return slot;
  }
  return null;
}

/** Inode number that `name` leads to, or 0. */
export function lookupName(dir: DiskInode, name: string): number {
  if (dir.hasInlineData) {
    for (const e of inlineDirectory(dir)) if (e.name === name) return e.ino;
    return 0;
  }
  const slot = findEntry(dir, name);
  return slot === null ? 0 : entryInode(dir, slot.block, slot.at);
}

function findIndexed(dir: DiskInode, name: string): Slot | null {
  if (name === '.' || name === '..') return dotEntry(dir, name);
  const { major } = hashName(name, hashParams(dir, dxRoot(dir)));
  const path = dxProbe(dir, major);
  for (let guard = blockCount(dir); guard >= 0; guard--) {
    const leaf = readLeaf(dir, mustMap(dir, dxLeaf(path)));
    const slot = findInLeaf(leaf, name, leafSpace(dir.vol));
    if (slot !== null) return slot;
    // The next leaf continues with the same hash if its lowest bit says so.
    if (dxNext(dir, path) !== major + 1) return null;
  }
  return dir.vol.damaged(`directory inode ${dir.ino}: its index has a loop`);
}

function dotEntry(dir: DiskInode, name: string): Slot {
  return { block: dxRoot(dir), at: name === '.' ? 0 : 12, previous: -1 };
}

export function findInLeaf(block: MetaBlock, name: string, space: number): Slot | null {
  const { data } = block;
  let previous = -1;
  for (let at = 0; at < space; ) {
    if (nameIs(data, at, name) && block.view.getUint32(at, true) !== 0)
      return { block, at, previous };
    previous = at;
    at += data[at + 4]! | (data[at + 5]! << 8);
  }
  return null;
}

interface Listed {
  readonly key: number;
  readonly name: string;
  readonly ino: number;
  readonly type: number;
}

export function listDirectory(dir: DiskInode, from: number, emit: (e: DirEntry) => boolean): void {
  if (dir.hasInlineData) listInline(dir, from, emit);
  else if (isIndexed(dir)) listIndexed(dir, from, emit);
  else if (dir.vol.sb.dirIndex && blockCount(dir) === 1) {
    const entries = sortedLeaf(dir, readLeaf(dir, mustMap(dir, 0)));
    if (emitDots(dir, from, emit)) emitFrom(entries, from, emit);
  } else listLinear(dir, from, emit);
}

/** The leaf that was listed last, in order: a directory is read in several calls. */
let listed: { block: MetaBlock; change: number; entries: Listed[] } | null = null;

function sortedLeaf(dir: DiskInode, block: MetaBlock): Listed[] {
  if (listed?.block === block && listed.change === block.undoOp) return listed.entries;
  const entries = sorted(hashLeaf(dir, block, defaultHash(dir)));
  listed = { block, change: block.undoOp, entries };
  return entries;
}

function listInline(dir: DiskInode, from: number, emit: (e: DirEntry) => boolean): void {
  const entries = inlineDirectory(dir);
  for (let i = from; i < entries.length; i++) {
    if (!emit({ ...entries[i]!, next: i + 1 })) return;
  }
}

/** How a directory that has no index yet would hash. */
export function defaultHash(dir: DiskInode): HashParams {
  const v = dir.vol.sb.view;
  let version = v.getUint8(SB.defHashVersion);
  if (version > 2) version = 1;
  if (v.getUint32(SB.flags, true) & FLAG_UNSIGNED_HASH) version += 3;
  return { version, seed: dir.vol.sb.hashSeed };
}

/** '.' and '..'. @returns false if emit refused */
function emitDots(dir: DiskInode, from: number, emit: (e: DirEntry) => boolean): boolean {
  if (from <= 0 && !emit({ name: '.', ino: dir.ino, type: 0o040000, next: 1 })) return false;
  if (from > 1) return true;
  return emit({ name: '..', ino: lookupName(dir, '..') || dir.ino, type: 0o040000, next: 2 });
}

function typeAt(dir: DiskInode, block: MetaBlock, at: number): number {
  if (!dir.vol.sb.has(INCOMPAT.filetype)) return 0;
  return MODE_OF_DT[block.data[at + 7]!] ?? 0;
}

/** The entries of a leaf with their positions. */
function hashLeaf(dir: DiskInode, block: MetaBlock, params: HashParams): Listed[] {
  const out: Listed[] = [];
  const space = leafSpace(dir.vol);
  for (let at = 0; at < space; at += block.view.getUint16(at + 4, true)) {
    if (block.view.getUint32(at, true) === 0) continue;
    const name = nameAt(block.data, at);
    if (name === '.' || name === '..') continue;
    const { major, minor } = hashName(name, params);
    const key = 2 + (major >>> 1) * 2 ** 20 + (minor >>> 12);
    out.push({ key, name, ino: entryInode(dir, block, at), type: typeAt(dir, block, at) });
  }
  return out;
}

function sorted(entries: Listed[]): Listed[] {
  return entries.sort((a, b) => a.key - b.key || (a.name < b.name ? -1 : 1));
}

/** @returns false if emit refused */
function emitFrom(entries: Listed[], from: number, emit: (e: DirEntry) => boolean): boolean {
  let last = -1;
  for (const { key, name, ino, type } of entries) {
    const position = key > last ? key : last + 1;
    last = position;
    if (position < from) continue;
    if (!emit({ name, ino, type, next: position + 1 })) return false;
  }
  return true;
}

function listIndexed(dir: DiskInode, from: number, emit: (e: DirEntry) => boolean): void {
  if (!emitDots(dir, from, emit)) return;
  const params = hashParams(dir, dxRoot(dir));
  const start = from <= 2 ? 0 : Math.floor((from - 2) / 2 ** 20) * 2;
  const path = dxProbe(dir, start);
  let batch: Listed[] = [];
  for (let guard = blockCount(dir); guard >= 0; guard--) {
    batch.push(...hashLeaf(dir, readLeaf(dir, mustMap(dir, dxLeaf(path))), params));
    const next = dxNext(dir, path);
    // Entries of one hash that continue in the next leaf are sorted together.
    if (next >= 0 && next & 1) continue;
    if (!emitFrom(sorted(batch), from, emit) || next < 0) return;
    batch = [];
  }
  dir.vol.damaged(`directory inode ${dir.ino}: its index has a loop`);
}

function listLinear(dir: DiskInode, from: number, emit: (e: DirEntry) => boolean): void {
  const bs = dir.vol.blockSize;
  const space = leafSpace(dir.vol);
  const blocks = blockCount(dir);
  for (let lblk = Math.floor(from / bs); lblk < blocks; lblk++) {
    const m = mapBlock(dir, lblk);
    if (isHole(m)) {
      lblk += m.length - 1;
      continue;
    }
    const block = readLeaf(dir, m.start);
    for (let at = 0; at < space; ) {
      const length = block.view.getUint16(at + 4, true);
      const position = lblk * bs + at;
      if (position >= from && block.view.getUint32(at, true) !== 0) {
        const name = nameAt(block.data, at);
        const type = typeAt(dir, block, at);
        const ino = entryInode(dir, block, at);
        const next = position + Math.max(length, DIRENT_HEADER);
        if (!emit({ name, ino, type, next })) return;
      }
      at += length;
    }
  }
}
