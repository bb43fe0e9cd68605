/**
 * One inode record in the inode table: typed access to its fields (struct ext4_inode).
 *
 * Invariants: the record has been verified when the object was made; a setter touches the record's block
 * first, so it works only inside an operation; the checksum is set at commit. Once the inode has been
 * freed the object keeps a copy of the record, so that stale holders read the last state.
 */

import type { Timespec } from '../../vfs/types.ts';
import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from '../../vfs/types.ts';
import { KIND, MetaBlock } from './buffers.ts';
import { crc32c, crc32cLe32, crc32cZeros } from './crc.ts';
import {
  FL_EXTENTS,
  FL_HUGE_FILE,
  FL_INLINE_DATA,
  GOOD_OLD_INODE_SIZE,
  INCOMPAT,
  INO,
  RO_COMPAT,
  ROOT_INO,
  SB,
} from './layout.ts';
import type { Volume } from './volume.ts';

const TYPES: ReadonlySet<number> = new Set([
  S_IFREG,
  S_IFDIR,
  S_IFLNK,
  S_IFCHR,
  S_IFBLK,
  S_IFIFO,
  S_IFSOCK,
]);

/** A time of which the seconds are at `at`; at `extra` (-1: there is none) are their high bits and nanoseconds. */
export function timeAt(v: DataView, at: number, extra: number): Timespec {
  const sec = v.getInt32(at, true);
  if (extra < 0) return { sec, nsec: 0 };
  const high = v.getUint32(extra, true);
  return { sec: sec + (high & 3) * 2 ** 32, nsec: Math.min(high >>> 2, 999_999_999) };
}

export class DiskInode {
  readonly vol: Volume;
  readonly ino: number;
  readonly group: number;
  private readonly blockNr: number;
  private readonly index: number;
  /** Of the record in `block`. */
  private offset: number;
  private block: MetaBlock;
  private freed = false;
  /** The seed of `seed`, and the generation that it is of. */
  private knownSeed = 0;
  private seedOf = -1;
  /** A name that this directory was found not to have, and has not been given since. */
  absent = '';

  constructor(vol: Volume, ino: number) {
    const { sb } = vol;
    if (ino < 1 || ino > sb.inodes) vol.damaged(`inode number ${ino} is out of range`);
    this.vol = vol;
    this.ino = ino;
    this.group = Math.floor((ino - 1) / sb.inodesPerGroup);
    const slot = (ino - 1) % sb.inodesPerGroup;
    const perBlock = sb.blockSize / sb.inodeSize;
    this.blockNr = vol.groups.inodeTable(this.group) + Math.floor(slot / perBlock);
    this.index = slot % perBlock;
    this.offset = this.index * sb.inodeSize;
    this.block = this.load();
  }

  /** Checks the record's checksum, its own sizes and its type; call before using what was on disk. */
  verify(): void {
    const block = this.current();
    if (block.verified & (1 << this.index)) return;
    const size = this.vol.sb.inodeSize;
    if (size > GOOD_OLD_INODE_SIZE) {
      const extra = this.extraIsize;
      if (extra % 4 !== 0 || extra + GOOD_OLD_INODE_SIZE > size) {
        this.vol.damaged(
          `inode ${this.ino} (block ${block.nr}): impossible i_extra_isize ${extra}`,
        );
      }
    }
    if (this.vol.sb.metadataCsum && this.checksum() !== this.storedChecksum()) {
      this.vol.damaged(`inode ${this.ino} (block ${block.nr}): wrong checksum`);
    }
    if (!this.hasPossibleType()) {
      this.vol.damaged(
        `inode ${this.ino} (block ${block.nr}): impossible mode 0${this.mode.toString(8)}`,
      );
    }
    if (this.hasInlineData && !this.vol.sb.has(INCOMPAT.inline_data)) {
      this.vol.damaged(`inode ${this.ino} (block ${block.nr}): inline data without the feature`);
    }
    block.verified |= 1 << this.index;
  }

  /** The system's own inodes have whatever type they like, and free ones may have none. */
  private hasPossibleType(): boolean {
    if (TYPES.has(this.mode & S_IFMT)) return true;
    if (this.ino < this.vol.sb.firstIno && this.ino !== ROOT_INO) return true;
    return this.mode === 0 && this.links === 0;
  }

