/**
 * Journal recovery (fs/jbd2/recovery.c): finds the committed transactions that follow the tail, notes
 * what they revoke, and writes the rest of their blocks to their places. Formats: checksums v2 and v3,
 * 64-bit, without checksums.
 *
 * Invariant: works on the device alone, before anything is mounted. A transaction whose commit record does not fit
 * ends the journal, as after a torn write; damage before that is an error.
 */

import type { BlockDevice } from '../../ports.ts';
import { crc32c, crc32cBe32, crc32cZeros } from './crc.ts';
import { Ext4ImageError } from './errors.ts';
import {
  BLOCK_COMMIT,
  BLOCK_DESCRIPTOR,
  BLOCK_REVOKE,
  JBD2_INCOMPAT,
  JBD2_MAGIC,
  JournalMap,
  type JournalSuper,
  JSB,
  readJournalSuper,
  TAG_ESCAPE,
  TAG_LAST,
  TAG_SAME_UUID,
} from './jbd2.ts';
import { INCOMPAT, SB, SUPERBLOCK_OFFSET } from './layout.ts';
import { Superblock, superblockBytes } from './superblock.ts';

interface Tag {
  readonly block: number;
  readonly journalBlock: number;
  readonly escaped: boolean;
  readonly checksum: number;
}

interface Transaction {
  readonly sequence: number;
  readonly tags: Tag[];
  readonly revoked: number[];
}

/**
 * Replays the journal of an image and marks it clean.
 * @param torn the superblock may be torn, but is whole in the journal
 */
export function replayJournal(
  device: BlockDevice,
  log: (line: string) => void,
  torn = false,
): void {
  const sb = new Superblock(superblockBytes(device), torn);
  const map = new JournalMap(device, sb);
  const js = readJournalSuper(map);
  const start = js.view.getUint32(JSB.start, false);
  let next = js.view.getUint32(JSB.sequence, false);
  if (start !== 0) {
    if (js.incompat & JBD2_INCOMPAT.fastCommit) {
      throw new Ext4ImageError('the journal has fast commits, which are not supported: run e2fsck');
    }
    const transactions = scan(map, js, start, next, sb.blocks);
    const written = apply(device, map, transactions);
    next = (next + transactions.length + 1) >>> 0;
    log(`journal replayed: ${transactions.length} transactions, ${written} blocks`);
    device.flush();
  }
  js.view.setUint32(JSB.start, 0, false);
  js.view.setUint32(JSB.sequence, next, false);
  js.seal();
  map.write(0, js.block);
  markRecovered(device);
}

/** The superblock itself may have been in the journal, so it is read again. */
function markRecovered(device: BlockDevice): void {
  const sb = new Superblock(superblockBytes(device));
  sb.view.setUint32(
    SB.featureIncompat,
    sb.view.getUint32(SB.featureIncompat, true) & ~INCOMPAT.needs_recovery,
    true,
  );
  sb.seal();
  device.write(SUPERBLOCK_OFFSET, sb.bytes);
  device.flush();
}

/** Reads transactions until one is not complete. */
function scan(
  map: JournalMap,
  js: JournalSuper,
  start: number,
  sequence: number,
  blocks: number,
): Transaction[] {
  const out: Transaction[] = [];
  if (start < js.first || start >= js.length)
    throw new Ext4ImageError('the journal is damaged: its start');
  let at = start;
  let left = js.length;
  const block = new Uint8Array(map.blockSize);
  const view = new DataView(block.buffer);
  const advance = (n: number): void => {
    at += n;
    if (at >= js.length) at = js.first + ((at - js.first) % (js.length - js.first));
    left -= n;
  };
  let current: Transaction = { sequence, tags: [], revoked: [] };
  while (left > 0) {
    map.read(at, block);
    if (view.getUint32(0, false) !== JBD2_MAGIC || view.getUint32(8, false) !== current.sequence)
      break;
    const type = view.getUint32(4, false);
    advance(1);
    if (type === BLOCK_DESCRIPTOR) {
      if (!tailRight(js, block, view)) break;
      const n = readTags(js, view, current, blocks, () => {
        const here = at;
        advance(1);
        return here;
      });
      if (n < 0) break;
    } else if (type === BLOCK_REVOKE) {
      if (!tailRight(js, block, view)) break;
      readRevokes(js, view, current.revoked);
    } else if (type === BLOCK_COMMIT) {
      if (!commitRight(js, block, view)) break;
      // Data is on the disk before the commit record is, so it was right once.
      const async = (js.incompat & JBD2_INCOMPAT.asyncCommit) !== 0;
      if (!dataRight(map, js, current)) {
        if (async) break;
        throw new Ext4ImageError(
          `the journal is damaged: wrong checksum of a block of transaction ${current.sequence}`,
        );
      }
      out.push(current);
      current = { sequence: (current.sequence + 1) >>> 0, tags: [], revoked: [] };
    } else break;
  }
  return out;
}

