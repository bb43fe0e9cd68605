/**
 * A terminal: settings, size, session and foreground group, the line discipline, and output that is
 * stopped and started (drivers/tty/tty_io.c). Subclasses say where output goes: the host (console.ts) or a
 * master (pty.ts).
 *
 * Invariants: output that the guest writes is accepted while room() > 0 and the terminal is not stopped;
 * echo is always accepted, and held back while it is stopped. Input that finds the discipline's buffer
 * full waits in `backlog`. A hang-up cuts off every file that was open then (`generation`).
 */

import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import type { ControllingTty, Session } from '../process/session.ts';
import { SIGCONT, SIGHUP, SIGWINCH } from '../signal/numbers.ts';
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import { ByteQueue } from './byte-queue.ts';
import { LineDiscipline, type LineTerminal } from './line-discipline.ts';
import { OutputProcessor } from './output-processor.ts';
import type { Termios } from './termios.ts';

export interface WindowSize {
  rows: number;
  cols: number;
  xpixel: number;
  ypixel: number;
}

/** Echo beyond this is dropped while the output is stopped or full, as Linux's echo buffer does. */
const ECHO_LIMIT = 4096;

export abstract class Tty implements ControllingTty, LineTerminal {
  readonly kernel: Kernel;
  readonly termios: Termios;
  readonly size: WindowSize = { rows: 0, cols: 0, xpixel: 0, ypixel: 0 };
  readonly discipline: LineDiscipline;
  readonly processor: OutputProcessor;
  readonly readQueue: WaitQueue = new WaitQueue(POLLIN | POLLRDNORM);
  readonly writeQueue: WaitQueue = new WaitQueue(POLLOUT | POLLWRNORM);
  session: Session | null = null;
  foregroundPgid = 0;
  /** The host has given the terminal to another of its jobs: all groups here are in the background. */
  foreignForeground = false;
  abstract readonly device: number;
  /** Processes that gave up the terminal without leaving the session (TIOCNOTTY). */
  readonly detached: WeakSet<Process> = new WeakSet();
  /** Hang-ups so far. */
  generation = 0;
  /** Open files. */
  openCount = 0;
  exclusive = false;
  stopped = false;
  /** Stopped by TCOOFF: only TCOON starts it again. */
  stoppedByCall = false;
  /** Echo that waits for the output. */
  private readonly heldEcho = new ByteQueue();
  /** Input that the discipline has no room for yet. */
  private readonly backlog = new ByteQueue();

  constructor(kernel: Kernel, termios: Termios) {
    this.kernel = kernel;
    this.termios = termios;
    this.processor = new OutputProcessor(termios);
    this.discipline = new LineDiscipline(this, termios, this.processor);
  }

  // ---- output

  /** Bytes that can be written now, the terminal not being stopped. */
  protected abstract space(): number;
  /** Takes output; the array is kept. */
  protected abstract transmit(bytes: Uint8Array): void;
  /** Bytes that have not left yet (TIOCOUTQ, tcdrain). */
  abstract pendingOutput(): number;
  abstract dropOutput(): void;
  /** The other side is gone: EIO. */
  abstract readonly closedByPeer: boolean;

  room(): number {
    return this.stopped ? 0 : this.space();
  }

  /** Output that was processed already. */
  send(bytes: Uint8Array): void {
    if (bytes.length > 0) this.transmit(bytes);
  }

  // ---- what the line discipline asks for

  echo(bytes: Uint8Array): void {
    if (this.room() > 0) {
      this.transmit(bytes);
      return;
    }
    if (this.heldEcho.length + bytes.length <= ECHO_LIMIT) this.heldEcho.push(bytes);
  }

  /** There may be room for output again. */
  protected outputDrained(): void {
    while (this.heldEcho.length > 0 && this.room() > 0) {
      const bytes = this.heldEcho.head().slice(0, this.room());
      this.heldEcho.skip(bytes.length);
      this.transmit(bytes);
    }
    if (this.room() > 0) this.writeQueue.wake();
  }

