/**
 * Pseudo-terminals (pty(7), pts(4); drivers/tty/pty.c): a terminal whose other side is a file, the
 * master.
 *
 * Invariants: what the slave's programs write, and echo, is in `output` until the master reads it;
 * what the master writes is the slave's input. Closing the master hangs the slave up; when the
 * last slave is closed the master reads EIO, until a slave is opened again. There is no packet
 * mode: TIOCPKT gives ENOTTY.
 */

import { EAGAIN, EINVAL, EIO, linuxError } from '../errno.ts';
import { continuesWrite, type WriteEnd, writeInParts } from '../ipc/blocking-write.ts';
import type { Kernel } from '../kernel.ts';
import { SIGINT, SIGQUIT, SIGTSTP } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { makedev, O_ACCMODE, O_CLOEXEC, O_NOCTTY, O_NONBLOCK } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type Inode,
  type IoSink,
  type IoSource,
  type OpenFile,
  type Path,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import { TCFLSH, TCXONC, ttyIoctl } from './ioctl.ts';
import { BUFFER_SIZE } from './line-discipline.ts';
import { Termios } from './termios.ts';
import { Tty } from './tty.ts';

export const PTS_MAJOR = 136;

const FIONREAD = 0x541b;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
/** _IOW('T', 0x36, int), the signal itself: SIGINT, SIGQUIT or SIGTSTP. */
const TIOCSIG = 0x40045436;
const TIOCGPTLCK = 0x80045439;
const TIOCGPTPEER = 0x5441;
const [TCIFLUSH, TCOFLUSH, TCIOFLUSH] = [0, 1, 2];
const [TCOOFF, TCOON, TCIOFF, TCION] = [0, 1, 2, 3];
/** VSTART and VSTOP of the master's own settings, which nothing can change: ^Q and ^S. */
const [START_CHAR, STOP_CHAR] = [0x11, 0x13];

/** Bytes in either direction before writers wait (tty_buffer_set_limit in pty.c). */
const LIMIT = 8192;
const CHUNK = 4096;

export class PtySlave extends Tty {
  readonly index: number;
  readonly device: number;
  /** unlockpt(3) has not been called yet: it cannot be opened. */
  locked = true;
  closedByPeer = false;
  /** All slaves were closed (and one was open): the master's reads fail. */
  allClosed = false;
  /** By TCOOFF on the master: what it writes waits. */
  masterStopped = false;
  /** Woken when the master can read / write. */
  readonly masterReadQueue: WaitQueue = new WaitQueue(POLLIN | POLLRDNORM);
  readonly masterWriteQueue: WaitQueue = new WaitQueue(POLLOUT | POLLWRNORM);
  private output: Uint8Array[] = [];
  private outputLength = 0;

  constructor(kernel: Kernel, index: number) {
    super(kernel, Termios.forPty());
    this.index = index;
    this.device = makedev(PTS_MAJOR, index);
  }

  protected override space(): number {
    return LIMIT - this.outputLength;
  }

  protected override transmit(bytes: Uint8Array): void {
    if (this.closedByPeer) return;
    this.output.push(bytes);
    this.outputLength += bytes.length;
    this.masterReadQueue.wake();
  }

  /** What the master has not read counts as sent. */
  override pendingOutput(): number {
    return 0;
  }

  /** What the master's line discipline has, stays (pty_flush_buffer). */
  override dropOutput(): void {
    const kept = Math.min(this.outputLength, BUFFER_SIZE - 1);
    let rest = kept;
    this.output = this.output.flatMap((chunk) => {
      const part = chunk.subarray(0, rest);
      rest -= part.length;
      return part.length > 0 ? [part] : [];
    });
    this.outputLength = kept;
  }

  /** The master drops what it could read. */
  dropAllOutput(): void {
    const wasFull = this.space() <= 0;
    this.output = [];
    this.outputLength = 0;
    if (wasFull && this.room() > 0) this.writeQueue.wake();
  }

  /** The master drops what it wrote, unless the line discipline has it already. */
  dropBacklog(): void {
    this.backlog = [];
    this.backlogLength = 0;
    this.inputDrained();
  }

  /** Bytes for the master. */
  get readable(): number {
    return this.outputLength;
  }

  /** Gives output to the master. @returns bytes given */
  drain(to: IoSink): number {
    const wasFull = this.space() <= 0;
    let done = 0;
    while (this.output.length > 0 && to.remaining > 0) {
      const chunk = this.output[0] as Uint8Array;
      const n = to.put(chunk, 0, chunk.length);
      done += n;
      this.outputLength -= n;
      if (n === chunk.length) this.output.shift();
      else this.output[0] = chunk.subarray(n);
      if (n === 0) break;
    }
    if (wasFull && this.room() > 0) this.writeQueue.wake();
    return done;
  }

