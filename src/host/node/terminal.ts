/**
 * The terminal that kevlar-jit was started from, as the guest's console.
 *
 * While a guest runs the host's terminal is in raw mode without output processing: line editing, echo
 * and ^C are the guest's business (src/kernel/tty). The guest starts with the host's settings, as a
 * program started natively does, and follows the window's size.
 *
 * To the shell that started it, kevlar-jit is the job that the guest's first program would be: when that
 * program stops (^Z, or a read in the background), kevlar-jit gives the terminal back and stops itself with the
 * same signal; SIGCONT continues both. While the shell has it in the background it leaves the terminal
 * alone, and every process group of the guest counts as background.
 *
 * Invariants: the host's settings are the same before and after, however the process ends (all but
 * SIGKILL) and while it is stopped. Ctrl-] three times within a second always reaches kevlar-jit, and ends it
 * with status 130, whatever the guest does.
 */

import type { ReadStream, WriteStream } from 'node:tty';
import type { Kernel } from '../../kernel/kernel.ts';
import type { ConsolePort } from '../../kernel/ports.ts';
import type { Process } from '../../kernel/process/process.ts';
import type { ControllingTty } from '../../kernel/process/session.ts';
import {
  SIGCONT,
  SIGINT,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
} from '../../kernel/signal/numbers.ts';
import type { ConsoleTty } from '../../kernel/tty/console.ts';
import { terminalsOf } from '../../kernel/tty/devices.ts';
import type { OpenFile } from '../../kernel/vfs/types.ts';
import { copyHostSettings, enterRaw, inForeground, leaveRaw } from './host-tty.ts';

/** What this needs of a guest. */
export interface TerminalGuest {
  readonly machine: { readonly kernel: Kernel };
  readonly loop: { wake(): void };
}

export interface AttachedTerminal {
  /** For SpawnOptions.tty and onStop. */
  readonly tty: ControllingTty;
  readonly onStop: (process: Process, sig: number) => void;
  /**
   * Descriptors 0, 1 and 2: the console. 2 is `errFile` if the host's standard error is elsewhere, except in a system.
   */
  stdio(errFile: OpenFile): (OpenFile | null)[];
  /** Settles when all output has left the process. */
  flushed(): Promise<void>;
  /** Gives the host's terminal back. May be called more than once. */
  restore(): void;
}

/** Bytes on their way to the host's terminal before the guest's output waits. */
const OUTPUT_LIMIT = 65536;
const ESCAPE = 0x1d;
const ESCAPE_COUNT = 3;
const ESCAPE_MS = 1000;
/** A guest that was ended by the escape has this long to close files. */
const ESCAPE_GRACE_MS = 2000;
const ESCAPE_STATUS = 130;
/** What else gets the signal that stops the first program has this long to leave the screen in order. */
const STOP_GRACE_MS = 30;
/** A shell that brings a running job to the foreground may do so without a signal. */
const FOREGROUND_POLL_MS = 200;
const STOP_SIGNALS: Readonly<Record<number, NodeJS.Signals>> = {
  [SIGTSTP]: 'SIGTSTP',
  [SIGTTIN]: 'SIGTTIN',
  [SIGTTOU]: 'SIGTTOU',
};

/** @returns null unless both streams are terminals */
export function attachTerminal(
  guest: TerminalGuest,
  stdin: ReadStream,
  stdout: WriteStream,
): AttachedTerminal | null {
  if (!stdin.isTTY || !stdout.isTTY) return null;
  return new HostTerminal(guest, stdin, stdout);
}

class HostTerminal implements AttachedTerminal, ConsolePort {
  readonly isTty = true;
  readonly tty: ConsoleTty;
  private readonly guest: TerminalGuest;
  private readonly stdin: ReadStream;
  private readonly stdout: WriteStream;
  private readonly escape = new EscapeKey();
  private readonly cleanups: (() => void)[] = [];
  private waiting: (() => void)[] = [];
  private inFlight = 0;
  private broken = false;
  private restored = false;
  private settingsCopied = false;
  /** The program with which this process has stopped, or is about to. */
  private stoppedWith: Process | null = null;
  private foregroundPoll: NodeJS.Timeout | undefined;
  private readonly onTerminalStop = (): void => this.forwardStop();

  constructor(guest: TerminalGuest, stdin: ReadStream, stdout: WriteStream) {
    this.guest = guest;
    this.stdin = stdin;
    this.stdout = stdout;
    this.tty = terminalsOf(guest.machine.kernel).createConsole(this);
    this.listen();
    this.takeSide();
  }

  get columns(): number {
    return this.stdout.columns ?? 80;
  }

  get rows(): number {
    return this.stdout.rows ?? 24;
  }

  stdio(errFile: OpenFile): (OpenFile | null)[] {
    const { kernel } = this.guest.machine;
    const file = terminalsOf(kernel).openConsole(this.tty);
    return [file, file, process.stderr.isTTY || kernel.system ? file : errFile];
  }

  // ---- output

  write(bytes: Uint8Array): number {
    if (this.broken) return -1;
    if (this.inFlight >= OUTPUT_LIMIT) return 0;
    this.inFlight += bytes.length;
    this.stdout.write(bytes, () => {
      this.inFlight -= bytes.length;
      if (this.inFlight < OUTPUT_LIMIT && this.tty.pendingOutput() > 0) this.tty.onWritable();
      this.settle();
    });
    return bytes.length;
  }

