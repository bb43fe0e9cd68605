/**
 * Metadata blocks in memory (Linux: the buffer cache and jbd2's handles).
 *
 * Invariants
 * - All metadata state lives in these buffers and nowhere else, so that undoing an operation is
 *   restoring buffers: `touch` saves a copy before the first change in an operation.
 * - Every change comes after `touch(block)` within an operation; a dirty block stays until commit.
 * - Blocks are dropped only between operations; who keeps one longer checks `alive`.
 * - Checksums are verified when a block comes from the device and set when it is committed.
 */

import { panic } from '../../../common/panic.ts';
import type { Disk } from './disk.ts';

/** What a block is, which decides its checksum. */
export const KIND = {
  raw: 0,
  blockBitmap: 1,
  inodeBitmap: 2,
  inodeTable: 3,
  extent: 4,
  dirLeaf: 5,
  dirIndex: 6,
  xattr: 7,
  group: 8,
  superblock: 9,
  indirect: 10,
} as const;

export class MetaBlock {
  readonly nr: number;
  readonly data: Uint8Array;
  readonly view: DataView;
  kind: number = KIND.raw;
  /** Checksum seed of the inode that owns it (extent and directory blocks). */
  seed = 0;
  dirty = false;
  /** False once it is no longer in the cache. */
  alive = true;
  /** Never dropped. */
  pinned = false;
  /** Used since the last sweep. */
  used = true;
  /** Operation that saved a copy last. */
  undoOp = 0;
  /** Which inodes of an inode table block have been verified. */
  verified = 0;
  /** Position of the first slot of a directory block that may be free; only a hint. */
  freeHint = 0;

  constructor(nr: number, data: Uint8Array) {
    this.nr = nr;
    this.data = data;
    this.view = new DataView(data.buffer, data.byteOffset, data.length);
  }
}

/** Copies that are kept for the next operations. */
const SPARE = 64;

interface Undo {
  readonly block: MetaBlock;
  /** Null: the block was new. */
  readonly copy: Uint8Array | null;
  readonly dirty: boolean;
  readonly kind: number;
  readonly seed: number;
}

export class BlockCache {
  /** Blocks changed since the last commit. */
  readonly dirty: Set<MetaBlock> = new Set();
  private readonly disk: Disk;
  private readonly blocks = new Map<number, MetaBlock>();
  private readonly capacity: number;
  /** Of the running operation: the first `undoCount`. An array that is cut is allocated anew by the next operation. */
  private readonly undo: Undo[] = [];
  private undoCount = 0;
  private readonly spare: Uint8Array[] = [];
  private op = 0;
  private inOp = false;

  constructor(disk: Disk, capacityBytes: number) {
    this.disk = disk;
    this.capacity = Math.max(64, Math.floor(capacityBytes / disk.blockSize));
  }

  /** The block, read from the device if it is not in memory. */
  get(nr: number): MetaBlock {
    let block = this.blocks.get(nr);
    if (block === undefined) {
      const data = new Uint8Array(this.disk.blockSize);
      this.disk.read(nr, data);
      block = new MetaBlock(nr, data);
      this.blocks.set(nr, block);
    }
    block.used = true;
    return block;
  }

  /** The block if it is in memory. */
  peek(nr: number): MetaBlock | undefined {
    return this.blocks.get(nr);
  }

  /** A newly allocated block: zeros, whatever is on the device. Part of the running operation. */
  fresh(nr: number, kind: number, seed: number): MetaBlock {
    this.inside();
    const old = this.blocks.get(nr);
    if (old !== undefined) this.discard(old);
    const block = new MetaBlock(nr, new Uint8Array(this.disk.blockSize));
    block.kind = kind;
    block.seed = seed;
    block.dirty = true;
    block.undoOp = this.op;
    this.undo[this.undoCount++] = { block, copy: null, dirty: false, kind, seed };
    this.blocks.set(nr, block);
    this.dirty.add(block);
    return block;
  }

  /** Call before changing a block. */
  touch(block: MetaBlock): void {
    if (block.undoOp !== this.op) {
      this.inside();
      block.undoOp = this.op;
      const copy = this.spare.pop() ?? new Uint8Array(this.disk.blockSize);
      copy.set(block.data);
      const { dirty, kind, seed } = block;
      this.undo[this.undoCount++] = { block, copy, dirty, kind, seed };
    }
    if (block.dirty) return;
    block.dirty = true;
    this.dirty.add(block);
  }

  /** Removes a block that is no longer metadata. Only between operations. */
  drop(nr: number): void {
    const block = this.blocks.get(nr);
    if (block !== undefined) this.discard(block);
  }

  begin(): void {
    this.op++;
    this.inOp = true;
  }

  /** The operation succeeded. */
  end(): void {
    this.inOp = false;
    const { spare, undo } = this;
    for (let i = 0; i < this.undoCount; i++) {
      const { copy } = undo[i]!;
      if (copy !== null && spare.length < SPARE) spare.push(copy);
    }
    this.forgetUndo();
  }

  private forgetUndo(): void {
    if (this.undoCount > SPARE) this.undo.length = 0;
    this.undoCount = 0;
  }

  /** The operation failed: everything is as before it. */
  rollback(): void {
    this.inOp = false;
    for (let i = this.undoCount - 1; i >= 0; i--) {
      const { block, copy, dirty, kind, seed } = this.undo[i]!;
      if (copy === null) {
        this.discard(block);
        continue;
      }
      block.data.set(copy);
      block.kind = kind;
      block.seed = seed;
      block.dirty = dirty;
      if (!dirty) this.dirty.delete(block);
    }
    this.forgetUndo();
  }

  /** Blocks that the commit wrote are clean. */
  cleaned(): void {
    for (const block of this.dirty) block.dirty = false;
    this.dirty.clear();
  }

  /** Drops clean blocks beyond the capacity, not recently used ones first. Only between operations. */
  trim(): void {
    if (this.blocks.size <= this.capacity) return;
    const target = Math.floor(this.capacity * 0.75);
    for (let pass = 0; pass < 2 && this.blocks.size > target; pass++) {
      for (const block of this.blocks.values()) {
        if (this.blocks.size <= target) break;
        if (block.dirty || block.pinned) continue;
        if (block.used && pass === 0) block.used = false;
        else this.discard(block);
      }
    }
  }

  private discard(block: MetaBlock): void {
    block.alive = false;
    block.dirty = false;
    this.dirty.delete(block);
    if (this.blocks.get(block.nr) === block) this.blocks.delete(block.nr);
  }

  private inside(): void {
    if (!this.inOp) panic('ext4 metadata changed outside an operation');
  }
}