  protected get backlogLength(): number {
    return this.backlog.length;
  }

  signal(sig: number): void {
    if (this.foregroundPgid > 0) this.kernel.signalProcessGroup(this.foregroundPgid, sig);
  }

  start(): void {
    if (!this.stopped || this.stoppedByCall) return;
    this.stopped = false;
    this.flowChanged(false);
    this.outputDrained();
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.flowChanged(true);
  }

  discardOutput(): void {
    this.heldEcho.clear();
    this.dropOutput();
    if (this.room() > 0) this.writeQueue.wake();
  }

  /** Output was stopped or started. */
  protected flowChanged(_stopped: boolean): void {}

  /** The discipline has dropped what was typed. */
  inputFlushed(): void {}

  wakeReaders(): void {
    this.readQueue.wake();
  }

  // ---- input

  /** Characters from the other side; what the discipline has no room for waits. */
  input(bytes: Uint8Array): void {
    if (this.backlog.length > 0) {
      this.backlog.push(bytes);
      return;
    }
    const taken = this.discipline.receive(bytes, 0, bytes.length);
    if (taken < bytes.length) this.backlog.push(bytes.subarray(taken));
  }

  /** A read or flush made room. */
  feedBacklog(): void {
    while (this.backlog.length > 0) {
      const bytes = this.backlog.head();
      const taken = this.discipline.receive(bytes, 0, bytes.length);
      this.backlog.skip(taken);
      if (taken < bytes.length) break;
    }
    this.inputDrained();
  }

  /** The discipline has taken input: whoever sends it may go on. */
  protected inputDrained(): void {}

  /** Drops what waits for room in the discipline. */
  dropBacklog(): void {
    this.backlog.clear();
    this.inputDrained();
  }

  flushInput(): void {
    this.discipline.flush();
    this.dropBacklog();
  }

  /** The settings were `old`. Everybody looks again: what is ready may have changed. */
  settingsChanged(old: Termios): void {
    this.discipline.settingsChanged(old);
    this.readQueue.wake();
    this.writeQueue.wake();
  }

  // ---- sessions

  /** Whether it is the controlling terminal of `process`. */
  controls(process: Process): boolean {
    return process.session.tty === this && !this.detached.has(process);
  }

  /** Becomes the controlling terminal of the session that `leader` leads. */
  attach(leader: Process): void {
    this.session = leader.session;
    this.foregroundPgid = leader.pgid;
    leader.session.tty = this;
    this.detached.delete(leader);
  }

  disassociate(): void {
    if (this.session !== null && this.session.tty === this) this.session.tty = null;
    this.session = null;
    this.foregroundPgid = 0;
  }

  /** Sets the size; the foreground group hears of a change. */
  resize(size: WindowSize): void {
    const now = this.size;
    if (
      now.rows === size.rows &&
      now.cols === size.cols &&
      now.xpixel === size.xpixel &&
      now.ypixel === size.ypixel
    ) {
      return;
    }
    Object.assign(now, size);
    this.signal(SIGWINCH);
  }

  /** vhangup: the line is gone. The session's leader hears of it, open files are cut off. */
  hangUp(): void {
    const { session } = this;
    this.disassociate();
    this.generation++;
    this.flushInput();
    this.discardOutput();
    const leader = session?.leader ?? null;
    if (leader !== null && !leader.zombie) {
      this.kernel.sendSignalToProcess(leader, SIGHUP);
      this.kernel.sendSignalToProcess(leader, SIGCONT);
    }
    this.readQueue.wake(Number.POSITIVE_INFINITY, -1);
    this.writeQueue.wake(Number.POSITIVE_INFINITY, -1);
  }

  // ---- open files

  opened(): void {
    this.openCount++;
  }

  closed(): void {
    this.openCount--;
    if (this.openCount === 0) this.lastClosed();
  }

  protected lastClosed(): void {
    this.exclusive = false;
  }
}
