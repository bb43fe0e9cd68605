/**
 * The orphan list: inodes that are to be freed or truncated, so that a crash loses no space
 * (fs/ext4/orphan.c). It begins in the superblock and goes on through the inodes' deletion times.
 */

import type { DiskInode } from './disk-inode.ts';
import { INO, SB } from './layout.ts';
import type { Volume } from './volume.ts';

export class OrphanList {
  private readonly vol: Volume;
  /** From the head of the list on. */
  private members: DiskInode[] = [];

  constructor(vol: Volume) {
    this.vol = vol;
  }

  has(inode: DiskInode): boolean {
    return this.members.some((m) => m.ino === inode.ino);
  }

  add(inode: DiskInode): void {
    if (this.has(inode)) return;
    const v = this.vol.touchSuperblock();
    inode.set32(INO.dtime, v.getUint32(SB.lastOrphan, true));
    v.setUint32(SB.lastOrphan, inode.ino, true);
    this.update([inode, ...this.members]);
  }

  remove(inode: DiskInode): void {
    const i = this.members.findIndex((m) => m.ino === inode.ino);
    if (i < 0) return;
    const next = inode.u32(INO.dtime);
    if (i === 0) this.vol.touchSuperblock().setUint32(SB.lastOrphan, next, true);
    else this.members[i - 1]!.set32(INO.dtime, next);
    inode.set32(INO.dtime, 0);
    this.update(this.members.filter((m) => m !== this.members[i]));
  }

  /** Takes over the list that an earlier run left. @returns its inodes */
  adopt(load: (ino: number) => DiskInode): DiskInode[] {
    const found: DiskInode[] = [];
    const seen = new Set<number>();
    let ino = this.vol.sb.view.getUint32(SB.lastOrphan, true);
    while (ino !== 0) {
      if (seen.has(ino) || ino < this.vol.sb.firstIno) {
        this.vol.damaged(`the orphan list is damaged at inode ${ino}`);
      }
      seen.add(ino);
      const inode = load(ino);
      found.push(inode);
      ino = inode.u32(INO.dtime);
    }
    this.members = found;
    return [...found];
  }

  private update(members: DiskInode[]): void {
    const before = this.members;
    this.members = members;
    this.vol.onUndo(() => {
      this.members = before;
    });
  }
}
