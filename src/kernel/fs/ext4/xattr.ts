/**
 * Reading extended attributes of an inode: those in its record, then those in its block
 * (fs/ext4/xattr.c).
 */

import { KIND, type MetaBlock } from './buffers.ts';
import type { DiskInode } from './disk-inode.ts';
import { GOOD_OLD_INODE_SIZE, XATTR_HEADER_SIZE, XATTR_MAGIC } from './layout.ts';
import { type Attribute, parseAttributes, xattrBlockCsum } from './xattr-block.ts';
import { heldValue } from './xattr-inode.ts';

/** Position of the attribute area in the inode record (after its magic), or 0 if there is none. */
export function inodeArea(inode: DiskInode): number {
  const at = GOOD_OLD_INODE_SIZE + inode.extraIsize;
  return inode.extraIsize > 0 && at + 8 <= inode.vol.sb.inodeSize ? at + 4 : 0;
}

/** Attributes in the inode record. */
export function inodeAttributes(inode: DiskInode): Attribute[] {
  const at = inodeArea(inode);
  if (at === 0 || inode.u32(at - 4) !== XATTR_MAGIC) return [];
  return parseAttributes(inode.vol, inode.record(), at, at, `inode ${inode.ino}`, (ino, size) =>
    heldValue(inode, ino, size),
  );
}

/** The verified attribute block, or null if there is none. */
export function attributeBlock(inode: DiskInode): MetaBlock | null {
  const { vol } = inode;
  const nr = inode.xattrBlock;
  if (nr === 0) return null;
  if (!vol.zone.allows(nr, 1))
    vol.damaged(`inode ${inode.ino}: block ${nr} cannot hold attributes`);
  const block = vol.cache.get(nr);
  if (block.kind === KIND.xattr) return block;
  if (block.kind !== KIND.raw) {
    vol.damaged(`block ${nr}: attributes of inode ${inode.ino} and something else`);
  }
  const v = block.view;
  if (
    v.getUint32(0, true) !== XATTR_MAGIC ||
    v.getUint32(8, true) !== 1 ||
    v.getUint32(4, true) === 0
  ) {
    vol.damaged(`block ${nr}: damaged attributes of inode ${inode.ino}`);
  }
  block.seed = vol.sb.csumSeed;
  if (vol.sb.metadataCsum && v.getUint32(16, true) !== xattrBlockCsum(block, block.seed)) {
    vol.damaged(`block ${nr}: wrong checksum of the attributes of inode ${inode.ino}`);
  }
  block.kind = KIND.xattr;
  return block;
}

export function blockAttributes(inode: DiskInode): Attribute[] {
  const block = attributeBlock(inode);
  if (block === null) return [];
  const where = `block ${block.nr}`;
  return parseAttributes(inode.vol, block.data, XATTR_HEADER_SIZE, 0, where, (ino, size) =>
    heldValue(inode, ino, size),
  );
}

export function allAttributes(inode: DiskInode): Attribute[] {
  return [...inodeAttributes(inode), ...blockAttributes(inode)];
}

/** Value of an attribute in the inode record or block, or null. */
export function inodeXattr(inode: DiskInode, index: number, name: string): Uint8Array | null {
  for (const a of inodeAttributes(inode)) if (a.index === index && a.name === name) return a.value;
  for (const a of blockAttributes(inode)) if (a.index === index && a.name === name) return a.value;
  return null;
}
