/**
 * The data of one regular file between page cache and device, with delayed allocation.
 *
 * A write reserves blocks (`reserve`) and only write-back (`writePages`) allocates them, so files become
 * contiguous and short-lived files never touch the disk. Invariants: `vol.reserved` covers every delayed
 * block and the tree nodes it may need; data is on the device before the operation that maps it ends;
 * bytes beyond the end of the file are zero on the device wherever a later growth could show them.
 */

import { PAGE_SIZE } from '../../../common/layout.ts';
import { EFBIG, ENOSPC, EOPNOTSUPP, LinuxError, linuxError } from '../../errno.ts';
import { allocBlocks, goalOf } from './alloc.ts';
import { readData } from './data.ts';
import type { DiskInode } from './disk-inode.ts';
import { insertExtent, markWhole, markWritten, nodesNeeded, removeExtents } from './extent-tree.ts';
import { EXT_MAX_BLOCKS, EXT_UNWRITTEN_MAX_LEN } from './layout.ts';
import { isHole, mapBlock } from './mapping.ts';
import type { Volume } from './volume.ts';

/** Of files without delayed blocks, which are most: not to be added to. */
const NONE: Set<number> = new Set();

export class FileData {
  private readonly disk: DiskInode;
  private readonly vol: Volume;
  /** Blocks that have data in the page cache but none on the device. */
  private delayed: Set<number> = NONE;
  /** What `vol.reserved` holds for us. */
  private reservation = 0;
  /** The block that the file ends in is known to be zero beyond the end. */
  private tailIsClean = false;

  constructor(disk: DiskInode) {
    this.disk = disk;
    this.vol = disk.vol;
  }

  /** 512-byte sectors that write-back will allocate: stat(2) counts them already. */
  get delayedSectors(): number {
    return this.delayed.size * (this.vol.blockSize / 512);
  }

  readPages(index: number, count: number, into: Uint8Array, at: number): void {
    this.vol.trim();
    readData(this.disk, index, count, into, at);
  }

  /**
   * Reserves space for a write; ENOSPC if there is none, or none but what is reserved for the privileged. `flush`
   * turns other files' promises into facts.
   */
  reserve(offset: number, length: number, privileged: boolean, flush: () => void): void {
    const { vol } = this;
    const bs = vol.blockSize;
    const end = Math.ceil((offset + length) / bs);
    if (end > EXT_MAX_BLOCKS) throw linuxError(EFBIG);
    const missing = this.holes(Math.floor(offset / bs), end);
    if (missing.length === 0) return;
    if (!this.disk.usesExtents) throw linuxError(EOPNOTSUPP);
    const kept = privileged ? 0 : vol.sb.reservedBlocks;
    if (this.promise(missing, kept)) return;
    flush();
    vol.commit();
    if (this.promise(missing, kept)) return;
    if (vol.freeBlocks - vol.reserved - kept < missing.length) throw linuxError(ENOSPC);
    // Too tight for promises: allocate now, which either works or does not.
    this.allocate(Math.floor(offset / bs), end);
  }

  private holes(from: number, end: number): number[] {
    const missing: number[] = [];
    for (let lblk = from; lblk < end; ) {
      if (this.delayed.has(lblk)) {
        lblk++;
        continue;
      }
      const m = mapBlock(this.disk, lblk);
      const stop = Math.min(end, lblk + m.length);
      if (m.start !== 0) lblk = stop;
      for (; lblk < stop; lblk++) if (!this.delayed.has(lblk)) missing.push(lblk);
    }
    return missing;
  }

  /** @param kept blocks that have to stay free */
  private promise(blocks: readonly number[], kept: number): boolean {
    const { vol } = this;
    const want = this.cost(this.delayed.size + blocks.length);
    if (vol.freeBlocks - vol.reserved - kept < want - this.reservation) return false;
    if (this.delayed === NONE) this.delayed = new Set();
    for (const lblk of blocks) this.delayed.add(lblk);
    this.settle();
    return true;
  }

  /** Blocks to reserve for `count` delayed ones: themselves and the nodes to map them. */
  private cost(count: number): number {
    if (count === 0) return 0;
    return count + Math.ceil(count / (this.vol.blockSize / 24)) + nodesNeeded(this.disk);
  }

  private settle(): void {
    if (this.delayed.size === 0) this.delayed = NONE;
    const want = this.cost(this.delayed.size);
    this.vol.reserved += want - this.reservation;
    this.reservation = want;
  }

  /** Writes pages back; allocates what is delayed or was never reserved (stores through mappings). */
  writePages(index: number, from: Uint8Array, at: number, length: number): void {
    const bs = this.vol.blockSize;
    const first = index * (PAGE_SIZE / bs);
    const count = Math.ceil(length / bs);
    let data = from.subarray(at, at + count * bs);
    if (length < count * bs) {
      data = data.slice();
      data.fill(0, length);
    }
    for (let i = 0; i < count; ) {
      let end = i;
      while (end < count && !this.staysHole(first + end, data, end * bs)) end++;
      if (end > i) this.writeRun(first + i, end - i, data.subarray(i * bs, end * bs));
      i = end + 1;
    }
  }

  /** A page may have blocks that nobody wrote: holes without a promise, all zeros, stay holes. */
  private staysHole(lblk: number, data: Uint8Array, at: number): boolean {
    if (this.delayed.has(lblk)) return false;
    const m = mapBlock(this.disk, lblk);
    if (!isHole(m)) return false;
    for (let i = at; i < at + this.vol.blockSize; i++) if (data[i] !== 0) return false;
    return true;
  }

