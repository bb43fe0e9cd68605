/**
 * The resize inode: it owns the blocks that are reserved behind the descriptors, in the first group and
 * in each group with copies (ext2fs_create_resize_inode of e2fsprogs).
 *
 * Its double indirect block names the reserved blocks of the first group, each at its place in the table of
 * descriptors; each of those is an indirect block that names its copies in the other groups:
 *
 *     i_block[13] → dind: [ 0 … | reserved block | reserved block | … ]
 *                                   └→ [ in group 1 | in group 3 | in group 5 | … ]
 */

import { DiskInode } from './disk-inode.ts';
import { Ext4ImageError } from './errors.ts';
import type { GrowPlan } from './grow-plan.ts';
import { INO, RESIZE_INO } from './layout.ts';
import type { Volume } from './volume.ts';

const I_BLOCK_DIND = 13;

export function hasResizeInode(vol: Volume, plan: GrowPlan): boolean {
  return plan.oldReserved > 0 && dindBlock(vol) !== 0;
}

function dindBlock(vol: Volume): number {
  return new DiskInode(vol, RESIZE_INO).u32(INO.block + I_BLOCK_DIND * 4);
}

/** The groups up to `count` that hold copies, but the first. */
function copyGroups(plan: GrowPlan, count: number): number[] {
  const groups: number[] = [];
  for (let g = 1; g < count; g++) if (plan.sb.hasBackup(g)) groups.push(g);
  return groups;
}

/** Throws unless the double indirect block names the reserved blocks. */
export function checkResizeInode(vol: Volume, plan: GrowPlan): void {
  const { sb } = plan;
  const perBlock = sb.blockSize / 4;
  if (copyGroups(plan, plan.groups).length > perBlock) {
    throw new Ext4ImageError('cannot grow: too many copies of the superblock');
  }
  const { view } = vol.cache.get(dindBlock(vol));
  for (let i = 0; i < plan.oldReserved; i++) {
    const index = plan.oldGdtBlocks + i;
    const named = view.getUint32((index % perBlock) * 4, true);
    if (named === firstDescriptor(plan) + index) continue;
    throw new Ext4ImageError('the resize inode is damaged; repair it with e2fsck first');
  }
}

/** Where the descriptors begin. */
function firstDescriptor({ sb }: GrowPlan): number {
  return Math.floor(1024 / sb.blockSize) + 1;
}

/** Gives the blocks that became descriptors away, and takes those reserved in new groups. */
export function growResizeInode(vol: Volume, plan: GrowPlan): void {
  const { sb } = plan;
  const perBlock = sb.blockSize / 4;
  const oldCopies = copyGroups(plan, sb.groups).length;
  const copies = copyGroups(plan, plan.groups);
  const dind = vol.cache.get(dindBlock(vol));
  vol.cache.touch(dind);
  for (let index = plan.oldGdtBlocks; index < plan.gdtBlocks; index++) {
    dind.view.setUint32((index % perBlock) * 4, 0, true);
  }
  for (let i = 0; copies.length > oldCopies && i < plan.reserved; i++) {
    const nr = firstDescriptor(plan) + plan.gdtBlocks + i;
    const block = vol.cache.get(nr);
    vol.cache.touch(block);
    copies.forEach((g, k) => {
      block.view.setUint32(k * 4, nr + g * sb.blocksPerGroup, true);
    });
  }
  const before = plan.oldReserved * (1 + oldCopies);
  new DiskInode(vol, RESIZE_INO).addBlocks(plan.reserved * (1 + copies.length) - before);
}
