/**
 * Makes an ext4 file system with the features mke2fs -t ext4 chooses (without resize_inode): 64bit,
 * flex_bg, extents, metadata_csum, dir_index, has_journal.
 *
 * The skeleton (superblock, descriptors, bitmaps, journal) is written here; root and lost+found are then
 * made by the same code that makes every other directory, and the superblock's copies come last.
 */

import type { BlockDevice } from '../../ports.ts';
import type { Timespec } from '../../vfs/types.ts';
import { S_IFDIR, S_IFREG } from '../../vfs/types.ts';
import { crc32c } from './crc.ts';
import { initDirectory, preallocateDirectory } from './directory-write.ts';
import { DiskInode } from './disk-inode.ts';
import { Ext4ImageError } from './errors.ts';
import { initExtents, insertExtent } from './extent-tree.ts';
import { Ext4FileSystem } from './fs.ts';
import { descriptorCsum } from './groups.ts';
import { BLOCK_SUPER_V2, JBD2_MAGIC, JournalSuper, JSB } from './jbd2.ts';
import {
  BG_INODE_UNINIT,
  BG_INODE_ZEROED,
  COMPAT,
  EXT4_MAGIC,
  FL_EXTENTS,
  FLAG_SIGNED_HASH,
  GD,
  GOOD_OLD_FIRST_INO,
  INCOMPAT,
  INO,
  JOURNAL_INO,
  RO_COMPAT,
  ROOT_INO,
  SB,
  STATE_VALID,
  SUPERBLOCK_OFFSET,
  SUPERBLOCK_SIZE,
} from './layout.ts';
import { type Layout, planLayout } from './mkfs-layout.ts';
import { Superblock } from './superblock.ts';
import { Volume } from './volume.ts';

export interface CreateOptions {
  /** Bytes; default: the whole device. */
  readonly size?: number;
  readonly blockSize?: 1024 | 2048 | 4096;
  /** Volume name, at most 16 bytes of UTF-8. */
  readonly label?: string;
  /** 16 bytes; default: random. */
  readonly uuid?: Uint8Array;
  readonly inodes?: number;
  /** Percentage of blocks for root only; default 5. */
  readonly reservedPercent?: number;
  readonly journal?: boolean;
  /** The device is known to hold zeros, so inode tables and journal need not be cleared. */
  readonly blank?: boolean;
  readonly now?: () => Timespec;
  readonly random?: () => number;
  /** Fraction done, 0 to 1. */
  readonly onProgress?: (fraction: number) => void;
}

const INODE_SIZE = 256;
const DESC_SIZE = 64;
const LOST_FOUND_BYTES = 16384;
const DEFAULT_MOUNT_OPTS = 0x0c; // user_xattr, acl

/** Makes a file system on `device`; what was there is lost. */
export function createExt4(device: BlockDevice, options: CreateOptions = {}): void {
  const size = Math.min(options.size ?? device.size, device.size);
  const plan = planLayout(size, options.blockSize ?? 4096, {
    inodeSize: INODE_SIZE,
    descSize: DESC_SIZE,
    inodes: options.inodes ?? 0,
    journal: options.journal ?? true,
  });
  const full: Settings = {
    label: encodeLabel(options.label ?? ''),
    now: options.now ?? (() => ({ sec: 0, nsec: 0 })),
    random: options.random ?? (() => Math.floor(Math.random() * 2 ** 32)),
    uuid: options.uuid ?? null,
    reservedPercent: options.reservedPercent ?? 5,
    blank: options.blank ?? false,
  };
  const sb = writeSkeleton(device, plan, full, options.onProgress ?? (() => {}));
  if (plan.journalBlocks > 0) writeJournal(device, plan, sb);
  makeRoot(device, plan, full);
  makeLostFound(device, plan, full);
  writeBackups(device, plan, sb);
  device.flush();
}

interface Settings {
  readonly label: Uint8Array;
  readonly now: () => Timespec;
  readonly random: () => number;
  readonly uuid: Uint8Array | null;
  readonly reservedPercent: number;
  readonly blank: boolean;
}

