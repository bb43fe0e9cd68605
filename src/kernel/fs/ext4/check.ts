/**
 * A read-only check of an image: walks the tree from the root and compares what it finds with link
 * counts, bitmaps and free counts; checksums are verified on the way. The judge of a repair is e2fsck;
 * this says whether one is needed.
 *
 * Bounded on hostile images: every directory is entered once and every block is counted once.
 */

import { LinuxError } from '../../errno.ts';
import type { BlockDevice } from '../../ports.ts';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import { type Claimed, Claims } from './check-claims.ts';
import { recordProblems } from './check-record.ts';
import { quotaInodes, superblockProblems } from './check-super.ts';
import { listDirectory, lookupName } from './directory.ts';
import { DiskInode } from './disk-inode.ts';
import { Ext4FileSystem } from './fs.ts';
import { BG_INODE_UNINIT, COMPAT, INCOMPAT, INO, ROOT_INO, SB } from './layout.ts';
import { isFastLink } from './symlink.ts';
import type { Volume } from './volume.ts';
import { allAttributes, attributeBlock } from './xattr.ts';
import { holderOf, isPrivateHolder } from './xattr-inode.ts';

export interface CheckResult {
  readonly problems: readonly string[];
  readonly directories: number;
  readonly files: number;
  readonly blocksUsed: number;
}

/** More problems are not listed: an image with so many needs no longer list. */
const MAX_PROBLEMS = 200;
const BAD_BLOCKS_INO = 1;
const RESIZE_INO = 7;
const I_BLOCK_DIND = 13;

export function checkExt4(
  device: BlockDevice,
  onProgress: (done: number, total: number) => void = () => {},
): CheckResult {
  const problems: string[] = [];
  const report = (text: string): void => {
    if (problems.length < MAX_PROBLEMS && !problems.includes(text)) problems.push(text);
  };
  let replayed = false;
  const log = (line: string): void => {
    if (line.includes('journal replayed')) replayed = true;
    else report(line.replace(/^ext4: /, ''));
  };
  const fs = Ext4FileSystem.open(device, { readOnly: true, log });
  const checker = new Checker(fs.volume, report, onProgress, replayed);
  checker.run();
  return {
    problems,
    directories: checker.directories,
    files: checker.files,
    blocksUsed: fs.volume.sb.blocks - fs.volume.freeBlocks,
  };
}

class Checker {
  directories = 0;
  files = 0;
  private readonly vol: Volume;
  private readonly report: (text: string) => void;
  private readonly onProgress: (done: number, total: number) => void;
  private readonly claims: Claims;
  /** Totals in the superblock are those of the last time that it was written. */
  private readonly oldTotals: boolean;
  /** The orphan list. */
  private readonly orphans = new Set<number>();
  /** Inodes that hold values of attributes: references found. */
  private readonly holders = new Map<number, number>();
  /** Names found for each inode. */
  private readonly names = new Map<number, number>();
  /** Attribute blocks, by number: users found. They may be shared. */
  private readonly attributeUsers = new Map<number, number>();

  constructor(
    vol: Volume,
    report: (text: string) => void,
    onProgress: (done: number, total: number) => void,
    replayed: boolean,
  ) {
    this.vol = vol;
    this.report = report;
    this.onProgress = onProgress;
    this.claims = new Claims(vol, report);
    // A file system that was not unmounted; the groups' counts are what is used.
    this.oldTotals = replayed || vol.sb.has(INCOMPAT.needs_recovery);
  }

  run(): void {
    for (const problem of superblockProblems(this.vol)) this.report(problem);
    this.claimSystem();
    this.listOrphans();
    this.walk();
    this.checkOrphans();
    this.checkAttributeUsers();
    this.checkUnnamed();
    this.checkBitmaps();
  }

  private try(action: () => void): void {
    try {
      action();
    } catch (error) {
      // What was wrong has been reported through the log.
      if (!(error instanceof LinuxError)) throw error;
      this.report(`${error.message} while checking`);
    }
  }

