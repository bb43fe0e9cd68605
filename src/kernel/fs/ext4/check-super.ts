/** For the check: what the superblock, the descriptors and the journal's superblock say about each other. */

import { JournalMap, JSB, readJournalSuper } from './jbd2.ts';
import { BG_BLOCK_UNINIT, BG_INODE_UNINIT, GOOD_OLD_INODE_SIZE, RO_COMPAT, SB } from './layout.ts';
import type { Superblock } from './superblock.ts';
import type { Volume } from './volume.ts';

/** s_usr_quota_inum, s_grp_quota_inum and s_prj_quota_inum. */
const QUOTA_INUMS = [0x240, 0x244, 0x26c];

/** Inodes that hold quotas; they have no names. */
export function quotaInodes(sb: Superblock): number[] {
  if ((sb.roCompat & RO_COMPAT.quota) === 0) return [];
  return QUOTA_INUMS.map((at) => sb.view.getUint32(at, true)).filter((ino) => ino !== 0);
}

export function superblockProblems({ sb, groups, disk }: Volume): string[] {
  const out: string[] = [];
  const journal = sb.view.getUint32(SB.journalInum, true);
  if (!sb.hasJournal && journal !== 0) out.push('there is a journal, but not the feature');
  if (sb.inodeSize > GOOD_OLD_INODE_SIZE) {
    for (const at of [SB.minExtraIsize, SB.wantExtraIsize]) {
      const extra = sb.view.getUint16(at, true);
      const possible = extra % 4 === 0 && extra + GOOD_OLD_INODE_SIZE <= sb.inodeSize;
      if (!possible) out.push(`inodes cannot have ${extra} extra bytes`);
    }
  }
  for (const ino of quotaInodes(sb)) {
    if (ino > sb.inodes) out.push(`quota in inode ${ino}, which there is not`);
  }
  for (let g = 0; g < sb.groups && !groups.hasCsum; g++) {
    if (groups.storedFlags(g) & (BG_INODE_UNINIT | BG_BLOCK_UNINIT) || groups.storedUnused(g) > 0) {
      out.push(`group ${g} is not initialised, without the feature`);
    }
  }
  if (sb.hasJournal) {
    const { view } = readJournalSuper(new JournalMap(disk.device, sb));
    const errno = view.getInt32(JSB.errno, false);
    if (errno !== 0) out.push(`the journal notes an error: ${errno}`);
  }
  return out;
}
