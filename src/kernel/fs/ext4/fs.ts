/**
 * A mounted ext4: opens the image (recovering its journal), hands out inodes — one object for each
 * number — and closes it.
 */

import { ESTALE, LinuxError, linuxError } from '../../errno.ts';
import type { BlockDevice } from '../../ports.ts';
import type { FileSystem, StatFs } from '../../vfs/types.ts';
import { S_IFDIR, S_IFMT } from '../../vfs/types.ts';
import { freeInode } from './alloc.ts';
import { DiskInode } from './disk-inode.ts';
import { Ext4ImageError } from './errors.ts';
import { type Ext4Pages, heapPages, type PageData, type PagesFactory } from './file-pages.ts';
import { Ext4Inode } from './inode.ts';
import { InodeTable } from './inode-table.ts';
import { Journal } from './journal.ts';
import { INO, NAME_LEN, ROOT_INO } from './layout.ts';
import { OrphanList } from './orphans.ts';
import { Superblock, superblockBytes } from './superblock.ts';
import { recover } from './torn-superblock.ts';
import { Volume, type VolumeOptions } from './volume.ts';
import { releaseAttributeBlock } from './xattr-write.ts';

const EXT4_SUPER_MAGIC = 0xef53;

export interface Ext4Options extends VolumeOptions {
  /** st_dev */
  readonly dev?: number;
  /** Where file data is kept in memory; default: on the heap (files cannot be mapped). */
  readonly pages?: PagesFactory;
  /** The changes will be thrown away (an overlay in memory): no journal is written. */
  readonly discard?: boolean;
}

export class Ext4FileSystem implements FileSystem {
  readonly type = 'ext4';
  readonly dev: number;
  readonly volume: Volume;
  readonly root: Ext4Inode;
  readonly orphans: OrphanList;
  /** Inodes with pages in memory. */
  readonly cached: Set<Ext4Inode> = new Set();
  readonly inodes: InodeTable = new InodeTable();
  private readonly pagesFactory: PagesFactory;

  /** Opens an image. @throws Ext4ImageError with a line for the user */
  static open(device: BlockDevice, options: Ext4Options = {}): Ext4FileSystem {
    return mounting(options.log ?? ((): void => {}), (log) => {
      const writable = !device.readOnly && options.readOnly !== true;
      const base = recover(device, writable, (line) => log(`ext4: ${line}`));
      const sb = readSuperblock(base);
      const readOnly = !writable || sb.readOnlyReason !== null;
      if (writable && readOnly) log(`ext4: mounted read-only: ${sb.readOnlyReason}`);
      return new Ext4FileSystem(base, sb, { ...options, readOnly, log });
    });
  }

  private constructor(device: BlockDevice, sb: Superblock, options: Ext4Options) {
    this.dev = options.dev ?? 0x800;
    this.pagesFactory = options.pages ?? heapPages();
    this.volume = new Volume(device, sb, options);
    this.orphans = new OrphanList(this.volume);
    if (sb.hasJournal) this.useJournal(device, options.discard ?? false);
    this.root = this.inode(ROOT_INO);
    if ((this.root.mode & S_IFMT) !== S_IFDIR)
      throw new Ext4ImageError('the root is not a directory');
    if (!this.readOnly) this.processOrphans();
  }

  /** The journal's blocks belong to it; unless changes are thrown away, commits go through it. */
  private useJournal(device: BlockDevice, discard: boolean): void {
    const journal = new Journal(this.volume, device);
    this.volume.zone.reserve(journal.runs.map(([, start, length]) => [start, length]));
    if (!this.readOnly && !discard) this.volume.journal = journal;
  }

  /** Finishes what a run before us could not: frees and truncates. */
  private processOrphans(): void {
    const list = this.orphans.adopt((ino) => {
      const disk = new DiskInode(this.volume, ino);
      disk.verify();
      return disk;
    });
    for (const disk of list) {
      const inode = new Ext4Inode(this, disk);
      if (disk.links === 0) this.destroy(inode);
      else inode.finishTruncate();
    }
  }

  get readOnly(): boolean {
    return this.volume.readOnly;
  }

  /** The inode with number `ino`, which a directory entry names. */
  inode(ino: number): Ext4Inode {
    let inode = this.inodes.get(ino);
    if (inode !== undefined) return inode;
    const disk = new DiskInode(this.volume, ino);
    disk.verify();
    if (disk.links === 0) {
      this.volume.log(`inode ${ino} is named by a directory but not in use`);
      throw linuxError(ESTALE);
    }
    inode = new Ext4Inode(this, disk);
    this.inodes.keep(inode);
    return inode;
  }

  makePages(data: PageData): Ext4Pages {
    return this.pagesFactory(data);
  }

  statfs(): StatFs {
    const { sb, freeBlocks, freeInodes, reserved } = this.volume;
    let overhead = 0;
    for (let g = 0; g < sb.groups; g++) {
      overhead += this.volume.groups.overhead(g) + 2 + this.volume.groups.inodeTableBlocks;
    }
    const bfree = Math.max(0, freeBlocks - reserved);
    return {
      type: EXT4_SUPER_MAGIC,
      bsize: sb.blockSize,
      blocks: sb.blocks - sb.firstDataBlock - overhead,
      bfree,
      bavail: Math.max(0, bfree - sb.reservedBlocks),
      files: sb.inodes,
      ffree: freeInodes,
      namelen: NAME_LEN,
    };
  }

  /** Writes all dirty pages to the device. */
  writeBack(): void {
    for (const inode of this.cached) inode.writeBack();
  }

  sync(): void {
    if (this.readOnly) return;
    this.writeBack();
    this.volume.commit();
  }

  /** Remembers a new inode. */
  adopt(disk: DiskInode): Ext4Inode {
    const inode = new Ext4Inode(this, disk);
    this.inodes.keep(inode);
    return inode;
  }

  /** Frees an inode that has neither names nor users. */
  destroy(inode: Ext4Inode): void {
    const { volume } = this;
    const { disk } = inode;
    inode.freeData();
    volume.mutate(() => {
      releaseAttributeBlock(disk);
      this.orphans.remove(disk);
      // A small number would look like a link of the orphan list.
      disk.set32(INO.dtime, Math.max(volume.sb.inodes, volume.now().sec) >>> 0);
      disk.size = 0;
      freeInode(volume, disk, inode.isDirectory);
      disk.detach();
    });
    this.inodes.delete(inode);
  }

  /** Frees what only open files kept, and leaves a clean image. Nothing may be used afterwards. */
  close(): void {
    if (this.readOnly) return;
    for (const inode of this.inodes.unnamed()) this.destroy(inode);
    this.sync();
    this.volume.journal?.close();
    this.volume.readOnly = true;
  }
}

/** Damage that is found while mounting is one line for the user, as the log has it. */
function mounting<T>(log: (line: string) => void, body: (log: (line: string) => void) => T): T {
  let last = '';
  const heard = (line: string): void => {
    last = line.replace(/^ext4: /, '');
    log(line);
  };
  try {
    return body(heard);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    throw new Ext4ImageError(`the image is damaged: ${last || error.message}`);
  }
}

function readSuperblock(device: BlockDevice): Superblock {
  const sb = new Superblock(superblockBytes(device));
  const size = sb.blocks * sb.blockSize;
  if (size > device.size) {
    throw new Ext4ImageError(`the image is truncated: ${device.size} bytes of ${size}`);
  }
  return sb;
}