  private claimSystem(): void {
    const { groups, sb } = this.vol;
    this.claims.claim(0, sb.firstDataBlock, () => 'boot block');
    for (let g = 0; g < sb.groups; g++) {
      const what = (): string => `metadata of group ${g}`;
      this.claims.claim(groups.first(g), groups.overhead(g), what);
      this.claims.claim(groups.blockBitmap(g), 1, what);
      this.claims.claim(groups.inodeBitmap(g), 1, what);
      this.claims.claim(groups.inodeTable(g), groups.inodeTableBlocks, what);
    }
    const orphanFile = sb.view.getUint32(SB.orphanFileInum, true);
    const special = quotaInodes(sb).filter((ino) => ino >= sb.firstIno && ino <= sb.inodes);
    if (sb.compat & COMPAT.orphan_file) special.push(orphanFile);
    for (let ino = 1; ino < sb.firstIno; ino++) if (ino !== ROOT_INO) special.push(ino);
    for (const ino of special) this.try(() => this.claimSpecial(ino));
  }

  /** Inodes without names: the journal, bad blocks, quota, resize. */
  private claimSpecial(ino: number): void {
    const inode = new DiskInode(this.vol, ino);
    if (ino === BAD_BLOCKS_INO) {
      // It has no type and no links.
      if (inode.u32(INO.block) !== 0) this.claims.data(inode);
      return;
    }
    if (inode.links === 0 && inode.sectors === 0) return;
    inode.verify();
    this.names.set(ino, inode.links);
    if (ino === RESIZE_INO) {
      // Its indirect blocks are the reserved descriptor blocks, which are metadata already.
      const dind = inode.u32(INO.block + I_BLOCK_DIND * 4);
      if (dind !== 0) this.claims.claim(dind, 1, () => 'resize inode');
    } else if (this.isJournal(ino)) this.claims.journal(inode);
    else this.claims.data(inode);
  }

  private isJournal(ino: number): boolean {
    const { sb } = this.vol;
    return sb.hasJournal && ino === sb.view.getUint32(SB.journalInum, true);
  }

  private walk(): void {
    const stack = [ROOT_INO];
    const parents = new Map<number, number>([[ROOT_INO, ROOT_INO]]);
    const total = this.vol.sb.inodes - this.vol.freeInodes;
    this.names.set(ROOT_INO, 1);
    for (let ino = stack.pop(); ino !== undefined; ino = stack.pop()) {
      const here = ino;
      this.directories++;
      this.onProgress(this.directories + this.files, total);
      this.try(() => {
        const dir = new DiskInode(this.vol, here);
        dir.verify();
        this.checkInode(dir);
        this.checkDirectory(dir, parents.get(here)!, (child) => {
          parents.set(child, here);
          stack.push(child);
        });
      });
      this.vol.trim();
    }
    this.checkLinks(parents);
  }

  private checkDirectory(dir: DiskInode, parent: number, enter: (child: number) => void): void {
    const seen = new Set<string>();
    if (lookupName(dir, '.') !== dir.ino) this.report(`directory inode ${dir.ino}: wrong '.'`);
    if (lookupName(dir, '..') !== parent) this.report(`directory inode ${dir.ino}: wrong '..'`);
    listDirectory(dir, 0, (e) => {
      if (e.name === '.' || e.name === '..') return true;
      if (seen.has(e.name)) this.report(`directory inode ${dir.ino}: a name twice`);
      if (e.name.includes('/') || e.name.includes('\0')) {
        this.report(`directory inode ${dir.ino}: a name with impossible characters`);
      }
      seen.add(e.name);
      this.checkEntry(dir, e.name, e.ino, e.type, enter);
      return true;
    });
    // An index must lead to every name that a listing shows.
    for (const name of seen) {
      if (lookupName(dir, name) === 0) {
        this.report(`directory inode ${dir.ino}: its index does not find an entry`);
        break;
      }
    }
  }

