/**
 * The journal's formats (include/linux/jbd2.h) and where its blocks are. Big-endian throughout.
 *
 *   block header   magic 4, type 4, sequence 4
 *   descriptor     header, tags; with checksums a CRC-32C in the last 4 bytes
 *   tag (v3)       block 4, flags 4, block high 4, checksum 4        [uuid 16 unless SAME_UUID]
 *   tag (else)     block 4, checksum 2, flags 2, [high 4 with 64bit] [2 bytes with v2]  [uuid 16]
 *   commit         header, type 1, size 1, pad 2, checksum 4 …, at 48: seconds 8, nanoseconds 4
 */

import type { BlockDevice } from '../../ports.ts';
import { crc32c, crc32cZeros } from './crc.ts';
import { Ext4ImageError } from './errors.ts';
import { EH, EXT_INIT_MAX_LEN, EXT_MAGIC, EXT_SIZE, GD, INO, SB } from './layout.ts';
import type { Superblock } from './superblock.ts';

export const JBD2_MAGIC = 0xc03b3998;
export const BLOCK_DESCRIPTOR = 1;
export const BLOCK_COMMIT = 2;
export const BLOCK_SUPER_V2 = 4;
export const BLOCK_REVOKE = 5;

export const TAG_ESCAPE = 1;
export const TAG_SAME_UUID = 2;
export const TAG_LAST = 8;

/** journal_superblock_t */
export const JSB = {
  blockSize: 0x0c,
  maxLen: 0x10,
  first: 0x14,
  sequence: 0x18,
  start: 0x1c,
  errno: 0x20,
  featureCompat: 0x24,
  featureIncompat: 0x28,
  featureRoCompat: 0x2c,
  uuid: 0x30,
  nrUsers: 0x40,
  checksumType: 0x50,
  numFcBlocks: 0x54,
  checksum: 0xfc,
  users: 0x100,
} as const;

export const JBD2_INCOMPAT = {
  revoke: 1,
  is64bit: 2,
  asyncCommit: 4,
  csumV2: 8,
  csumV3: 16,
  fastCommit: 32,
} as const;
const CHECKSUM_CRC32C = 4;

export interface RawTag {
  readonly block: number;
  readonly flags: number;
  readonly checksum: number;
}

/** The journal's superblock, and what follows from it. */
export class JournalSuper {
  readonly block: Uint8Array;
  readonly view: DataView;
  readonly first: number;
  readonly length: number;
  incompat: number;

  constructor(block: Uint8Array, blocks: number) {
    this.block = block;
    const v = new DataView(block.buffer, block.byteOffset, block.length);
    this.view = v;
    if (v.getUint32(0, false) !== JBD2_MAGIC || v.getUint32(4, false) !== BLOCK_SUPER_V2) {
      throw new Ext4ImageError('the journal is damaged: its superblock');
    }
    this.incompat = v.getUint32(JSB.featureIncompat, false);
    if (this.incompat & ~63 || v.getUint32(JSB.featureRoCompat, false) !== 0) {
      throw new Ext4ImageError('the journal has features that are not supported');
    }
    if (this.hasChecksums && v.getUint32(JSB.checksum, false) !== this.checksum()) {
      throw new Ext4ImageError('the journal superblock has a wrong checksum');
    }
    const fast =
      this.incompat & JBD2_INCOMPAT.fastCommit ? v.getUint32(JSB.numFcBlocks, false) || 256 : 0;
    this.first = v.getUint32(JSB.first, false);
    this.length = v.getUint32(JSB.maxLen, false) - fast;
    const usable = this.first >= 1 && this.length > this.first + 4 && this.length + fast <= blocks;
    if (v.getUint32(JSB.blockSize, false) !== block.length || !usable) {
      throw new Ext4ImageError('the journal is damaged: its geometry');
    }
  }

  get is64bit(): boolean {
    return (this.incompat & JBD2_INCOMPAT.is64bit) !== 0;
  }

  get checksumV3(): boolean {
    return (this.incompat & JBD2_INCOMPAT.csumV3) !== 0;
  }

  get hasChecksums(): boolean {
    return (this.incompat & (JBD2_INCOMPAT.csumV2 | JBD2_INCOMPAT.csumV3)) !== 0;
  }

