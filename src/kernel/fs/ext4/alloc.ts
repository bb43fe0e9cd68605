/**
 * Giving out and taking back blocks and inodes (fs/ext4/mballoc.c and ialloc.c in small).
 *
 * Invariants: a block is never given out while delayed allocation has promised it to somebody else;
 * blocks freed since the last commit are not given out before it; freeing what is free already is
 * damage (EUCLEAN), not a count that goes wrong.
 */

import { ENOSPC, linuxError } from '../../errno.ts';
import { KIND } from './buffers.ts';
import { DiskInode } from './disk-inode.ts';
import { BG_INODE_ZEROED, INO, WANT_EXTRA_ISIZE } from './layout.ts';
import type { Volume } from './volume.ts';

export interface BlockRun {
  readonly start: number;
  readonly length: number;
}

/** Allocates for metadata: what delayed allocation has promised is not available. */
export function allocMetaBlock(vol: Volume, goal: number): number {
  if (vol.freeBlocks - vol.reserved < 1) throw linuxError(ENOSPC);
  return allocBlocks(vol, goal, 1).start;
}

/** Allocates 1 to `want` neighbouring blocks, near `goal` if possible. */
export function allocBlocks(vol: Volume, goal: number, want: number): BlockRun {
  const { groups, sb } = vol;
  const inside = goal >= sb.firstDataBlock && goal < sb.blocks ? goal - sb.firstDataBlock : 0;
  const first = Math.floor(inside / sb.blocksPerGroup);
  for (let i = 0; i <= sb.groups; i++) {
    const g = (first + i) % sb.groups;
    if (groups.freeBlocks(g) === 0) continue;
    const bit = findFree(vol, g, i === 0 ? inside % sb.blocksPerGroup : 0);
    if (bit < 0) continue;
    return takeRun(vol, g, bit, want);
  }
  throw linuxError(ENOSPC);
}

/** The first bit from `from` on that is free and may be given out, or -1. */
function findFree(vol: Volume, g: number, from: number): number {
  const map = vol.groups.blockMap(g).data;
  const pending = vol.groups.pendingBits(g);
  const count = vol.groups.blockCount(g);
  const hints = vol.groups.blockHints;
  // Only a search from the hint on shows that all before a byte is used, and not if it passes by what was freed lately.
  const shows = pending === undefined && from <= hints[g]! * 8;
  for (let byte = Math.max(from >> 3, hints[g]!); byte * 8 < count; byte++) {
    let used = map[byte]!;
    if (pending !== undefined) used |= pending[byte]!;
    if (byte === from >> 3) used |= (1 << (from & 7)) - 1;
    if (used === 0xff) continue;
    if (shows) hints[g] = byte;
    const bit = byte * 8 + (31 - Math.clz32(~used & (used + 1)));
    return bit < count ? bit : -1;
  }
  return -1;
}

function takeRun(vol: Volume, g: number, bit: number, want: number): BlockRun {
  const { groups } = vol;
  const map = groups.touchBlockMap(g).data;
  const pending = groups.pendingBits(g);
  const count = Math.min(groups.blockCount(g), bit + Math.min(want, groups.freeBlocks(g)));
  let end = bit;
  while (end < count) {
    const mask = 1 << (end & 7);
    if (map[end >> 3]! & mask || (pending !== undefined && pending[end >> 3]! & mask)) break;
    map[end >> 3]! |= mask;
    end++;
  }
  const start = groups.first(g) + bit;
  if (!vol.zone.allows(start, end - bit)) {
    vol.damaged(`the block bitmap of group ${g} calls metadata free`);
  }
  groups.addFreeBlocks(g, bit - end);
  return { start, length: end - bit };
}

/** Frees blocks; those that were metadata leave the cache. */
export function freeBlocks(vol: Volume, start: number, length: number): void {
  const { groups, sb } = vol;
  if (!vol.zone.allows(start, length)) vol.damaged(`blocks ${start}+${length} cannot be freed`);
  for (let nr = start; nr < start + length; ) {
    const g = Math.floor((nr - sb.firstDataBlock) / sb.blocksPerGroup);
    const bit = nr - groups.first(g);
    const n = Math.min(start + length - nr, groups.blockCount(g) - bit);
    const map = groups.touchBlockMap(g).data;
    groups.blockHints[g] = Math.min(groups.blockHints[g]!, bit >> 3);
    for (let i = bit; i < bit + n; i++) {
      if ((map[i >> 3]! & (1 << (i & 7))) === 0)
        vol.damaged(`block ${nr + i - bit} is freed twice`);
      map[i >> 3]! &= ~(1 << (i & 7));
    }
    groups.addFreeBlocks(g, n);
    groups.addPending(g, bit, n);
    nr += n;
  }
  vol.afterwards(() => {
    for (let nr = start; nr < start + length; nr++) vol.cache.drop(nr);
  });
}

