/**
 * Block groups: their descriptors and bitmaps (Linux: fs/ext4/balloc.c, ialloc.c).
 *
 * Invariants: all descriptors have been verified and point inside the device; a bitmap comes out of
 * `blockMap`/`inodeMap` verified, or made up if its group is still uninitialised; blocks freed since the
 * last commit are not given out again before it, because the old owner may come back by a crash.
 */

import { KIND, type MetaBlock } from './buffers.ts';
import { crc16, crc32c, crc32cLe32, crc32cZeros } from './crc.ts';
import { Ext4ImageError } from './errors.ts';
import { BG_BLOCK_UNINIT, BG_INODE_UNINIT, COMPAT, GD, INCOMPAT, SB } from './layout.ts';
import type { Superblock } from './superblock.ts';
import type { Volume } from './volume.ts';

export class GroupTable {
  readonly inodeTableBlocks: number;
  /** Groups whose descriptor or bitmaps changed. */
  readonly dirty: Set<number> = new Set();
  /** By group, the byte of its bitmap before which every inode and every block is used: where a search begins. */
  readonly inodeHints: Int32Array;
  readonly blockHints: Int32Array;
  private readonly vol: Volume;
  private readonly perBlock: number;
  private readonly descSize: number;
  private readonly blocks: MetaBlock[] = [];
  private readonly wide: boolean;
  /** Bits of blocks freed since the last commit, by group. */
  private pending = new Map<number, Uint8Array>();

  constructor(vol: Volume) {
    this.vol = vol;
    const { sb } = vol;
    this.inodeHints = new Int32Array(sb.groups);
    this.blockHints = new Int32Array(sb.groups);
    this.descSize = sb.descSize;
    this.wide = sb.is64bit;
    this.perBlock = Math.floor(sb.blockSize / sb.descSize);
    this.inodeTableBlocks = Math.ceil((sb.inodesPerGroup * sb.inodeSize) / sb.blockSize);
    const count = Math.ceil(sb.groups / this.perBlock);
    for (let i = 0; i < count; i++) {
      const nr = this.descriptorBlock(i);
      if (nr >= sb.blocks) throw new Ext4ImageError('the group descriptors are outside the image');
      const block = vol.cache.get(nr);
      block.pinned = true;
      block.kind = KIND.group;
      this.blocks.push(block);
    }
    for (let g = 0; g < sb.groups; g++) this.verify(g);
  }

  /** First block of group `g`. */
  first(g: number): number {
    return this.vol.sb.firstDataBlock + g * this.vol.sb.blocksPerGroup;
  }

  /** Blocks in group `g` (the last one may be short). */
  blockCount(g: number): number {
    return Math.min(this.vol.sb.blocksPerGroup, this.vol.sb.blocks - this.first(g));
  }

  blockBitmap(g: number): number {
    return this.address(g, GD.blockBitmapLo, GD.blockBitmapHi);
  }

  inodeBitmap(g: number): number {
    return this.address(g, GD.inodeBitmapLo, GD.inodeBitmapHi);
  }

  inodeTable(g: number): number {
    return this.address(g, GD.inodeTableLo, GD.inodeTableHi);
  }

  freeBlocks(g: number): number {
    return this.count(g, GD.freeBlocksLo, GD.freeBlocksHi);
  }

  freeInodes(g: number): number {
    return this.count(g, GD.freeInodesLo, GD.freeInodesHi);
  }

  usedDirs(g: number): number {
    return this.count(g, GD.usedDirsLo, GD.usedDirsHi);
  }

  itableUnused(g: number): number {
    return this.hasCsum ? this.storedUnused(g) : 0;
  }

  storedUnused(g: number): number {
    return this.count(g, GD.itableUnusedLo, GD.itableUnusedHi);
  }

  flags(g: number): number {
    return this.hasCsum ? this.storedFlags(g) : 0;
  }

  /** Flags as they are stored, whether or not the features that give them a meaning are there. */
  storedFlags(g: number): number {
    return this.view(g).getUint16(this.at(g) + GD.flags, true);
  }

