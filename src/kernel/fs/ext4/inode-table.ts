/**
 * The inodes of a mounted file system that are in memory (Linux: fs/inode.c, the inode cache).
 *
 * Invariants
 * - There is one object for each inode number for as long as anybody holds it. What is dropped here is still known by a
 *   weak reference, so that who asks gets the object that a cached name or a blocked system call has.
 * - An object is kept here while dropping it would lose something: open files, mappings, working directories and watches
 *   refer to it, it has pages in memory, or it waits without a name to be freed.
 * - Of the others there are as many as fit below the limit; those not asked for since the last sweep go first.
 */

import type { Ext4Inode } from './inode.ts';

/** Inodes kept in memory, if no more have to be. */
const MAX_INODES = 8192;

export class InodeTable {
  private readonly kept = new Map<number, Ext4Inode>();
  private readonly dropped = new Map<number, WeakRef<Ext4Inode>>();
  private keptLimit = MAX_INODES;
  private droppedLimit = MAX_INODES;

  /** Inodes that this keeps in memory. */
  get size(): number {
    return this.kept.size;
  }

  /** Inodes that this knows of, whoever keeps them. */
  get known(): number {
    return this.kept.size + this.dropped.size;
  }

  /** The object of inode `ino`, if there is one. */
  get(ino: number): Ext4Inode | undefined {
    let inode = this.kept.get(ino);
    if (inode === undefined) {
      const weak = this.dropped.get(ino);
      if (weak === undefined) return undefined;
      this.dropped.delete(ino);
      inode = weak.deref();
      if (inode === undefined) return undefined;
      inode.kept = true;
      this.kept.set(ino, inode);
    }
    inode.asked = true;
    return inode;
  }

  /** Keeps an object that is new, or needed again. */
  keep(inode: Ext4Inode): void {
    if (inode.kept || inode.disk.isFreed) return;
    inode.kept = true;
    this.dropped.delete(inode.ino);
    this.kept.set(inode.ino, inode);
    if (this.kept.size > this.keptLimit) this.sweep();
  }

  /** The inode is no more. */
  delete(inode: Ext4Inode): void {
    inode.kept = false;
    if (!this.kept.delete(inode.ino)) this.dropped.delete(inode.ino);
  }

  /** Inodes without names, which somebody uses. */
  unnamed(): Ext4Inode[] {
    return [...this.kept.values()].filter(({ disk }) => disk.links === 0 && !disk.isFreed);
  }

  private sweep(): void {
    for (let pass = 0; pass < 2 && this.kept.size > MAX_INODES / 2; pass++) {
      for (const [ino, inode] of this.kept) {
        if (this.kept.size <= MAX_INODES / 2) break;
        if (inode.asked) inode.asked = false;
        else if (inode.isNeeded()) continue;
        else {
          inode.kept = false;
          this.kept.delete(ino);
          this.dropped.set(ino, new WeakRef(inode));
        }
      }
    }
    this.keptLimit = Math.max(MAX_INODES, this.kept.size * 2);
    if (this.dropped.size > this.droppedLimit) this.forgetDead();
  }

  private forgetDead(): void {
    for (const [ino, weak] of this.dropped)
      if (weak.deref() === undefined) this.dropped.delete(ino);
    this.droppedLimit = Math.max(MAX_INODES, this.dropped.size * 2);
  }
}