/** Allocates an inode; its record is zeros but for what every inode has. */
export function allocInode(vol: Volume, parent: DiskInode, isDirectory: boolean): DiskInode {
  const g = isDirectory ? directoryGroup(vol, parent) : parent.group;
  for (let i = 0; i < vol.sb.groups; i++) {
    const group = (g + i) % vol.sb.groups;
    if (vol.groups.freeInodes(group) === 0) continue;
    const slot = freeSlot(vol, group);
    if (slot >= 0) return takeInode(vol, group, slot, isDirectory);
  }
  throw linuxError(ENOSPC);
}

/** Directories in the root spread over the groups; others stay near their parent while there is room. */
function directoryGroup(vol: Volume, parent: DiskInode): number {
  const { groups, sb } = vol;
  const average = vol.freeInodes / sb.groups;
  const averageBlocks = vol.freeBlocks / sb.groups;
  const roomy = (g: number): boolean =>
    groups.freeInodes(g) > 0 &&
    groups.freeInodes(g) >= average &&
    groups.freeBlocks(g) >= averageBlocks;
  if (parent.ino !== 2) {
    const near = groups.freeInodes(parent.group) > 0 && groups.freeBlocks(parent.group) > 0;
    if (near) return parent.group;
  }
  let best = -1;
  for (let g = 0; g < sb.groups; g++) {
    if (!roomy(g)) continue;
    if (best < 0 || groups.usedDirs(g) < groups.usedDirs(best)) best = g;
  }
  return best < 0 ? parent.group : best;
}

function freeSlot(vol: Volume, g: number): number {
  const map = vol.groups.inodeMap(g).data;
  const { inodesPerGroup, firstIno } = vol.sb;
  const hints = vol.groups.inodeHints;
  for (let byte = hints[g]!; byte * 8 < inodesPerGroup; byte++) {
    let used = map[byte]!;
    const base = g * inodesPerGroup + byte * 8 + 1;
    if (base < firstIno) used |= (1 << Math.min(8, firstIno - base)) - 1;
    if (used === 0xff) continue;
    hints[g] = byte;
    const slot = byte * 8 + (31 - Math.clz32(~used & (used + 1)));
    return slot < inodesPerGroup ? slot : -1;
  }
  return -1;
}

function takeInode(vol: Volume, g: number, slot: number, isDirectory: boolean): DiskInode {
  const { groups, sb } = vol;
  clearUnused(vol, g, slot);
  groups.touchInodeMap(g).data[slot >> 3]! |= 1 << (slot & 7);
  groups.addFreeInodes(g, -1);
  if (isDirectory) groups.addUsedDirs(g, 1);
  const inode = new DiskInode(vol, g * sb.inodesPerGroup + slot + 1);
  inode.clear();
  inode.set32(INO.generation, vol.random() >>> 0);
  if (sb.inodeSize > 128) {
    inode.set16(INO.extraIsize, Math.min(WANT_EXTRA_ISIZE, sb.inodeSize - 128));
  }
  return inode;
}

/** Moves the end of the used part of the inode table behind `slot`, clearing what nobody has cleared. */
function clearUnused(vol: Volume, g: number, slot: number): void {
  const { groups, sb } = vol;
  const end = sb.inodesPerGroup - groups.itableUnused(g);
  if (slot < end) return;
  if ((groups.flags(g) & BG_INODE_ZEROED) === 0) {
    for (let s = end; s < slot; s++) new DiskInode(vol, g * sb.inodesPerGroup + s + 1).clear();
  }
  groups.setItableUnused(g, sb.inodesPerGroup - slot - 1);
}

/** Frees an inode that nothing refers to any more. */
export function freeInode(vol: Volume, inode: DiskInode, isDirectory: boolean): void {
  const { groups, sb } = vol;
  const slot = (inode.ino - 1) % sb.inodesPerGroup;
  const map = groups.touchInodeMap(inode.group).data;
  if ((map[slot >> 3]! & (1 << (slot & 7))) === 0) vol.damaged(`inode ${inode.ino} is freed twice`);
  map[slot >> 3]! &= ~(1 << (slot & 7));
  groups.inodeHints[inode.group] = Math.min(groups.inodeHints[inode.group]!, slot >> 3);
  groups.addFreeInodes(inode.group, 1);
  if (isDirectory) groups.addUsedDirs(inode.group, -1);
}

/** A new metadata block of an inode, zeroed. */
export function newMetaBlock(inode: DiskInode, goal: number, kind: number): number {
  const { vol } = inode;
  const nr = allocMetaBlock(vol, goal);
  vol.cache.fresh(nr, kind, kind === KIND.xattr ? vol.sb.csumSeed : inode.seed);
  return nr;
}

/** Where an inode's first block should be. */
export function goalOf(inode: DiskInode): number {
  return inode.vol.groups.first(inode.group);
}
