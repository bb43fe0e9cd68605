/**
 * The superblock is two sectors, and its checksum is in the second: a power cut while it is written leaves the old
 * half of it and the new one. What it says of the image's layout is the same in both, so the journal can be found, and
 * has the whole of it; only the flag that the journal is in use is written without the journal.
 */

import type { BlockDevice } from '../../ports.ts';
import { OverlayBlockDevice } from '../blockdev.ts';
import { INCOMPAT, SB, SUPERBLOCK_OFFSET } from './layout.ts';
import { replayJournal } from './replay.ts';
import { Superblock, superblockBytes } from './superblock.ts';

/** Replays the journal if there is need: on the device if it may be written, otherwise in memory. @returns what to use */
export function recover(
  device: BlockDevice,
  writable: boolean,
  log: (line: string) => void,
): BlockDevice {
  const sb = new Superblock(superblockBytes(device), true);
  // Whoever opens it next says so.
  if (sb.blocks * sb.blockSize > device.size) return device;
  const torn = sb.metadataCsum && sb.hasJournal && !sb.isSealed;
  if (!torn && !(sb.hasJournal && sb.needsRecovery)) return device;
  // A superblock that the journal does not mend is damaged: then nothing is written.
  if (torn) replay(new OverlayBlockDevice(device), true, () => {});
  const base = writable ? device : new OverlayBlockDevice(device);
  replay(base, torn, log);
  return base;
}

function replay(device: BlockDevice, torn: boolean, log: (line: string) => void): void {
  if (torn) mendFlag(device);
  replayJournal(device, log, torn);
}

/** If the flag and the checksum are of different times, the journal is to be looked at. */
function mendFlag(device: BlockDevice): void {
  const sb = new Superblock(superblockBytes(device), true);
  const flags = sb.view.getUint32(SB.featureIncompat, true);
  sb.view.setUint32(SB.featureIncompat, flags ^ INCOMPAT.needs_recovery, true);
  if (!sb.isSealed) return;
  sb.view.setUint32(SB.featureIncompat, flags | INCOMPAT.needs_recovery, true);
  sb.seal();
  device.write(SUPERBLOCK_OFFSET, sb.bytes);
}
