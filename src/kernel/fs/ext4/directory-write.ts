/**
 * Changing directories: adding, removing and redirecting entries, making and splitting an index
 * (fs/ext4/namei.c add_dirent_to_buf, make_indexed_dir, do_split, ext4_dx_add_entry).
 *
 * Everything runs inside an operation. Invariants: records fill a leaf's space exactly; the entries of a
 * leaf of an index lie between the hashes of its index entry and the next.
 */

import { ENOSPC, linuxError } from '../../errno.ts';
import { allocMetaBlock, goalOf } from './alloc.ts';
import { KIND, type MetaBlock } from './buffers.ts';
import {
  DIRENT_HEADER,
  DX_NODE_COUNT,
  DX_ROOT_COUNT,
  indexLimit,
  initTail,
  leafSpace,
  nameAt,
  readLeaf,
  recordSize,
} from './dir-block.ts';
import { type HashParams, hashName } from './dir-hash.ts';
import { blockCount, defaultHash, findEntry, isIndexed, type Slot } from './directory.ts';
import type { DiskInode } from './disk-inode.ts';
import { insertExtent } from './extent-tree.ts';
import {
  type DxFrame,
  dxCount,
  dxHash,
  dxLeaf,
  dxLimit,
  dxProbe,
  dxRoot,
  hashParams,
  maxIndirectLevels,
} from './htree.ts';
import { DT_OF_MODE, FL_INDEX } from './layout.ts';
import { isHole, mapBlock, mustMap } from './mapping.ts';

interface NewEntry {
  readonly name: string;
  readonly ino: number;
  /** DT_* */
  readonly type: number;
}

/** Makes the first block of a new directory. */
export function initDirectory(dir: DiskInode, parent: number): void {
  const block = appendBlock(dir, KIND.dirLeaf).block;
  const space = leafSpace(dir.vol);
  writeRecord(block, 0, 12, { name: '.', ino: dir.ino, type: 2 });
  writeRecord(block, 12, space - 12, { name: '..', ino: parent, type: 2 });
  initTail(dir.vol, block);
}

/** Adds empty blocks: lost+found has room before e2fsck needs it. */
export function preallocateDirectory(dir: DiskInode, blocks: number): void {
  while (blockCount(dir) < blocks) fillLeaf(dir, appendBlock(dir, KIND.dirLeaf).block, []);
}

/** Adds a name that is not there. */
export function addEntry(dir: DiskInode, name: string, ino: number, mode: number): void {
  const entry: NewEntry = { name, ino, type: DT_OF_MODE[(mode >>> 12) & 15]! };
  dir.absent = '';
  if (isIndexed(dir)) addIndexed(dir, entry);
  else addLinear(dir, entry);
}

/** Takes an entry out; its space goes to the record before it. */
export function removeEntry(dir: DiskInode, { block, at, previous }: Slot): void {
  dir.vol.cache.touch(block);
  const v = block.view;
  if (previous >= 0) {
    const length = v.getUint16(previous + 4, true) + v.getUint16(at + 4, true);
    v.setUint16(previous + 4, length, true);
  } else {
    v.setUint32(at, 0, true);
  }
  block.freeHint = 0;
}

/** Lets an entry lead to another inode. */
export function redirectEntry(
  dir: DiskInode,
  { block, at }: Slot,
  ino: number,
  mode: number,
): void {
  dir.vol.cache.touch(block);
  block.view.setUint32(at, ino, true);
  block.data[at + 7] = DT_OF_MODE[(mode >>> 12) & 15]!;
}

/** Lets '..' lead to another directory. */
export function setParent(dir: DiskInode, parent: number): void {
  const slot = findEntry(dir, '..');
  if (slot === null) dir.vol.damaged(`directory inode ${dir.ino} has no '..'`);
  redirectEntry(dir, slot, parent, 0o040000);
}

/** Whether a directory has nothing but '.' and '..'. */
export function isEmptyDirectory(dir: DiskInode): boolean {
  const indexed = isIndexed(dir);
  const blocks = blockCount(dir);
  for (let lblk = 0; lblk < blocks; lblk++) {
    const m = mapBlock(dir, lblk);
    if (isHole(m)) {
      lblk += m.length - 1;
      continue;
    }
    const { data, view } = dir.vol.cache.get(m.start);
    // Index blocks look empty to code that reads records: their first record spans the block.
    if (!indexed) readLeaf(dir, m.start);
    for (let at = 0; at + DIRENT_HEADER <= leafSpace(dir.vol); ) {
      const length = view.getUint16(at + 4, true);
      if (length < DIRENT_HEADER) dir.vol.damaged(`directory inode ${dir.ino}: a damaged block`);
      const name = view.getUint32(at, true) === 0 ? '' : nameAt(data.subarray(0, data.length), at);
      if (name !== '' && name !== '.' && name !== '..') return false;
      at += length;
    }
  }
  return true;
}

