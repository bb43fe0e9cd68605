/** /dev/null, zero, full, random, urandom (null(4), full(4), random(4)); drivers/char/mem.c. */

import { CAP } from '../../cred/cred.ts';
import { EFAULT, EINVAL, ENOSPC, EPERM, linuxError } from '../../errno.ts';
import type { Sys } from '../../syscall/types.ts';
import { SEEK_CUR, SEEK_END, SEEK_SET } from '../../vfs/constants.ts';
import type { DeviceRegistry } from '../../vfs/devices.ts';
import { BaseFile } from '../../vfs/file.ts';
import type { Inode, IoSink, IoSource, Path } from '../../vfs/types.ts';

const MEM_MAJOR = 1;
/** Bytes produced at a time. */
const CHUNK = 65536;
const zeros = new Uint8Array(CHUNK);

/** A device without data: everything written is gone, and positions mean nothing. */
class NullFile extends BaseFile {
  override read(_sys: Sys, _to: IoSink): number {
    return 0;
  }

  override pread(sys: Sys, to: IoSink, _offset: number): number {
    return this.read(sys, to);
  }

  override write(_sys: Sys, from: IoSource): number {
    return from.remaining;
  }

  override pwrite(sys: Sys, from: IoSource, _offset: number): number {
    return this.write(sys, from);
  }

  /** null_lseek: always at 0. */
  override seek(_sys: Sys, _offset: number, whence: number): number {
    if (whence !== SEEK_SET && whence !== SEEK_CUR && whence !== SEEK_END) throw linuxError(EINVAL);
    return 0;
  }

  override fsync(): void {
    throw linuxError(EINVAL);
  }
}

class ZeroFile extends NullFile {
  override read(_sys: Sys, to: IoSink): number {
    let done = 0;
    while (to.remaining > 0) {
      const n = to.put(zeros, 0, Math.min(CHUNK, to.remaining));
      if (n === 0) break;
      done += n;
    }
    return done;
  }
}

class FullFile extends ZeroFile {
  override write(_sys: Sys, from: IoSource): number {
    if (from.remaining === 0) return 0;
    throw linuxError(ENOSPC);
  }
}

/** random(4) */
const RNDGETENTCNT = 0x80045200;
const RNDADDTOENTCNT = 0x40045201;
const RNDADDENTROPY = 0x40085203;
const RNDZAPENTCNT = 0x5204;
const RNDCLEARPOOL = 0x5206;
const RNDRESEEDCRNG = 0x5207;
/** Bits that the pool holds: it is always full, since the host's randomness is behind it. */
const POOL_BITS = 256;

class RandomFile extends NullFile {
  /** What is added to the pool changes nothing: the host's generator needs no seed of the guest's. */
  override ioctl(sys: Sys, request: number, arg: number): number {
    switch (request) {
      case RNDGETENTCNT:
        sys.mem.writeU32(arg, POOL_BITS);
        return 0;
      case RNDADDTOENTCNT:
      case RNDADDENTROPY:
        if (!sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
        if (sys.mem.readI32(arg) < 0) throw linuxError(EINVAL);
        if (request === RNDADDENTROPY && sys.mem.readI32(arg + 4) < 0) throw linuxError(EFAULT);
        return 0;
      case RNDZAPENTCNT:
      case RNDCLEARPOOL:
      case RNDRESEEDCRNG:
        if (!sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
        return 0;
      default:
        throw linuxError(EINVAL);
    }
  }

  override read(sys: Sys, to: IoSink): number {
    const bytes = new Uint8Array(Math.min(CHUNK, to.remaining));
    let done = 0;
    while (to.remaining > 0) {
      const n = Math.min(bytes.length, to.remaining);
      sys.kernel.host.random(bytes.subarray(0, n));
      const taken = to.put(bytes, 0, n);
      if (taken === 0) break;
      done += taken;
    }
    return done;
  }
}

type FileClass = new (inode: Inode, path: Path, flags: number) => BaseFile;

const MINORS: readonly (readonly [number, FileClass])[] = [
  [3, NullFile],
  [5, ZeroFile],
  [7, FullFile],
  [8, RandomFile],
  [9, RandomFile],
];

export function registerMemoryDevices(devices: DeviceRegistry): void {
  devices.nameDriver(MEM_MAJOR, 'mem');
  for (const [minor, File] of MINORS) {
    devices.registerCharDevice(
      MEM_MAJOR,
      minor,
      (_sys, inode, flags, path) => new File(inode, path, flags),
    );
  }
}
