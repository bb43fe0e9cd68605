/**
 * The running journal (jbd2 in ordered mode, checksums v3).
 *
 * A commit is: file data is flushed; descriptors and copies of the metadata are written, and flushed; the
 * commit record is written, and flushed; the metadata is written to its places, and flushed; the tail
 * moves. So the journal holds one transaction at a time, always from its first block, and needs no
 * revoke records: when a block is used for something else, no copy of it is left that could be replayed.
 */

import type { BlockDevice } from '../../ports.ts';
import type { MetaBlock } from './buffers.ts';
import { crc32c, crc32cBe32, crc32cZeros } from './crc.ts';
import {
  BLOCK_COMMIT,
  BLOCK_DESCRIPTOR,
  JBD2_MAGIC,
  JournalMap,
  type JournalSuper,
  JSB,
  readJournalSuper,
  TAG_ESCAPE,
  TAG_LAST,
  TAG_SAME_UUID,
} from './jbd2.ts';
import { INCOMPAT, SB } from './layout.ts';
import type { Volume } from './volume.ts';

const HEADER = 12;
/** Blocks written at once. */
const MAX_RUN = 64;

export class Journal {
  private readonly vol: Volume;
  private readonly map: JournalMap;
  private readonly js: JournalSuper;
  private sequence: number;
  private started = false;

  constructor(vol: Volume, device: BlockDevice) {
    this.vol = vol;
    this.map = new JournalMap(device, vol.sb);
    this.js = readJournalSuper(this.map);
    this.sequence = this.js.view.getUint32(JSB.sequence, false);
    if (vol.sb.metadataCsum) this.js.upgrade(vol.sb.is64bit);
  }

  /** Device blocks of the journal, which no file may claim. */
  get runs(): readonly (readonly [number, number, number])[] {
    return this.map.runs;
  }

  /** Blocks that one transaction may have. */
  get capacity(): number {
    const room = this.js.length - this.js.first - 1;
    return Math.floor((room * this.tagsPerBlock) / (this.tagsPerBlock + 1)) - 1;
  }

  commit(blocks: readonly MetaBlock[]): void {
    const { vol } = this;
    if (!this.started) this.begin();
    if (blocks.length > this.capacity) {
      vol.log(`a transaction of ${blocks.length} blocks does not fit into the journal`);
      vol.disk.flush();
      vol.writeHome(blocks);
      vol.disk.flush();
      return;
    }
    const end = this.writeCopies(blocks);
    vol.disk.flush();
    this.writeCommit(end);
    vol.disk.flush();
    vol.writeHome(blocks);
    vol.disk.flush();
    this.sequence = (this.sequence + 1) >>> 0;
    this.writeSuper(this.js.first);
  }

  /** Everything is in its place: the journal is empty, and the image says so. */
  close(): void {
    if (!this.started) return;
    this.vol.disk.flush();
    this.writeSuper(0);
    this.setNeedsRecovery(false);
    this.started = false;
  }

  /** From now on whoever opens the image has to look into the journal. */
  private begin(): void {
    this.writeSuper(this.js.first);
    this.setNeedsRecovery(true);
    this.started = true;
  }

  private setNeedsRecovery(on: boolean): void {
    const { sb, superblockBlock, disk } = this.vol;
    const old = sb.view.getUint32(SB.featureIncompat, true);
    const bit = INCOMPAT.needs_recovery;
    sb.view.setUint32(SB.featureIncompat, on ? old | bit : old & ~bit, true);
    sb.seal();
    // Not the block in memory as it is, which may hold uncommitted counts: only the flag changes.
    const stored = new Uint8Array(this.vol.blockSize);
    disk.read(superblockBlock.nr, stored);
    const at = sb.bytes.byteOffset - superblockBlock.data.byteOffset;
    const v = new DataView(stored.buffer, at);
    const flags = v.getUint32(SB.featureIncompat, true);
    v.setUint32(SB.featureIncompat, on ? flags | bit : flags & ~bit, true);
    if (sb.metadataCsum) {
      v.setUint32(SB.checksum, crc32c(0xffffffff, stored, at, at + SB.checksum), true);
    }
    disk.write(superblockBlock.nr, stored);
    disk.flush();
  }

