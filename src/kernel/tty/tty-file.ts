/**
 * An open terminal (n_tty_read, n_tty_write and n_tty_poll in drivers/tty/n_tty.c).
 *
 * Invariants: a read takes either a line (or part of it) or, outside canonical mode, what VMIN and VTIME
 * ask for, all at once. Whether the reader is in the foreground counts when the read begins, and after each stop:
 * as in Linux, one that waits does not notice that another group comes to the foreground. After a hang-up reads see
 * the end of the file, everything else fails with EIO.
 */

import { EAGAIN, EIO, ENOTTY, linuxError } from '../errno.ts';
import { continuesWrite, type WriteEnd, writeInParts } from '../ipc/blocking-write.ts';
import { SIGTTIN, SIGTTOU } from '../signal/numbers.ts';
import { BLOCKED, ERESTARTSYS, type Sys } from '../syscall/types.ts';
import { O_NONBLOCK } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type Inode,
  type IoSink,
  type IoSource,
  type Path,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { TIOCSPGRP, ttyIoctl } from './ioctl.ts';
import { checkForeground } from './job-control.ts';
import { MAX_EXPANSION } from './output-processor.ts';
import { OPOST, TOSTOP, VMIN, VTIME } from './termios.ts';
import type { Tty } from './tty.ts';

const FIONREAD = 0x541b;
/** Bytes processed at a time. */
const CHUNK = 2048;
/** VTIME counts tenths of a second. */
const TENTH_MS = 100;

/** A read that waits. */
class WaitingRead {
  /** Stops of the process before the reader was last seen to be allowed to read. */
  stops = -1;
  /** Outside canonical mode: until when, and how many bytes there were. */
  deadline: number = Number.POSITIVE_INFINITY;
  seen = 0;
}

export class TtyFile extends BaseFile implements WriteEnd {
  readonly tty: Tty;
  private readonly generation: number;
  private readonly console: boolean;
  private readonly queues: readonly WaitQueue[];
  readonly roomQueues: readonly WaitQueue[];

  /** @param console opened as /dev/console: reads are not stopped by job control */
  constructor(tty: Tty, inode: Inode | null, path: Path | null, flags: number, console = false) {
    super(inode, path, flags);
    this.tty = tty;
    this.generation = tty.generation;
    this.console = console;
    this.queues = [tty.readQueue, tty.writeQueue];
    this.roomQueues = [tty.writeQueue];
    tty.opened();
  }

  private get hungUp(): boolean {
    return this.generation !== this.tty.generation;
  }

  private get nonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  // ---- reading

  override get canSignal(): boolean {
    return true;
  }

  override read(sys: Sys, to: IoSink): number {
    if (this.hungUp) return 0;
    const { tty } = this;
    const wait = sys.state instanceof WaitingRead ? sys.state : new WaitingRead();
    const { stops } = sys.task.process;
    if (!this.console && wait.stops !== stops) {
      const restart = checkForeground(sys, tty, SIGTTIN);
      if (restart !== 0) return restart;
      wait.stops = stops;
    }
    if (to.remaining === 0) return 0;
    const n = tty.discipline.isCanonical
      ? this.readLine(sys, to, wait)
      : this.readRaw(sys, to, wait);
    if (n !== BLOCKED) tty.feedBacklog();
    return n;
  }

  private readLine(sys: Sys, to: IoSink, wait: WaitingRead): number {
    const { tty } = this;
    if (tty.discipline.readable(1)) return tty.discipline.readLine(to);
    if (tty.closedByPeer) throw linuxError(EIO);
    if (this.nonBlocking) throw linuxError(EAGAIN);
    sys.state = wait;
    return sys.block([tty.readQueue]);
  }

  /** VMIN > 0: that many bytes, or (VTIME) silence after the first. VMIN = 0: what comes within VTIME. */
  private readRaw(sys: Sys, to: IoSink, wait: WaitingRead): number {
    const { discipline, termios } = this.tty;
    const min = termios.cc[VMIN] as number;
    const time = (termios.cc[VTIME] as number) * TENTH_MS;
    const have = discipline.available;
    if (have >= Math.min(min === 0 ? 1 : min, to.remaining)) return discipline.readRaw(to);
    if (min === 0 && (time === 0 || sys.timedOut)) return 0;
    if (have > 0 && (sys.timedOut || this.nonBlocking || this.tty.closedByPeer)) {
      return discipline.readRaw(to);
    }
    if (min === 0) {
      if (sys.state !== wait) wait.deadline = sys.kernel.now() + time;
    } else if (time > 0 && have > wait.seen) wait.deadline = sys.kernel.now() + time;
    wait.seen = have;
    if (this.tty.closedByPeer) throw linuxError(EIO);
    if (this.nonBlocking) throw linuxError(EAGAIN);
    sys.state = wait;
    return sys.block([this.tty.readQueue], {
      deadline: wait.deadline,
      interrupted: () => (discipline.available > 0 ? discipline.readRaw(to) : -ERESTARTSYS),
    });
  }

  // ---- writing

  override write(sys: Sys, from: IoSource): number {
    const { tty } = this;
    if (!continuesWrite(sys)) {
      if ((tty.termios.lflag & TOSTOP) !== 0 && !this.hungUp) {
        const restart = checkForeground(sys, tty, SIGTTOU);
        if (restart !== 0) return restart;
      }
      if (from.remaining === 0) return 0;
    }
    return writeInParts(sys, this, from, this.nonBlocking);
  }

  writeError(): number {
    return this.hungUp || this.tty.closedByPeer ? EIO : 0;
  }

  /** Output processing may go a little beyond what there is room for. */
  accept(from: IoSource): number {
    const { tty } = this;
    let done = 0;
    for (;;) {
      const room = tty.room();
      if (room <= 0 || from.remaining === 0) return done;
      const chunk = new Uint8Array(Math.min(CHUNK, room, from.remaining));
      const n = from.take(chunk, 0, chunk.length);
      done += n;
      tty.send(this.processed(n === chunk.length ? chunk : chunk.subarray(0, n)));
    }
  }

  private processed(chunk: Uint8Array): Uint8Array {
    const { termios, processor } = this.tty;
    if ((termios.oflag & OPOST) === 0) return chunk;
    let out = new Uint8Array(chunk.length * 2 + MAX_EXPANSION);
    let length = 0;
    for (let i = 0; i < chunk.length; i++) {
      if (length + MAX_EXPANSION > out.length) {
        const bigger = new Uint8Array(out.length * 2);
        bigger.set(out);
        out = bigger;
      }
      length += processor.process(chunk[i] as number, out, length);
    }
    return out.slice(0, length);
  }

  // ---- the rest

  override ioctl(sys: Sys, request: number, arg: number): number {
    if (this.hungUp) throw linuxError(request === TIOCSPGRP ? ENOTTY : EIO);
    if (request === FIONREAD) {
      sys.mem.writeU32(arg, this.tty.discipline.count());
      return 0;
    }
    const side = { master: false, readable: this.readable };
    return ttyIoctl(sys, this.tty, side, request, arg) ?? super.ioctl(sys, request, arg);
  }

  override poll(): number {
    const { tty } = this;
    if (this.hungUp) {
      return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    }
    const { cc } = tty.termios;
    const amount = cc[VTIME] === 0 && (cc[VMIN] as number) > 0 ? (cc[VMIN] as number) : 1;
    let events = 0;
    if (tty.discipline.readable(amount)) events |= POLLIN | POLLRDNORM;
    if (tty.closedByPeer) events |= POLLHUP;
    if (tty.room() > 0) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }

  protected override closed(): void {
    this.tty.closed();
  }
}