function writeRecord(block: MetaBlock, at: number, length: number, e: NewEntry): void {
  const { data, view } = block;
  view.setUint32(at, e.ino, true);
  view.setUint16(at + 4, length, true);
  data[at + 6] = e.name.length;
  data[at + 7] = e.type;
  for (let i = 0; i < e.name.length; i++) data[at + DIRENT_HEADER + i] = e.name.charCodeAt(i);
  data.fill(0, at + DIRENT_HEADER + e.name.length, at + recordSize(e.name.length));
}

/** Puts an entry into the first gap of a leaf. @returns false if there is none */
function insertIntoLeaf(dir: DiskInode, block: MetaBlock, e: NewEntry): boolean {
  const need = recordSize(e.name.length);
  const space = leafSpace(dir.vol);
  const v = block.view;
  for (let at = 0; at < space; ) {
    const length = v.getUint16(at + 4, true);
    const used = v.getUint32(at, true) === 0 ? 0 : recordSize(block.data[at + 6]!);
    if (length - used >= need) {
      dir.vol.cache.touch(block);
      if (used > 0) v.setUint16(at + 4, used, true);
      writeRecord(block, at + used, length - used, e);
      return true;
    }
    at += length;
  }
  return false;
}

/** Adds a block at the end of a directory. */
function appendBlock(dir: DiskInode, kind: number): { block: MetaBlock; lblk: number } {
  const { vol } = dir;
  const lblk = blockCount(dir);
  if (mapBlock(dir, lblk).start !== 0) {
    vol.damaged(`directory inode ${dir.ino}: block ${lblk} beyond its end is in use`);
  }
  const before = lblk > 0 ? mapBlock(dir, lblk - 1).start : 0;
  const nr = allocMetaBlock(vol, before > 0 ? before + 1 : goalOf(dir));
  const block = vol.cache.fresh(nr, kind, dir.seed);
  insertExtent(dir, lblk, 1, nr, false);
  dir.addBlocks(1);
  dir.size = (lblk + 1) * vol.blockSize;
  return { block, lblk };
}

function addLinear(dir: DiskInode, e: NewEntry): void {
  const { vol } = dir;
  const blocks = blockCount(dir);
  for (let lblk = 0; lblk < blocks; lblk++) {
    if (insertIntoLeaf(dir, readLeaf(dir, mustMap(dir, lblk)), e)) return;
  }
  if (blocks === 1 && vol.sb.dirIndex) {
    makeIndex(dir);
    addIndexed(dir, e);
    return;
  }
  const { block } = appendBlock(dir, KIND.dirLeaf);
  initTail(vol, block);
  writeRecord(block, 0, leafSpace(vol), e);
}

/** Turns a directory of one full block into an index with one leaf. */
function makeIndex(dir: DiskInode): void {
  const { vol } = dir;
  const root = readLeaf(dir, mustMap(dir, 0));
  const { version } = defaultHash(dir);
  const entries = entriesOfLeaf(dir, root, { version, seed: [0, 0, 0, 0] }).filter(
    (e) => e.name !== '.' && e.name !== '..',
  );
  const parent = findEntry(dir, '..');
  if (parent === null) dir.vol.damaged(`directory inode ${dir.ino} has no '..'`);
  const parentIno = parent.block.view.getUint32(parent.at, true);
  const leaf = appendBlock(dir, KIND.dirLeaf);
  fillLeaf(dir, leaf.block, entries);
  vol.cache.touch(root);
  root.kind = KIND.dirIndex;
  root.data.fill(0);
  writeRecord(root, 0, 12, { name: '.', ino: dir.ino, type: 2 });
  writeRecord(root, 12, vol.blockSize - 12, { name: '..', ino: parentIno, type: 2 });
  // struct dx_root_info: the hash version without the sign, which is the superblock's.
  root.data[28] = version % 3;
  root.data[29] = 8;
  initIndex(dir, root, DX_ROOT_COUNT, leaf.lblk);
  dir.flags |= FL_INDEX;
}

function initIndex(dir: DiskInode, block: MetaBlock, countAt: number, first: number): void {
  block.view.setUint16(countAt, indexLimit(dir.vol, countAt), true);
  block.view.setUint16(countAt + 2, 1, true);
  block.view.setUint32(countAt + 4, first, true);
}

interface Hashed extends NewEntry {
  readonly hash: number;
}

function entriesOfLeaf(dir: DiskInode, block: MetaBlock, params: HashParams): Hashed[] {
  const out: Hashed[] = [];
  const space = leafSpace(dir.vol);
  for (let at = 0; at < space; at += block.view.getUint16(at + 4, true)) {
    const ino = block.view.getUint32(at, true);
    if (ino === 0) continue;
    const name = nameAt(block.data, at);
    out.push({ name, ino, type: block.data[at + 7]!, hash: hashName(name, params).major });
  }
  return out;
}

/** Writes entries one after the other; the last record takes the rest of the block. */
function fillLeaf(dir: DiskInode, block: MetaBlock, entries: readonly NewEntry[]): void {
  const space = leafSpace(dir.vol);
  block.data.fill(0, 0, space);
  let at = 0;
  entries.forEach((e, i) => {
    const last = i === entries.length - 1;
    const length = last ? space - at : recordSize(e.name.length);
    writeRecord(block, at, length, e);
    at += length;
  });
  if (entries.length === 0) block.view.setUint16(4, space, true);
  initTail(dir.vol, block);
}

