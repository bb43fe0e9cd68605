/**
 * Writes that go in parts: to pipes, terminals and stream sockets.
 *
 * Invariant: while a write waits for room its source and its count are in `sys.state`, so a retry
 * goes on behind what was taken already. A source that is a buffer of the kernel is not kept: its owner
 * gets the partial count and calls again (vfs/transfer.ts).
 */

import { EAGAIN, EINTR, linuxError } from '../errno.ts';
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
  /** Milliseconds that a write waits for room at a time (SO_SNDTIMEO); undefined or 0: no limit. */
  readonly timeout?: number;
}

class Progress {
  readonly from: IoSource;
  done = 0;
  /** As last set: it begins again when there was room. */
  deadline: number = Number.POSITIVE_INFINITY;

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
  if (!(from instanceof UserSource)) return writeBuffer(sys, end, from, nonBlocking);
  const retried = sys.state instanceof Progress;
  const progress = sys.state instanceof Progress ? sys.state : new Progress(from);
  const errno = end.writeError(sys);
  if (errno !== 0) {
    if (progress.done > 0) return progress.done;
    throw linuxError(errno);
  }
  const accepted = end.accept(progress.from, !retried);
  progress.done += accepted;
  if (progress.from.remaining === 0) return progress.done;
  if (nonBlocking || (sys.timedOut && accepted === 0)) {
    if (progress.done > 0) return progress.done;
    throw linuxError(EAGAIN);
  }
  if (accepted > 0 || !retried) progress.deadline = deadlineOf(sys, end);
  sys.state = progress;
  return sys.block(end.roomQueues, {
    deadline: progress.deadline,
    interrupted: () => (progress.done > 0 ? progress.done : interruption(end)),
  });
}

function deadlineOf(sys: Sys, end: WriteEnd): number {
  const timeout = end.timeout ?? 0;
  return timeout > 0 ? sys.kernel.now() + timeout : Number.POSITIVE_INFINITY;
}

/** A write of a buffer of the kernel that waits until there is room for the first byte. */
class BufferWait {
  readonly deadline: number;

  constructor(deadline: number) {
    this.deadline = deadline;
  }
}

function writeBuffer(sys: Sys, end: WriteEnd, from: IoSource, nonBlocking: boolean): number {
  const errno = end.writeError(sys);
  if (errno !== 0) throw linuxError(errno);
  const accepted = end.accept(from, true);
  if (accepted > 0 || from.remaining === 0) return accepted;
  if (nonBlocking || sys.timedOut) throw linuxError(EAGAIN);
  const wait = sys.state instanceof BufferWait ? sys.state : new BufferWait(deadlineOf(sys, end));
  sys.state = wait;
  return sys.block(end.roomQueues, { deadline: wait.deadline, interrupted: interruption(end) });
}

/** A call with a time limit is not restarted (signal(7)). */
function interruption(end: WriteEnd): number {
  return (end.timeout ?? 0) > 0 ? -EINTR : -ERESTARTSYS;
}
