/**
 * The superblock: parsed and judged once at open. What we do not know is refused by its name
 * (incompat) or makes the mount read-only (ro_compat), as ext4's rules want it.
 */

import type { BlockDevice } from '../../ports.ts';
import { crc32c } from './crc.ts';
import { Ext4ImageError } from './errors.ts';
import {
  COMPAT,
  EXT4_MAGIC,
  GOOD_OLD_INODE_SIZE,
  INCOMPAT,
  RO_COMPAT,
  SB,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
} from './layout.ts';

const KNOWN_INCOMPAT =
  INCOMPAT.filetype |
  INCOMPAT.needs_recovery |
  INCOMPAT.meta_bg |
  INCOMPAT.extent |
  INCOMPAT['64bit'] |
  INCOMPAT.mmp |
  INCOMPAT.flex_bg |
  INCOMPAT.ea_inode |
  INCOMPAT.metadata_csum_seed |
  INCOMPAT.large_dir |
  INCOMPAT.inline_data;

/** What may be written: anything else present makes the mount read-only. */
const WRITABLE_RO_COMPAT =
  RO_COMPAT.sparse_super |
  RO_COMPAT.large_file |
  RO_COMPAT.huge_file |
  RO_COMPAT.uninit_bg |
  RO_COMPAT.dir_nlink |
  RO_COMPAT.extra_isize |
  RO_COMPAT.metadata_csum;

/** Sizes above the page size cannot be mounted by Linux on x86-64 either. */
const MAX_BLOCK_SIZE = 4096;

export class Superblock {
  /** The superblock's bytes; for a mounted file system, inside its cached block. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly blockSize: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly inodes: number;
  readonly inodeSize: number;
  readonly firstIno: number;
  readonly descSize: number;
  readonly groups: number;
  readonly compat: number;
  readonly roCompat: number;
  readonly metadataCsum: boolean;
  readonly gdtCsum: boolean;
  readonly csumSeed: number;
  readonly uuid: Uint8Array;
  /** Of the hashes of names: four words. */
  readonly hashSeed: readonly number[];
  /** Why this cannot be written, or null. */
  readonly readOnlyReason: string | null;

  /** @param torn the checksum may be wrong (torn-superblock.ts) */
  constructor(bytes: Uint8Array, torn = false) {
    const v = new DataView(bytes.buffer, bytes.byteOffset, SUPERBLOCK_SIZE);
    this.view = v;
    this.bytes = bytes;
    checkIdentity(v);
    const rev0 = v.getUint32(SB.revLevel, true) === 0;
    this.compat = rev0 ? 0 : v.getUint32(SB.featureCompat, true);
    this.roCompat = rev0 ? 0 : v.getUint32(SB.featureRoCompat, true);
    const incompat = rev0 ? 0 : v.getUint32(SB.featureIncompat, true);
    checkIncompat(incompat);
    if (this.roCompat & RO_COMPAT.bigalloc) {
      throw new Ext4ImageError("the image uses the feature 'bigalloc', which is not supported");
    }
    this.metadataCsum = (this.roCompat & RO_COMPAT.metadata_csum) !== 0;
    this.gdtCsum = !this.metadataCsum && (this.roCompat & RO_COMPAT.uninit_bg) !== 0;
    if (this.metadataCsum && !torn && !this.isSealed) {
      throw new Ext4ImageError('the superblock has a wrong checksum: the image is damaged');
    }
    this.blockSize = 1024 << v.getUint32(SB.logBlockSize, true);
    this.blocks = v.getUint32(SB.blocksCountLo, true);
    const is64 = (incompat & INCOMPAT['64bit']) !== 0;
    if (is64) this.blocks += v.getUint32(SB.blocksCountHi, true) * 2 ** 32;
    this.firstDataBlock = v.getUint32(SB.firstDataBlock, true);
    this.blocksPerGroup = v.getUint32(SB.blocksPerGroup, true);
    this.inodesPerGroup = v.getUint32(SB.inodesPerGroup, true);
    this.inodes = v.getUint32(SB.inodesCount, true);
    this.inodeSize = rev0 ? GOOD_OLD_INODE_SIZE : v.getUint16(SB.inodeSize, true);
    this.firstIno = rev0 ? 11 : v.getUint32(SB.firstIno, true);
    this.descSize = is64 ? v.getUint16(SB.descSize, true) : 32;
    checkGeometry(this);
    this.groups = Math.ceil((this.blocks - this.firstDataBlock) / this.blocksPerGroup);
    if (this.inodes !== this.groups * this.inodesPerGroup) damaged('the inode count is wrong');
    this.hashSeed = [0, 4, 8, 12].map((at) => v.getUint32(SB.hashSeed + at, true));
    this.uuid = bytes.slice(SB.uuid, SB.uuid + 16);
    this.csumSeed =
      incompat & INCOMPAT.metadata_csum_seed
        ? v.getUint32(SB.checksumSeed, true)
        : crc32c(0xffffffff, this.uuid, 0, 16);
    this.readOnlyReason = readOnlyReason(this.roCompat, incompat);
  }

  get incompat(): number {
    return this.view.getUint32(SB.revLevel, true) === 0
      ? 0
      : this.view.getUint32(SB.featureIncompat, true);
  }

  has(feature: number): boolean {
    return (this.incompat & feature) !== 0;
  }

  get is64bit(): boolean {
    return this.has(INCOMPAT['64bit']);
  }

