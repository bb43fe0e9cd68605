/**
 * Packet mode of a pseudo-terminal (TIOCPKT in ioctl_tty(2)): each read of the master begins with a byte, 0 before data;
 * otherwise it says what has changed on the slave's side, and nothing follows.
 *
 * Invariant: changes are kept only while the mode is on; turning it on forgets those before.
 */

import type { IoSink } from '../vfs/types.ts';
import { EXTPROC, IXON, type Termios, VSTART, VSTOP } from './termios.ts';

export const TIOCPKT_DATA = 0;
export const TIOCPKT_FLUSHREAD = 1;
export const TIOCPKT_FLUSHWRITE = 2;
export const TIOCPKT_STOP = 4;
export const TIOCPKT_START = 8;
const TIOCPKT_NOSTOP = 16;
const TIOCPKT_DOSTOP = 32;
const TIOCPKT_IOCTL = 64;

export const CTRL_Q = 0x11;
export const CTRL_S = 0x13;

export class PacketMode {
  private enabled = false;
  /** What the master has not been told yet; 0: nothing. */
  changes = 0;

  get on(): boolean {
    return this.enabled;
  }

  set on(on: boolean) {
    if (on && !this.enabled) this.changes = 0;
    this.enabled = on;
  }

  get pending(): boolean {
    return this.enabled && this.changes !== 0;
  }

  /** `change` has happened; what it undoes (`instead`) need not be told any more. @returns whether the mode is on */
  note(change: number, instead = 0): boolean {
    if (this.enabled) this.changes = (this.changes & ~instead) | change;
    return this.enabled;
  }

  /** The settings were `old` (pty_set_termios). @returns whether the master hears of it */
  noteSettings(old: Termios, now: Termios): boolean {
    if (!this.enabled) return false;
    const flow = stopsByKeys(now);
    const extproc = ((old.lflag | now.lflag) & EXTPROC) !== 0;
    if (flow !== stopsByKeys(old)) {
      this.note(flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP, TIOCPKT_DOSTOP | TIOCPKT_NOSTOP);
    } else if (!extproc) return false;
    if (extproc) this.note(TIOCPKT_IOCTL);
    return true;
  }
}

export function putByte(to: IoSink, byte: number): number {
  return to.put(Uint8Array.of(byte), 0, 1);
}

/** Gives the master the byte that says what has changed; it is then told. */
export function readChanges(mode: PacketMode, to: IoSink): number {
  const n = putByte(to, mode.changes);
  mode.changes = 0;
  return n;
}

/** Whether the usual ^S and ^Q stop and start the output. */
function stopsByKeys(termios: Termios): boolean {
  const { iflag, cc } = termios;
  return (iflag & IXON) !== 0 && cc[VSTOP] === CTRL_S && cc[VSTART] === CTRL_Q;
}
