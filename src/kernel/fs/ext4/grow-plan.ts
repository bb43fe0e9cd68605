/**
 * What an ext4 file system looks like after it has grown: how many groups, where their bitmaps and inode
 * tables go, and where descriptors for more groups find room. Nothing is written here.
 *
 * Groups that are there stay as they are. Descriptors go on in the blocks reserved for them (resize_inode)
 * or, without that feature, in the new groups themselves (meta_bg), as Linux does it online.
 */

import { Ext4ImageError } from './errors.ts';
import { COMPAT, INCOMPAT, SB } from './layout.ts';
import type { Superblock } from './superblock.ts';

/** As for resize2fs: a last group smaller than its metadata and this is left out. */
const MIN_GROUP_DATA = 50;

/** Blocks [start, end). */
interface Range {
  readonly start: number;
  readonly end: number;
}

export interface NewGroup {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

export class GrowPlan {
  readonly sb: Superblock;
  readonly perBlock: number;
  readonly inodeTableBlocks: number;
  readonly oldBlocks: number;
  readonly oldGdtBlocks: number;
  readonly blocks: number;
  readonly groups: number;
  readonly gdtBlocks: number;
  /** Blocks still reserved for descriptors. */
  readonly reserved: number;
  readonly oldReserved: number;
  readonly metaBg: boolean;
  readonly firstMeta: number;
  /** The new groups, from the old count of groups on. */
  readonly added: NewGroup[] = [];
  /** Bitmaps and tables of the new groups, in order. */
  private readonly taken: Range[] = [];

  constructor(sb: Superblock, size: number) {
    this.sb = sb;
    this.perBlock = Math.floor(sb.blockSize / sb.descSize);
    this.inodeTableBlocks = Math.ceil((sb.inodesPerGroup * sb.inodeSize) / sb.blockSize);
    this.oldBlocks = sb.blocks;
    this.oldGdtBlocks = Math.ceil(sb.groups / this.perBlock);
    this.oldReserved =
      sb.compat & COMPAT.resize_inode ? sb.view.getUint16(SB.reservedGdtBlocks, true) : 0;
    this.blocks = this.usefulBlocks(Math.floor(size / sb.blockSize));
    this.groups = this.groupsOf(this.blocks);
    this.gdtBlocks = Math.ceil(this.groups / this.perBlock);
    this.checkLimits();
    const more = this.gdtBlocks - this.oldGdtBlocks;
    const inMeta = sb.has(INCOMPAT.meta_bg);
    const converts = !inMeta && more > 0 && (sb.compat & COMPAT.resize_inode) === 0;
    if (!inMeta && !converts && more > this.oldReserved) this.refuseBeyondReserve();
    this.metaBg = inMeta || converts;
    this.firstMeta = converts ? this.oldGdtBlocks : sb.view.getUint32(SB.firstMetaBg, true);
    if (inMeta && (this.firstMeta > this.oldGdtBlocks || this.oldReserved > 0)) {
      throw new Ext4ImageError('it has meta_bg and room for other descriptors: not supported');
    }
    this.reserved = this.metaBg ? 0 : this.oldReserved - more;
    this.placeGroups();
  }

  /** First block of group `g`. */
  first(g: number): number {
    return this.sb.firstDataBlock + g * this.sb.blocksPerGroup;
  }

  blockCount(g: number): number {
    return Math.min(this.sb.blocksPerGroup, this.blocks - this.first(g));
  }

  /** Blocks at the start of group `g` for copies of superblock and descriptors. */
  overhead(g: number): number {
    const backup = this.sb.hasBackup(g) ? 1 : 0;
    if (this.inMeta(g)) return backup + (this.holdsMetaBlock(g) ? 1 : 0);
    return backup === 0 ? 0 : 1 + this.classicGdtBlocks + this.reserved;
  }

  /** Blocks of descriptors behind the superblock and each of its copies. */
  get classicGdtBlocks(): number {
    return this.metaBg ? Math.min(this.firstMeta, this.gdtBlocks) : this.gdtBlocks;
  }

  /** Whether the descriptors of group `g` are in its own meta group. */
  inMeta(g: number): boolean {
    return this.metaBg && g >= this.firstMeta * this.perBlock;
  }

  /** Whether group `g` holds the block of descriptors of its meta group, or a copy. */
  holdsMetaBlock(g: number): boolean {
    const k = g % this.perBlock;
    return k === 0 || k === 1 || k === this.perBlock - 1;
  }

  /** Where block `index` of the descriptors is. */
  descriptorBlock(index: number): number {
    const g = index * this.perBlock;
    if (!this.inMeta(g)) return Math.floor(1024 / this.sb.blockSize) + 1 + index;
    return this.first(g) + (this.sb.hasBackup(g) ? 1 : 0);
  }

