/**
 * The input side of a terminal's line discipline, N_TTY (termios(3); drivers/tty/n_tty.c): line editing
 * in canonical mode, echo, signal and flow control characters, and the buffer that reads take from.
 *
 *     tail          canonHead        head
 *      ▼                ▼              ▼
 *     [complete lines   | line in edit ]     canonical mode: only complete lines are readable
 *
 * Invariants: at most BUFFER_SIZE - 1 bytes are in the buffer, one more ends a line that is too long;
 * `lineEnds` marks the last character of every complete line (an end of file is the mark on a 0 byte, which
 * is not delivered). Outside canonical mode canonHead is not used.
 */

import type { IoSink } from '../vfs/types.ts';
import { InputEcho } from './input-echo.ts';
import { isContinuation, isControl, type OutputProcessor } from './output-processor.ts';
import {
  DISABLED,
  ECHO,
  ECHOCTL,
  ECHOE,
  ECHOK,
  ECHOKE,
  ECHONL,
  ECHOPRT,
  EXTPROC,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IUCLC,
  IXANY,
  IXON,
  NOFLSH,
  PARMRK,
  type Termios,
  VEOF,
  VEOL,
  VEOL2,
  VERASE,
  VINTR,
  VKILL,
  VLNEXT,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTOP,
  VSUSP,
  VWERASE,
} from './termios.ts';

export const BUFFER_SIZE = 4096;
const MASK = BUFFER_SIZE - 1;

const LF = 10;
const CR = 13;
const TAB = 9;
const CARET = 0x5e;
const BS = 8;
const SIGINT = 2;
const SIGQUIT = 3;
const SIGTSTP = 20;

/** What the discipline asks of its terminal. */
export interface LineTerminal {
  readonly stopped: boolean;
  /** Echo goes out, even while the output is stopped (then later). */
  echo(bytes: Uint8Array): void;
  /** A signal character: to the foreground process group. */
  signal(sig: number): void;
  start(): void;
  stop(): void;
  /** Drops output that has not gone out yet. */
  discardOutput(): void;
  /** What was typed has been dropped. */
  inputFlushed(): void;
  /** Something can be read. */
  wakeReaders(): void;
}

export class LineDiscipline {
  private readonly buffer: Uint8Array = new Uint8Array(BUFFER_SIZE);
  private readonly lineEnds: Uint8Array = new Uint8Array(BUFFER_SIZE);
  private head = 0;
  private tail = 0;
  private canonHead = 0;
  private canonical = true;
  /** The next character is taken literally (VLNEXT). */
  private literal = false;
  private readonly terminal: LineTerminal;
  private readonly termios: Termios;
  private readonly echo: InputEcho;

  constructor(terminal: LineTerminal, termios: Termios, output: OutputProcessor) {
    this.terminal = terminal;
    this.termios = termios;
    this.echo = new InputEcho(termios, output, (bytes) => terminal.echo(bytes));
    this.canonical = (termios.lflag & ICANON) !== 0;
  }

  // ---- input

