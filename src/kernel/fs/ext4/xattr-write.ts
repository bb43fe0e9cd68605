/**
 * Changing extended attributes (fs/ext4/xattr.c): what fits stays in the inode record, the rest goes to a
 * block, which is copied before it is changed if other inodes share it.
 */

import { E2BIG, EEXIST, ENODATA, ENOSPC, EOPNOTSUPP, linuxError } from '../../errno.ts';
import { XATTR_CREATE, XATTR_REPLACE } from '../../vfs/constants.ts';
import { freeBlocks, goalOf, newMetaBlock } from './alloc.ts';
import { KIND } from './buffers.ts';
import type { DiskInode } from './disk-inode.ts';
import { XATTR_HEADER_SIZE, XATTR_MAGIC } from './layout.ts';
import { attributeBlock, blockAttributes, inodeArea, inodeAttributes } from './xattr.ts';
import { type Attribute, attributeSize, blockHash, writeAttributes } from './xattr-block.ts';

function sizeOf(attributes: readonly Attribute[]): number {
  // Four zero bytes end the list.
  return attributes.reduce((sum, a) => sum + attributeSize(a), 4);
}

function same(a: Attribute, index: number, name: string): boolean {
  return a.index === index && a.name === name;
}

/** Sets an attribute, or removes it if `value` is null. Inside an operation. */
export function setAttribute(
  inode: DiskInode,
  index: number,
  name: string,
  value: Uint8Array | null,
  flags: number,
): void {
  let inside = inodeAttributes(inode);
  let outside = blockAttributes(inode);
  // Images with the feature are read-only; without it nobody else may write them either.
  if ([...inside, ...outside].some((a) => a.holder !== undefined)) throw linuxError(EOPNOTSUPP);
  const known = [...inside, ...outside].some((a) => same(a, index, name));
  if (!known && (value === null || flags & XATTR_REPLACE)) throw linuxError(ENODATA);
  if (known && flags & XATTR_CREATE) throw linuxError(EEXIST);
  const wasOutside = outside.some((a) => same(a, index, name));
  inside = inside.filter((a) => !same(a, index, name));
  outside = outside.filter((a) => !same(a, index, name));
  if (value !== null) {
    const attribute: Attribute = { index, name, value };
    if (attributeSize(attribute) + 4 + XATTR_HEADER_SIZE > inode.vol.blockSize) {
      throw linuxError(value.length > inode.vol.blockSize ? E2BIG : ENOSPC);
    }
    if (fitsInside(inode, [...inside, attribute])) inside.push(attribute);
    else outside.push(attribute);
  }
  writeInside(inode, inside);
  if (wasOutside || outside.length !== blockAttributes(inode).length) writeOutside(inode, outside);
}

function fitsInside(inode: DiskInode, attributes: readonly Attribute[]): boolean {
  const at = inodeArea(inode);
  return at > 0 && sizeOf(attributes) <= inode.vol.sb.inodeSize - at;
}

function writeInside(inode: DiskInode, attributes: readonly Attribute[]): void {
  const at = inodeArea(inode);
  if (at === 0) return;
  if (attributes.length === 0 && inode.u32(at - 4) !== XATTR_MAGIC) return;
  inode.set32(at - 4, attributes.length > 0 ? XATTR_MAGIC : 0);
  inode.touch();
  writeAttributes(inode.record(), at, at, attributes);
}

function order(a: Attribute, b: Attribute): number {
  if (a.index !== b.index) return a.index - b.index;
  if (a.name.length !== b.name.length) return a.name.length - b.name.length;
  return a.name < b.name ? -1 : 1;
}

function writeOutside(inode: DiskInode, attributes: Attribute[]): void {
  const { vol } = inode;
  if (attributes.length === 0) {
    releaseAttributeBlock(inode);
    return;
  }
  if (sizeOf(attributes) > vol.blockSize - XATTR_HEADER_SIZE) throw linuxError(ENOSPC);
  const old = attributeBlock(inode);
  let block = old;
  if (old === null || old.view.getUint32(4, true) > 1) {
    if (old !== null) releaseAttributeBlock(inode);
    const nr = newMetaBlock(inode, goalOf(inode), KIND.xattr);
    inode.xattrBlock = nr;
    inode.addBlocks(1);
    block = vol.cache.get(nr);
    block.view.setUint32(0, XATTR_MAGIC, true);
    block.view.setUint32(4, 1, true);
    block.view.setUint32(8, 1, true);
  }
  vol.cache.touch(block!);
  attributes.sort(order);
  const hashes = writeAttributes(block!.data, XATTR_HEADER_SIZE, 0, attributes);
  block!.view.setUint32(12, blockHash(hashes), true);
}

/** The inode no longer uses its attribute block. Inside an operation. */
export function releaseAttributeBlock(inode: DiskInode): void {
  const block = attributeBlock(inode);
  if (block === null) return;
  const { vol } = inode;
  const users = block.view.getUint32(4, true);
  if (users > 1) {
    vol.cache.touch(block);
    block.view.setUint32(4, users - 1, true);
  } else {
    freeBlocks(vol, block.nr, 1);
  }
  inode.xattrBlock = 0;
  inode.addBlocks(-1);
}
