/**
 * The master side of a pseudo-terminal: what a terminal emulator holds (drivers/tty/pty.c).
 *
 * Requests about settings and jobs are the slave's; flushing, stopping and hanging up are about the master's own
 * queues and files.
 */

import { CAP } from '../cred/cred.ts';
import { EAGAIN, EINVAL, EIO, ENOTTY, EPERM, linuxError } from '../errno.ts';
import { continuesWrite, type WriteEnd, writeInParts } from '../ipc/blocking-write.ts';
import { SIGINT, SIGQUIT, SIGTSTP } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { O_ACCMODE, O_CLOEXEC, O_NOCTTY, O_NONBLOCK } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import {
  type Inode,
  type IoSink,
  type IoSource,
  type OpenFile,
  type Path,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from '../vfs/types.ts';
import type { WaitQueue } from '../wait-queue.ts';
import { TCFLSH, TCXONC, TIOCSPGRP, TIOCVHANGUP, ttyIoctl } from './ioctl.ts';
import { CTRL_Q, CTRL_S, putByte, readChanges, TIOCPKT_DATA } from './packet-mode.ts';
import type { PtySlave } from './pty.ts';

const FIONREAD = 0x541b;
const TIOCPKT = 0x5420;
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
/** _IOW('T', 0x36, int), the signal itself: SIGINT, SIGQUIT or SIGTSTP. */
const TIOCSIG = 0x40045436;
const TIOCGPKT = 0x80045438;
const TIOCGPTLCK = 0x80045439;
const TIOCGPTPEER = 0x5441;

const [TCIFLUSH, TCOFLUSH, TCIOFLUSH] = [0, 1, 2];
const [TCOOFF, TCOON, TCIOFF, TCION] = [0, 1, 2, 3];
/** VSTART and VSTOP of the master's own settings, which nothing can change. */
const [START_CHAR, STOP_CHAR] = [CTRL_Q, CTRL_S];

const CHUNK = 4096;

/** The master side: what a terminal emulator holds. */
export class PtyMaster extends BaseFile implements WriteEnd {
  readonly slave: PtySlave;
  readonly roomQueues: readonly WaitQueue[];
  /** By TIOCVHANGUP: reads end, all else fails. The slave does not notice. */
  private hungUp = false;
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
    if (this.hungUp || to.remaining === 0) return 0;
    if (slave.packets.pending) return readChanges(slave.packets, to);
    if (slave.readable > 0) {
      return (slave.packets.on ? putByte(to, TIOCPKT_DATA) : 0) + slave.drain(to);
    }
    if (slave.allClosed) throw linuxError(EIO);
    if ((this.flags & O_NONBLOCK) !== 0) throw linuxError(EAGAIN);
    return sys.block([slave.masterReadQueue]);
  }

  override write(sys: Sys, from: IoSource): number {
    if (from.remaining === 0 && !continuesWrite(sys)) return 0;
    return writeInParts(sys, this, from, (this.flags & O_NONBLOCK) !== 0);
  }

  writeError(): number {
    return this.hungUp || this.slave.allClosed ? EIO : 0;
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
    if (this.hungUp) throw linuxError(request === TIOCSPGRP ? ENOTTY : EIO);
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
      case TIOCPKT:
        slave.packets.on = sys.mem.readI32(arg) !== 0;
        return 0;
      case TIOCGPKT:
        sys.mem.writeU32(arg, slave.packets.on ? 1 : 0);
        return 0;
      case TIOCVHANGUP:
        return this.hangUp(sys);
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

  private hangUp(sys: Sys): number {
    if (!sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
    this.hungUp = true;
    for (const queue of this.queues) queue.wake(Number.POSITIVE_INFINITY, -1);
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
    switch (action) {
      case TCOOFF:
      case TCOON:
        this.slave.setMasterStopped(action === TCOOFF);
        return 0;
      case TCIOFF:
      case TCION:
        this.slave.input(Uint8Array.of(action === TCIOFF ? STOP_CHAR : START_CHAR));
        return 0;
      default:
        throw linuxError(EINVAL);
    }
  }

  override poll(): number {
    const { slave } = this;
    if (this.hungUp) return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    let events = 0;
    if (slave.readable > 0) events |= POLLIN | POLLRDNORM;
    if (slave.packets.pending) events |= POLLIN | POLLRDNORM | POLLPRI;
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
