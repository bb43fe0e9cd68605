/**
 * What device nodes and FIFOs open: drivers register here by device number, so that nodes on every
 * file system work (mknod(2), drivers/base/map.c).
 */

import { ENXIO, linuxError } from '../errno.ts';
import type { Sys } from '../syscall/types.ts';
import { major, minor } from './constants.ts';
import type { Inode, OpenFile, Path } from './types.ts';
import { S_IFCHR, S_IFMT } from './types.ts';

/** Opens a device; throws ENXIO, EBUSY … as the driver does. */
export type DeviceOpener = (sys: Sys, inode: Inode, flags: number, path: Path) => OpenFile;

/** Opens a FIFO, or blocks until the other end is opened: returns what sys.block returned. */
export type FifoOpener = (sys: Sys, inode: Inode, flags: number, path: Path) => OpenFile | number;

export interface DriverName {
  readonly major: number;
  readonly name: string;
}

export class DeviceRegistry {
  private readonly openers = new Map<number, DeviceOpener>();
  private readonly majors = new Map<number, DeviceOpener>();
  /** Lines of /proc/devices. */
  readonly names: DriverName[] = [];
  /** Set by the pipe code. */
  openFifo: FifoOpener = () => {
    throw linuxError(ENXIO);
  };

  /** @param minor a minor number, or -1 for all of the major's that have no opener of their own */
  registerCharDevice(majorNumber: number, minorNumber: number, open: DeviceOpener): void {
    if (minorNumber < 0) this.majors.set(majorNumber, open);
    else this.openers.set(key(majorNumber, minorNumber), open);
  }

  /** Names a major number in /proc/devices. */
  nameDriver(majorNumber: number, name: string): void {
    this.names.push({ major: majorNumber, name });
  }

  open(sys: Sys, inode: Inode, flags: number, path: Path): OpenFile {
    const { rdev } = inode;
    const driver =
      (inode.mode & S_IFMT) === S_IFCHR
        ? (this.openers.get(key(major(rdev), minor(rdev))) ?? this.majors.get(major(rdev)))
        : undefined;
    if (driver === undefined) throw linuxError(ENXIO);
    return driver(sys, inode, flags, path);
  }
}

function key(majorNumber: number, minorNumber: number): number {
  return majorNumber * 0x100000 + minorNumber;
}