  addFreeBlocks(g: number, delta: number): void {
    this.setCount(g, GD.freeBlocksLo, GD.freeBlocksHi, this.freeBlocks(g) + delta);
    this.vol.freeBlocks += delta;
  }

  addFreeInodes(g: number, delta: number): void {
    this.setCount(g, GD.freeInodesLo, GD.freeInodesHi, this.freeInodes(g) + delta);
    this.vol.freeInodes += delta;
  }

  addUsedDirs(g: number, delta: number): void {
    this.setCount(g, GD.usedDirsLo, GD.usedDirsHi, Math.max(0, this.usedDirs(g) + delta));
  }

  setItableUnused(g: number, count: number): void {
    if (this.hasCsum) this.setCount(g, GD.itableUnusedLo, GD.itableUnusedHi, count);
  }

  setFlags(g: number, flags: number): void {
    if (!this.hasCsum) return;
    this.touch(g).setUint16(this.at(g) + GD.flags, flags, true);
  }

  /** Blocks at the start of the group for the superblock's and descriptors' copies. */
  overhead(g: number): number {
    const { sb } = this.vol;
    const backup = sb.hasBackup(g) ? 1 : 0;
    const metaBg = sb.has(INCOMPAT.meta_bg);
    const firstMeta = sb.view.getUint32(SB.firstMetaBg, true);
    if (!metaBg || g < firstMeta * this.perBlock) {
      if (backup === 0) return 0;
      const all = metaBg ? Math.min(firstMeta, this.blocks.length) : this.blocks.length;
      const reserved =
        sb.compat & COMPAT.resize_inode ? sb.view.getUint16(SB.reservedGdtBlocks, true) : 0;
      return 1 + all + reserved;
    }
    const k = g % this.perBlock;
    return backup + (k === 0 || k === 1 || k === this.perBlock - 1 ? 1 : 0);
  }

  /** The block bitmap of a group, verified. */
  blockMap(g: number): MetaBlock {
    const block = this.vol.cache.get(this.blockBitmap(g));
    if (block.kind === KIND.blockBitmap) return block;
    this.claim(block, g);
    if (this.flags(g) & BG_BLOCK_UNINIT) this.inventBlockMap(g, block.data);
    else if (
      this.vol.sb.metadataCsum &&
      this.blockMapCsum(block) !== this.storedCsum(g, GD.blockBitmapCsumLo, GD.blockBitmapCsumHi)
    ) {
      this.vol.damaged(`block ${block.nr}: wrong checksum of the block bitmap of group ${g}`);
    }
    block.kind = KIND.blockBitmap;
    return block;
  }

  inodeMap(g: number): MetaBlock {
    const block = this.vol.cache.get(this.inodeBitmap(g));
    if (block.kind === KIND.inodeBitmap) return block;
    this.claim(block, g);
    if (this.flags(g) & BG_INODE_UNINIT) {
      block.data.fill(0, 0, this.vol.sb.inodesPerGroup >> 3);
      block.data.fill(0xff, this.vol.sb.inodesPerGroup >> 3);
    } else if (
      this.vol.sb.metadataCsum &&
      this.inodeMapCsum(block) !== this.storedCsum(g, GD.inodeBitmapCsumLo, GD.inodeBitmapCsumHi)
    ) {
      this.vol.damaged(`block ${block.nr}: wrong checksum of the inode bitmap of group ${g}`);
    }
    block.kind = KIND.inodeBitmap;
    return block;
  }

  /** Before bits of the block bitmap change. */
  touchBlockMap(g: number): MetaBlock {
    const block = this.blockMap(g);
    this.vol.cache.touch(block);
    this.touch(g);
    const flags = this.flags(g);
    if (flags & BG_BLOCK_UNINIT) this.setFlags(g, flags & ~BG_BLOCK_UNINIT);
    return block;
  }