  /** The block bitmap of a new group, with the bits beyond its end set. */
  groupMap(g: number): { bits: Uint8Array; free: number } {
    const bits = new Uint8Array(this.sb.blockSize);
    const first = this.first(g);
    const count = this.blockCount(g);
    let free = count;
    const mark = ({ start, end }: Range): void => {
      for (let i = Math.max(0, start - first); i < Math.min(count, end - first); i++) {
        bits[i >> 3]! |= 1 << (i & 7);
        free--;
      }
    };
    mark({ start: first, end: first + this.overhead(g) });
    for (let i = this.takenFrom(first); i < this.taken.length; i++) {
      const range = this.taken[i]!;
      if (range.start >= first + count) break;
      mark(range);
    }
    for (let i = count; i < bits.length * 8; i++) bits[i >> 3]! |= 1 << (i & 7);
    return { bits, free };
  }

  /** Index of the first range taken that ends behind block `nr`. */
  private takenFrom(nr: number): number {
    let lo = 0;
    let hi = this.taken.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.taken[mid]!.end <= nr) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }

  private groupsOf(blocks: number): number {
    return Math.ceil((blocks - this.sb.firstDataBlock) / this.sb.blocksPerGroup);
  }

  /** Without a last group that would hold hardly more than its own metadata. */
  private usefulBlocks(blocks: number): number {
    const { sb } = this;
    const groups = this.groupsOf(blocks);
    const rest = (blocks - sb.firstDataBlock) % sb.blocksPerGroup;
    if (groups <= sb.groups || rest === 0) return blocks;
    const gdt = Math.ceil(groups / this.perBlock);
    const copies = sb.hasBackup(groups - 1)
      ? 1 + Math.max(gdt, this.oldGdtBlocks + this.oldReserved)
      : 0;
    return rest < 2 + this.inodeTableBlocks + copies + MIN_GROUP_DATA ? blocks - rest : blocks;
  }

  private checkLimits(): void {
    const { sb, blocks, groups } = this;
    const blockLimit = sb.is64bit ? 2 ** 48 : 2 ** 32 - 1;
    if (blocks > blockLimit) this.refuse(blockLimit * sb.blockSize, 'it lacks the feature 64bit');
    if (groups * sb.inodesPerGroup >= 2 ** 32) {
      const most = Math.floor((2 ** 32 - 1) / sb.inodesPerGroup);
      this.refuse(this.first(most) * sb.blockSize, 'there would be too many inodes');
    }
  }

  private refuseBeyondReserve(): never {
    const most = (this.oldGdtBlocks + this.oldReserved) * this.perBlock;
    this.refuse(this.first(most) * this.sb.blockSize, 'no more room is reserved for descriptors');
  }

  private refuse(limit: number, why: string): never {
    throw new Ext4ImageError(`it can grow to ${limit} bytes at most: ${why}`);
  }

  /** Bitmaps and tables of each flex group's new groups together, without flex_bg in each group. */
  private placeGroups(): void {
    const { sb } = this;
    const flex = sb.has(INCOMPAT.flex_bg) ? 1 << sb.view.getUint8(SB.logGroupsPerFlex) : 1;
    for (let g = sb.groups; g < this.groups; ) {
      const end = Math.min(this.groups, (Math.floor(g / flex) + 1) * flex);
      if (!this.placeTogether(g, end)) for (let i = g; i < end; i++) this.placeTogether(i, i + 1);
      g = end;
    }
  }

  /** @returns false if what belongs together does not fit together */
  private placeTogether(from: number, to: number): boolean {
    let at = this.first(from);
    const next = (n: number): number => {
      const start = this.skipCopies(at, n);
      at = start + n;
      return start;
    };
    const count = to - from;
    const blockBitmaps = Array.from({ length: count }, () => next(1));
    const inodeBitmaps = Array.from({ length: count }, () => next(1));
    const tables = Array.from({ length: count }, () => next(this.inodeTableBlocks));
    if (at > this.first(to - 1) + this.blockCount(to - 1)) return false;
    for (let i = 0; i < count; i++) {
      this.added.push({
        blockBitmap: blockBitmaps[i]!,
        inodeBitmap: inodeBitmaps[i]!,
        inodeTable: tables[i]!,
      });
    }
    for (const nr of [...blockBitmaps, ...inodeBitmaps]) this.take(nr, 1);
    for (const nr of tables) this.take(nr, this.inodeTableBlocks);
    return true;
  }

  /** The first `n` blocks from `at` on without copies of superblock and descriptors. */
  private skipCopies(at: number, n: number): number {
    let start = at;
    const groupOf = (nr: number): number =>
      Math.floor((nr - this.sb.firstDataBlock) / this.sb.blocksPerGroup);
    for (let g = groupOf(start); g <= groupOf(start + n - 1); g++) {
      const end = this.first(g) + this.overhead(g);
      if (end > start && end > this.first(g)) start = end;
    }
    return start;
  }

  private take(start: number, n: number): void {
    const last = this.taken[this.taken.length - 1];
    if (last?.end === start)
      this.taken[this.taken.length - 1] = { start: last.start, end: start + n };
    else this.taken.push({ start, end: start + n });
  }
}
