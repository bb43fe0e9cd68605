/**
 * devtmpfs: a tmpfs with the nodes of the devices that this machine has (devtmpfs, makedev(3)). What the
 * nodes do is in the device registry, by number.
 */

import type { Paging } from '../../../mmu/paging.ts';
import type { Clock } from '../../ports.ts';
import { RTC_DEVICE } from '../../time/rtc.ts';
import { CONSOLES } from '../../tty/virtual-console.ts';
import { major, makedev, minor } from '../../vfs/constants.ts';
import { S_IFCHR, S_IFDIR } from '../../vfs/types.ts';
import { TmpFs } from '../tmpfs/tmpfs.ts';

/** Name, mode, major, minor. */
const NODES: readonly (readonly [string, number, number, number])[] = [
  ['null', 0o666, 1, 3],
  ['zero', 0o666, 1, 5],
  ['full', 0o666, 1, 7],
  ['random', 0o666, 1, 8],
  ['urandom', 0o666, 1, 9],
  ['kmsg', 0o644, 1, 11],
  ['tty', 0o666, 5, 0],
  ['console', 0o600, 5, 1],
  ['ptmx', 0o666, 5, 2],
];

const LINKS: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
];

/** What the machine of a system has beside these. */
const SYSTEM_NODES: readonly (readonly [string, number, number, number])[] = [
  ['tty0', 0o620, 4, 0],
  ...Array.from({ length: CONSOLES }, (_, i) => [`tty${i + 1}`, 0o620, 4, i + 1] as const),
  ['rtc0', 0o600, major(RTC_DEVICE), minor(RTC_DEVICE)],
];

/** Group "tty" of Debian and most others. */
const TTY_GROUP = 5;

export function createDevFs(
  paging: Paging,
  clock: Clock,
  dev: number,
  system: boolean = false,
): TmpFs {
  const fs = new TmpFs(paging, clock, { dev, type: 'devtmpfs', mode: 0o755 });
  const { root } = fs;
  for (const [name, mode, driver, number] of system ? [...NODES, ...SYSTEM_NODES] : NODES) {
    const gid = driver === 4 || driver === 5 ? TTY_GROUP : 0;
    root.create(name, S_IFCHR | mode, 0, gid, makedev(driver, number));
  }
  if (system) root.symlink('rtc', 'rtc0', 0, 0);
  for (const [name, target] of LINKS) root.symlink(name, target, 0, 0);
  root.create('pts', S_IFDIR | 0o755, 0, 0, 0);
  root.create('shm', S_IFDIR | 0o1777, 0, 0, 0);
  return fs;
}
