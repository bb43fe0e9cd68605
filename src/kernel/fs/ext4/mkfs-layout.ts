/**
 * Where a new file system puts its parts: how many groups and inodes, and for each flex group (16 groups)
 * all bitmaps and inode tables together at its start, around the superblock's copies.
 */

import { Ext4ImageError } from './errors.ts';

export interface Place {
  readonly blockBitmap: number;
  readonly inodeBitmap: number;
  readonly inodeTable: number;
}

export interface LayoutOptions {
  readonly inodeSize: number;
  readonly descSize: number;
  /** 0: as many as the size suggests. */
  readonly inodes: number;
  readonly journal: boolean;
}

const LOG_FLEX = 4;
/** A last group smaller than its metadata and this is left out. */
const MIN_GROUP_DATA = 50;

/** Blocks of the journal by blocks of the file system (ext2fs_default_journal_size); at most 64 MiB. */
const JOURNAL_SIZES: readonly (readonly [number, number])[] = [
  [2048, 0],
  [32768, 1024],
  [256 * 1024, 4096],
  [512 * 1024, 8192],
  [Number.POSITIVE_INFINITY, 16384],
];

export class Layout {
  readonly blockSize: number;
  readonly blocks: number;
  readonly firstDataBlock: number;
  readonly blocksPerGroup: number;
  readonly inodesPerGroup: number;
  readonly groups: number;
  readonly gdtBlocks: number;
  readonly inodeTableBlocks: number;
  readonly superblockBlock: number;
  readonly logFlex: number = LOG_FLEX;
  readonly places: Place[] = [];
  journalStart = 0;
  journalBlocks = 0;
  /** One bit for each block that is taken. */
  private readonly used: Uint8Array;

  constructor(size: number, blockSize: number, options: LayoutOptions) {
    this.blockSize = blockSize;
    this.blocksPerGroup = blockSize * 8;
    this.firstDataBlock = blockSize === 1024 ? 1 : 0;
    this.superblockBlock = Math.floor(1024 / blockSize);
    const all = Math.floor(size / blockSize);
    const groups = Math.ceil((all - this.firstDataBlock) / this.blocksPerGroup);
    const gdtBlocks = Math.ceil((groups * options.descSize) / blockSize);
    const inodes = options.inodes || Math.floor((all * blockSize) / inodeRatio(size));
    this.inodesPerGroup = this.perGroup(inodes, groups, options.inodeSize);
    this.inodeTableBlocks = (this.inodesPerGroup * options.inodeSize) / blockSize;
    const last = all - this.firstDataBlock - (groups - 1) * this.blocksPerGroup;
    const overhead = 1 + gdtBlocks + 2 + this.inodeTableBlocks;
    if (groups === 1 && last < overhead + 16) {
      throw new Ext4ImageError(`${size} bytes are too small for an ext4 file system`);
    }
    const dropLast = groups > 1 && last < overhead + MIN_GROUP_DATA;
    this.groups = dropLast ? groups - 1 : groups;
    this.blocks = dropLast ? all - last : all;
    this.gdtBlocks = Math.ceil((this.groups * options.descSize) / blockSize);
    this.used = new Uint8Array(Math.ceil((this.blocks + 1) / 8));
    this.placeAll();
    if (options.journal) this.placeJournal();
  }

  /** The block bitmap of a group, with the bits beyond its end set. */
  groupMap(g: number): { bits: Uint8Array; free: number } {
    const bits = new Uint8Array(this.blockSize).fill(0xff);
    const first = this.firstDataBlock + g * this.blocksPerGroup;
    const count = Math.min(this.blocksPerGroup, this.blocks - first);
    let free = 0;
    for (let i = 0; i < count; i++) {
      if (this.isUsed(first + i)) continue;
      bits[i >> 3]! &= ~(1 << (i & 7));
      free++;
    }
    return { bits, free };
  }

  private perGroup(inodes: number, groups: number, inodeSize: number): number {
    const perBlock = this.blockSize / inodeSize;
    const unit = Math.max(8, perBlock);
    const wanted = Math.ceil(Math.max(inodes, 16) / groups / unit) * unit;
    return Math.min(wanted, this.blockSize * 8);
  }

  private placeAll(): void {
    this.take(0, this.firstDataBlock);
    for (let g = 0; g < this.groups; g++) {
      if (hasBackup(g)) {
        this.take(this.firstDataBlock + g * this.blocksPerGroup, 1 + this.gdtBlocks);
      }
    }
    const flex = 1 << LOG_FLEX;
    for (let g = 0; g < this.groups; g += flex) this.placeFlex(g, Math.min(flex, this.groups - g));
  }

  private placeFlex(first: number, count: number): void {
    let at = this.firstDataBlock + first * this.blocksPerGroup;
    const next = (n: number): number => {
      const start = this.findRun(at, n);
      if (start < 0) throw new Ext4ImageError('too many inodes for this size');
      this.take(start, n);
      at = start + n;
      return start;
    };
    const blockBitmaps = Array.from({ length: count }, () => next(1));
    const inodeBitmaps = Array.from({ length: count }, () => next(1));
    for (let i = 0; i < count; i++) {
      this.places.push({
        blockBitmap: blockBitmaps[i]!,
        inodeBitmap: inodeBitmaps[i]!,
        inodeTable: next(this.inodeTableBlocks),
      });
    }
  }

  private placeJournal(): void {
    let want = JOURNAL_SIZES.find(([below]) => this.blocks < below)![1];
    while (want >= 1024) {
      const start = this.findRun(this.firstDataBlock, want);
      if (start >= 0) {
        this.take(start, want);
        this.journalStart = start;
        this.journalBlocks = want;
        return;
      }
      want >>= 1;
    }
  }

  private findRun(from: number, n: number): number {
    let run = 0;
    for (let nr = from; nr < this.blocks; nr++) {
      run = this.isUsed(nr) ? 0 : run + 1;
      if (run === n) return nr - n + 1;
    }
    return -1;
  }

  private isUsed(nr: number): boolean {
    return (this.used[Math.floor(nr / 8)]! & (1 << (nr & 7))) !== 0;
  }

  private take(start: number, n: number): void {
    for (let nr = start; nr < start + n; nr++) this.used[Math.floor(nr / 8)]! |= 1 << (nr & 7);
  }
}

export function planLayout(size: number, blockSize: number, options: LayoutOptions): Layout {
  if (![1024, 2048, 4096].includes(blockSize)) {
    throw new Ext4ImageError(`the block size is 1024, 2048 or 4096, not ${blockSize}`);
  }
  return new Layout(size, blockSize, options);
}

/** Bytes for each inode, as mke2fs.conf has it for small and for other file systems. */
function inodeRatio(size: number): number {
  if (size < 3 << 20) return 8192;
  return size < 512 << 20 ? 4096 : 16384;
}

function hasBackup(g: number): boolean {
  if (g <= 1) return true;
  return [3, 5, 7].some((base) => {
    let p = base;
    while (p < g) p *= base;
    return p === g;
  });
}
