/** Targets of symbolic links: in i_block, inline, or in a block (fs/ext4/symlink.c). */

import type { DiskInode } from './disk-inode.ts';
import { inlineData } from './inline.ts';
import { I_BLOCK_SIZE, INCOMPAT } from './layout.ts';
import { mustMap } from './mapping.ts';

/** Longest target of a symbolic link that Linux makes or follows. */
const SYMLINK_MAX = 4095;

/** Where a link points, in Latin-1. The inode is a symbolic link. */
export function linkTarget(link: DiskInode): string {
  const { size, vol } = link;
  const bytes = size > 0 && size <= SYMLINK_MAX ? targetBytes(link) : [];
  let target = '';
  for (let i = 0; i < bytes.length; i++) target += String.fromCharCode(bytes[i]!);
  if (target.length !== size || size === 0 || target.includes('\0')) {
    vol.damaged(`inode ${link.ino}: a damaged symbolic link of ${size} bytes`);
  }
  return target;
}

function targetBytes(link: DiskInode): ArrayLike<number> {
  const { size, vol } = link;
  if (link.hasInlineData) return inlineData(link);
  if (isFastLink(link)) {
    const v = link.view();
    return new Uint8Array(v.buffer, v.byteOffset + link.iblock, size);
  }
  return vol.cache.get(mustMap(link, 0)).data.subarray(0, size);
}

/** Whether the target is in i_block. */
export function isFastLink(link: DiskInode): boolean {
  if (link.size >= I_BLOCK_SIZE || link.usesExtents) return false;
  const attributes = link.xattrBlock === 0 ? 0 : link.vol.blockSize >> 9;
  // Values in inodes count as well (ea_inode); a short target in a block is older than that.
  return link.sectors === attributes || link.vol.sb.has(INCOMPAT.ea_inode);
}
