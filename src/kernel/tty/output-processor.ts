/**
 * Output processing of a terminal (OPOST; do_output_char in drivers/tty/n_tty.c): newlines, tabs, and the
 * column, which erasing of tabs in the input line needs too.
 */

import {
  IUTF8,
  OCRNL,
  OLCUC,
  ONLCR,
  ONLRET,
  ONOCR,
  OPOST,
  TABDLY,
  type Termios,
  XTABS,
} from './termios.ts';

const BS = 8;
const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
/** A character becomes at most this many (a tab: 8 spaces). */
export const MAX_EXPANSION = 8;

export function isControl(c: number): boolean {
  return c < 32 || c === 127;
}

export function isContinuation(c: number, termios: Termios): boolean {
  return (termios.iflag & IUTF8) !== 0 && (c & 0xc0) === 0x80;
}

export class OutputProcessor {
  /** Where the cursor is. */
  column = 0;
  /** Where the line that is being typed began. */
  canonColumn = 0;
  private readonly termios: Termios;

  constructor(termios: Termios) {
    this.termios = termios;
  }

  /** Writes what becomes of `c` at into[at…]. @returns how many bytes */
  process(c: number, into: Uint8Array, at: number): number {
    const { oflag } = this.termios;
    if ((oflag & OPOST) === 0) {
      into[at] = c;
      return 1;
    }
    switch (c) {
      case LF:
        return this.newline(oflag, into, at);
      case CR:
        return this.carriageReturn(oflag, into, at);
      case TAB:
        return this.tab(oflag, into, at);
      case BS:
        if (this.column > 0) this.column--;
        into[at] = BS;
        return 1;
      default:
        into[at] = this.printable(c, oflag);
        return 1;
    }
  }

  private newline(oflag: number, into: Uint8Array, at: number): number {
    if ((oflag & ONLRET) !== 0) this.column = 0;
    if ((oflag & ONLCR) !== 0) {
      this.canonColumn = this.column = 0;
      into[at] = CR;
      into[at + 1] = LF;
      return 2;
    }
    this.canonColumn = this.column;
    into[at] = LF;
    return 1;
  }

  private carriageReturn(oflag: number, into: Uint8Array, at: number): number {
    if ((oflag & ONOCR) !== 0 && this.column === 0) return 0;
    if ((oflag & OCRNL) !== 0) {
      if ((oflag & ONLRET) !== 0) this.canonColumn = this.column = 0;
      into[at] = LF;
      return 1;
    }
    this.canonColumn = this.column = 0;
    into[at] = CR;
    return 1;
  }

  private tab(oflag: number, into: Uint8Array, at: number): number {
    const spaces = 8 - (this.column & 7);
    this.column += spaces;
    if ((oflag & TABDLY) === XTABS) {
      into.fill(SPACE, at, at + spaces);
      return spaces;
    }
    into[at] = TAB;
    return 1;
  }

  private printable(c: number, oflag: number): number {
    if (isControl(c)) return c;
    if (!isContinuation(c, this.termios)) this.column++;
    return (oflag & OLCUC) !== 0 && c >= 0x61 && c <= 0x7a ? c - 0x20 : c;
  }
}
