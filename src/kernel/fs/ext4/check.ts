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
import { listDirectory, lookupName } from './directory.ts';
import { DiskInode } from './disk-inode.ts';
import {
  childAt,
  depthOf,
  type ExtentNode,
  entriesOf,
  extentChild,
  extentRoot,
  journalRoot,
  lengthAt,
  startAt,
} from './extent-node.ts';
import { Ext4FileSystem } from './fs.ts';
import { COMPAT, I_BLOCK_SIZE, INCOMPAT, INO, ROOT_INO, SB } from './layout.ts';
import type { Volume } from './volume.ts';
import { allAttributes, attributeBlock } from './xattr.ts';

export interface CheckResult {
  readonly problems: readonly string[];
  readonly directories: number;
  readonly files: number;
  readonly blocksUsed: number;
}

/** More problems are not listed: an image with so many needs no longer list. */
const MAX_PROBLEMS = 200;
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
  const log = (line: string): void => {
    if (!line.includes('journal replayed')) report(line.replace(/^ext4: /, ''));
  };
  const fs = Ext4FileSystem.open(device, { readOnly: true, log });
  const checker = new Checker(fs.volume, report, onProgress);
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
  /** One bit for each block that something was found to use. */
  private readonly blocks: Uint8Array;
  /** Names found for each inode. */
  private readonly names = new Map<number, number>();
  /** Attribute blocks, by number: users found. They may be shared. */
  private readonly attributeUsers = new Map<number, number>();

  constructor(
    vol: Volume,
    report: (text: string) => void,
    onProgress: (done: number, total: number) => void,
  ) {
    this.vol = vol;
    this.report = report;
    this.onProgress = onProgress;
    this.blocks = new Uint8Array(Math.ceil(vol.sb.blocks / 8));
  }

  run(): void {
    this.claimSystem();
    this.walk();
    this.checkOrphans();
    this.checkAttributeUsers();
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

  private claim(start: number, length: number, what: () => string): void {
    for (let nr = start; nr < start + length; nr++) {
      const mask = 1 << (nr & 7);
      const byte = Math.floor(nr / 8);
      if (this.blocks[byte]! & mask) this.report(`block ${nr} is used twice: ${what()}`);
      this.blocks[byte]! |= mask;
    }
  }

  /** @returns false if the block was claimed before */
  private claimOnce(nr: number, what: () => string): boolean {
    const fresh = (this.blocks[Math.floor(nr / 8)]! & (1 << (nr & 7))) === 0;
    this.claim(nr, 1, what);
    return fresh;
  }

  private claimSystem(): void {
    const { groups, sb } = this.vol;
    this.claim(0, sb.firstDataBlock, () => 'boot block');
    for (let g = 0; g < sb.groups; g++) {
      const what = (): string => `metadata of group ${g}`;
      this.claim(groups.first(g), groups.overhead(g), what);
      this.claim(groups.blockBitmap(g), 1, what);
      this.claim(groups.inodeBitmap(g), 1, what);
      this.claim(groups.inodeTable(g), groups.inodeTableBlocks, what);
    }
    const orphanFile = sb.view.getUint32(SB.orphanFileInum, true);
    const special = sb.compat & COMPAT.orphan_file ? [orphanFile] : [];
    for (let ino = 1; ino < sb.firstIno; ino++) if (ino !== ROOT_INO) special.push(ino);
    for (const ino of special) this.try(() => this.claimSpecial(ino));
  }

  /** Inodes without names: the journal, bad blocks, quota, resize. */
  private claimSpecial(ino: number): void {
    const inode = new DiskInode(this.vol, ino);
    if (inode.links === 0 && inode.sectors === 0) return;
    inode.verify();
    this.names.set(ino, inode.links);
    if (ino === RESIZE_INO) {
      // Its indirect blocks are the reserved descriptor blocks, which are metadata already.
      const dind = inode.u32(INO.block + I_BLOCK_DIND * 4);
      if (dind !== 0) this.claim(dind, 1, () => 'resize inode');
    } else if (!(inode.usesExtents && this.journalIsReserved(ino))) this.claimData(inode);
    else this.claimTree(inode, journalRoot(inode), false);
  }

  private journalIsReserved(ino: number): boolean {
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

  /** Blocks and sizes of one inode. */
  private checkInode(inode: DiskInode): void {
    const type = inode.mode & S_IFMT;
    let blocks = 0;
    const attributes = attributeBlock(inode);
    allAttributes(inode);
    if (attributes !== null) {
      blocks++;
      const users = this.attributeUsers.get(attributes.nr) ?? 0;
      this.attributeUsers.set(attributes.nr, users + 1);
      if (users === 0) this.claim(attributes.nr, 1, () => `attributes of inode ${inode.ino}`);
    }
    const fast = type === S_IFLNK && inode.size < I_BLOCK_SIZE && !inode.usesExtents;
    const mapped = type === S_IFREG || type === S_IFDIR || (type === S_IFLNK && !fast);
    if (mapped && !inode.hasInlineData) blocks += this.claimData(inode);
    if (blocks * (this.vol.blockSize >> 9) !== inode.sectors) {
      this.report(
        `inode ${inode.ino}: ${inode.sectors} sectors instead of ${blocks * (this.vol.blockSize >> 9)}`,
      );
    }
  }

  /** @returns blocks of the inode, nodes of its tree included */
  private claimData(inode: DiskInode): number {
    if (inode.usesExtents) return this.claimTree(inode, extentRoot(inode), true);
    let count = 0;
    const perBlock = this.vol.blockSize >> 2;
    for (let i = 0; i < 15; i++) {
      const nr = inode.u32(INO.block + i * 4);
      count += this.claimIndirect(inode, nr, Math.max(0, i - 11), perBlock);
    }
    return count;
  }

  private claimIndirect(inode: DiskInode, nr: number, level: number, perBlock: number): number {
    if (nr === 0) return 0;
    const what = (): string => `inode ${inode.ino}`;
    const allowed = this.journalIsReserved(inode.ino) || this.vol.zone.allows(nr, 1);
    if (nr >= this.vol.sb.blocks || !allowed) {
      this.report(`inode ${inode.ino}: block ${nr} cannot be part of a file`);
      return 0;
    }
    if (!this.claimOnce(nr, what) || level === 0) return 1;
    let count = 1;
    const { view } = this.vol.cache.get(nr);
    const children = Array.from({ length: perBlock }, (_, i) => view.getUint32(i * 4, true));
    for (const child of children) count += this.claimIndirect(inode, child, level - 1, perBlock);
    return count;
  }

  /** Claims a tree; the journal's data is reserved, so only `descend` looks at children. */
  private claimTree(inode: DiskInode, node: ExtentNode, descend: boolean): number {
    const what = (): string => `inode ${inode.ino}`;
    let count = 0;
    for (let i = 0; i < entriesOf(node); i++) {
      if (depthOf(node) === 0) {
        this.claim(startAt(node, i), lengthAt(node, i), what);
        count += lengthAt(node, i);
      } else if (this.claimOnce(childAt(node, i), what) && descend) {
        count += 1 + this.claimTree(inode, extentChild(inode, node, i), descend);
      }
    }
    return count;
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

  /** Files that were open when the image was last used may be without names. */
  private checkOrphans(): void {
    const { sb } = this.vol;
    const seen = new Set<number>();
    let ino = sb.view.getUint32(SB.lastOrphan, true);
    while (ino !== 0) {
      if (seen.has(ino) || ino > sb.inodes) {
        this.report('the orphan list is damaged');
        return;
      }
      seen.add(ino);
      const here = ino;
      ino = 0;
      this.try(() => {
        const inode = new DiskInode(this.vol, here);
        inode.verify();
        if (!this.names.has(here)) this.checkInode(inode);
        this.names.set(here, this.names.get(here) ?? 0);
        ino = inode.u32(INO.dtime);
      });
    }
  }

  private checkAttributeUsers(): void {
    for (const [nr, users] of this.attributeUsers) {
      const stored = this.vol.cache.get(nr).view.getUint32(4, true);
      if (stored !== users)
        this.report(`block ${nr}: attributes of ${users} inodes, not ${stored}`);
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
    // A file system that was not unmounted has old totals; the groups' counts are what is used.
    if (sb.has(INCOMPAT.needs_recovery)) return;
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
      const found = (this.blocks[Math.floor(nr / 8)]! & (1 << (nr & 7))) !== 0;
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
