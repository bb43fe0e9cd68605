/**
 * Requests of ioctl_tty(2) that both sides of a terminal have: settings, size, flow, job control.
 * `tty` is the terminal itself, for a pseudo-terminal's master too (Linux's real_tty).
 */

import { CAP } from '../cred/cred.ts';
import { EINVAL, EIO, ENOTTY, EPERM, linuxError } from '../errno.ts';
import { SIGTTOU } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { checkForeground, giveUpTty, setControllingTty, setForeground } from './job-control.ts';
import { TERMIO_SIZE, TERMIOS_SIZE, TERMIOS2_SIZE, VSTART, VSTOP } from './termios.ts';
import type { Tty } from './tty.ts';

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TCSETSW = 0x5403;
const TCSETSF = 0x5404;
const TCGETA = 0x5405;
const TCSETA = 0x5406;
const TCSETAW = 0x5407;
const TCSETAF = 0x5408;
const TCSBRK = 0x5409;
export const TCXONC = 0x540a;
export const TCFLSH = 0x540b;
const TIOCEXCL = 0x540c;
const TIOCNXCL = 0x540d;
const TIOCSCTTY = 0x540e;
const TIOCGPGRP = 0x540f;
export const TIOCSPGRP = 0x5410;
const TIOCOUTQ = 0x5411;
const TIOCSTI = 0x5412;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
const TIOCNOTTY = 0x5422;
const TIOCSETD = 0x5423;
const TIOCGETD = 0x5424;
const TCSBRKP = 0x5425;
const TIOCGSID = 0x5429;
const TCGETS2 = 0x802c542a;
const TCSETS2 = 0x402c542b;
const TCSETSW2 = 0x402c542c;
const TCSETSF2 = 0x402c542d;
const TIOCGDEV = 0x80045432;
export const TIOCVHANGUP = 0x5437;
const TIOCGEXCL = 0x80045440;

/** How settings come: which structure, whether output is waited for and input dropped. */
interface SettingsRequest {
  readonly size: number;
  readonly wait: boolean;
  readonly flush: boolean;
}

const SETTINGS: Readonly<Record<number, SettingsRequest>> = {
  [TCSETS]: { size: TERMIOS_SIZE, wait: false, flush: false },
  [TCSETSW]: { size: TERMIOS_SIZE, wait: true, flush: false },
  [TCSETSF]: { size: TERMIOS_SIZE, wait: true, flush: true },
  [TCSETS2]: { size: TERMIOS2_SIZE, wait: false, flush: false },
  [TCSETSW2]: { size: TERMIOS2_SIZE, wait: true, flush: false },
  [TCSETSF2]: { size: TERMIOS2_SIZE, wait: true, flush: true },
  [TCSETA]: { size: TERMIO_SIZE, wait: false, flush: false },
  [TCSETAW]: { size: TERMIO_SIZE, wait: true, flush: false },
  [TCSETAF]: { size: TERMIO_SIZE, wait: true, flush: true },
};

/** How the request came in. */
export interface Side {
  readonly master: boolean;
  readonly readable: boolean;
}

/** @returns the result, or null for a request that is not one of these */
export function ttyIoctl(
  sys: Sys,
  tty: Tty,
  side: Side,
  request: number,
  arg: number,
): number | null {
  const settings = SETTINGS[request];
  if (settings !== undefined) return setTermios(sys, tty, settings, arg);
  return (
    settingsIoctl(sys, tty, request, arg) ??
    flowIoctl(sys, tty, request, arg) ??
    jobIoctl(sys, tty, side, request, arg)
  );
}

function setTermios(sys: Sys, tty: Tty, request: SettingsRequest, arg: number): number {
  const restart = checkForeground(sys, tty, SIGTTOU);
  if (restart !== 0) return restart;
  const bytes = new Uint8Array(request.size);
  sys.mem.copyIn(arg, bytes);
  if (request.wait && tty.pendingOutput() > 0) return sys.block([tty.writeQueue]);
  if (request.flush) tty.flushInput();
  const old = tty.termios.clone();
  if (request.size === TERMIO_SIZE) tty.termios.decodeTermio(bytes);
  else tty.termios.decode(bytes);
  tty.settingsChanged(old);
  return 0;
}

