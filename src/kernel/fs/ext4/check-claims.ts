/**
 * For the check: which blocks something uses, and whether it may. Walks the extent trees and indirect blocks of
 * inodes.
 *
 * Bounded on hostile images: a block that was claimed before is not entered again.
 */

import type { DiskInode } from './disk-inode.ts';
import {
  childAt,
  depthOf,
  type ExtentNode,
  entriesOf,
  extentChild,
  extentRoot,
  journalRoot,
  keyAt,
  lengthAt,
  startAt,
  unwrittenAt,
} from './extent-node.ts';
import { INO, RO_COMPAT, SB } from './layout.ts';
import type { Volume } from './volume.ts';

const NDIR_BLOCKS = 12;
const N_BLOCKS = 15;

/** What an inode's data was found to be. */
export interface Claimed {
  /** Blocks, nodes of its tree included. */
  blocks: number;
  /** The last logical block with content, or -1. */
  last: number;
}

export class Claims {
  private readonly vol: Volume;
  private readonly report: (text: string) => void;
  /** One bit for each block that something was found to use. */
  private readonly bits: Uint8Array;
  private readonly shared: boolean;

  constructor(vol: Volume, report: (text: string) => void) {
    this.vol = vol;
    this.report = report;
    this.bits = new Uint8Array(Math.ceil(vol.sb.blocks / 8));
    this.shared = (vol.sb.roCompat & RO_COMPAT.shared_blocks) !== 0;
  }

  has(nr: number): boolean {
    return (this.bits[Math.floor(nr / 8)]! & (1 << (nr & 7))) !== 0;
  }

  claim(start: number, length: number, what: () => string): void {
    for (let nr = start; nr < start + length; nr++) {
      if (this.has(nr) && !this.shared) this.report(`block ${nr} is used twice: ${what()}`);
      this.bits[Math.floor(nr / 8)]! |= 1 << (nr & 7);
    }
  }

  /** @returns false if the block was claimed before */
  private claimOnce(nr: number, what: () => string): boolean {
    const fresh = !this.has(nr);
    this.claim(nr, 1, what);
    return fresh;
  }

  /** Claims the blocks of a file, a directory or a long symbolic link. */
  data(inode: DiskInode): Claimed {
    const found: Claimed = { blocks: 0, last: -1 };
    if (inode.usesExtents) this.tree(inode, extentRoot(inode), true, found);
    else this.indirectBlocks(inode, found);
    return found;
  }

  /** The journal's blocks are reserved: nodes of its tree have been looked at when it was opened. */
  journal(inode: DiskInode): void {
    if (inode.usesExtents) this.tree(inode, journalRoot(inode), false, { blocks: 0, last: -1 });
    else this.data(inode);
  }

  private indirectBlocks(inode: DiskInode, found: Claimed): void {
    const perBlock = this.vol.blockSize >> 2;
    let lblk = 0;
    for (let i = 0; i < N_BLOCKS; i++) {
      const level = Math.max(0, i - NDIR_BLOCKS + 1);
      this.indirect(inode, inode.u32(INO.block + i * 4), level, lblk, found);
      lblk += perBlock ** level;
    }
  }

  private indirect(inode: DiskInode, nr: number, level: number, lblk: number, to: Claimed): void {
    if (nr === 0) return;
    if (!this.mayHave(inode, nr)) {
      this.report(`inode ${inode.ino}: block ${nr} cannot be part of a file`);
      return;
    }
    to.blocks++;
    if (level === 0) to.last = Math.max(to.last, lblk);
    if (!this.claimOnce(nr, () => `inode ${inode.ino}`) || level === 0) return;
    const perBlock = this.vol.blockSize >> 2;
    const { view } = this.vol.cache.get(nr);
    const children = Array.from({ length: perBlock }, (_, i) => view.getUint32(i * 4, true));
    const below = perBlock ** (level - 1);
    children.forEach((child, i) => {
      this.indirect(inode, child, level - 1, lblk + i * below, to);
    });
  }

  private mayHave(inode: DiskInode, nr: number): boolean {
    const { sb, zone } = this.vol;
    if (nr >= sb.blocks) return false;
    const isJournal = sb.hasJournal && inode.ino === sb.view.getUint32(SB.journalInum, true);
    return isJournal || zone.allows(nr, 1);
  }

  private tree(inode: DiskInode, node: ExtentNode, descend: boolean, to: Claimed): void {
    const what = (): string => `inode ${inode.ino}`;
    for (let i = 0; i < entriesOf(node); i++) {
      if (depthOf(node) === 0) {
        this.claim(startAt(node, i), lengthAt(node, i), what);
        to.blocks += lengthAt(node, i);
        if (!unwrittenAt(node, i)) to.last = keyAt(node, i) + lengthAt(node, i) - 1;
      } else if (this.claimOnce(childAt(node, i), what) && descend) {
        to.blocks++;
        const child = extentChild(inode, node, i);
        if (entriesOf(child) === 0 || keyAt(child, 0) !== keyAt(node, i)) {
          this.report(`inode ${inode.ino}: an index of its extents does not say where they begin`);
        }
        this.tree(inode, child, descend, to);
      }
    }
  }
}