  touchInodeMap(g: number): MetaBlock {
    const block = this.inodeMap(g);
    this.vol.cache.touch(block);
    this.touch(g);
    const flags = this.flags(g);
    if (flags & BG_INODE_UNINIT) this.setFlags(g, flags & ~BG_INODE_UNINIT);
    return block;
  }

  /** Bits of blocks that are free but not yet to be given out, or undefined. */
  pendingBits(g: number): Uint8Array | undefined {
    return this.pending.get(g);
  }

  get hasPending(): boolean {
    return this.pending.size > 0;
  }

  addPending(g: number, bit: number, count: number): void {
    let bits = this.pending.get(g);
    if (bits === undefined) {
      bits = new Uint8Array(this.vol.blockSize);
      this.pending.set(g, bits);
    }
    const map = bits;
    for (let i = bit; i < bit + count; i++) map[i >> 3]! |= 1 << (i & 7);
    this.vol.onUndo(() => {
      for (let i = bit; i < bit + count; i++) map[i >> 3]! &= ~(1 << (i & 7));
    });
  }

  /** After a commit: what was freed can be used. */
  committed(): void {
    this.pending = new Map();
    this.dirty.clear();
  }

  /** Sets checksums of the changed groups and their bitmaps. */
  seal(): void {
    if (!this.hasCsum) return;
    for (const g of this.dirty) {
      const v = this.touch(g);
      if (this.vol.sb.metadataCsum) {
        const blocks = this.vol.cache.peek(this.blockBitmap(g));
        if (blocks?.dirty)
          this.storeCsum(g, GD.blockBitmapCsumLo, GD.blockBitmapCsumHi, this.blockMapCsum(blocks));
        const inodes = this.vol.cache.peek(this.inodeBitmap(g));
        if (inodes?.dirty)
          this.storeCsum(g, GD.inodeBitmapCsumLo, GD.inodeBitmapCsumHi, this.inodeMapCsum(inodes));
      }
      v.setUint16(this.at(g) + GD.checksum, this.descriptorCsum(g), true);
    }
  }

  get hasCsum(): boolean {
    return this.vol.sb.metadataCsum || this.vol.sb.gdtCsum;
  }

  /** A bitmap's block that another structure claims too would be damage that spreads. */
  private claim(block: MetaBlock, g: number): void {
    if (block.kind === KIND.raw) return;
    this.vol.damaged(`block ${block.nr}: a bitmap of group ${g} and something else`);
  }

  private descriptorBlock(index: number): number {
    const { sb } = this.vol;
    const sbBlock = Math.floor(1024 / sb.blockSize);
    if (!sb.has(INCOMPAT.meta_bg) || index < sb.view.getUint32(SB.firstMetaBg, true)) {
      return sbBlock + 1 + index;
    }
    const g = index * this.perBlock;
    return this.first(g) + (sb.hasBackup(g) ? 1 : 0);
  }

  private view(g: number): DataView {
    return this.blocks[Math.floor(g / this.perBlock)]!.view;
  }

  private at(g: number): number {
    return (g % this.perBlock) * this.descSize;
  }

  private touch(g: number): DataView {
    const block = this.blocks[Math.floor(g / this.perBlock)]!;
    this.vol.cache.touch(block);
    this.dirty.add(g);
    return block.view;
  }

  private address(g: number, lo: number, hi: number): number {
    const v = this.view(g);
    const at = this.at(g);
    const low = v.getUint32(at + lo, true);
    return this.wide ? low + v.getUint32(at + hi, true) * 2 ** 32 : low;
  }

  private count(g: number, lo: number, hi: number): number {
    const v = this.view(g);
    const at = this.at(g);
    const low = v.getUint16(at + lo, true);
    return this.wide ? low + v.getUint16(at + hi, true) * 65536 : low;
  }

  private setCount(g: number, lo: number, hi: number, value: number): void {
    if (value < 0) this.vol.damaged(`a count of group ${g} would be negative`);
    const v = this.touch(g);
    const at = this.at(g);
    v.setUint16(at + lo, value, true);
    if (this.wide) v.setUint16(at + hi, value >>> 16, true);
  }