  /** Makes a record of zeros that counts as verified. */
  clear(): void {
    const v = this.touch();
    new Uint8Array(v.buffer, v.byteOffset + this.offset, this.vol.sb.inodeSize).fill(0);
    const { block, index } = this;
    if (block.verified & (1 << index)) return;
    block.verified |= 1 << index;
    this.vol.onUndo(() => {
      block.verified &= ~(1 << index);
    });
  }

  /** Keeps a copy of the record: the inode is going away. */
  detach(): void {
    const ghost = new MetaBlock(-1, this.record().slice());
    this.vol.afterwards(() => {
      this.freed = true;
      this.block = ghost;
      this.offset = 0;
    });
  }

  get isFreed(): boolean {
    return this.freed;
  }

  get mode(): number {
    return this.u16(INO.mode);
  }

  set mode(value: number) {
    this.set16(INO.mode, value);
  }

  get uid(): number {
    return this.u16(INO.uidLo) + this.u16(INO.uidHi) * 65536;
  }

  set uid(value: number) {
    this.set16(INO.uidLo, value);
    this.set16(INO.uidHi, value >>> 16);
  }

  get gid(): number {
    return this.u16(INO.gidLo) + this.u16(INO.gidHi) * 65536;
  }

  set gid(value: number) {
    this.set16(INO.gidLo, value);
    this.set16(INO.gidHi, value >>> 16);
  }

  get links(): number {
    return this.u16(INO.linksCount);
  }

  set links(value: number) {
    this.set16(INO.linksCount, value);
  }

  get size(): number {
    return this.u32(INO.sizeLo) + this.u32(INO.sizeHi) * 2 ** 32;
  }

  set size(value: number) {
    this.set32(INO.sizeLo, value % 2 ** 32);
    this.set32(INO.sizeHi, Math.floor(value / 2 ** 32));
  }

  /** Sets a size that may be too large for those who do not know of large files. */
  enlarge(size: number): void {
    this.size = size;
    if (size >= 2 ** 31) this.vol.requireFeature(SB.featureRoCompat, RO_COMPAT.large_file);
  }

  get flags(): number {
    return this.u32(INO.flags);
  }

  set flags(value: number) {
    this.set32(INO.flags, value);
  }

  get generation(): number {
    return this.u32(INO.generation);
  }

  get usesExtents(): boolean {
    return (this.flags & FL_EXTENTS) !== 0;
  }

  get hasInlineData(): boolean {
    return (this.flags & FL_INLINE_DATA) !== 0;
  }

  /** Block of extended attributes, or 0. */
  get xattrBlock(): number {
    const high = this.vol.sb.is64bit ? this.u16(INO.fileAclHi) : 0;
    return this.u32(INO.fileAclLo) + high * 2 ** 32;
  }

  set xattrBlock(nr: number) {
    this.set32(INO.fileAclLo, nr % 2 ** 32);
    if (this.vol.sb.is64bit) this.set16(INO.fileAclHi, Math.floor(nr / 2 ** 32));
  }

  /** i_blocks in 512-byte units. */
  get sectors(): number {
    const huge = (this.vol.sb.roCompat & RO_COMPAT.huge_file) !== 0;
    const count = this.u32(INO.blocksLo) + (huge ? this.u16(INO.blocksHi) * 2 ** 32 : 0);
    return huge && this.flags & FL_HUGE_FILE ? count * (this.vol.blockSize >> 9) : count;
  }

  /** Counts file system blocks that the inode gained or lost. */
  addBlocks(delta: number): void {
    const unit = this.flags & FL_HUGE_FILE ? 1 : this.vol.blockSize >> 9;
    const huge = (this.vol.sb.roCompat & RO_COMPAT.huge_file) !== 0;
    const old = this.u32(INO.blocksLo) + (huge ? this.u16(INO.blocksHi) * 2 ** 32 : 0);
    const count = Math.max(0, old + delta * unit);
    this.set32(INO.blocksLo, count % 2 ** 32);
    if (huge) this.set16(INO.blocksHi, Math.floor(count / 2 ** 32));
  }

  get extraIsize(): number {
    return this.vol.sb.inodeSize > GOOD_OLD_INODE_SIZE ? this.u16(INO.extraIsize) : 0;
  }

