/**
 * What is mounted when a machine starts, and the file systems that mount(2) knows: proc, sysfs, devtmpfs,
 * devpts (by the terminal code), tmpfs.
 */

import { LinuxError } from '../errno.ts';
import { createCgroupFs } from '../fs/cgroupfs.ts';
import { createDevFs } from '../fs/devfs/devfs.ts';
import { registerMemoryDevices } from '../fs/devfs/memory-devices.ts';
import { createProcFs } from '../fs/procfs/procfs.ts';
import { createSysFs } from '../fs/procfs/sysfs.ts';
import { parseTmpFsOptions } from '../fs/tmpfs/options.ts';
import { TmpFs } from '../fs/tmpfs/tmpfs.ts';
import { registerFifos } from '../ipc/fifo.ts';
import type { Kernel } from '../kernel.ts';
import { registerKmsg } from '../log/kmsg.ts';
import { registerRtc } from '../time/rtc.ts';
import { terminalsOf } from '../tty/devices.ts';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from './constants.ts';
import { makeDirectory } from './names.ts';
import type { FileSystem } from './types.ts';

/** st_dev of file systems without a device: major 0, minors in order. */
let lastDev = 0x1f;

export function nextDev(): number {
  return ++lastDev;
}

/** Registers drivers and file system types. Call once, before anything is mounted by name. */
export function registerSystem(kernel: Kernel): void {
  const { vfs } = kernel;
  registerMemoryDevices(vfs.devices);
  registerKmsg(kernel);
  if (kernel.system) registerRtc(kernel);
  registerFifos(vfs.devices);
  // Registers the terminals' devices, and devpts.
  terminalsOf(kernel);
  let cgroups: FileSystem | null = null;
  vfs.registerFileSystem('cgroup2', () => {
    cgroups ??= createCgroupFs(kernel, nextDev());
    return cgroups;
  });
  let dev: FileSystem | null = null;
  vfs.registerFileSystem('sysfs', () => createSysFs(kernel, nextDev()));
  vfs.registerFileSystem('tmpfs', (_sys, _source, _flags, text) => mountTmpfs(kernel, text));
  vfs.registerFileSystem('proc', () => createProcFs(kernel, nextDev()));
  // All mounts of devtmpfs show the same tree.
  vfs.registerFileSystem('devtmpfs', () => {
    dev ??= createDevFs(kernel.mmu.paging, kernel.clock, nextDev(), kernel.system);
    return dev;
  });
}

interface StandardMount {
  readonly type: string;
  readonly at: string;
  readonly flags: number;
  readonly options: string;
}

const STANDARD: readonly StandardMount[] = [
  { type: 'proc', at: '/proc', flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, options: '' },
  { type: 'sysfs', at: '/sys', flags: MS_NOSUID | MS_NODEV | MS_NOEXEC, options: '' },
  { type: 'devtmpfs', at: '/dev', flags: MS_NOSUID, options: '' },
  { type: 'devpts', at: '/dev/pts', flags: MS_NOSUID | MS_NOEXEC, options: '' },
  { type: 'tmpfs', at: '/dev/shm', flags: MS_NOSUID | MS_NODEV, options: '' },
];

/**
 * Mounts proc, sys, dev (with pts and shm) on the root file system; missing directories are made, and where
 * that is impossible (a read-only image without them) the mount is left out.
 * @returns the directories that could not be mounted
 */
export function mountSystem(kernel: Kernel): string[] {
  const { vfs } = kernel;
  const missing: string[] = [];
  for (const { type, at, flags, options } of STANDARD) {
    const factory = vfs.types.get(type);
    if (factory === undefined) continue;
    try {
      ensureDirectory(kernel, at);
      const point = vfs.lookup(vfs.host, null, at, true);
      // These factories do not look at the caller: there is none yet.
      const fs = factory(null as never, type, flags, options);
      vfs.mountAt(point, fs, type, flags);
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      missing.push(at);
    }
  }
  return missing;
}

function ensureDirectory(kernel: Kernel, at: string): void {
  const { vfs } = kernel;
  try {
    vfs.lookup(vfs.host, null, at, true);
  } catch (e) {
    if (!(e instanceof LinuxError)) throw e;
    makeDirectory(vfs, vfs.host, null, at, 0o755);
  }
}

function mountTmpfs(kernel: Kernel, text: string): TmpFs {
  const { paging } = kernel.mmu;
  const asked = parseTmpFsOptions(text, paging.frames.total);
  return new TmpFs(paging, kernel.clock, { dev: nextDev(), asked });
}
