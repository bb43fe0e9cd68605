/** File systems to mount in a rig: ext4 in memory, and a folder of this computer. */

import { mountOn } from '../../../src/host/mounts.ts';
import { NodeHostDirectory } from '../../../src/host/node/host-directory.ts';
import { MemoryBlockDevice } from '../../../src/kernel/fs/blockdev.ts';
import { guestPages } from '../../../src/kernel/fs/ext4/file-pages.ts';
import { Ext4FileSystem } from '../../../src/kernel/fs/ext4/fs.ts';
import { createExt4 } from '../../../src/kernel/fs/ext4/mkfs.ts';
import { HostFs } from '../../../src/kernel/fs/hostfs/hostfs.ts';
import type { Rig } from './rig.ts';

/** A small ext4 file system at /ext, with a few things in it. */
export function mountExt4(rig: Rig): MemoryBlockDevice {
  const { machine } = rig;
  const device = new MemoryBlockDevice(4 << 20);
  createExt4(device, { blockSize: 1024, blank: true });
  const fs = Ext4FileSystem.open(device, { dev: 0x801, pages: guestPages(machine.mmu.paging) });
  mountOn(machine, '/ext', fs, '/dev/vdb', 0);
  rig.put('/ext/f', 'contents of f '.repeat(500), 0o644);
  rig.put('/ext/d/x', 'x', 0o644);
  fs.root.symlink('link', 'd/x', 0, 0);
  fs.sync();
  return device;
}

/** A folder of the host at /vol. */
export function mountVolume(rig: Rig, folder: string, readOnly = false): void {
  const { machine } = rig;
  const port = new NodeHostDirectory(folder, { readOnly });
  const fs = new HostFs(port, machine.mmu.paging, { dev: 9, readOnly, ...NodeHostDirectory.ids() });
  mountOn(machine, '/vol', fs, folder, readOnly ? 1 : 0);
}
