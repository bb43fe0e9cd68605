/** What stat(2) shows of an inode record (struct ext4_inode): read in one go, as programs that walk trees ask for each file. */

import type { Stat, Timespec } from '../../vfs/types.ts';
import { timeAt } from './disk-inode.ts';
import type { Ext4Inode } from './inode.ts';
import { GOOD_OLD_INODE_SIZE, INO } from './layout.ts';

/** @param delayed 512-byte sectors that are not allocated yet */
export function statOf(inode: Ext4Inode, delayed: number): Stat {
  const { disk } = inode;
  const v = disk.view();
  const at = disk.base;
  const extra = GOOD_OLD_INODE_SIZE + disk.extraIsize;
  const time = (field: number, high: number): Timespec =>
    timeAt(v, at + field, high + 4 <= extra ? at + high : -1);
  return {
    ino: inode.ino,
    mode: v.getUint16(at + INO.mode, true),
    nlink: v.getUint16(at + INO.linksCount, true),
    uid: v.getUint16(at + INO.uidLo, true) + v.getUint16(at + INO.uidHi, true) * 65536,
    gid: v.getUint16(at + INO.gidLo, true) + v.getUint16(at + INO.gidHi, true) * 65536,
    rdev: inode.rdev,
    size: v.getUint32(at + INO.sizeLo, true) + v.getUint32(at + INO.sizeHi, true) * 2 ** 32,
    blocks: disk.sectors + delayed,
    blksize: disk.vol.blockSize,
    atime: time(INO.atime, INO.atimeExtra),
    mtime: time(INO.mtime, INO.mtimeExtra),
    ctime: time(INO.ctime, INO.ctimeExtra),
    btime: INO.crtime + 4 <= extra ? time(INO.crtime, INO.crtimeExtra) : { sec: 0, nsec: 0 },
  };
}
