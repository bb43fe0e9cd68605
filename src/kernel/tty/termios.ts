/**
 * Terminal settings (termios(3), include/uapi/asm-generic/termbits.h).
 *
 *   struct termios, 36 bytes:  0 iflag | 4 oflag | 8 cflag | 12 lflag | 16 line | 17 cc[19]
 *   struct termios2, 44 bytes: the same, then 36 ispeed | 40 ospeed
 *   struct termio, 18 bytes:   0 iflag | 2 oflag | 4 cflag | 6 lflag | 8 line | 9 cc[8] (16-bit flags)
 */

export const IGNBRK = 0o1;
export const BRKINT = 0o2;
export const PARMRK = 0o10;
export const ISTRIP = 0o40;
export const INLCR = 0o100;
export const IGNCR = 0o200;
export const ICRNL = 0o400;
export const IUCLC = 0o1000;
export const IXON = 0o2000;
export const IXANY = 0o4000;
export const IUTF8 = 0o40000;

export const OPOST = 0o1;
export const OLCUC = 0o2;
export const ONLCR = 0o4;
export const OCRNL = 0o10;
export const ONOCR = 0o20;
export const ONLRET = 0o40;
export const TABDLY = 0o14000;
export const XTABS = 0o14000;

export const ISIG = 0o1;
export const ICANON = 0o2;
export const ECHO = 0o10;
export const ECHOE = 0o20;
export const ECHOK = 0o40;
export const ECHONL = 0o100;
export const NOFLSH = 0o200;
export const TOSTOP = 0o400;
export const ECHOCTL = 0o1000;
export const ECHOPRT = 0o2000;
export const ECHOKE = 0o4000;
export const IEXTEN = 0o100000;
export const EXTPROC = 0o200000;

/** Indices into cc. */
export const VINTR = 0;
export const VQUIT = 1;
export const VERASE = 2;
export const VKILL = 3;
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;
export const VSTART = 8;
export const VSTOP = 9;
export const VSUSP = 10;
export const VEOL = 11;
export const VREPRINT = 12;
export const VWERASE = 14;
export const VLNEXT = 15;
export const VEOL2 = 16;

/** A control character with this value is switched off. */
export const DISABLED = 0;

const NCCS = 19;
const NCC = 8;
const B38400 = 0o17;
const CS8 = 0o60;
const CREAD = 0o200;
const HUPCL = 0o2000;

export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
export const TERMIO_SIZE = 18;

/** INIT_C_CC of Linux. */
const INITIAL_CC = [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0] as const;

export class Termios {
  iflag: number = ICRNL | IXON;
  oflag: number = OPOST | ONLCR;
  cflag: number = B38400 | CS8 | CREAD | HUPCL;
  lflag: number = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
  line = 0;
  readonly cc: Uint8Array = Uint8Array.from(INITIAL_CC);
  ispeed = 38400;
  ospeed = 38400;

  /** Settings of a pseudo-terminal's slave; nobody hangs up a modem there. */
  static forPty(): Termios {
    const t = new Termios();
    t.cflag &= ~HUPCL;
    return t;
  }

  clone(): Termios {
    const t = new Termios();
    t.decode(this.encode(TERMIOS2_SIZE));
    return t;
  }

  /** struct termios or termios2, by the size. */
  encode(size: number): Uint8Array {
    const bytes = new Uint8Array(size);
    const d = new DataView(bytes.buffer);
    d.setUint32(0, this.iflag, true);
    d.setUint32(4, this.oflag, true);
    d.setUint32(8, this.cflag, true);
    d.setUint32(12, this.lflag, true);
    bytes[16] = this.line;
    bytes.set(this.cc, 17);
    if (size >= TERMIOS2_SIZE) {
      d.setUint32(36, this.ispeed, true);
      d.setUint32(40, this.ospeed, true);
    }
    return bytes;
  }

  decode(bytes: Uint8Array): void {
    const d = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.iflag = d.getUint32(0, true);
    this.oflag = d.getUint32(4, true);
    this.cflag = d.getUint32(8, true);
    this.lflag = d.getUint32(12, true);
    this.line = bytes[16] as number;
    this.cc.set(bytes.subarray(17, 17 + NCCS));
    if (bytes.length < TERMIOS2_SIZE) return;
    this.ispeed = d.getUint32(36, true);
    this.ospeed = d.getUint32(40, true);
  }

  encodeTermio(): Uint8Array {
    const bytes = new Uint8Array(TERMIO_SIZE);
    const d = new DataView(bytes.buffer);
    d.setUint16(0, this.iflag, true);
    d.setUint16(2, this.oflag, true);
    d.setUint16(4, this.cflag, true);
    d.setUint16(6, this.lflag, true);
    bytes[8] = this.line;
    bytes.set(this.cc.subarray(0, NCC), 9);
    return bytes;
  }

  /** Only the low halves of the flags. */
  decodeTermio(bytes: Uint8Array): void {
    const d = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.iflag = (this.iflag & ~0xffff) | d.getUint16(0, true);
    this.oflag = (this.oflag & ~0xffff) | d.getUint16(2, true);
    this.cflag = (this.cflag & ~0xffff) | d.getUint16(4, true);
    this.lflag = (this.lflag & ~0xffff) | d.getUint16(6, true);
    this.line = bytes[8] as number;
    this.cc.set(bytes.subarray(9, 9 + NCC));
  }
}
