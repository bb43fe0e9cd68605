/**
 * Values of extended attributes that are inodes of their own (the feature ea_inode; fs/ext4/xattr.c
 * ext4_xattr_inode_get). Read only: an image with the feature is mounted read-only.
 *
 * Such an inode has FL_EA_INODE and no name; its atime is the value's checksum, its ctime and version count its users.
 * Lustre's older ones have no checksum: their mtime and generation are number and generation of the one user.
 */

import { crc32c } from './crc.ts';
import { DiskInode } from './disk-inode.ts';
import { FL_EA_INODE, INO } from './layout.ts';
import { isHole, mapBlock } from './mapping.ts';

/** XATTR_SIZE_MAX: no value is longer. */
const MAX_VALUE = 65536;

/** The inode that holds values, verified. */
export function holderOf(inode: DiskInode, ino: number): DiskInode {
  const holder = new DiskInode(inode.vol, ino);
  holder.verify();
  if ((holder.flags & FL_EA_INODE) === 0 || holder.links === 0 || holder.hasInlineData) {
    inode.vol.damaged(`inode ${inode.ino}: inode ${ino} holds no attribute's value`);
  }
  return holder;
}

/** Whether the holder is of the kind that has one user and no checksum. */
export function isPrivateHolder(inode: DiskInode, holder: DiskInode): boolean {
  return holder.u32(INO.mtime) === inode.ino && holder.generation === inode.generation;
}

/** The value of `size` bytes that inode `ino` holds for an attribute of `inode`. */
export function heldValue(inode: DiskInode, ino: number, size: number): Uint8Array {
  const { vol } = inode;
  const holder = holderOf(inode, ino);
  if (holder.size !== size || size > MAX_VALUE) {
    vol.damaged(`inode ${inode.ino}: an attribute of ${size} bytes in ${holder.size} bytes`);
  }
  const bs = vol.blockSize;
  const bytes = new Uint8Array(Math.ceil(size / bs) * bs);
  for (let lblk = 0; lblk * bs < size; ) {
    const m = mapBlock(holder, lblk);
    if (isHole(m)) vol.damaged(`inode ${ino}: a piece of an attribute's value is missing`);
    const end = Math.min((lblk + m.length) * bs, bytes.length);
    vol.disk.read(m.start, bytes.subarray(lblk * bs, end));
    lblk = end / bs;
  }
  const value = bytes.subarray(0, size);
  const right = holder.u32(INO.atime) === crc32c(vol.sb.csumSeed, value, 0, size);
  if (!right && !isPrivateHolder(inode, holder)) {
    vol.damaged(`inode ${ino}: wrong checksum of an attribute's value`);
  }
  return value;
}
