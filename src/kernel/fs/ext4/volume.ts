/**
 * What all parts of one mounted ext4 share: the device, the cached metadata, the superblock and groups,
 * and operations.
 *
 * Every change of metadata happens inside `mutate`: it either finishes or leaves everything as it was
 * (ENOSPC and damage included). Commits happen between operations, so a transaction holds whole
 * operations only.
 */

import { ENOSPC, EROFS, EUCLEAN, LinuxError, linuxError } from '../../errno.ts';
import type { BlockDevice } from '../../ports.ts';
import type { Timespec } from '../../vfs/types.ts';
import { BlockCache, KIND, type MetaBlock } from './buffers.ts';
import { Disk } from './disk.ts';
import { GroupTable } from './groups.ts';
import type { Journal } from './journal.ts';
import { SB, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE } from './layout.ts';
import { sealAll } from './seal.ts';
import { Superblock } from './superblock.ts';
import { SystemZone } from './system-zone.ts';

export interface VolumeOptions {
  readonly log?: (line: string) => void;
  readonly now?: () => Timespec;
  /** Random 32-bit numbers, for inode generations. */
  readonly random?: () => number;
  readonly readOnly?: boolean;
  /** Bytes of metadata kept in memory. */
  readonly cacheBytes?: number;
}

/** A transaction of at most this many blocks, whatever the journal could hold. */
const MAX_TRANSACTION = 4096;

export class Volume {
  readonly disk: Disk;
  readonly cache: BlockCache;
  readonly sb: Superblock;
  readonly groups: GroupTable;
  readonly zone: SystemZone;
  readonly now: () => Timespec;
  readonly random: () => number;
  readonly blockSize: number;
  readOnly: boolean;
  journal: Journal | null = null;
  /** Inodes whose checksums are to be computed at commit. */
  readonly dirtyInodes: Set<number> = new Set();
  /** Blocks that delayed allocation has promised. */
  reserved = 0;
  freeBlocks = 0;
  freeInodes = 0;
  private readonly sbBlock: MetaBlock;
  private readonly undoActions: (() => void)[] = [];
  private readonly afterActions: (() => void)[] = [];
  private depth = 0;
  private readonly logLine: (line: string) => void;
  private complaints = 0;

  constructor(device: BlockDevice, sb: Superblock, options: VolumeOptions) {
    this.logLine = options.log ?? (() => {});
    this.now = options.now ?? (() => ({ sec: 0, nsec: 0 }));
    this.random = options.random ?? (() => Math.floor(Math.random() * 2 ** 32));
    this.blockSize = sb.blockSize;
    this.disk = new Disk(device, sb.blockSize, sb.blocks, (line) => this.log(line));
    this.cache = new BlockCache(this.disk, options.cacheBytes ?? 16 << 20);
    this.readOnly = (options.readOnly ?? false) || device.readOnly;
    this.sbBlock = this.cache.get(Math.floor(SUPERBLOCK_OFFSET / sb.blockSize));
    this.sbBlock.pinned = true;
    this.sbBlock.kind = KIND.superblock;
    const at = SUPERBLOCK_OFFSET % sb.blockSize;
    this.sb = new Superblock(this.sbBlock.data.subarray(at, at + SUPERBLOCK_SIZE));
    this.groups = new GroupTable(this);
    this.zone = new SystemZone(this);
    for (let g = 0; g < this.sb.groups; g++) {
      this.freeBlocks += this.groups.freeBlocks(g);
      this.freeInodes += this.groups.freeInodes(g);
    }
  }

  log(line: string): void {
    if (this.complaints++ < 100) this.logLine(`ext4: ${line}`);
  }

  /** Reports damage: logged, and EUCLEAN for the caller. */
  damaged(what: string): never {
    this.log(what);
    throw linuxError(EUCLEAN);
  }

  /** Runs a change of metadata as a whole or not at all. Nested calls belong to the outermost. */
  mutate<T>(body: () => T): T {
    if (this.depth > 0) return body();
    if (this.readOnly) throw linuxError(EROFS);
    this.trim();
    try {
      return this.attempt(body);
    } catch (error) {
      // What was freed since the last commit can be used after it.
      const retry = error instanceof LinuxError && error.errno === ENOSPC && this.groups.hasPending;
      if (!retry) throw error;
      this.commit();
      return this.attempt(body);
    }
  }