  private storedCsum(g: number, lo: number, hi: number): number {
    const v = this.view(g);
    const at = this.at(g);
    const low = v.getUint16(at + lo, true);
    return this.wide ? low + v.getUint16(at + hi, true) * 65536 : low;
  }

  private storeCsum(g: number, lo: number, hi: number, csum: number): void {
    const v = this.touch(g);
    v.setUint16(this.at(g) + lo, csum, true);
    if (this.wide) v.setUint16(this.at(g) + hi, csum >>> 16, true);
  }

  private blockMapCsum(block: MetaBlock): number {
    return this.mapCsum(block, this.vol.sb.blocksPerGroup >> 3);
  }

  private inodeMapCsum(block: MetaBlock): number {
    return this.mapCsum(block, this.vol.sb.inodesPerGroup >> 3);
  }

  private mapCsum(block: MetaBlock, length: number): number {
    const crc = crc32c(this.vol.sb.csumSeed, block.data, 0, length);
    return this.wide ? crc : crc & 0xffff;
  }

  private descriptorCsum(g: number): number {
    const data = this.blocks[Math.floor(g / this.perBlock)]!.data;
    const at = this.at(g);
    return descriptorCsum(this.vol.sb, data.subarray(at, at + this.descSize), g);
  }

  /** Checks one descriptor at mount. */
  private verify(g: number): void {
    const { sb } = this.vol;
    if (
      this.hasCsum &&
      this.descriptorCsum(g) !== this.view(g).getUint16(this.at(g) + GD.checksum, true)
    ) {
      throw new Ext4ImageError(
        `the descriptor of block group ${g} has a wrong checksum: the image is damaged`,
      );
    }
    const inside = (nr: number, n: number): boolean =>
      nr > sb.firstDataBlock && nr + n <= sb.blocks;
    const ok =
      inside(this.blockBitmap(g), 1) &&
      inside(this.inodeBitmap(g), 1) &&
      inside(this.inodeTable(g), this.inodeTableBlocks) &&
      this.freeBlocks(g) <= this.blockCount(g) &&
      this.freeInodes(g) <= sb.inodesPerGroup &&
      this.itableUnused(g) <= sb.inodesPerGroup;
    if (!ok) throw new Ext4ImageError(`the descriptor of block group ${g} is damaged`);
  }

  /** The bitmap of a group that nothing has been allocated in (ext4_init_block_bitmap). */
  private inventBlockMap(g: number, map: Uint8Array): void {
    map.fill(0);
    const first = this.first(g);
    const count = this.blockCount(g);
    const mark = (start: number, n: number): void => {
      for (let nr = start; nr < start + n; nr++) {
        const bit = nr - first;
        if (bit >= 0 && bit < count) map[bit >> 3]! |= 1 << (bit & 7);
      }
    };
    mark(first, this.overhead(g));
    mark(this.blockBitmap(g), 1);
    mark(this.inodeBitmap(g), 1);
    mark(this.inodeTable(g), this.inodeTableBlocks);
    for (let bit = count; bit < map.length * 8; bit++) map[bit >> 3]! |= 1 << (bit & 7);
  }
}

/** Checksum of the descriptor of group `g` (ext4_group_desc_csum). */
export function descriptorCsum(sb: Superblock, desc: Uint8Array, g: number): number {
  if (sb.metadataCsum) {
    let crc = crc32c(crc32cLe32(sb.csumSeed, g), desc, 0, GD.checksum);
    crc = crc32cZeros(crc, 2);
    return crc32c(crc, desc, GD.checksum + 2, desc.length) & 0xffff;
  }
  const number = new Uint8Array([g, g >>> 8, g >>> 16, g >>> 24]);
  let crc = crc16(0xffff, sb.uuid, 0, 16);
  crc = crc16(crc16(crc, number, 0, 4), desc, 0, GD.checksum);
  return sb.is64bit ? crc16(crc, desc, GD.checksum + 2, desc.length) : crc;
}