/** UTF-8 without TextEncoder: a label is short, and surrogates cannot be in one. */
function encodeLabel(label: string): Uint8Array {
  const out: number[] = [];
  for (const char of label) {
    const c = char.codePointAt(0)!;
    if (c < 0x80) out.push(c);
    else if (c < 0x800) out.push(0xc0 | (c >> 6), 0x80 | (c & 63));
    else if (c < 0x10000) out.push(0xe0 | (c >> 12), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
    else
      out.push(0xf0 | (c >> 18), 0x80 | ((c >> 12) & 63), 0x80 | ((c >> 6) & 63), 0x80 | (c & 63));
  }
  if (out.length > 16) throw new Ext4ImageError('the label is longer than 16 bytes');
  return Uint8Array.from(out);
}

function superblock(plan: Layout, s: Settings): Superblock {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  const v = new DataView(bytes.buffer);
  const set16 = (at: number, value: number): void => v.setUint16(at, value, true);
  const set32 = (at: number, value: number): void => v.setUint32(at, value >>> 0, true);
  const now = s.now().sec;
  set32(SB.inodesCount, plan.inodesPerGroup * plan.groups);
  set32(SB.blocksCountLo, plan.blocks % 2 ** 32);
  set32(SB.blocksCountHi, Math.floor(plan.blocks / 2 ** 32));
  const reserved = Math.floor((plan.blocks * s.reservedPercent) / 100);
  set32(SB.rBlocksCountLo, reserved % 2 ** 32);
  set32(SB.rBlocksCountHi, Math.floor(reserved / 2 ** 32));
  set32(SB.firstDataBlock, plan.firstDataBlock);
  const log = Math.log2(plan.blockSize / 1024);
  set32(SB.logBlockSize, log);
  set32(SB.logClusterSize, log);
  set32(SB.blocksPerGroup, plan.blocksPerGroup);
  set32(SB.clustersPerGroup, plan.blocksPerGroup);
  set32(SB.inodesPerGroup, plan.inodesPerGroup);
  set32(SB.wtime, now);
  set32(SB.lastcheck, now);
  set32(SB.mkfsTime, now);
  set16(SB.maxMntCount, 0xffff);
  set16(SB.magic, EXT4_MAGIC);
  set16(SB.state, STATE_VALID);
  set16(SB.errors, 1);
  set32(SB.revLevel, 1);
  set32(SB.firstIno, GOOD_OLD_FIRST_INO);
  set16(SB.inodeSize, INODE_SIZE);
  const journal = plan.journalBlocks > 0 ? COMPAT.has_journal : 0;
  set32(SB.featureCompat, COMPAT.ext_attr | COMPAT.dir_index | journal);
  set32(
    SB.featureIncompat,
    INCOMPAT.filetype | INCOMPAT.extent | INCOMPAT['64bit'] | INCOMPAT.flex_bg,
  );
  set32(
    SB.featureRoCompat,
    RO_COMPAT.sparse_super |
      RO_COMPAT.large_file |
      RO_COMPAT.huge_file |
      RO_COMPAT.dir_nlink |
      RO_COMPAT.extra_isize |
      RO_COMPAT.metadata_csum,
  );
  bytes.set(s.uuid ?? randomUuid(s.random), SB.uuid);
  bytes.set(s.label, SB.volumeName);
  bytes.set(randomUuid(s.random), SB.hashSeed);
  bytes[SB.defHashVersion] = 1;
  set16(SB.descSize, DESC_SIZE);
  set32(SB.defaultMountOpts, DEFAULT_MOUNT_OPTS);
  set16(SB.minExtraIsize, 32);
  set16(SB.wantExtraIsize, 32);
  set32(SB.flags, FLAG_SIGNED_HASH);
  bytes[SB.logGroupsPerFlex] = plan.logFlex;
  bytes[SB.checksumType] = 1;
  if (journal !== 0) set32(SB.journalInum, JOURNAL_INO);
  set32(SB.checksum, crc32c(0xffffffff, bytes, 0, SB.checksum));
  return new Superblock(bytes);
}

function randomUuid(random: () => number): Uint8Array {
  const out = new Uint8Array(16);
  const v = new DataView(out.buffer);
  for (let i = 0; i < 16; i += 4) v.setUint32(i, random() >>> 0);
  out[6] = (out[6]! & 0x0f) | 0x40;
  out[8] = (out[8]! & 0x3f) | 0x80;
  return out;
}

/** Superblock, descriptors, bitmaps and empty inode tables. */
function writeSkeleton(
  device: BlockDevice,
  plan: Layout,
  s: Settings,
  onProgress: (fraction: number) => void,
): Superblock {
  const bs = plan.blockSize;
  device.write(0, new Uint8Array(Math.max(bs, 2048)));
  const sb = superblock(plan, s);
  const table = new Uint8Array(plan.gdtBlocks * bs);
  let freeBlocks = 0;
  for (let g = 0; g < plan.groups; g++) {
    const desc = table.subarray(g * DESC_SIZE, (g + 1) * DESC_SIZE);
    freeBlocks += writeGroup(device, plan, sb, g, desc, s.blank);
    onProgress((g + 1) / plan.groups);
  }
  device.write((plan.superblockBlock + 1) * bs, table);
  const v = sb.view;
  v.setUint32(SB.freeBlocksLo, freeBlocks % 2 ** 32, true);
  v.setUint32(SB.freeBlocksHi, Math.floor(freeBlocks / 2 ** 32), true);
  v.setUint32(SB.freeInodes, plan.inodesPerGroup * plan.groups - (GOOD_OLD_FIRST_INO - 1), true);
  sb.seal();
  device.write(SUPERBLOCK_OFFSET, sb.bytes);
  return sb;
}

/** @returns the group's free blocks */
function writeGroup(
  device: BlockDevice,
  plan: Layout,
  sb: Superblock,
  g: number,
  desc: Uint8Array,
  blank: boolean,
): number {
  const bs = plan.blockSize;
  const place = plan.places[g]!;
  const blockMap = plan.groupMap(g);
  const inodeMap = new Uint8Array(bs).fill(0xff);
  inodeMap.fill(0, 0, plan.inodesPerGroup >> 3);
  const usedInodes = g === 0 ? GOOD_OLD_FIRST_INO - 1 : 0;
  for (let i = 0; i < usedInodes; i++) inodeMap[i >> 3]! |= 1 << (i & 7);
  device.write(place.blockBitmap * bs, blockMap.bits);
  device.write(place.inodeBitmap * bs, inodeMap);
  if (!blank) clear(device, place.inodeTable * bs, plan.inodeTableBlocks * bs);
  const v = new DataView(desc.buffer, desc.byteOffset, desc.length);
  const split = (lo: number, hi: number, value: number): void => {
    v.setUint32(lo, value % 2 ** 32, true);
    v.setUint32(hi, Math.floor(value / 2 ** 32), true);
  };
  const split16 = (lo: number, hi: number, value: number): void => {
    v.setUint16(lo, value, true);
    v.setUint16(hi, value >>> 16, true);
  };
  split(GD.blockBitmapLo, GD.blockBitmapHi, place.blockBitmap);
  split(GD.inodeBitmapLo, GD.inodeBitmapHi, place.inodeBitmap);
  split(GD.inodeTableLo, GD.inodeTableHi, place.inodeTable);
  split16(GD.freeBlocksLo, GD.freeBlocksHi, blockMap.free);
  split16(GD.freeInodesLo, GD.freeInodesHi, plan.inodesPerGroup - usedInodes);
  split16(GD.itableUnusedLo, GD.itableUnusedHi, plan.inodesPerGroup - usedInodes);
  v.setUint16(GD.flags, BG_INODE_ZEROED | (g === 0 ? 0 : BG_INODE_UNINIT), true);
  const blockCsum = crc32c(sb.csumSeed, blockMap.bits, 0, plan.blocksPerGroup >> 3);
  const inodeCsum = crc32c(sb.csumSeed, inodeMap, 0, plan.inodesPerGroup >> 3);
  split16(GD.blockBitmapCsumLo, GD.blockBitmapCsumHi, blockCsum);
  split16(GD.inodeBitmapCsumLo, GD.inodeBitmapCsumHi, inodeCsum);
  v.setUint16(GD.checksum, descriptorCsum(sb, desc, g), true);
  return blockMap.free;
}

function clear(device: BlockDevice, offset: number, length: number): void {
  const zeros = new Uint8Array(Math.min(length, 1 << 20));
  for (let done = 0; done < length; done += zeros.length) {
    device.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

/** An empty journal: its superblock, and a first block that is not a journal block. */
function writeJournal(device: BlockDevice, plan: Layout, sb: Superblock): void {
  const bs = plan.blockSize;
  const block = new Uint8Array(bs);
  const v = new DataView(block.buffer);
  v.setUint32(0, JBD2_MAGIC, false);
  v.setUint32(4, BLOCK_SUPER_V2, false);
  v.setUint32(JSB.blockSize, bs, false);
  v.setUint32(JSB.maxLen, plan.journalBlocks, false);
  v.setUint32(JSB.first, 1, false);
  v.setUint32(JSB.sequence, 1, false);
  v.setUint32(JSB.nrUsers, 1, false);
  block.set(sb.uuid, JSB.uuid);
  const js = new JournalSuper(block, plan.journalBlocks);
  js.upgrade(true);
  js.seal();
  device.write(plan.journalStart * bs, block);
  clear(device, (plan.journalStart + 1) * bs, bs);
}

/** The inodes of the root directory and the journal. */
function makeRoot(device: BlockDevice, plan: Layout, s: Settings): void {
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  device.read(SUPERBLOCK_OFFSET, bytes);
  const vol = new Volume(device, new Superblock(bytes), s);
  vol.mutate(() => {
    const root = basicInode(vol, ROOT_INO, S_IFDIR | 0o755, s.now());
    root.links = 2;
    initDirectory(root, ROOT_INO);
    vol.groups.addUsedDirs(0, 1);
    if (plan.journalBlocks === 0) return;
    const journal = basicInode(vol, JOURNAL_INO, S_IFREG | 0o600, s.now());
    journal.links = 1;
    for (let done = 0; done < plan.journalBlocks; ) {
      const n = Math.min(32768, plan.journalBlocks - done);
      insertExtent(journal, done, n, plan.journalStart + done, false);
      done += n;
    }
    journal.addBlocks(plan.journalBlocks);
    journal.size = plan.journalBlocks * plan.blockSize;
    // The superblock keeps a copy of where the journal is.
    const v = vol.touchSuperblock();
    for (let i = 0; i < 15; i++)
      v.setUint32(SB.jnlBlocks + i * 4, journal.u32(INO.block + i * 4), true);
    v.setUint32(SB.jnlBlocks + 60, journal.u32(INO.sizeHi), true);
    v.setUint32(SB.jnlBlocks + 64, journal.u32(INO.sizeLo), true);
    v.setUint8(SB.jnlBackupType, 1);
  });
  vol.commit();
}

function basicInode(vol: Volume, ino: number, mode: number, now: Timespec): DiskInode {
  const inode = new DiskInode(vol, ino);
  inode.clear();
  inode.mode = mode;
  inode.set16(INO.extraIsize, 32);
  inode.setTime(INO.atime, INO.atimeExtra, now);
  inode.setTime(INO.mtime, INO.mtimeExtra, now);
  inode.setTime(INO.ctime, INO.ctimeExtra, now);
  inode.setTime(INO.crtime, INO.crtimeExtra, now);
  inode.flags = FL_EXTENTS;
  initExtents(inode);
  return inode;
}

function makeLostFound(device: BlockDevice, plan: Layout, s: Settings): void {
  const fs = Ext4FileSystem.open(device, { ...s, discard: true });
  const made = fs.root.create('lost+found', S_IFDIR | 0o700, 0, 0, 0);
  const disk = fs.inode(made.ino).disk;
  fs.volume.mutate(() => preallocateDirectory(disk, Math.ceil(LOST_FOUND_BYTES / plan.blockSize)));
  fs.close();
}

/** Copies of the superblock and the descriptors in the groups that sparse_super chooses. */
function writeBackups(device: BlockDevice, plan: Layout, sb: Superblock): void {
  const bs = plan.blockSize;
  const bytes = new Uint8Array(SUPERBLOCK_SIZE);
  device.read(SUPERBLOCK_OFFSET, bytes);
  const table = new Uint8Array(plan.gdtBlocks * bs);
  device.read((plan.superblockBlock + 1) * bs, table);
  const v = new DataView(bytes.buffer);
  for (let g = 1; g < plan.groups; g++) {
    if (!sb.hasBackup(g)) continue;
    v.setUint16(SB.blockGroupNr, g, true);
    v.setUint32(SB.checksum, crc32c(0xffffffff, bytes, 0, SB.checksum), true);
    const first = plan.firstDataBlock + g * plan.blocksPerGroup;
    device.write(first * bs, bytes);
    device.write((first + 1) * bs, table);
  }
}
