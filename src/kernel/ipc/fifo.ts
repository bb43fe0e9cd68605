/**
 * Opening FIFOs (fifo(7), open(2); fifo_open in fs/pipe.c): O_RDONLY and O_WRONLY wait for each other.
 *
 * Invariants: an inode has one Pipe while any end is open or being opened; an open(2) that waits
 * counts as open for the other end, which therefore need not wait. The wait's state is the Opening
 * in `sys.state`.
 */

import { EINVAL, ENXIO, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { ERESTARTSYS, type Sys } from '../syscall/types.ts';
import { O_ACCMODE, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '../vfs/constants.ts';
import type { DeviceRegistry } from '../vfs/devices.ts';
import type { FileSystem, Inode, OpenFile, Path } from '../vfs/types.ts';
import { type Opening, Pipe, PipeFile, PipeInode } from './pipe.ts';

/** Pipes of the FIFOs that are open, by inode number. */
const fifos = new WeakMap<FileSystem, Map<number, Pipe>>();

function pipeOf(kernel: Kernel, inode: Inode): Pipe {
  if (inode instanceof PipeInode) return inode.pipe;
  let table = fifos.get(inode.fs);
  if (table === undefined) {
    table = new Map();
    fifos.set(inode.fs, table);
  }
  const known = table.get(inode.ino);
  if (known !== undefined) return known;
  const pipe = new Pipe(kernel.heap);
  const open = table;
  open.set(inode.ino, pipe);
  pipe.onUnused = () => open.delete(inode.ino);
  return pipe;
}

/** An open(2) that waits for the other end. */
class WaitingOpen implements Opening {
  readonly pipe: Pipe;
  readonly write: boolean;
  private readonly seen: number;
  private readonly sys: Sys;

  constructor(sys: Sys, pipe: Pipe, write: boolean) {
    this.sys = sys;
    this.pipe = pipe;
    this.write = write;
    this.seen = this.others();
  }

  get alive(): boolean {
    return !this.sys.task.dead && this.sys.state === this;
  }

  /** Whether the other end was opened since it began. */
  get met(): boolean {
    return this.others() !== this.seen;
  }

  private others(): number {
    return this.write ? this.pipe.readOpens : this.pipe.writeOpens;
  }
}

export function openFifo(sys: Sys, inode: Inode, flags: number, path: Path): OpenFile | number {
  const waiting = sys.state;
  if (waiting instanceof WaitingOpen) {
    if (!waiting.met) return wait(sys, waiting);
    const file = new PipeFile(waiting.pipe, inode, path, flags);
    waiting.pipe.endOpening(waiting);
    return file;
  }
  const pipe = pipeOf(sys.kernel, inode);
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return openToRead(sys, pipe, inode, flags, path);
    case O_WRONLY:
      return openToWrite(sys, pipe, inode, flags, path);
    case O_RDWR:
      pipe.readOpens++;
      pipe.writeOpens++;
      pipe.openQueue.wake();
      return new PipeFile(pipe, inode, path, flags);
    default:
      throw linuxError(EINVAL);
  }
}

function openToRead(
  sys: Sys,
  pipe: Pipe,
  inode: Inode,
  flags: number,
  path: Path,
): OpenFile | number {
  pipe.readOpens++;
  pipe.openQueue.wake();
  // A pipe that is opened by /proc/PID/fd/N waits for nobody.
  if (pipe.hasWriters() || inode instanceof PipeInode)
    return new PipeFile(pipe, inode, path, flags);
  if ((flags & O_NONBLOCK) !== 0) return new PipeFile(pipe, inode, path, flags, pipe.writeOpens);
  return begin(sys, new WaitingOpen(sys, pipe, false));
}

function openToWrite(
  sys: Sys,
  pipe: Pipe,
  inode: Inode,
  flags: number,
  path: Path,
): OpenFile | number {
  const hasReaders = pipe.hasReaders() || inode instanceof PipeInode;
  if ((flags & O_NONBLOCK) !== 0 && !hasReaders) throw linuxError(ENXIO);
  pipe.writeOpens++;
  pipe.openQueue.wake();
  if (hasReaders) return new PipeFile(pipe, inode, path, flags);
  return begin(sys, new WaitingOpen(sys, pipe, true));
}

function begin(sys: Sys, opening: WaitingOpen): number {
  sys.state = opening;
  opening.pipe.beginOpening(opening);
  return wait(sys, opening);
}

function wait(sys: Sys, opening: WaitingOpen): number {
  return sys.block([opening.pipe.openQueue], {
    interrupted: () => {
      opening.pipe.endOpening(opening);
      opening.pipe.hangUp();
      return -ERESTARTSYS;
    },
  });
}

/** FIFOs of every file system open through this. */
export function registerFifos(devices: DeviceRegistry): void {
  devices.openFifo = openFifo;
}
