/**
 * Writes that go in parts: to pipes, terminals and stream sockets.
 *
 * Invariant: while a write waits for room its source and its count are in `sys.state`, so a retry
 * goes on behind what was taken already. A source that is a buffer of the kernel is not kept: its owner
 * gets the partial count and calls again (vfs/transfer.ts).
 */

import { EAGAIN, linuxError } from '../errno.ts';
import { UserSource } from '../syscall/io.ts';
import { ERESTARTSYS, type Sys } from '../syscall/types.ts';
import type { IoSource } from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';

/** Where a write goes. */
export interface WriteEnd {
  /** Woken when there is room again, or nobody to write to. */
  readonly roomQueues: readonly WaitQueue[];
  /** 0, or the errno of a write that cannot go on; raises SIGPIPE if that is due. */
  writeError(sys: Sys): number;
  /** Takes what there is room for. `first`: nothing of this write was taken before. */
  accept(from: IoSource, first: boolean): number;
}

class Progress {
  readonly from: IoSource;
  done = 0;

  constructor(from: IoSource) {
    this.from = from;
  }
}

/** Whether the call that runs is the retry of a write that waits. */
export function continuesWrite(sys: Sys): boolean {
  return sys.state instanceof Progress;
}

/** Bytes that the waiting write, if there is one, has written. */
export function writtenSoFar(sys: Sys): number {
  return sys.state instanceof Progress ? sys.state.done : 0;
}

export function writeInParts(
  sys: Sys,
  end: WriteEnd,
  from: IoSource,
  nonBlocking: boolean,
): number {
  const progress = sys.state instanceof Progress ? sys.state : new Progress(from);
  const errno = end.writeError(sys);
  if (errno !== 0) {
    if (progress.done > 0) return progress.done;
    throw linuxError(errno);
  }
  progress.done += end.accept(progress.from, sys.state !== progress);
  if (progress.from.remaining === 0) return progress.done;
  if (nonBlocking) {
    if (progress.done > 0) return progress.done;
    throw linuxError(EAGAIN);
  }
  if (!(from instanceof UserSource)) {
    return progress.done > 0 ? progress.done : sys.block(end.roomQueues);
  }
  sys.state = progress;
  return sys.block(end.roomQueues, {
    interrupted: () => (progress.done > 0 ? progress.done : -ERESTARTSYS),
  });
}
