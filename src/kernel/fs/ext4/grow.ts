/**
 * Grows an ext4 file system that nobody uses (resize2fs of e2fsprogs; fs/ext4/resize.c of Linux).
 *
 * The order makes a crash harmless: what lies beyond the old end is written and flushed first, where nobody
 * looks; then one transaction of the journal changes descriptors, the last group and the superblock; the
 * copies of superblock and descriptors come last. Without a journal, or if the transaction does not fit,
 * what only matters for the new size is written before the rest.
 */

import type { BlockDevice } from '../../ports.ts';
import { crc32c } from './crc.ts';
import { Ext4ImageError } from './errors.ts';
import { Ext4FileSystem, type Ext4Options } from './fs.ts';
import { descriptorCsum } from './groups.ts';
import { GrowPlan } from './grow-plan.ts';
import { checkResizeInode, growResizeInode, hasResizeInode } from './grow-reserve.ts';
import {
  BG_INODE_UNINIT,
  BG_INODE_ZEROED,
  COMPAT,
  GD,
  INCOMPAT,
  SB,
  STATE_ERRORS,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
} from './layout.ts';
import { Superblock } from './superblock.ts';
import type { Volume } from './volume.ts';

export interface GrowOptions extends Pick<Ext4Options, 'now' | 'random' | 'log'> {
  /** Makes the device at least that many bytes long; what is added are zeros. */
  readonly extend: (bytes: number) => void;
  /** From now on the new size may be durable. */
  readonly onCommit?: () => void;
  /** Fraction done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

export interface GrowResult {
  readonly oldBlocks: number;
  readonly blocks: number;
  readonly blockSize: number;
}

/** Makes the file system `size` bytes long. @throws Ext4ImageError, with nothing changed, if it cannot */
export function growExt4(device: BlockDevice, size: number, options: GrowOptions): GrowResult {
  const { extend, onCommit, onProgress, ...open } = options;
  const fs = Ext4FileSystem.open(device, open);
  let plan: GrowPlan;
  try {
    plan = planFor(fs, size);
    if (plan.blocks > fs.volume.sb.blocks) {
      const blank = device.size;
      extend(plan.blocks * plan.sb.blockSize);
      const table = writeNewGroups(device, plan, blank, onProgress ?? (() => {}));
      device.flush();
      onCommit?.();
      commitGrowth(fs.volume, device, plan, table);
    }
  } finally {
    fs.close();
  }
  const { oldBlocks, blocks } = plan;
  if (blocks > oldBlocks) writeCopies(device, plan);
  return { oldBlocks, blocks, blockSize: plan.sb.blockSize };
}

function planFor(fs: Ext4FileSystem, size: number): GrowPlan {
  const { sb } = fs.volume;
  if (sb.readOnlyReason !== null) throw new Ext4ImageError(`cannot grow: ${sb.readOnlyReason}`);
  if (fs.readOnly) throw new Ext4ImageError('cannot grow: the image is read-only');
  if (sb.view.getUint16(SB.state, true) & STATE_ERRORS) {
    throw new Ext4ImageError('cannot grow: it has errors; repair it with e2fsck first');
  }
  if (sb.compat & COMPAT.sparse_super2) {
    throw new Ext4ImageError('cannot grow: it uses sparse_super2');
  }
  const old = sb.blocks * sb.blockSize;
  if (size < old - sb.blockSize + 1) {
    throw new Ext4ImageError(`it has ${old} bytes already, and images cannot be made smaller`);
  }
  const plan = new GrowPlan(sb, size);
  if (hasResizeInode(fs.volume, plan)) checkResizeInode(fs.volume, plan);
  return plan;
}

/** Bitmaps and inode tables. @returns the descriptors of the new groups */
function writeNewGroups(
  device: BlockDevice,
  plan: GrowPlan,
  blankFrom: number,
  onProgress: (fraction: number) => void,
): Uint8Array {
  const { sb, added } = plan;
  const table = new Uint8Array(added.length * sb.descSize);
  added.forEach((group, i) => {
    const g = sb.groups + i;
    const blockMap = plan.groupMap(g);
    const inodeMap = new Uint8Array(sb.blockSize).fill(0xff);
    inodeMap.fill(0, 0, sb.inodesPerGroup >> 3);
    device.write(group.blockBitmap * sb.blockSize, blockMap.bits);
    device.write(group.inodeBitmap * sb.blockSize, inodeMap);
    const start = group.inodeTable * sb.blockSize;
    clear(device, start, Math.min(plan.inodeTableBlocks * sb.blockSize, blankFrom - start));
    const desc = table.subarray(i * sb.descSize, (i + 1) * sb.descSize);
    describe(plan, g, desc, blockMap, inodeMap);
    onProgress((i + 1) / added.length);
  });
  return table;
}

function describe(
  plan: GrowPlan,
  g: number,
  desc: Uint8Array,
  blockMap: { readonly bits: Uint8Array; readonly free: number },
  inodeMap: Uint8Array,
): void {
  const { sb } = plan;
  const v = new DataView(desc.buffer, desc.byteOffset, desc.length);
  const set32 = (lo: number, hi: number, value: number): void => {
    v.setUint32(lo, value % 2 ** 32, true);
    if (sb.is64bit) v.setUint32(hi, Math.floor(value / 2 ** 32), true);
  };
  const set16 = (lo: number, hi: number, value: number): void => {
    v.setUint16(lo, value, true);
    if (sb.is64bit) v.setUint16(hi, value >>> 16, true);
  };
  const group = plan.added[g - sb.groups]!;
  set32(GD.blockBitmapLo, GD.blockBitmapHi, group.blockBitmap);
  set32(GD.inodeBitmapLo, GD.inodeBitmapHi, group.inodeBitmap);
  set32(GD.inodeTableLo, GD.inodeTableHi, group.inodeTable);
  set16(GD.freeBlocksLo, GD.freeBlocksHi, blockMap.free);
  set16(GD.freeInodesLo, GD.freeInodesHi, sb.inodesPerGroup);
  if (sb.metadataCsum) {
    const blockCsum = crc32c(sb.csumSeed, blockMap.bits, 0, sb.blocksPerGroup >> 3);
    const inodeCsum = crc32c(sb.csumSeed, inodeMap, 0, sb.inodesPerGroup >> 3);
    set16(GD.blockBitmapCsumLo, GD.blockBitmapCsumHi, blockCsum);
    set16(GD.inodeBitmapCsumLo, GD.inodeBitmapCsumHi, inodeCsum);
  }
  if (!sb.metadataCsum && !sb.gdtCsum) return;
  set16(GD.itableUnusedLo, GD.itableUnusedHi, sb.inodesPerGroup);
  v.setUint16(GD.flags, BG_INODE_ZEROED | BG_INODE_UNINIT, true);
  v.setUint16(GD.checksum, descriptorCsum(sb, desc, g), true);
}

function clear(device: BlockDevice, offset: number, length: number): void {
  if (length <= 0) return;
  const zeros = new Uint8Array(Math.min(length, 1 << 20));
  for (let done = 0; done < length; done += zeros.length) {
    device.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

function commitGrowth(vol: Volume, device: BlockDevice, plan: GrowPlan, table: Uint8Array): void {
  const prepare = (): void => {
    writeDescriptors(vol, device, plan, table);
    if (hasResizeInode(vol, plan)) growResizeInode(vol, plan);
  };
  const finish = (): void => {
    growLastGroup(vol, plan);
    growSuperblock(vol, plan, table);
  };
  // Beside these blocks: the last group's bitmap, inode, superblock.
  const size = plan.gdtBlocks - plan.oldGdtBlocks + 2 + plan.reserved + 8;
  if (vol.journal !== null && size <= vol.journal.capacity) {
    vol.mutate(() => {
      prepare();
      finish();
    });
  } else {
    vol.mutate(prepare);
    vol.commit();
    vol.mutate(finish);
  }
  vol.commit();
}

/** Of the new groups, behind those that are there; meta groups that are new are beyond the old end. */
function writeDescriptors(
  vol: Volume,
  device: BlockDevice,
  plan: GrowPlan,
  table: Uint8Array,
): void {
  const { sb, perBlock } = plan;
  for (let index = Math.floor(sb.groups / perBlock); index < plan.gdtBlocks; index++) {
    const from = Math.max(sb.groups, index * perBlock);
    const to = Math.min(plan.groups, (index + 1) * perBlock);
    const part = table.subarray((from - sb.groups) * sb.descSize, (to - sb.groups) * sb.descSize);
    const at = (from % perBlock) * sb.descSize;
    const nr = plan.descriptorBlock(index);
    if (nr >= sb.blocks) {
      const data = new Uint8Array(sb.blockSize);
      data.set(part, at);
      device.write(nr * sb.blockSize, data);
      continue;
    }
    const block = vol.cache.get(nr);
    vol.cache.touch(block);
    if (index >= plan.oldGdtBlocks) block.data.fill(0);
    block.data.set(part, at);
  }
}

function growLastGroup(vol: Volume, plan: GrowPlan): void {
  const g = plan.sb.groups - 1;
  const old = vol.groups.blockCount(g);
  const count = plan.blockCount(g);
  if (count === old) return;
  const { data } = vol.groups.touchBlockMap(g);
  for (let i = old; i < count; i++) data[i >> 3]! &= ~(1 << (i & 7));
  vol.groups.addFreeBlocks(g, count - old);
}

function growSuperblock(vol: Volume, plan: GrowPlan, table: Uint8Array): void {
  const { sb } = plan;
  const v = vol.touchSuperblock();
  const set = (lo: number, hi: number, value: number): void => {
    v.setUint32(lo, value % 2 ** 32, true);
    if (sb.is64bit) v.setUint32(hi, Math.floor(value / 2 ** 32), true);
  };
  const share = (sb.reservedBlocks * 100) / sb.blocks;
  set(SB.rBlocksCountLo, SB.rBlocksCountHi, Math.floor((share * plan.blocks) / 100));
  set(SB.blocksCountLo, SB.blocksCountHi, plan.blocks);
  v.setUint32(SB.inodesCount, plan.groups * sb.inodesPerGroup, true);
  // A cached sum that Linux computes anew.
  v.setUint32(SB.overheadClusters, 0, true);
  if (plan.metaBg) {
    v.setUint32(SB.featureIncompat, sb.incompat | INCOMPAT.meta_bg, true);
    v.setUint32(SB.firstMetaBg, plan.firstMeta, true);
  } else if (plan.oldReserved > 0) {
    v.setUint16(SB.reservedGdtBlocks, plan.reserved, true);
  }
  vol.freeInodes += plan.added.length * sb.inodesPerGroup;
  const t = new DataView(table.buffer);
  for (let at = 0; at < table.length; at += sb.descSize) {
    vol.freeBlocks += t.getUint16(at + GD.freeBlocksLo, true);
    if (sb.is64bit) vol.freeBlocks += t.getUint16(at + GD.freeBlocksHi, true) * 65536;
  }
}

/** Copies of superblock and descriptors, in all groups that have them. */
function writeCopies(device: BlockDevice, plan: GrowPlan): void {
  const { blockSize } = plan.sb;
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  device.read(SUPERBLOCK_OFFSET, bytes);
  const sb = new Superblock(bytes);
  const table = new Uint8Array(plan.classicGdtBlocks * blockSize);
  device.read((Math.floor(1024 / blockSize) + 1) * blockSize, table);
  for (let g = 1; g < plan.groups; g++) {
    const at = plan.first(g) * blockSize;
    const backup = sb.hasBackup(g);
    if (backup) {
      sb.view.setUint16(SB.blockGroupNr, g, true);
      sb.seal();
      device.write(at, bytes);
      if (!plan.inMeta(g)) device.write(at + blockSize, table);
    }
    if (!plan.inMeta(g) || !plan.holdsMetaBlock(g) || g % plan.perBlock === 0) continue;
    const block = new Uint8Array(blockSize);
    device.read(plan.descriptorBlock(Math.floor(g / plan.perBlock)) * blockSize, block);
    device.write(at + (backup ? blockSize : 0), block);
  }
  device.flush();
}
