/**
 * Pseudo-terminals (pty(7), pts(4); drivers/tty/pty.c): a terminal whose other side is a file, the
 * master (pty-master.ts).
 *
 * Invariants: what the slave's programs write, and echo, is in `output` until the master reads it;
 * what the master writes is the slave's input. Closing the master hangs the slave up; when the
 * last slave is closed the master reads EIO, until a slave is opened again.
 */

import type { Kernel } from '../kernel.ts';
import { makedev } from '../vfs/constants.ts';
import { type IoSink, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import { ByteQueue } from './byte-queue.ts';
import { BUFFER_SIZE } from './line-discipline.ts';
import {
  PacketMode,
  TIOCPKT_FLUSHREAD,
  TIOCPKT_FLUSHWRITE,
  TIOCPKT_START,
  TIOCPKT_STOP,
} from './packet-mode.ts';
import { Termios } from './termios.ts';
import { Tty } from './tty.ts';

export const PTS_MAJOR = 136;

/** Bytes in either direction before writers wait (tty_buffer_set_limit in pty.c). */
const LIMIT = 8192;
/** How many of them are in the master's line discipline already. */
const READ_BUFFER = BUFFER_SIZE - 1;

export class PtySlave extends Tty {
  readonly index: number;
  readonly device: number;
  /** unlockpt(3) has not been called yet: it cannot be opened. */
  locked = true;
  closedByPeer = false;
  /** All slaves were closed (and one was open): the master's reads fail. */
  allClosed = false;
  /** Woken when the master can read / write. */
  readonly masterReadQueue: WaitQueue = new WaitQueue(POLLIN | POLLRDNORM);
  readonly masterWriteQueue: WaitQueue = new WaitQueue(POLLOUT | POLLWRNORM);
  readonly packets: PacketMode = new PacketMode();
  /** TCOOFF was asked for on the master's side. */
  private masterStopped = false;
  private readonly output = new ByteQueue();

  constructor(kernel: Kernel, index: number) {
    super(kernel, Termios.forPty());
    this.index = index;
    this.device = makedev(PTS_MAJOR, index);
  }

  protected override space(): number {
    return LIMIT - this.output.length;
  }

  protected override transmit(bytes: Uint8Array): void {
    if (this.closedByPeer) return;
    this.output.push(bytes);
    this.masterReadQueue.wake();
  }

  /** What the master has not read counts as sent. */
  override pendingOutput(): number {
    return 0;
  }

  /** What has come as far as the master's buffer stays (pty_flush_buffer). */
  override dropOutput(): void {
    this.output.truncate(READ_BUFFER);
    if (this.packets.note(TIOCPKT_FLUSHWRITE)) this.wakeMaster();
  }

  /** The master drops what it could read. */
  dropAllOutput(): void {
    const wasFull = this.space() <= 0;
    this.output.clear();
    if (wasFull) this.outputDrained();
  }

  // ---- packet mode

  private wakeMaster(): void {
    this.masterReadQueue.wake(Number.POSITIVE_INFINITY, -1);
  }

  protected override flowChanged(stopped: boolean): void {
    const [now, before] = stopped ? [TIOCPKT_STOP, TIOCPKT_START] : [TIOCPKT_START, TIOCPKT_STOP];
    if (this.packets.note(now, before)) this.wakeMaster();
  }

  override inputFlushed(): void {
    if (this.packets.note(TIOCPKT_FLUSHREAD)) this.wakeMaster();
  }

  override settingsChanged(old: Termios): void {
    super.settingsChanged(old);
    if (this.packets.noteSettings(old, this.termios)) this.wakeMaster();
  }

  /** Bytes for the master. */
  get readable(): number {
    return this.output.length;
  }

  /** Gives output to the master. @returns bytes given */
  drain(to: IoSink): number {
    const wasFull = this.space() <= 0;
    const done = this.output.drain(to);
    if (wasFull) this.outputDrained();
    return done;
  }

  /** Bytes that the master may write now. */
  get inputRoom(): number {
    return this.masterStopped ? 0 : LIMIT - this.backlogLength;
  }

  setMasterStopped(stopped: boolean): void {
    this.masterStopped = stopped;
    this.inputDrained();
  }

  protected override inputDrained(): void {
    if (this.inputRoom > 0) this.masterWriteQueue.wake();
  }

  override opened(): void {
    super.opened();
    this.allClosed = false;
  }

  protected override lastClosed(): void {
    super.lastClosed();
    this.allClosed = true;
    this.masterReadQueue.wake(Number.POSITIVE_INFINITY, -1);
    this.masterWriteQueue.wake(Number.POSITIVE_INFINITY, -1);
  }

  /** The master was closed. */
  masterClosed(): void {
    this.closedByPeer = true;
    this.hangUp();
  }
}
