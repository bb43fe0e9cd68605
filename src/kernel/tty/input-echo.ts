/**
 * Echo of what is typed, and what erasing shows (ECHO, ECHOCTL, ECHOE, ECHOPRT; echo_char and
 * __process_echoes in drivers/tty/n_tty.c). Collected while characters are received, sent by commit().
 */

import { isControl, MAX_EXPANSION, type OutputProcessor } from './output-processor.ts';
import { ECHOCTL, type Termios } from './termios.ts';

const BS = 8;
const TAB = 9;
const SPACE = 32;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const CARET = 0x5e;

export class InputEcho {
  private bytes: Uint8Array = new Uint8Array(256);
  private length = 0;
  /** Between the \ and the / of ECHOPRT. */
  private erasing = false;
  private readonly termios: Termios;
  private readonly output: OutputProcessor;
  private readonly send: (bytes: Uint8Array) => void;

  constructor(termios: Termios, output: OutputProcessor, send: (bytes: Uint8Array) => void) {
    this.termios = termios;
    this.output = output;
    this.send = send;
  }

  /** A character as output processing makes it. */
  raw(c: number): void {
    this.reserve(MAX_EXPANSION);
    this.length += this.output.process(c, this.bytes, this.length);
  }

  /** A typed character: control characters as ^X. */
  char(c: number): void {
    if ((this.termios.lflag & ECHOCTL) === 0 || !isControl(c) || c === TAB) {
      this.raw(c);
      return;
    }
    this.direct(CARET);
    this.direct(c ^ 0x40);
    this.output.column += 2;
  }

  /** Without output processing. */
  private direct(c: number): void {
    this.reserve(1);
    this.bytes[this.length++] = c;
  }

  setCanonColumn(): void {
    this.output.canonColumn = this.output.column;
  }

  /** Erases one character on the screen. */
  rubOut(c: number): void {
    const control = isControl(c);
    const shown = (this.termios.lflag & ECHOCTL) !== 0;
    if (control && !shown) return;
    for (let i = control ? 2 : 1; i > 0; i--) {
      this.raw(BS);
      this.raw(SPACE);
      this.raw(BS);
    }
  }

  /** Moves back over a tab that follows `columns` columns of text (since another tab, or the start). */
  eraseTab(columns: number, afterTab: boolean): void {
    const { output } = this;
    const before = afterTab ? columns : columns + output.canonColumn;
    for (let i = 8 - (before & 7); i > 0; i--) {
      this.direct(BS);
      if (output.column > 0) output.column--;
    }
  }

  /** ECHOPRT: erased characters are printed between \ and /. */
  printErased(bytes: readonly number[]): void {
    if (!this.erasing) {
      this.raw(BACKSLASH);
      this.erasing = true;
    }
    this.char(bytes[0] as number);
    for (let i = 1; i < bytes.length; i++) this.direct(bytes[i] as number);
  }

  finishErasing(): void {
    if (!this.erasing) return;
    this.erasing = false;
    this.raw(SLASH);
  }

  /** Sends what was collected. */
  commit(): void {
    if (this.length === 0) return;
    const bytes = this.bytes.slice(0, this.length);
    this.length = 0;
    this.send(bytes);
  }

  /** Forgets what was collected. */
  clear(): void {
    this.length = 0;
  }

  reset(): void {
    this.erasing = false;
  }

  private reserve(n: number): void {
    if (this.length + n <= this.bytes.length) return;
    const bigger = new Uint8Array(this.bytes.length * 2);
    bigger.set(this.bytes);
    this.bytes = bigger;
  }
}
