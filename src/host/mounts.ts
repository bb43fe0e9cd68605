/**
 * The guest's name space at boot: the root file system, and the kernel's own file systems on it
 * (/dev, /dev/pts, /dev/shm, /proc, /sys).
 */

import { ENOENT, LinuxError } from '../kernel/errno.ts';
import { OverlayBlockDevice } from '../kernel/fs/blockdev.ts';
import { guestPages } from '../kernel/fs/ext4/file-pages.ts';
import { Ext4FileSystem } from '../kernel/fs/ext4/fs.ts';
import { importTar } from '../kernel/fs/tar.ts';
import { TmpFs } from '../kernel/fs/tmpfs/tmpfs.ts';
import type { BlockDevice, HostPort } from '../kernel/ports.ts';
import { MS_RELATIME } from '../kernel/vfs/constants.ts';
import { makeDirectory } from '../kernel/vfs/names.ts';
import { mountSystem, registerSystem } from '../kernel/vfs/system-mounts.ts';
import type { FileSystem } from '../kernel/vfs/types.ts';
import type { Machine } from '../machine/machine.ts';

/** Where the root file system comes from. */
export type RootSource =
  /** A tar archive (not compressed), unpacked into memory. The bytes must not change afterwards. */
  | { readonly kind: 'tar'; readonly bytes: Uint8Array }
  /** An ext4 image; without `save` changes stay in memory. */
  | { readonly kind: 'image'; readonly device: BlockDevice; readonly save: boolean }
  /** A file system that was made already. */
  | { readonly kind: 'fs'; readonly make: (machine: Machine) => FileSystem; readonly name: string };

const ROOT_DEV = 0x801;

function openRoot(machine: Machine, root: RootSource): { fs: FileSystem; name: string } {
  const { kernel, mmu } = machine;
  switch (root.kind) {
    case 'tar': {
      const fs = new TmpFs(mmu.paging, kernel.clock, {
        dev: ROOT_DEV,
        mode: 0o755,
        maxPages: Math.floor(mmu.paging.frames.total * 0.8),
      });
      importTar(fs, root.bytes);
      return { fs, name: 'tmpfs' };
    }
    case 'image': {
      const device = root.save ? root.device : new OverlayBlockDevice(root.device);
      const fs = Ext4FileSystem.open(device, {
        dev: ROOT_DEV,
        pages: guestPages(mmu.paging),
        discard: !root.save,
        random: random32(kernel.host),
        now: () => kernel.clock.realtime(),
        log: (line) => kernel.log(line),
      });
      return { fs, name: '/dev/vda' };
    }
    case 'fs':
      return { fs: root.make(machine), name: root.name };
  }
}

/** Random 32-bit numbers, for inode generations: many at once, since a call of the host takes 5 µs. */
function random32(host: HostPort): () => number {
  const words = new Uint32Array(256);
  let next = words.length;
  return () => {
    if (next === words.length) {
      host.random(new Uint8Array(words.buffer));
      next = 0;
    }
    return words[next++]!;
  };
}

/** Mounts everything. @returns the root file system */
export function mountAll(machine: Machine, source: RootSource): FileSystem {
  const { kernel } = machine;
  registerSystem(kernel);
  const { fs, name } = openRoot(machine, source);
  kernel.vfs.mountRoot(fs, name, MS_RELATIME);
  for (const at of mountSystem(kernel)) {
    kernel.log(`${at} could not be mounted: the root file system has no such directory`);
  }
  return fs;
}

/** Mounts `fs` on a directory, which is made if there is none. Throws LinuxError. */
export function mountOn(
  machine: Machine,
  path: string,
  fs: FileSystem,
  source: string,
  flags: number,
): void {
  const { vfs } = machine.kernel;
  let at = '';
  for (const part of path.split('/').filter((p) => p !== '')) {
    at += `/${part}`;
    try {
      vfs.lookup(vfs.host, null, at, true);
    } catch (e) {
      if (!(e instanceof LinuxError) || e.errno !== ENOENT) throw e;
      makeDirectory(vfs, vfs.host, null, at, 0o755);
    }
  }
  vfs.mountAt(vfs.lookupDirectory(vfs.host, path), fs, source, flags);
}