  /** atime, ctime, mtime or crtime; `extra` is its high half. */
  time(field: number, extra: number): Timespec {
    const at = this.offset;
    return timeAt(this.view(), at + field, this.fits(extra, 4) ? at + extra : -1);
  }

  setTime(field: number, extra: number, { sec, nsec }: Timespec): void {
    const v = this.touch();
    const at = this.offset;
    if (!this.fits(extra, 4)) {
      v.setInt32(at + field, Math.max(-(2 ** 31), Math.min(sec, 2 ** 31 - 1)), true);
      return;
    }
    // Modulo 2^32, as DataView does with any number.
    v.setInt32(at + field, sec, true);
    const epoch = Math.floor((sec - v.getInt32(at + field, true)) / 2 ** 32) & 3;
    v.setUint32(at + extra, (nsec << 2) | epoch, true);
  }

  /** Whether the record has the field at `at` of `length` bytes. */
  fits(at: number, length: number): boolean {
    if (at < GOOD_OLD_INODE_SIZE) return true;
    return at + length <= GOOD_OLD_INODE_SIZE + this.extraIsize;
  }

  u16(field: number): number {
    return this.view().getUint16(this.offset + field, true);
  }

  u32(field: number): number {
    return this.view().getUint32(this.offset + field, true);
  }

  set16(field: number, value: number): void {
    this.touch().setUint16(this.offset + field, value, true);
  }

  set32(field: number, value: number): void {
    this.touch().setUint32(this.offset + field, value, true);
  }

  /** The whole record. */
  record(): Uint8Array {
    const { data } = this.current();
    return data.subarray(this.offset, this.offset + this.vol.sb.inodeSize);
  }

  /** Position of the record's i_block in `view()`. */
  get iblock(): number {
    return this.offset + INO.block;
  }

  get base(): number {
    return this.offset;
  }

  view(): DataView {
    return this.current().view;
  }

  /** Before changing the record directly. */
  touch(): DataView {
    const block = this.current();
    // What is left of a freed inode, which somebody's working directory may be, has no place on disk.
    if (this.freed) return block.view;
    this.vol.cache.touch(block);
    this.vol.dirtyInodes.add(this.ino);
    return block.view;
  }

  /** Seed of the checksums of blocks that belong to this inode. */
  get seed(): number {
    const { generation } = this;
    if (generation !== this.seedOf) {
      this.knownSeed = crc32cLe32(crc32cLe32(this.vol.sb.csumSeed, this.ino), generation);
      this.seedOf = generation;
    }
    return this.knownSeed;
  }

  /** Sets the checksum; the block is already dirty. */
  seal(): void {
    if (!this.vol.sb.metadataCsum) return;
    const v = this.touch();
    const crc = this.checksum();
    v.setUint16(this.offset + INO.checksumLo, crc, true);
    if (this.fits(INO.checksumHi, 2)) v.setUint16(this.offset + INO.checksumHi, crc >>> 16, true);
  }

  private current(): MetaBlock {
    if (!this.block.alive && !this.freed) this.block = this.load();
    return this.block;
  }

  private load(): MetaBlock {
    const block = this.vol.cache.get(this.blockNr);
    if (block.kind === KIND.raw) block.kind = KIND.inodeTable;
    else if (block.kind !== KIND.inodeTable) {
      this.vol.damaged(`block ${block.nr}: inode table and something else`);
    }
    return block;
  }

  private storedChecksum(): number {
    const low = this.u16(INO.checksumLo);
    return this.fits(INO.checksumHi, 2) ? low + this.u16(INO.checksumHi) * 65536 : low;
  }

  private checksum(): number {
    const data = this.current().data;
    const at = this.offset;
    let crc = crc32c(this.seed, data, at, at + INO.checksumLo);
    crc = crc32cZeros(crc, 2);
    crc = crc32c(crc, data, at + INO.checksumLo + 2, at + GOOD_OLD_INODE_SIZE);
    const size = this.vol.sb.inodeSize;
    if (size === GOOD_OLD_INODE_SIZE) return crc & 0xffff;
    crc = crc32c(crc, data, at + GOOD_OLD_INODE_SIZE, at + INO.checksumHi);
    if (!this.fits(INO.checksumHi, 2))
      return crc32c(crc, data, at + INO.checksumHi, at + size) & 0xffff;
    return crc32c(crc32cZeros(crc, 2), data, at + INO.checksumHi + 2, at + size);
  }
}