  private attempt<T>(body: () => T): T {
    const { freeBlocks, freeInodes, reserved } = this;
    this.cache.begin();
    this.depth++;
    let result: T;
    try {
      result = body();
    } catch (error) {
      this.depth--;
      this.cache.rollback();
      this.freeBlocks = freeBlocks;
      this.freeInodes = freeInodes;
      this.reserved = reserved;
      for (let i = this.undoActions.length - 1; i >= 0; i--) this.undoActions[i]!();
      this.undoActions.length = 0;
      this.afterActions.length = 0;
      throw error;
    }
    this.depth--;
    this.cache.end();
    if (this.undoActions.length > 0) this.undoActions.length = 0;
    if (this.afterActions.length > 0) this.runAfterActions();
    if (this.cache.dirty.size >= this.transactionLimit()) this.commit();
    return result;
  }

  private runAfterActions(): void {
    for (const action of this.afterActions) action();
    this.afterActions.length = 0;
  }

  /** If the running operation fails, `action` puts back what is not in a buffer. */
  onUndo(action: () => void): void {
    this.undoActions.push(action);
  }

  /** Once the running operation has succeeded. */
  afterwards(action: () => void): void {
    this.afterActions.push(action);
  }

  /** Whether an operation that can pause should end here, so that its transaction stays small. */
  get crowded(): boolean {
    return this.cache.dirty.size * 2 >= this.transactionLimit();
  }

  trim(): void {
    if (this.depth === 0) this.cache.trim();
  }

  touchSuperblock(): DataView {
    this.cache.touch(this.sbBlock);
    return this.sb.view;
  }

  /** Sets a feature bit that what is stored now calls for; `field` is SB.featureCompat or SB.featureRoCompat. */
  requireFeature(field: number, bit: number): void {
    const old = this.sb.view.getUint32(field, true);
    if ((old & bit) === 0) this.touchSuperblock().setUint32(field, old | bit, true);
  }

  get superblockBlock(): MetaBlock {
    return this.sbBlock;
  }

  /** Makes every finished operation durable. */
  commit(): void {
    if (this.depth > 0 || this.readOnly) return;
    if (this.cache.dirty.size > 0) {
      try {
        this.writeDirty();
      } catch (error) {
        this.readOnly = true;
        this.log('cannot write metadata: the file system is now read-only');
        throw error;
      }
    }
    this.disk.flush();
  }

  private writeDirty(): void {
    this.cache.begin();
    this.touchSuperblock();
    sealAll(this);
    this.cache.end();
    const blocks = [...this.cache.dirty].sort((a, b) => a.nr - b.nr);
    if (this.journal !== null) this.journal.commit(blocks);
    else this.writeHome(blocks);
    this.cache.cleaned();
    this.dirtyInodes.clear();
    this.groups.committed();
  }

  /** Writes blocks to their places, neighbours together. */
  writeHome(blocks: readonly MetaBlock[]): void {
    const bs = this.blockSize;
    for (let i = 0; i < blocks.length; ) {
      let n = 1;
      while (i + n < blocks.length && n < 64 && blocks[i + n]!.nr === blocks[i]!.nr + n) n++;
      if (n === 1) {
        this.disk.write(blocks[i]!.nr, blocks[i]!.data);
      } else {
        const run = new Uint8Array(n * bs);
        for (let k = 0; k < n; k++) run.set(blocks[i + k]!.data, k * bs);
        this.disk.write(blocks[i]!.nr, run);
      }
      i += n;
    }
  }

  private transactionLimit(): number {
    const room = this.journal?.capacity ?? MAX_TRANSACTION;
    return Math.max(16, Math.min(MAX_TRANSACTION, room >> 1));
  }

  /** Sets the free counts in the superblock from the groups. */
  updateCounts(): void {
    const v = this.sb.view;
    v.setUint32(SB.freeBlocksLo, this.freeBlocks >>> 0, true);
    if (this.sb.is64bit) v.setUint32(SB.freeBlocksHi, Math.floor(this.freeBlocks / 2 ** 32), true);
    v.setUint32(SB.freeInodes, this.freeInodes, true);
    v.setUint32(SB.wtime, this.now().sec >>> 0, true);
  }
}