/** More splits than one insertion can need. */
const MAX_SPLITS = 64;

function addIndexed(dir: DiskInode, e: NewEntry): void {
  const params = hashParams(dir, dxRoot(dir));
  const { major } = hashName(e.name, params);
  for (let attempt = 0; attempt < MAX_SPLITS; attempt++) {
    const path = dxProbe(dir, major);
    const leaf = readLeaf(dir, mustMap(dir, dxLeaf(path)));
    if (insertIntoLeaf(dir, leaf, e)) return;
    if (makeIndexRoom(dir, path)) splitLeaf(dir, path, leaf, params);
  }
  throw linuxError(ENOSPC);
}

/** Makes room for one more entry in the last frame. @returns false if the caller has to probe again */
function makeIndexRoom(dir: DiskInode, path: readonly DxFrame[]): boolean {
  let level = path.length - 1;
  if (dxCount(path[level]!) < dxLimit(path[level]!)) return true;
  while (level >= 0 && dxCount(path[level]!) >= dxLimit(path[level]!)) level--;
  if (level < 0) deepenIndex(dir, path[0]!);
  else splitIndex(dir, path[level]!, path[level + 1]!);
  return false;
}

function newIndexBlock(dir: DiskInode): { block: MetaBlock; lblk: number } {
  const made = appendBlock(dir, KIND.dirIndex);
  made.block.view.setUint16(4, dir.vol.blockSize, true);
  made.block.view.setUint16(DX_NODE_COUNT, indexLimit(dir.vol, DX_NODE_COUNT), true);
  return made;
}

/** Copies `count` entries of a frame from entry `from` on to the start of a new index block. */
function moveEntries(frame: DxFrame, from: number, count: number, to: MetaBlock): void {
  const start = frame.countAt + from * 8;
  const moved = frame.block.data.subarray(start, start + count * 8);
  const limit = to.view.getUint16(DX_NODE_COUNT, true);
  to.data.set(moved, DX_NODE_COUNT);
  to.view.setUint16(DX_NODE_COUNT, limit, true);
  to.view.setUint16(DX_NODE_COUNT + 2, count, true);
}

/** Puts all entries of the root into a new block below it. */
function deepenIndex(dir: DiskInode, root: DxFrame): void {
  const levels = root.block.data[30]!;
  if (levels >= maxIndirectLevels(dir)) throw linuxError(ENOSPC);
  const { block, lblk } = newIndexBlock(dir);
  moveEntries(root, 0, dxCount(root), block);
  dir.vol.cache.touch(root.block);
  root.block.data[30] = levels + 1;
  root.block.view.setUint16(root.countAt + 2, 1, true);
  root.block.view.setUint32(root.countAt + 4, lblk, true);
}

function splitIndex(dir: DiskInode, parent: DxFrame, full: DxFrame): void {
  const count = dxCount(full);
  const keep = count >> 1;
  const { block, lblk } = newIndexBlock(dir);
  const hash = dxHash(full, keep);
  moveEntries(full, keep, count - keep, block);
  dir.vol.cache.touch(full.block);
  full.block.view.setUint16(full.countAt + 2, keep, true);
  insertIndexEntry(dir, parent, hash, lblk);
}

/** Adds an entry after the one that the frame is at. */
function insertIndexEntry(dir: DiskInode, frame: DxFrame, hash: number, lblk: number): void {
  const { block, countAt, index } = frame;
  dir.vol.cache.touch(block);
  const count = dxCount(frame);
  const at = countAt + (index + 1) * 8;
  block.data.copyWithin(at + 8, at, countAt + count * 8);
  block.view.setUint32(at, hash, true);
  block.view.setUint32(at + 4, lblk, true);
  block.view.setUint16(countAt + 2, count + 1, true);
}

/** Moves the upper half of a leaf, by hash, to a new block. */
function splitLeaf(
  dir: DiskInode,
  path: readonly DxFrame[],
  leaf: MetaBlock,
  params: HashParams,
): void {
  const entries = entriesOfLeaf(dir, leaf, params);
  if (entries.length < 2) dir.vol.damaged(`directory inode ${dir.ino}: a full block of one entry`);
  entries.sort((a, b) => a.hash - b.hash);
  const total = entries.reduce((sum, e) => sum + recordSize(e.name.length), 0);
  let keep = 0;
  for (let size = 0; keep < entries.length - 1; keep++) {
    const next = size + recordSize(entries[keep]!.name.length);
    if (keep > 0 && next > total / 2) break;
    size = next;
  }
  const hash = entries[keep]!.hash;
  const continued = entries[keep - 1]!.hash === hash ? 1 : 0;
  const { block, lblk } = appendBlock(dir, KIND.dirLeaf);
  dir.vol.cache.touch(leaf);
  fillLeaf(dir, block, entries.slice(keep));
  fillLeaf(dir, leaf, entries.slice(0, keep));
  insertIndexEntry(dir, path[path.length - 1]!, hash + continued, lblk);
}