function settingsIoctl(sys: Sys, tty: Tty, request: number, arg: number): number | null {
  switch (request) {
    case TCGETS:
      sys.mem.copyOut(arg, tty.termios.encode(TERMIOS_SIZE));
      return 0;
    case TCGETS2:
      sys.mem.copyOut(arg, tty.termios.encode(TERMIOS2_SIZE));
      return 0;
    case TCGETA:
      sys.mem.copyOut(arg, tty.termios.encodeTermio());
      return 0;
    case TIOCGWINSZ:
      writeWindowSize(sys, tty, arg);
      return 0;
    case TIOCSWINSZ:
      tty.resize({
        rows: sys.mem.readU16(arg),
        cols: sys.mem.readU16(arg + 2),
        xpixel: sys.mem.readU16(arg + 4),
        ypixel: sys.mem.readU16(arg + 6),
      });
      return 0;
    case TIOCGETD:
      sys.mem.writeU32(arg, tty.termios.line);
      return 0;
    case TIOCSETD:
      // N_TTY is the only discipline there is.
      if (sys.mem.readI32(arg) !== 0) throw linuxError(EINVAL);
      return 0;
    case TIOCGDEV:
      sys.mem.writeU32(arg, tty.device);
      return 0;
    default:
      return null;
  }
}

function writeWindowSize(sys: Sys, tty: Tty, arg: number): void {
  const { rows, cols, xpixel, ypixel } = tty.size;
  const bytes = new Uint8Array(8);
  const d = new DataView(bytes.buffer);
  d.setUint16(0, rows, true);
  d.setUint16(2, cols, true);
  d.setUint16(4, xpixel, true);
  d.setUint16(6, ypixel, true);
  sys.mem.copyOut(arg, bytes);
}

function flowIoctl(sys: Sys, tty: Tty, request: number, arg: number): number | null {
  switch (request) {
    case TCFLSH:
      return checkForeground(sys, tty, SIGTTOU) || flush(tty, arg);
    case TCXONC:
      return checkForeground(sys, tty, SIGTTOU) || control(tty, arg);
    case TCSBRK:
    case TCSBRKP: {
      // A break cannot be sent; what remains of the call is to wait for the output.
      const restart = checkForeground(sys, tty, SIGTTOU);
      if (restart !== 0) return restart;
      return tty.pendingOutput() > 0 ? sys.block([tty.writeQueue]) : 0;
    }
    case TIOCOUTQ:
      sys.mem.writeU32(arg, tty.pendingOutput());
      return 0;
    case TIOCSTI:
      return simulateInput(sys, tty, arg);
    default:
      return null;
  }
}

/** TCFLSH: 0 TCIFLUSH, 1 TCOFLUSH, 2 TCIOFLUSH. */
function flush(tty: Tty, which: number): number {
  if (which < 0 || which > 2) throw linuxError(EINVAL);
  if (which !== 1) tty.flushInput();
  if (which !== 0) tty.discardOutput();
  return 0;
}

/** TCXONC: 0 TCOOFF, 1 TCOON, 2 TCIOFF, 3 TCION. */
function control(tty: Tty, action: number): number {
  switch (action) {
    case 0:
      tty.stop();
      tty.stoppedByCall = true;
      return 0;
    case 1:
      if (tty.stoppedByCall) {
        tty.stoppedByCall = false;
        tty.start();
      }
      return 0;
    case 2:
    case 3: {
      const c = tty.termios.cc[action === 2 ? VSTOP : VSTART] as number;
      if (c !== 0) tty.send(Uint8Array.of(c));
      return 0;
    }
    default:
      throw linuxError(EINVAL);
  }
}

/** Since Linux 6.2 only for CAP_SYS_ADMIN (dev.tty.legacy_tiocsti = 0). */
function simulateInput(sys: Sys, tty: Tty, arg: number): number {
  if (!sys.task.cred.has(CAP.SYS_ADMIN)) throw linuxError(EIO);
  tty.input(Uint8Array.of(sys.mem.readU8(arg)));
  return 0;
}

function jobIoctl(sys: Sys, tty: Tty, side: Side, request: number, arg: number): number | null {
  const { process, cred } = sys.task;
  const own = tty.controls(process);
  switch (request) {
    case TIOCSCTTY:
      if (side.master) throw linuxError(ENOTTY);
      return setControllingTty(sys, tty, arg, side.readable);
    case TIOCNOTTY:
      return giveUpTty(sys, tty);
    case TIOCGPGRP:
      if (!side.master && !own) throw linuxError(ENOTTY);
      sys.mem.writeU32(arg, tty.foreignForeground ? 0 : tty.foregroundPgid);
      return 0;
    case TIOCSPGRP:
      return setForeground(sys, tty, arg);
    case TIOCGSID:
      if ((!side.master && !own) || tty.session === null) throw linuxError(ENOTTY);
      sys.mem.writeU32(arg, tty.session.sid);
      return 0;
    case TIOCEXCL:
    case TIOCNXCL:
      tty.exclusive = request === TIOCEXCL;
      return 0;
    case TIOCGEXCL:
      sys.mem.writeU32(arg, tty.exclusive ? 1 : 0);
      return 0;
    case TIOCVHANGUP:
      if (!cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
      tty.hangUp();
      return 0;
    default:
      return null;
  }
}