  /** Bytes that the master may write now. */
  get inputRoom(): number {
    return this.masterStopped ? 0 : LIMIT - this.backlogLength;
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

/** The master side: what a terminal emulator holds. */
export class PtyMaster extends BaseFile implements WriteEnd {
  readonly slave: PtySlave;
  readonly roomQueues: readonly WaitQueue[];
  private readonly queues: readonly WaitQueue[];
  private readonly onClosed: () => void;
  private readonly openSlave: (sys: Sys, slave: PtySlave, flags: number) => OpenFile;

  constructor(
    slave: PtySlave,
    at: { inode: Inode; path: Path; flags: number },
    onClosed: () => void,
    openSlave: (sys: Sys, slave: PtySlave, flags: number) => OpenFile,
  ) {
    super(at.inode, at.path, at.flags);
    this.slave = slave;
    this.roomQueues = [slave.masterWriteQueue];
    this.queues = [slave.masterReadQueue, slave.masterWriteQueue];
    this.onClosed = onClosed;
    this.openSlave = openSlave;
  }

  override get canSignal(): boolean {
    return true;
  }

  override read(sys: Sys, to: IoSink): number {
    const { slave } = this;
    if (to.remaining === 0) return 0;
    if (slave.readable > 0) return slave.drain(to);
    if (slave.allClosed) throw linuxError(EIO);
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([slave.masterReadQueue]);
  }

  override write(sys: Sys, from: IoSource): number {
    if (from.remaining === 0 && !continuesWrite(sys)) return 0;
    return writeInParts(sys, this, from, (this.flags & O_NONBLOCK) !== 0);
  }

  writeError(): number {
    return this.slave.allClosed ? EIO : 0;
  }

  accept(from: IoSource): number {
    const { slave } = this;
    let done = 0;
    while (from.remaining > 0 && slave.inputRoom > 0) {
      const chunk = new Uint8Array(Math.min(CHUNK, from.remaining, slave.inputRoom));
      const n = from.take(chunk, 0, chunk.length);
      done += n;
      slave.input(n === chunk.length ? chunk : chunk.subarray(0, n));
    }
    return done;
  }

  override ioctl(sys: Sys, request: number, arg: number): number {
    const { slave } = this;
    switch (request) {
      case FIONREAD:
        sys.mem.writeU32(arg, slave.readable);
        return 0;
      case TIOCGPTN:
        sys.mem.writeU32(arg, slave.index);
        return 0;
      case TIOCSPTLCK:
        slave.locked = sys.mem.readI32(arg) !== 0;
        return 0;
      case TIOCGPTLCK:
        sys.mem.writeU32(arg, slave.locked ? 1 : 0);
        return 0;
      case TIOCGPTPEER:
        return this.peer(sys, arg);
      case TIOCSIG:
        return this.sendSignal(arg);
      case TCFLSH:
        return this.flush(arg);
      case TCXONC:
        return this.control(arg);
    }
    const side = { master: true, readable: true };
    return ttyIoctl(sys, slave, side, request, arg) ?? super.ioctl(sys, request, arg);
  }

  /** Opens the slave without its name; the lock does not matter. */
  private peer(sys: Sys, flags: number): number {
    const kept = flags & (O_ACCMODE | O_NONBLOCK | O_NOCTTY);
    const file = this.openSlave(sys, this.slave, kept);
    return sys.task.files.install(file, (flags & O_CLOEXEC) !== 0);
  }

  private sendSignal(sig: number): number {
    if (sig !== SIGINT && sig !== SIGQUIT && sig !== SIGTSTP) throw linuxError(EINVAL);
    this.slave.signal(sig);
    return 0;
  }

  /** Of the master's own two directions, unlike settings. No job control: it controls no session. */
  private flush(which: number): number {
    if (which < 0 || which > TCIOFLUSH) throw linuxError(EINVAL);
    if (which !== TCOFLUSH) this.slave.dropAllOutput();
    if (which !== TCIFLUSH) this.slave.dropBacklog();
    return 0;
  }

  private control(action: number): number {
    const { slave } = this;
    switch (action) {
      case TCOOFF:
        slave.masterStopped = true;
        return 0;
      case TCOON:
        slave.masterStopped = false;
        slave.masterWriteQueue.wake();
        return 0;
      case TCIOFF:
      case TCION:
        slave.input(Uint8Array.of(action === TCIOFF ? STOP_CHAR : START_CHAR));
        return 0;
      default:
        throw linuxError(EINVAL);
    }
  }

  override poll(): number {
    const { slave } = this;
    let events = 0;
    if (slave.readable > 0) events |= POLLIN | POLLRDNORM;
    if (slave.allClosed) events |= POLLHUP;
    if (slave.inputRoom > 0) events |= POLLOUT | POLLWRNORM;
    return events;
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }

  protected override closed(): void {
    this.slave.masterClosed();
    this.onClosed();
  }
}