  /** Takes characters from the line. @returns how many there was room for */
  receive(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (!this.makeRoom()) break;
      this.receiveChar(bytes[at++] as number);
    }
    this.echo.commit();
    if (at > start && (!this.canonical || this.has(EXTPROC)) && this.length > 0) {
      this.terminal.wakeReaders();
    }
    return at - start;
  }

  /** A line in edit may fill the buffer: its last character is then overwritten until it ends. */
  private makeRoom(): boolean {
    const room = BUFFER_SIZE - this.length - 1;
    if (room > 0) return true;
    if (!this.canonical || this.canonHead !== this.tail) return false;
    if (room < 0) this.head--;
    return true;
  }

  private has(lflag: number): boolean {
    return (this.termios.lflag & lflag) !== 0;
  }

  private is(index: number, c: number): boolean {
    return c !== DISABLED && this.termios.cc[index] === c;
  }

  private receiveChar(raw: number): void {
    const { iflag } = this.termios;
    let c = (iflag & ISTRIP) !== 0 ? raw & 0x7f : raw;
    if ((iflag & IUCLC) !== 0 && this.has(IEXTEN) && c >= 0x41 && c <= 0x5a) c += 0x20;
    if (this.literal) {
      this.literal = false;
      this.ordinary(c, false);
    } else if (this.has(EXTPROC)) this.put(c);
    else this.interpret(c);
  }

  private interpret(raw: number): void {
    const { iflag } = this.termios;
    if ((iflag & IXON) !== 0) {
      if (this.is(VSTART, raw)) {
        this.terminal.start();
        return;
      }
      if (this.is(VSTOP, raw)) {
        this.terminal.stop();
        return;
      }
    }
    const sig = this.has(ISIG) ? this.signalOf(raw) : 0;
    if (sig !== 0) {
      this.signalChar(sig, raw);
      return;
    }
    let c = raw;
    if (c === CR) {
      if ((iflag & IGNCR) !== 0) return;
      if ((iflag & ICRNL) !== 0) c = LF;
    } else if (c === LF && (iflag & INLCR) !== 0) c = CR;
    if (this.canonical && this.edit(c)) return;
    this.ordinary(c, raw === CR);
  }

  private signalOf(c: number): number {
    if (this.is(VINTR, c)) return SIGINT;
    if (this.is(VQUIT, c)) return SIGQUIT;
    return this.is(VSUSP, c) ? SIGTSTP : 0;
  }

  private signalChar(sig: number, c: number): void {
    if (!this.has(NOFLSH)) {
      this.echo.clear();
      this.terminal.discardOutput();
      this.flush();
    }
    this.terminal.signal(sig);
    if ((this.termios.iflag & IXON) !== 0) this.terminal.start();
    if (this.has(ECHO)) this.echo.char(c);
    this.echo.commit();
  }

  /** A character for the buffer. `fromReturn`: a newline from ICRNL; others are shown as ^J. */
  private ordinary(c: number, fromReturn: boolean): void {
    const { iflag } = this.termios;
    if (this.terminal.stopped && (iflag & IXON) !== 0 && (iflag & IXANY) !== 0) {
      this.terminal.start();
    }
    if (this.has(ECHO)) {
      this.echo.finishErasing();
      if (c === LF && fromReturn) this.echo.raw(LF);
      else {
        if (this.canonHead === this.head) this.echo.setCanonColumn();
        this.echo.char(c);
      }
    }
    if (c === 0xff && (iflag & PARMRK) !== 0) this.put(c);
    this.put(c);
  }

  private put(c: number): void {
    const at = this.head & MASK;
    this.buffer[at] = c;
    this.lineEnds[at] = 0;
    this.head++;
  }

  // ---- line editing

  /** Characters that edit or end a line. @returns true if `c` was one */
  private edit(c: number): boolean {
    const extended = this.has(IEXTEN);
    if (this.is(VERASE, c) || this.is(VKILL, c) || (extended && this.is(VWERASE, c))) {
      this.erase(c);
      return true;
    }
    if (extended && this.is(VLNEXT, c)) {
      this.startLiteral();
      return true;
    }
    if (extended && this.is(VREPRINT, c) && this.has(ECHO)) {
      this.reprint(c);
      return true;
    }
    if (c === LF) {
      if (this.has(ECHO) || this.has(ECHONL)) this.echo.raw(LF);
      this.endLine(c);
      return true;
    }
    if (this.is(VEOF, c)) {
      this.endLine(DISABLED);
      return true;
    }
    if (!this.is(VEOL, c) && !(extended && this.is(VEOL2, c))) return false;
    if (this.has(ECHO)) {
      if (this.canonHead === this.head) this.echo.setCanonColumn();
      this.echo.char(c);
    }
    this.endLine(c);
    return true;
  }

  private startLiteral(): void {
    this.literal = true;
    if (!this.has(ECHO)) return;
    this.echo.finishErasing();
    if (!this.has(ECHOCTL)) return;
    this.echo.raw(CARET);
    this.echo.raw(BS);
  }

  private reprint(c: number): void {
    this.echo.finishErasing();
    this.echo.char(c);
    this.echo.raw(LF);
    for (let i = this.canonHead; i < this.head; i++) this.echo.char(this.at(i));
  }

  private endLine(c: number): void {
    const at = this.head;
    this.put(c);
    this.lineEnds[at & MASK] = 1;
    this.canonHead = this.head;
    this.terminal.wakeReaders();
  }

  private at(position: number): number {
    return this.buffer[position & MASK] as number;
  }

  private erase(c: number): void {
    if (this.head === this.canonHead) return;
    const word = this.is(VWERASE, c) && !this.is(VERASE, c);
    const line = !word && !this.is(VERASE, c);
    if (line && !this.has(ECHO)) {
      this.head = this.canonHead;
      return;
    }
    if (line && !(this.has(ECHOK) && this.has(ECHOKE) && this.has(ECHOE))) {
      this.head = this.canonHead;
      this.echo.finishErasing();
      this.echo.char(this.termios.cc[VKILL] as number);
      if (this.has(ECHOK)) this.echo.raw(LF);
      return;
    }
    this.eraseChars(word, line);
    if (this.head === this.canonHead && this.has(ECHO)) this.echo.finishErasing();
  }

  private eraseChars(word: boolean, line: boolean): void {
    let inWord = false;
    while (this.head !== this.canonHead) {
      let first = this.head - 1;
      while (isContinuation(this.at(first), this.termios) && first > this.canonHead) first--;
      const c = this.at(first);
      if (isContinuation(c, this.termios)) break;
      if (word) {
        if (isWordChar(c)) inWord = true;
        else if (inWord) break;
      }
      const length = this.head - first;
      this.head = first;
      if (this.has(ECHO)) this.echoErased(first, length, !word && !line);
      if (!word && !line) break;
    }
  }

  private echoErased(first: number, length: number, single: boolean): void {
    const c = this.at(first);
    if (this.has(ECHOPRT)) {
      const bytes: number[] = [];
      for (let i = 0; i < length; i++) bytes.push(this.at(first + i));
      this.echo.printErased(bytes);
    } else if (single && !this.has(ECHOE)) this.echo.char(this.termios.cc[VERASE] as number);
    else if (c === TAB) this.echoErasedTab();
    else this.echo.rubOut(c);
  }

  /** How far a tab reached depends on the characters before it, back to another tab or the start. */
  private echoErasedTab(): void {
    let columns = 0;
    for (let i = this.head - 1; i >= this.canonHead; i--) {
      const c = this.at(i);
      if (c === TAB) {
        this.echo.eraseTab(columns, true);
        return;
      }
      if (isControl(c)) columns += this.has(ECHOCTL) ? 2 : 0;
      else if (!isContinuation(c, this.termios)) columns++;
    }
    this.echo.eraseTab(columns, false);
  }

  // ---- reading

  /** Bytes in the buffer, the line in edit included. */
  private get length(): number {
    return this.head - this.tail;
  }

  get isCanonical(): boolean {
    return this.canonical && !this.has(EXTPROC);
  }

  /** Bytes that a read outside canonical mode would get. */
  get available(): number {
    return this.length;
  }

  /** Whether a read finds a line (canonical) or at least `amount` bytes. */
  readable(amount: number): boolean {
    return this.isCanonical ? this.canonHead !== this.tail : this.length >= amount;
  }

  /** FIONREAD: ends of file do not count. */
  count(): number {
    if (!this.isCanonical) return this.length;
    let n = this.canonHead - this.tail;
    for (let i = this.tail; i < this.canonHead; i++) {
      if (this.lineEnds[i & MASK] === 1 && this.at(i) === DISABLED) n--;
    }
    return n;
  }

  /** Outside canonical mode: gives what is there. */
  readRaw(to: IoSink): number {
    let done = 0;
    while (this.tail < this.head && to.remaining > 0) {
      const n = this.deliver(to, Math.min(this.head, nextWrap(this.tail)));
      if (n === 0) break;
      done += n;
    }
    // Nothing is in edit here, and what was typed is delivered whatever the mode becomes.
    if (this.canonHead < this.tail) this.canonHead = this.tail;
    return done;
  }

  /** Canonical mode: gives one line or a part of it; an end of file is consumed with the line before. */
  readLine(to: IoSink): number {
    let end = this.tail;
    while (end < this.canonHead && this.lineEnds[end & MASK] === 0) end++;
    const found = end < this.canonHead;
    const stop = found && !this.isEof(end) ? end + 1 : end;
    let done = 0;
    while (this.tail < stop && to.remaining > 0) {
      const n = this.deliver(to, Math.min(stop, nextWrap(this.tail)));
      if (n === 0) break;
      done += n;
    }
    if (found && this.tail === end && this.isEof(end)) this.tail++;
    return done;
  }

  private isEof(at: number): boolean {
    return this.lineEnds[at & MASK] === 1 && this.at(at) === DISABLED;
  }

  /** Gives bytes from the tail up to `end`, which does not lie beyond a wrap. */
  private deliver(to: IoSink, end: number): number {
    const start = this.tail & MASK;
    const n = to.put(this.buffer, start, start + (end - this.tail));
    this.tail += n;
    return n;
  }

  // ---- settings

  /** Drops everything that was typed (TCIFLUSH, signal characters). */
  flush(): void {
    this.head = this.tail = this.canonHead = 0;
    this.literal = false;
    this.echo.reset();
    this.lineEnds.fill(0);
    this.terminal.inputFlushed();
  }

  /** The settings have changed from `old`. */
  settingsChanged(old: Termios): void {
    const { lflag, iflag } = this.termios;
    if (((old.lflag ^ lflag) & (ICANON | EXTPROC)) !== 0) this.changeMode((lflag & ICANON) !== 0);
    this.canonical = (lflag & ICANON) !== 0;
    if ((iflag & IXON) === 0 && (old.iflag & IXON) !== 0) this.terminal.start();
  }

  /** Becoming canonical, what is there counts as a line; leaving it, as raw data. */
  private changeMode(canonical: boolean): void {
    this.lineEnds.fill(0);
    if (!canonical || this.length === 0) {
      this.canonHead = this.tail;
    } else {
      this.lineEnds[(this.head - 1) & MASK] = 1;
      this.canonHead = this.head;
    }
    this.literal = false;
    this.echo.reset();
  }
}

function nextWrap(position: number): number {
  return (position & ~MASK) + BUFFER_SIZE;
}

function isWordChar(c: number): boolean {
  return (
    (c >= 0x30 && c <= 0x39) ||
    (c >= 0x41 && c <= 0x5a) ||
    (c >= 0x61 && c <= 0x7a) ||
    c === 0x5f ||
    c >= 0xc0 // Latin-1 letters, as the kernel's ctype table has them
  );
}