  get seed(): number {
    return crc32c(0xffffffff, this.block, JSB.uuid, JSB.uuid + 16);
  }

  get tagSize(): number {
    if (this.checksumV3) return 16;
    return 8 + (this.is64bit ? 4 : 0) + (this.hasChecksums ? 2 : 0);
  }

  readTag(v: DataView, p: number): RawTag {
    const low = v.getUint32(p, false);
    if (this.checksumV3) {
      const high = this.is64bit ? v.getUint32(p + 8, false) : 0;
      return {
        block: low + high * 2 ** 32,
        flags: v.getUint32(p + 4, false),
        checksum: v.getUint32(p + 12, false),
      };
    }
    const high = this.is64bit ? v.getUint32(p + 8, false) : 0;
    return {
      block: low + high * 2 ** 32,
      flags: v.getUint16(p + 6, false),
      checksum: v.getUint16(p + 4, false),
    };
  }

  writeTag(v: DataView, p: number, tag: RawTag): void {
    v.setUint32(p, tag.block % 2 ** 32, false);
    const high = Math.floor(tag.block / 2 ** 32);
    if (this.checksumV3) {
      v.setUint32(p + 4, tag.flags, false);
      v.setUint32(p + 8, high, false);
      v.setUint32(p + 12, tag.checksum, false);
      return;
    }
    v.setUint16(p + 4, tag.checksum, false);
    v.setUint16(p + 6, tag.flags, false);
    if (this.is64bit) v.setUint32(p + 8, high, false);
  }

  /** Asks for checksums v3 and 64-bit block numbers, as Linux does on a metadata_csum mount. */
  upgrade(is64bit: boolean): void {
    let f = this.incompat & ~JBD2_INCOMPAT.csumV2;
    f |= JBD2_INCOMPAT.revoke | JBD2_INCOMPAT.csumV3;
    if (is64bit) f |= JBD2_INCOMPAT.is64bit;
    this.incompat = f;
    this.view.setUint32(JSB.featureIncompat, f, false);
    this.view.setUint8(JSB.checksumType, CHECKSUM_CRC32C);
  }

  seal(): void {
    if (this.hasChecksums) this.view.setUint32(JSB.checksum, this.checksum(), false);
  }

  private checksum(): number {
    const crc = crc32cZeros(crc32c(0xffffffff, this.block, 0, JSB.checksum), 4);
    return crc32c(crc, this.block, JSB.checksum + 4, 1024);
  }
}

export function readJournalSuper(map: JournalMap): JournalSuper {
  const block = new Uint8Array(map.blockSize);
  map.read(0, block);
  return new JournalSuper(block, map.blocks);
}

/** Most extents a journal may consist of. */
const MAX_RUNS = 4096;

/**
 * Where the journal's blocks are, found on the bare device (recovery comes before mounting): from the
 * copy of the journal inode's i_block in the superblock, or the inode itself.
 */
export class JournalMap {
  readonly blockSize: number;
  readonly blocks: number;
  private readonly device: BlockDevice;
  private readonly limit: number;
  /** Triples: logical block, device block, length; ascending. */
  readonly runs: [number, number, number][] = [];

  constructor(device: BlockDevice, sb: Superblock) {
    this.device = device;
    this.blockSize = sb.blockSize;
    this.limit = sb.blocks;
    const iblock = this.findIblock(sb);
    this.collect(new DataView(iblock.buffer, iblock.byteOffset, 60), 5);
    let next = 0;
    for (const run of this.runs) {
      if (run[0] !== next) break;
      next += run[2];
    }
    this.blocks = next;
  }

  read(index: number, into: Uint8Array): void {
    this.device.read(this.place(index) * this.blockSize, into);
  }

  write(index: number, from: Uint8Array): void {
    this.device.write(this.place(index) * this.blockSize, from);
  }

  /** Device block of block `index` of the journal. */
  place(index: number): number {
    for (const [lblk, start, length] of this.runs) {
      if (index >= lblk && index < lblk + length) return start + index - lblk;
    }
    throw new Ext4ImageError(`the journal is damaged: its block ${index} is missing`);
  }