  private checkEntry(
    dir: DiskInode,
    _name: string,
    ino: number,
    type: number,
    enter: (child: number) => void,
  ): void {
    this.try(() => {
      const inode = new DiskInode(this.vol, ino);
      inode.verify();
      const known = this.names.get(ino) ?? 0;
      this.names.set(ino, known + 1);
      const actual = inode.mode & S_IFMT;
      if (inode.links === 0 || inode.mode === 0) {
        this.report(`directory inode ${dir.ino} names inode ${ino}, which is not in use`);
      }
      if (type !== 0 && type !== actual) {
        this.report(`directory inode ${dir.ino}: wrong type of inode ${ino}`);
      }
      if (actual === S_IFDIR) {
        if (known > 0) this.report(`directory inode ${ino} has two names: a cycle or a hard link`);
        else enter(ino);
      } else if (known === 0) {
        this.files++;
        this.checkInode(inode);
      }
    });
  }

  /** Blocks and fields of one inode. */
  private checkInode(inode: DiskInode): void {
    const type = inode.mode & S_IFMT;
    const own = this.claimAttributes(inode);
    const mapped = type === S_IFREG || type === S_IFDIR || (type === S_IFLNK && !isFastLink(inode));
    const found: Claimed =
      mapped && !inode.hasInlineData ? this.claims.data(inode) : { blocks: 0, last: -1 };
    const sectors = (own + found.blocks) * (this.vol.blockSize >> 9);
    if (sectors !== inode.sectors) {
      this.report(`inode ${inode.ino}: ${inode.sectors} sectors instead of ${sectors}`);
    }
    for (const problem of recordProblems(inode, found, this.orphans.has(inode.ino))) {
      this.report(`inode ${inode.ino}: ${problem}`);
    }
  }

  /** Claims the block of attributes and inodes that hold values. @returns blocks of both */
  private claimAttributes(inode: DiskInode): number {
    const block = attributeBlock(inode);
    let own = 0;
    for (const { holder, value } of allAttributes(inode)) {
      if (holder === undefined) continue;
      this.claimHolder(inode, holder);
      // They count for every user.
      own += Math.ceil(value.length / this.vol.blockSize);
    }
    if (block === null) return own;
    const users = this.attributeUsers.get(block.nr) ?? 0;
    this.attributeUsers.set(block.nr, users + 1);
    if (users === 0) this.claims.claim(block.nr, 1, () => `attributes of inode ${inode.ino}`);
    return own + 1;
  }

  private claimHolder(inode: DiskInode, ino: number): void {
    const holder = holderOf(inode, ino);
    const known = this.holders.get(ino);
    if (known === undefined) {
      this.names.set(ino, holder.links);
      this.checkInode(holder);
    }
    this.holders.set(ino, (known ?? 0) + 1);
    if (isPrivateHolder(inode, holder)) this.holders.set(ino, Number.NaN);
  }

  private checkLinks(parents: Map<number, number>): void {
    const children = new Map<number, number>();
    for (const [child, parent] of parents) {
      if (child !== ROOT_INO) children.set(parent, (children.get(parent) ?? 0) + 1);
    }
    for (const [ino, found] of this.names) {
      if (ino < this.vol.sb.firstIno && ino !== ROOT_INO) continue;
      const inode = new DiskInode(this.vol, ino);
      const isDirectory = parents.has(ino);
      const expected = isDirectory ? 2 + (children.get(ino) ?? 0) : found;
      if (inode.links === expected || (isDirectory && inode.links === 1)) continue;
      this.report(`inode ${ino}: ${inode.links} links instead of ${expected}`);
    }
  }

  private listOrphans(): void {
    const { sb } = this.vol;
    let ino = sb.view.getUint32(SB.lastOrphan, true);
    while (ino !== 0) {
      if (this.orphans.has(ino) || ino > sb.inodes) {
        this.report('the orphan list is damaged');
        return;
      }
      this.orphans.add(ino);
      const here = ino;
      ino = 0;
      this.try(() => {
        ino = new DiskInode(this.vol, here).u32(INO.dtime);
      });
    }
  }

  /** Files that were open when the image was last used may be without names. */
  private checkOrphans(): void {
    for (const ino of this.orphans) {
      this.try(() => {
        const inode = new DiskInode(this.vol, ino);
        inode.verify();
        if (!this.names.has(ino)) this.checkInode(inode);
        this.names.set(ino, this.names.get(ino) ?? 0);
      });
    }
  }

