/**
 * The terminal that kevlar-jit was started from, as the guest's console.
 *
 * While a guest runs the host's terminal is in raw mode without output processing: line editing, echo
 * and ^C are the guest's business (src/kernel/tty). The guest starts with the host's settings, as a
 * program started natively does, and follows the window's size.
 *
 * Invariants: the host's settings are the same before and after, however the process ends (all but
 * SIGKILL) and while it is stopped. Ctrl-] three times within a second always reaches kevlar-jit, and ends it
 * with status 130, whatever the guest does.
 */

import { spawnSync } from 'node:child_process';
import type { ReadStream, WriteStream } from 'node:tty';
import type { Kernel } from '../../kernel/kernel.ts';
import type { ConsolePort } from '../../kernel/ports.ts';
import type { ControllingTty } from '../../kernel/process/session.ts';
import type { ConsoleTty } from '../../kernel/tty/console.ts';
import { terminalsOf } from '../../kernel/tty/devices.ts';
import type { Termios } from '../../kernel/tty/termios.ts';
import type { OpenFile } from '../../kernel/vfs/types.ts';

/** What this needs of a guest. */
export interface TerminalGuest {
  readonly machine: { readonly kernel: Kernel };
  readonly loop: { wake(): void };
}

export interface AttachedTerminal {
  /** For SpawnOptions.tty. */
  readonly tty: ControllingTty;
  /** Descriptors 0, 1 and 2: the console. 2 is `errFile` if the host's standard error is elsewhere. */
  stdio(errFile: OpenFile): (OpenFile | null)[];
  /** Settles when all output has left the process. */
  flushed(): Promise<void>;
  /** Gives the host's terminal back. May be called more than once. */
  restore(): void;
}

const SIGINT = 2;
const SIGWINCH = 28;
/** Bytes on their way to the host's terminal before the guest's output waits. */
const OUTPUT_LIMIT = 65536;
const ESCAPE = 0x1d;
const ESCAPE_COUNT = 3;
const ESCAPE_MS = 1000;
/** A guest that was ended by the escape has this long to close files. */
const ESCAPE_GRACE_MS = 2000;
const ESCAPE_STATUS = 130;

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

  constructor(guest: TerminalGuest, stdin: ReadStream, stdout: WriteStream) {
    this.guest = guest;
    this.stdin = stdin;
    this.stdout = stdout;
    this.tty = terminalsOf(guest.machine.kernel).createConsole(this);
    copyHostSettings(this.tty.termios);
    this.enterRawMode();
    this.listen();
  }

  get columns(): number {
    return this.stdout.columns ?? 80;
  }

  get rows(): number {
    return this.stdout.rows ?? 24;
  }

  stdio(errFile: OpenFile): (OpenFile | null)[] {
    const file = terminalsOf(this.guest.machine.kernel).openConsole(this.tty);
    return [file, file, process.stderr.isTTY ? file : errFile];
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
    this.on(process, 'SIGTSTP', () => this.suspend());
    this.on(process, 'SIGCONT', () => this.resume());
    stdin.resume();
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

  // ---- the host's settings

  /** Node's raw mode leaves output processing on, which would change what full-screen programs send. */
  private enterRawMode(): void {
    this.stdin.setRawMode(true);
    stty('-opost');
  }

  private leaveRawMode(): void {
    try {
      this.stdin.setRawMode(false);
    } catch {
      // The terminal is gone: nothing is left to restore.
    }
  }

  /** SIGTSTP from outside (^Z itself goes to the guest). */
  private suspend(): void {
    this.leaveRawMode();
    process.kill(process.pid, 'SIGSTOP');
  }

  /** Full-screen programs draw again on SIGWINCH. */
  private resume(): void {
    this.leaveRawMode();
    this.enterRawMode();
    this.tty.signal(SIGWINCH);
    this.guest.loop.wake();
  }

  restore(): void {
    if (this.restored) return;
    this.restored = true;
    for (const cleanup of this.cleanups) cleanup();
    this.leaveRawMode();
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

/** Runs stty(1) on standard input. @returns what it prints, empty if that fails */
function stty(...args: string[]): string {
  const run = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'latin1' });
  return run.status === 0 ? run.stdout.trim() : '';
}

/** `stty -g` of Linux: flags (input, output, control, local) and control characters in hexadecimal. */
function copyHostSettings(termios: Termios): void {
  if (process.platform !== 'linux') return;
  const fields = stty('-g').split(':');
  const values = fields.map((field) => Number.parseInt(field, 16));
  if (values.length < 4 + termios.cc.length || values.some(Number.isNaN)) return;
  const [iflag, oflag, cflag, lflag, ...cc] = values as [
    number,
    number,
    number,
    number,
    ...number[],
  ];
  termios.iflag = iflag;
  termios.oflag = oflag;
  termios.cflag = cflag;
  termios.lflag = lflag;
  termios.cc.set(cc.slice(0, termios.cc.length));
}