  private writeRun(first: number, count: number, data: Uint8Array): void {
    if (this.writeMapped(first, count, data)) return;
    try {
      this.mapAndWrite(first, count, data, false);
    } catch (error) {
      // Splitting an unwritten extent may need a node that a full disk does not have.
      if (!(error instanceof LinuxError) || error.errno !== ENOSPC) throw error;
      this.mapAndWrite(first, count, data, true);
    }
    for (let i = 0; i < count; i++) this.delayed.delete(first + i);
    this.settle();
  }

  private mapAndWrite(first: number, count: number, data: Uint8Array, whole: boolean): void {
    const { vol } = this;
    vol.mutate(() => {
      vol.reserved -= this.reservation;
      this.mapAll(first, count, whole);
      if (!this.writeMapped(first, count, data)) {
        vol.damaged(`inode ${this.disk.ino}: a lost mapping`);
      }
      vol.reserved += this.reservation;
    });
  }

  /** Writes blocks if all of them are mapped and written. */
  private writeMapped(first: number, count: number, data: Uint8Array): boolean {
    const bs = this.vol.blockSize;
    const starts: [number, number, number][] = [];
    for (let i = 0; i < count; ) {
      const m = mapBlock(this.disk, first + i);
      if (isHole(m)) return false;
      const n = Math.min(m.length, count - i);
      starts.push([i, n, m.start]);
      i += n;
    }
    for (const [i, n, start] of starts)
      this.vol.disk.write(start, data.subarray(i * bs, (i + n) * bs));
    return true;
  }

  private mapAll(first: number, count: number, whole: boolean): void {
    const { disk, vol } = this;
    for (let i = 0; i < count; ) {
      const m = mapBlock(disk, first + i);
      const n = Math.min(m.length, count - i);
      if (m.start === 0) {
        if (!disk.usesExtents) throw linuxError(EOPNOTSUPP);
        const run = allocBlocks(vol, this.goal(first + i), n);
        insertExtent(disk, first + i, run.length, run.start, false);
        disk.addBlocks(run.length);
        i += run.length;
      } else {
        if (m.unwritten && whole) this.clearWhole(first + i);
        else if (m.unwritten) markWritten(disk, first + i, n, m.start);
        i += n;
      }
    }
  }

  /** Writes zeros to a whole unwritten extent instead of splitting it. */
  private clearWhole(lblk: number): void {
    const { start, length } = markWhole(this.disk, lblk);
    const zeros = new Uint8Array(this.vol.blockSize);
    for (let i = 0; i < length; i++) this.vol.disk.write(start + i, zeros);
  }

  private goal(lblk: number): number {
    const before = lblk > 0 ? mapBlock(this.disk, lblk - 1).start : 0;
    return before > 0 ? before + 1 : goalOf(this.disk);
  }

  /** Allocates unwritten blocks for the holes of [from, to): all or none. */
  allocate(from: number, to: number): void {
    const { disk, vol } = this;
    if (!disk.usesExtents) throw linuxError(EOPNOTSUPP);
    vol.mutate(() => {
      for (let lblk = from; lblk < to; ) {
        const m = mapBlock(disk, lblk);
        const n = Math.min(m.length, to - lblk, EXT_UNWRITTEN_MAX_LEN);
        if (m.start !== 0) {
          lblk += n;
          continue;
        }
        // Promised blocks stay promised: they are mapped when they are written.
        if (this.delayed.has(lblk)) {
          lblk++;
          continue;
        }
        let length = 1;
        while (length < n && !this.delayed.has(lblk + length)) length++;
        if (vol.freeBlocks - vol.reserved < length) throw linuxError(ENOSPC);
        const run = allocBlocks(vol, this.goal(lblk), length);
        insertExtent(disk, lblk, run.length, run.start, true);
        disk.addBlocks(run.length);
        lblk += run.length;
      }
    });
  }

  /** Forgets delayed blocks in [from, to). */
  forget(from: number, to: number): void {
    for (const lblk of this.delayed) if (lblk >= from && lblk < to) this.delayed.delete(lblk);
    this.settle();
  }

  /** Frees blocks [from, to), in as many operations as it takes; `first` runs in the first of them. */
  free(from: number, to: number, first: () => void): void {
    const { vol, disk } = this;
    this.forget(from, to);
    let at = vol.mutate(() => {
      first();
      if (!disk.usesExtents) {
        if (disk.sectors > 0) throw linuxError(EOPNOTSUPP);
        return to;
      }
      return removeExtents(disk, from, to, true);
    });
    while (at < to) {
      const here = at;
      at = vol.mutate(() => removeExtents(disk, here, to, true));
    }
  }

  /** The file shrinks: bytes beyond the new end may be on the device. */
  shrunk(): void {
    this.tailIsClean = false;
  }

  /** Before the size grows: what is beyond the old end on the device must not show. */
  cleanTail(): void {
    const { vol, disk } = this;
    const bs = vol.blockSize;
    const used = disk.size % bs;
    if (this.tailIsClean) return;
    this.tailIsClean = true;
    if (used === 0) return;
    const m = mapBlock(disk, Math.floor(disk.size / bs));
    if (isHole(m)) return;
    const block = new Uint8Array(bs);
    vol.disk.read(m.start, block);
    if (block.subarray(used).every((b) => b === 0)) return;
    block.fill(0, used);
    vol.disk.write(m.start, block);
  }
}