  private writeSuper(start: number): void {
    const v = this.js.view;
    v.setUint32(JSB.start, start, false);
    v.setUint32(JSB.sequence, this.sequence, false);
    this.js.seal();
    this.vol.disk.write(this.map.place(0), this.js.block);
  }

  private get tagsPerBlock(): number {
    const tail = this.js.hasChecksums ? 4 : 0;
    return Math.floor((this.vol.blockSize - HEADER - 16 - tail) / this.js.tagSize);
  }

  /** Descriptors, each followed by the blocks it describes. @returns the next journal block */
  private writeCopies(blocks: readonly MetaBlock[]): number {
    const per = this.tagsPerBlock;
    let at = this.js.first;
    for (let from = 0; from < blocks.length; from += per) {
      const batch = blocks.slice(from, from + per);
      this.writeAt(at, [this.descriptor(batch), ...batch.map(escaped)]);
      at += 1 + batch.length;
    }
    return at;
  }

  /** Writes blocks from journal block `first` on, those that are neighbours on the device together. */
  private writeAt(first: number, blocks: readonly Uint8Array[]): void {
    const { blockSize, disk } = this.vol;
    for (let i = 0; i < blocks.length; ) {
      const place = this.map.place(first + i);
      let n = 1;
      while (n < MAX_RUN && i + n < blocks.length && this.map.place(first + i + n) === place + n)
        n++;
      const run = new Uint8Array(n * blockSize);
      for (let k = 0; k < n; k++) run.set(blocks[i + k]!, k * blockSize);
      disk.write(place, run);
      i += n;
    }
  }

  private header(type: number): { bytes: Uint8Array; view: DataView } {
    const bytes = new Uint8Array(this.vol.blockSize);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, JBD2_MAGIC, false);
    view.setUint32(4, type, false);
    view.setUint32(8, this.sequence, false);
    return { bytes, view };
  }

  private descriptor(blocks: readonly MetaBlock[]): Uint8Array {
    const { bytes, view } = this.header(BLOCK_DESCRIPTOR);
    const { js } = this;
    let p = HEADER;
    blocks.forEach((block, i) => {
      const data = escaped(block);
      let flags = data === block.data ? 0 : TAG_ESCAPE;
      if (i > 0) flags |= TAG_SAME_UUID;
      if (i === blocks.length - 1) flags |= TAG_LAST;
      const crc = js.hasChecksums
        ? crc32c(crc32cBe32(js.seed, this.sequence), data, 0, data.length)
        : 0;
      js.writeTag(view, p, {
        block: block.nr,
        flags,
        checksum: js.checksumV3 ? crc : crc & 0xffff,
      });
      p += js.tagSize;
      if (i > 0) return;
      bytes.set(js.block.subarray(JSB.uuid, JSB.uuid + 16), p);
      p += 16;
    });
    if (js.hasChecksums) {
      const tail = bytes.length - 4;
      view.setUint32(tail, crc32cZeros(crc32c(js.seed, bytes, 0, tail), 4), false);
    }
    return bytes;
  }

  private writeCommit(at: number): void {
    const { bytes, view } = this.header(BLOCK_COMMIT);
    const now = this.vol.now();
    view.setUint32(48, Math.floor(now.sec / 2 ** 32), false);
    view.setUint32(52, now.sec >>> 0, false);
    view.setUint32(56, now.nsec, false);
    if (this.js.hasChecksums)
      view.setUint32(16, crc32c(this.js.seed, bytes, 0, bytes.length), false);
    this.vol.disk.write(this.map.place(at), bytes);
  }
}

/** A block that begins like a journal block is stored with its first word zeroed. */
function escaped(block: MetaBlock): Uint8Array {
  if (block.view.getUint32(0, false) !== JBD2_MAGIC) return block.data;
  const copy = block.data.slice();
  copy.fill(0, 0, 4);
  return copy;
}