/** @returns the number of tags, or -1 if they make no sense */
function readTags(
  js: JournalSuper,
  view: DataView,
  into: Transaction,
  blocks: number,
  nextBlock: () => number,
): number {
  const end = view.byteLength - (js.hasChecksums ? 4 : 0);
  let n = 0;
  for (let p = 12; p + js.tagSize <= end; n++) {
    const tag = js.readTag(view, p);
    p += js.tagSize;
    if ((tag.flags & TAG_SAME_UUID) === 0) p += 16;
    if (tag.block >= blocks) return -1;
    into.tags.push({
      block: tag.block,
      journalBlock: nextBlock(),
      escaped: (tag.flags & TAG_ESCAPE) !== 0,
      checksum: tag.checksum,
    });
    if (tag.flags & TAG_LAST) break;
  }
  return n;
}

function readRevokes(js: JournalSuper, view: DataView, into: number[]): void {
  const size = js.is64bit ? 8 : 4;
  const end = Math.min(view.getUint32(12, false), view.byteLength - (js.hasChecksums ? 4 : 0));
  for (let p = 16; p + size <= end; p += size) {
    const hi = js.is64bit ? view.getUint32(p, false) : 0;
    into.push(hi * 2 ** 32 + view.getUint32(p + size - 4, false));
  }
}

function tailRight(js: JournalSuper, block: Uint8Array, view: DataView): boolean {
  if (!js.hasChecksums) return true;
  const at = block.length - 4;
  const crc = crc32cZeros(crc32c(js.seed, block, 0, at), 4);
  return view.getUint32(at, false) === crc;
}

function commitRight(js: JournalSuper, block: Uint8Array, view: DataView): boolean {
  if (!js.hasChecksums) return true;
  let crc = crc32cZeros(crc32c(js.seed, block, 0, 16), 4);
  crc = crc32c(crc, block, 20, block.length);
  return view.getUint32(16, false) === crc;
}

function dataRight(map: JournalMap, js: JournalSuper, t: Transaction): boolean {
  if (!js.hasChecksums) return true;
  const block = new Uint8Array(map.blockSize);
  for (const tag of t.tags) {
    map.read(tag.journalBlock, block);
    const crc = crc32c(crc32cBe32(js.seed, t.sequence), block, 0, block.length);
    const expected = js.checksumV3 ? crc : crc & 0xffff;
    if (tag.checksum !== expected) return false;
  }
  return true;
}

function apply(device: BlockDevice, map: JournalMap, transactions: readonly Transaction[]): number {
  // A block revoked by a transaction is not replayed from it or any before.
  const revokedBy = new Map<number, number>();
  transactions.forEach((t, i) => {
    for (const nr of t.revoked) revokedBy.set(nr, i);
  });
  const block = new Uint8Array(map.blockSize);
  let written = 0;
  transactions.forEach((t, i) => {
    for (const tag of t.tags) {
      if ((revokedBy.get(tag.block) ?? -1) >= i) continue;
      map.read(tag.journalBlock, block);
      if (tag.escaped) new DataView(block.buffer).setUint32(0, JBD2_MAGIC, false);
      device.write(tag.block * map.blockSize, block);
      written++;
    }
  });
  return written;
}