  get hasJournal(): boolean {
    return (this.compat & COMPAT.has_journal) !== 0;
  }

  get needsRecovery(): boolean {
    return this.has(INCOMPAT.needs_recovery);
  }

  get dirIndex(): boolean {
    return (this.compat & COMPAT.dir_index) !== 0;
  }

  get reservedBlocks(): number {
    const hi = this.is64bit ? this.view.getUint32(SB.rBlocksCountHi, true) : 0;
    return Math.min(this.view.getUint32(SB.rBlocksCountLo, true) + hi * 2 ** 32, this.blocks);
  }

  /** Whether group `g` holds a copy of the superblock and the group descriptors. */
  hasBackup(g: number): boolean {
    if (g === 0) return true;
    if (this.compat & COMPAT.sparse_super2) {
      const v = this.view;
      return g === v.getUint32(SB.backupBgs, true) || g === v.getUint32(SB.backupBgs + 4, true);
    }
    if ((this.roCompat & RO_COMPAT.sparse_super) === 0 || g === 1) return true;
    return isPower(g, 3) || isPower(g, 5) || isPower(g, 7);
  }

  /** Whether the checksum is right. */
  get isSealed(): boolean {
    return (
      crc32c(0xffffffff, this.bytes, 0, SB.checksum) === this.view.getUint32(SB.checksum, true)
    );
  }

  /** Puts the checksum right after changes. */
  seal(): void {
    if (!this.metadataCsum) return;
    this.view.setUint32(SB.checksum, crc32c(0xffffffff, this.bytes, 0, SB.checksum), true);
  }
}

function checkIdentity(v: DataView): void {
  if (v.getUint16(SB.magic, true) !== EXT4_MAGIC) throw new Ext4ImageError('not an ext4 image');
  const rev = v.getUint32(SB.revLevel, true);
  if (rev > 1) throw new Ext4ImageError(`ext4 revision ${rev} is not supported`);
}

function checkIncompat(incompat: number): void {
  const unknown = incompat & ~KNOWN_INCOMPAT;
  if (unknown === 0) return;
  throw new Ext4ImageError(
    `the image uses features that are not supported: ${featureNames(unknown, INCOMPAT)}`,
  );
}

function readOnlyReason(roCompat: number, incompat: number): string | null {
  const unknown = roCompat & ~WRITABLE_RO_COMPAT;
  if (unknown !== 0) return `it uses ${featureNames(unknown, RO_COMPAT)}`;
  if (incompat & INCOMPAT.mmp) return 'it uses mmp';
  if (incompat & INCOMPAT.inline_data) return 'it uses inline_data';
  if (incompat & INCOMPAT.ea_inode) return 'it uses ea_inode';
  if ((incompat & INCOMPAT.extent) === 0) return 'it has no extents (ext2 or ext3)';
  if ((incompat & INCOMPAT.filetype) === 0) return 'it has no filetype feature';
  return null;
}

/** The superblock's bytes, not judged. */
export function superblockBytes(device: BlockDevice): Uint8Array {
  if (device.size < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) {
    throw new Ext4ImageError('not an ext4 image: it is too small');
  }
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  device.read(SUPERBLOCK_OFFSET, bytes);
  return bytes;
}

export function featureNames(bits: number, table: Readonly<Record<string, number>>): string {
  const names: string[] = [];
  let left = bits;
  for (const [name, bit] of Object.entries(table)) {
    if ((bits & bit) !== 0) names.push(name);
    left &= ~bit;
  }
  if (left !== 0) names.push(`0x${(left >>> 0).toString(16)}`);
  return names.join(', ');
}

function damaged(what: string): never {
  throw new Ext4ImageError(`the superblock is damaged: ${what}`);
}

function checkGeometry(sb: Superblock): void {
  const v = sb.view;
  if (v.getUint32(SB.logBlockSize, true) > 6) damaged('impossible block size');
  if (sb.blockSize > MAX_BLOCK_SIZE) {
    throw new Ext4ImageError(`blocks of ${sb.blockSize} bytes are not supported (at most 4096)`);
  }
  const bits = sb.blockSize * 8;
  const { inodeSize, descSize } = sb;
  if (sb.firstDataBlock !== (sb.blockSize === 1024 ? 1 : 0)) damaged('wrong first data block');
  if (sb.blocksPerGroup < 8 || sb.blocksPerGroup > bits || sb.blocksPerGroup % 8 !== 0) {
    damaged('impossible blocks per group');
  }
  if (inodeSize < 128 || inodeSize > sb.blockSize || (inodeSize & (inodeSize - 1)) !== 0) {
    damaged(`impossible inode size ${inodeSize}`);
  }
  const ipg = sb.inodesPerGroup;
  if (ipg === 0 || ipg > bits || ipg % 8 !== 0) damaged('impossible inodes per group');
  const wide = sb.is64bit;
  if (wide && (descSize < 64 || descSize > 1024 || (descSize & (descSize - 1)) !== 0)) {
    damaged(`impossible descriptor size ${descSize}`);
  }
  if (sb.blocks <= sb.firstDataBlock || sb.blocks > 2 ** 48) damaged('impossible size');
  if (sb.firstIno < 11 || sb.firstIno > sb.inodes) damaged('impossible first inode');
}

function isPower(n: number, base: number): boolean {
  let p = base;
  while (p < n) p *= base;
  return p === n;
}