  private findIblock(sb: Superblock): Uint8Array {
    const ino = sb.view.getUint32(SB.journalInum, true);
    if (ino === 0 || ino > sb.inodes) throw new Ext4ImageError('the journal is not in the image');
    if (sb.view.getUint8(SB.jnlBackupType) === 1)
      return sb.bytes.slice(SB.jnlBlocks, SB.jnlBlocks + 60);
    // Not meta_bg: such an image has the copy in its superblock.
    const group = Math.floor((ino - 1) / sb.inodesPerGroup);
    const desc = new Uint8Array(sb.descSize);
    const table = (Math.floor(1024 / sb.blockSize) + 1) * sb.blockSize;
    this.device.read(table + group * sb.descSize, desc);
    const v = new DataView(desc.buffer);
    const high = sb.is64bit ? v.getUint32(GD.inodeTableHi, true) : 0;
    const itable = v.getUint32(GD.inodeTableLo, true) + high * 2 ** 32;
    const record = new Uint8Array(128);
    const offset = itable * sb.blockSize + ((ino - 1) % sb.inodesPerGroup) * sb.inodeSize;
    if (offset + 128 > sb.blocks * sb.blockSize)
      throw new Ext4ImageError('the journal inode is damaged');
    this.device.read(offset, record);
    return record.slice(INO.block, INO.block + 60);
  }

  private collect(root: DataView, depth: number): void {
    if (root.getUint16(0, true) === EXT_MAGIC) this.collectExtents(root, depth);
    else this.collectIndirect(root);
  }

  private collectExtents(v: DataView, depth: number): void {
    const count = v.getUint16(EH.entries, true);
    const levels = v.getUint16(EH.depth, true);
    const empty = count === 0 && v.byteLength > 60;
    const fits = (count + 1) * EXT_SIZE <= v.byteLength;
    if (v.getUint16(0, true) !== EXT_MAGIC || levels > depth || !fits || empty) {
      throw new Ext4ImageError('the journal is damaged: its extents');
    }
    for (let i = 0; i < count; i++) {
      const at = EXT_SIZE + i * EXT_SIZE;
      if (levels > 0) {
        const child = this.readNode(
          v.getUint32(at + 4, true) + v.getUint16(at + 8, true) * 2 ** 32,
        );
        this.collectExtents(child, levels - 1);
      } else {
        const raw = v.getUint16(at + 4, true);
        const length = raw > EXT_INIT_MAX_LEN ? raw - EXT_INIT_MAX_LEN : raw;
        const start = v.getUint32(at + 8, true) + v.getUint16(at + 6, true) * 2 ** 32;
        this.add(v.getUint32(at, true), start, length);
      }
    }
  }

  private collectIndirect(v: DataView): void {
    let lblk = 0;
    const leaf = (nr: number): void => {
      if (nr !== 0) this.add(lblk, nr, 1);
      lblk++;
    };
    const walk = (nr: number, level: number): void => {
      if (level === 0) {
        leaf(nr);
        return;
      }
      if (nr === 0) return;
      const block = this.readNode(nr);
      for (let i = 0; i < this.blockSize / 4; i++) {
        const child = block.getUint32(i * 4, true);
        if (child === 0) return;
        walk(child, level - 1);
      }
    };
    for (let i = 0; i < 12; i++) leaf(v.getUint32(i * 4, true));
    for (let level = 1; level <= 3; level++) walk(v.getUint32((11 + level) * 4, true), level);
  }

  private add(lblk: number, start: number, length: number): void {
    const last = this.runs[this.runs.length - 1];
    if (
      start === 0 ||
      start + length > this.limit ||
      (last !== undefined && lblk < last[0] + last[2])
    ) {
      throw new Ext4ImageError('the journal is damaged: where its blocks are');
    }
    if (last !== undefined && last[0] + last[2] === lblk && last[1] + last[2] === start)
      last[2] += length;
    else this.runs.push([lblk, start, length]);
    if (this.runs.length > MAX_RUNS) throw new Ext4ImageError('the journal is in too many pieces');
  }

  private readNode(nr: number): DataView {
    if (nr === 0 || nr >= this.limit)
      throw new Ext4ImageError('the journal is damaged: where its blocks are');
    const block = new Uint8Array(this.blockSize);
    this.device.read(nr * this.blockSize, block);
    return new DataView(block.buffer);
  }
}