  flushed(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.settle();
    });
  }

  private settle(): void {
    if (!this.broken && (this.inFlight > 0 || this.tty.pendingOutput() > 0)) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  // ---- input and events

  private listen(): void {
    const { stdin, stdout } = this;
    const input = (data: Uint8Array): void => this.input(data);
    stdin.on('data', input);
    this.cleanups.push(() => stdin.off('data', input));
    this.on(stdin, 'end', () => this.hangUp());
    this.on(stdin, 'error', () => this.hangUp());
    this.on(stdout, 'error', () => this.hangUp());
    this.on(stdout, 'resize', () => {
      this.tty.resize({ rows: this.rows, cols: this.columns, xpixel: 0, ypixel: 0 });
      this.guest.loop.wake();
    });
    this.on(process, 'exit', () => this.restore());
    this.on(process, 'SIGTSTP', this.onTerminalStop);
    this.on(process, 'SIGCONT', () => this.resume());
  }

  private on(emitter: NodeJS.EventEmitter, event: string, listener: () => void): void {
    emitter.on(event, listener);
    this.cleanups.push(() => emitter.off(event, listener));
  }

  private input(data: Uint8Array): void {
    if (this.escape.seenIn(data, performance.now())) this.end();
    else this.tty.input(new Uint8Array(data));
    this.guest.loop.wake();
  }

  private hangUp(): void {
    this.broken = true;
    this.tty.disconnect();
    this.settle();
    this.guest.loop.wake();
  }

  /** Ctrl-] three times: every program ends as if by SIGINT; if even that takes too long, the process does. */
  private end(): void {
    this.stdout.write('\r\nkevlar-jit: ended by Ctrl-] pressed three times\r\n');
    setTimeout(() => process.exit(ESCAPE_STATUS), ESCAPE_GRACE_MS).unref();
    this.guest.machine.kernel.killAll(SIGINT);
  }

  // ---- job control of the host's shell

  /** Takes the terminal if this process is in its foreground, or leaves it alone. */
  private takeSide(): void {
    clearInterval(this.foregroundPoll);
    if (inForeground()) this.takeTerminal();
    else this.leaveTerminal();
  }

  private takeTerminal(): void {
    if (!this.settingsCopied) copyHostSettings(this.tty.termios);
    this.settingsCopied = true;
    leaveRaw(this.stdin);
    enterRaw(this.stdin);
    this.tty.foreignForeground = false;
    // Only the foreground hears of new sizes. Node looks again at this.
    process.emit('SIGWINCH');
    this.stdin.resume();
    this.guest.loop.wake();
  }

  private leaveTerminal(): void {
    this.tty.foreignForeground = true;
    this.stdin.pause();
    leaveRaw(this.stdin);
    this.foregroundPoll = setInterval(() => {
      if (inForeground()) this.takeSide();
    }, FOREGROUND_POLL_MS);
  }

  /** SIGTSTP from outside (^Z itself comes as a character): as if sent to the program. */
  private forwardStop(): void {
    const program = this.tty.session?.leader ?? null;
    if (program !== null) this.guest.machine.kernel.sendSignalToProcess(program, SIGTSTP);
    this.guest.loop.wake();
  }

  /** The first program has stopped. */
  readonly onStop = (program: Process, sig: number): void => {
    setTimeout(() => {
      if (program.stopped && this.stoppedWith === null) this.suspend(program, sig);
    }, STOP_GRACE_MS);
  };

  /**
   * Stops this process, and like ^Z all others of its job. Where no shell could continue it the signal does
   * nothing, and the program goes on.
   */
  private suspend(program: Process, sig: number): void {
    this.stoppedWith = program;
    clearInterval(this.foregroundPoll);
    this.stdin.pause();
    leaveRaw(this.stdin);
    process.off('SIGTSTP', this.onTerminalStop);
    if (sig === SIGSTOP) process.kill(process.pid, 'SIGSTOP');
    else process.kill(0, STOP_SIGNALS[sig] ?? 'SIGTSTP');
    // SIGCONT, if it stopped, is handled before this.
    setImmediate(() => setTimeout(() => this.stoppedWith !== null && this.resume(), STOP_GRACE_MS));
  }

  /** SIGCONT. */
  private resume(): void {
    if (this.restored) return;
    const program = this.stoppedWith ?? this.tty.session?.leader ?? null;
    if (this.stoppedWith !== null) process.on('SIGTSTP', this.onTerminalStop);
    this.stoppedWith = null;
    this.takeSide();
    if (program !== null) this.guest.machine.kernel.signalProcessGroup(program.pgid, SIGCONT);
    this.guest.loop.wake();
  }

  restore(): void {
    if (this.restored) return;
    this.restored = true;
    clearInterval(this.foregroundPoll);
    for (const cleanup of this.cleanups) cleanup();
    leaveRaw(this.stdin);
    this.stdin.pause();
  }
}

/** Recognizes Ctrl-] pressed three times in a row within a second. */
class EscapeKey {
  private count = 0;
  private since = 0;

  seenIn(data: Uint8Array, now: number): boolean {
    for (const c of data) {
      if (c !== ESCAPE) {
        this.count = 0;
        continue;
      }
      if (this.count === 0 || now - this.since > ESCAPE_MS) {
        this.count = 0;
        this.since = now;
      }
      if (++this.count === ESCAPE_COUNT) return true;
    }
    return false;
  }
}
