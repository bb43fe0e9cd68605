/**
 * Virtual consoles (console(4), vt(4)): the terminals /dev/tty1, tty2 … of a machine that boots a system. tty1 is
 * the one that is seen, the host's terminal (console.ts); nobody sits at the others, whose output is gone and whose
 * input never comes. There is no switching between them: VT_* and KD* requests give ENOTTY, as on a serial line.
 */

import type { Kernel } from '../kernel.ts';
import { makedev } from '../vfs/constants.ts';
import { Termios } from './termios.ts';
import { Tty } from './tty.ts';

export const TTY_MAJOR = 4;
/** MAX_NR_CONSOLES */
export const CONSOLES = 63;
/** The one that the host's terminal shows. */
export const SEEN = 1;
const ROOM = 65536;

/** A console that is not seen. */
export class UnseenConsole extends Tty {
  readonly device: number;
  readonly closedByPeer = false;

  constructor(kernel: Kernel, index: number) {
    super(kernel, new Termios());
    this.device = makedev(TTY_MAJOR, index);
    this.size.rows = 25;
    this.size.cols = 80;
  }

  protected override space(): number {
    return ROOM;
  }

  protected override transmit(): void {}

  override pendingOutput(): number {
    return 0;
  }

  override dropOutput(): void {}
}
