/** For the check: what an inode's fields say about each other (most of e2fsck's pass 1). */

import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../vfs/types.ts';
import type { Claimed } from './check-claims.ts';
import type { DiskInode } from './disk-inode.ts';
import { COMPAT, FL_EXTENTS, FL_INLINE_DATA, FL_VERITY, INO } from './layout.ts';
import { linkTarget } from './symlink.ts';
import { allAttributes } from './xattr.ts';
import { hashRight } from './xattr-block.ts';

/** Problems of an inode in use. Its data has been walked; `orphan`: on the orphan list, whose links are in i_dtime. */
export function recordProblems(inode: DiskInode, found: Claimed, orphan: boolean): string[] {
  const out: string[] = [];
  const { sb } = inode.vol;
  const type = inode.mode & S_IFMT;
  const special = type !== S_IFREG && type !== S_IFDIR && type !== S_IFLNK;
  if (special && inode.flags & (FL_EXTENTS | FL_INLINE_DATA)) out.push('a device with extents');
  if (special && inode.size !== 0) out.push(`a device of ${inode.size} bytes`);
  if (!orphan && inode.u32(INO.dtime) !== 0) out.push('in use, but with a time of deletion');
  if (!sb.is64bit && inode.u16(INO.fileAclHi) !== 0) out.push('an impossible attribute block');
  if (inode.xattrBlock !== 0 && (sb.compat & COMPAT.ext_attr) === 0) {
    out.push('attributes without the feature');
  }
  if (!allAttributes(inode).every(hashRight)) out.push('wrong hash of an attribute');
  if (type === S_IFLNK) linkTarget(inode);
  else if (!inode.hasInlineData && !(orphan && type === S_IFREG))
    out.push(...sizeProblems(inode, found));
  return out;
}

function sizeProblems(inode: DiskInode, found: Claimed): string[] {
  const { blockSize } = inode.vol;
  const isDirectory = (inode.mode & S_IFMT) === S_IFDIR;
  // A block that begins where the file ends is allowed: pages may be larger than blocks.
  const least = isDirectory ? (found.last + 1) * blockSize : found.last * blockSize;
  // Behind the end of a file with fs-verity is its hash tree.
  if (inode.size < least && (inode.flags & FL_VERITY) === 0)
    return [`${inode.size} bytes, but data up to block ${found.last}`];
  if (isDirectory && inode.size % blockSize !== 0) return [`a directory of ${inode.size} bytes`];
  return [];
}