  /** Inodes that nothing leads to: they are free, and say so. */
  private checkUnnamed(): void {
    const { groups, sb } = this.vol;
    for (let g = 0; g < sb.groups; g++) {
      if (groups.flags(g) & BG_INODE_UNINIT) continue;
      const end = g * sb.inodesPerGroup + sb.inodesPerGroup - groups.itableUnused(g);
      for (let ino = g * sb.inodesPerGroup + 1; ino <= end; ino++) {
        if (ino >= sb.firstIno && !this.names.has(ino)) this.try(() => this.checkFree(ino));
        if (ino % 1024 === 0) this.vol.trim();
      }
    }
  }

  private checkFree(ino: number): void {
    const inode = new DiskInode(this.vol, ino);
    if (inode.record().every((b) => b === 0)) return;
    inode.verify();
    if (inode.links > 0) this.report(`inode ${ino} is in use but has no name`);
    else if (inode.mode !== 0 && inode.u32(INO.dtime) === 0) {
      this.report(`inode ${ino} is free but has no time of deletion`);
    }
  }

  private checkAttributeUsers(): void {
    for (const [nr, users] of this.attributeUsers) {
      const stored = this.vol.cache.get(nr).view.getUint32(4, true);
      if (stored !== users)
        this.report(`block ${nr}: attributes of ${users} inodes, not ${stored}`);
    }
    for (const [ino, users] of this.holders) {
      const inode = new DiskInode(this.vol, ino);
      const stored = inode.u32(INO.ctime) * 2 ** 32 + inode.u32(INO.version);
      if (users !== stored && !Number.isNaN(users)) {
        this.report(`inode ${ino}: holds a value for ${users} inodes, not ${stored}`);
      }
    }
  }

  private checkBitmaps(): void {
    const { groups, sb } = this.vol;
    let freeBlocks = 0;
    let freeInodes = 0;
    for (let g = 0; g < sb.groups; g++) {
      this.try(() => {
        const free = this.compareBlocks(g);
        if (free !== groups.freeBlocks(g)) {
          this.report(`group ${g}: ${groups.freeBlocks(g)} free blocks instead of ${free}`);
        }
        const inodes = this.compareInodes(g);
        if (inodes !== groups.freeInodes(g)) {
          this.report(`group ${g}: ${groups.freeInodes(g)} free inodes instead of ${inodes}`);
        }
        freeBlocks += free;
        freeInodes += inodes;
      });
    }
    if (this.oldTotals) return;
    const hi = sb.is64bit ? sb.view.getUint32(SB.freeBlocksHi, true) : 0;
    const stored = sb.view.getUint32(SB.freeBlocksLo, true) + hi * 2 ** 32;
    if (stored !== freeBlocks) this.report(`${stored} free blocks instead of ${freeBlocks}`);
    const inodes = sb.view.getUint32(SB.freeInodes, true);
    if (inodes !== freeInodes) this.report(`${inodes} free inodes instead of ${freeInodes}`);
  }

  /** @returns free blocks of the group, as the bitmap has them */
  private compareBlocks(g: number): number {
    const { groups } = this.vol;
    const map = groups.blockMap(g).data;
    const first = groups.first(g);
    let free = 0;
    for (let bit = 0; bit < groups.blockCount(g); bit++) {
      const nr = first + bit;
      const inMap = (map[bit >> 3]! & (1 << (bit & 7))) !== 0;
      const found = this.claims.has(nr);
      if (!inMap) free++;
      if (inMap && !found) this.report(`block ${nr} is marked as used but nothing uses it`);
      if (!inMap && found) this.report(`block ${nr} is used but marked as free`);
    }
    return free;
  }

  private compareInodes(g: number): number {
    const { groups, sb } = this.vol;
    const map = groups.inodeMap(g).data;
    let free = 0;
    for (let slot = 0; slot < sb.inodesPerGroup; slot++) {
      const ino = g * sb.inodesPerGroup + slot + 1;
      const inMap = (map[slot >> 3]! & (1 << (slot & 7))) !== 0;
      if (!inMap) free++;
      const found = this.names.has(ino) || ino < sb.firstIno;
      if (inMap && !found) this.report(`inode ${ino} is marked as used but has no name`);
      if (!inMap && found) this.report(`inode ${ino} is used but marked as free`);
    }
    return free;
  }
}
