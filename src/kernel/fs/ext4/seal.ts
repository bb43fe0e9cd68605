/** Checksums of all dirty metadata, set just before it is committed (Linux: fs/ext4/*_csum_set). */

import { KIND, type MetaBlock } from './buffers.ts';
import { dirIndexCsum, dirLeafCsum } from './dir-block.ts';
import { DiskInode } from './disk-inode.ts';
import { extentBlockCsum } from './extent-node.ts';
import type { Volume } from './volume.ts';
import { xattrBlockCsum } from './xattr-block.ts';

export function sealAll(vol: Volume): void {
  if (vol.sb.metadataCsum) {
    for (const ino of [...vol.dirtyInodes]) new DiskInode(vol, ino).seal();
    for (const block of vol.cache.dirty) sealBlock(block);
  }
  vol.groups.seal();
  vol.updateCounts();
  vol.sb.seal();
}

function sealBlock(block: MetaBlock): void {
  switch (block.kind) {
    case KIND.extent:
      extentBlockCsum(block).store();
      break;
    case KIND.dirLeaf:
      dirLeafCsum(block)?.store();
      break;
    case KIND.dirIndex:
      dirIndexCsum(block)?.store();
      break;
    case KIND.xattr:
      block.view.setUint32(16, xattrBlockCsum(block, block.seed), true);
      break;
    default:
      break;
  }
}
