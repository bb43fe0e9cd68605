/**
 * What is mounted when a machine starts, and the file systems that mount(2) knows: proc, sysfs, devtmpfs,
 * devpts (by the terminal code), tmpfs.
 */

import { EINVAL, LinuxError, linuxError } from '../errno.ts';
import { createCgroupFs } from '../fs/cgroupfs.ts';
import { createDevFs } from '../fs/devfs/devfs.ts';
import { registerMemoryDevices } from '../fs/devfs/memory-devices.ts';
import { createProcFs } from '../fs/procfs/procfs.ts';
import { createSysFs } from '../fs/procfs/sysfs.ts';
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

const SUFFIXES: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** tmpfs(5) options: size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=. */
function mountTmpfs(kernel: Kernel, text: string): TmpFs {
  const { frames } = kernel.mmu.paging;
  let maxPages = Math.floor(frames.total / 2);
  let mode = 0o1777;
  let maxInodes = frames.total;
  const ids = { uid: 0, gid: 0 };
  for (const option of text.split(',').filter((o) => o !== '')) {
    const [key, value = ''] = option.split('=', 2) as [string, string?];
    if (key === 'size') maxPages = Math.ceil(sizeOf(value, frames.total * 4096) / 4096);
    else if (key === 'nr_blocks') maxPages = sizeOf(value, 0);
    else if (key === 'nr_inodes') maxInodes = sizeOf(value, 0) || Number.POSITIVE_INFINITY;
    else if (key === 'mode') mode = octal(value);
    else if (key === 'uid' || key === 'gid') ids[key] = sizeOf(value, 0);
    else if (!IGNORED.has(key)) throw linuxError(EINVAL);
  }
  return new TmpFs(kernel.mmu.paging, kernel.clock, {
    dev: nextDev(),
    maxPages: Math.min(maxPages, frames.total),
    maxInodes,
    mode,
    ...ids,
    options: text,
  });
}

/** Placement hints that mean nothing here. */
const IGNORED = new Set(['huge', 'mpol', 'inode32', 'inode64', 'noswap', 'rw', 'ro']);

function sizeOf(value: string, whole: number): number {
  const m = /^(\d+)([kKmMgG%]?)$/.exec(value);
  if (m === null) throw linuxError(EINVAL);
  const n = Number(m[1]);
  if (m[2] === '%') return (whole * n) / 100;
  return n * (SUFFIXES[m[2]!.toLowerCase()] ?? 1);
}

function octal(value: string): number {
  if (!/^[0-7]+$/.test(value)) throw linuxError(EINVAL);
  return Number.parseInt(value, 8) & 0o7777;
}
