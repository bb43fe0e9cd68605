/**
 * Standard input and output that are not a terminal, as the console of a system: like a serial line that somebody
 * has redirected. The guest still has a terminal there; the end of the input is silence, not a hang-up.
 */

import type { Readable, Writable } from 'node:stream';
import type { ConsolePort } from '../../kernel/ports.ts';
import { terminalsOf } from '../../kernel/tty/devices.ts';
import type { OpenFile } from '../../kernel/vfs/types.ts';
import type { AttachedTerminal, TerminalGuest } from './terminal.ts';

const OUTPUT_LIMIT = 65536;

/** Makes the streams the console of the guest, which must be a system. */
export function attachPipes(
  guest: TerminalGuest,
  stdin: Readable,
  stdout: Writable,
): AttachedTerminal {
  let inFlight = 0;
  let broken = false;
  let waiting: (() => void)[] = [];
  const settle = (): void => {
    if (!broken && (inFlight > 0 || tty.pendingOutput() > 0)) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const port: ConsolePort = {
    isTty: false,
    columns: 80,
    rows: 25,
    write(bytes) {
      if (broken) return bytes.length;
      if (inFlight >= OUTPUT_LIMIT) return 0;
      inFlight += bytes.length;
      stdout.write(bytes, () => {
        inFlight -= bytes.length;
        if (inFlight < OUTPUT_LIMIT && tty.pendingOutput() > 0) tty.onWritable();
        settle();
      });
      return bytes.length;
    },
  };
  const terminals = terminalsOf(guest.machine.kernel);
  const tty = terminals.createConsole(port);
  const input = (data: Uint8Array): void => {
    tty.input(new Uint8Array(data));
    guest.loop.wake();
  };
  const breaks = (): void => {
    broken = true;
    tty.onWritable();
    settle();
  };
  const silence = (): void => {};
  stdin.on('data', input);
  stdin.on('error', silence);
  stdout.on('error', breaks);
  return {
    tty,
    onStop: () => {},
    stdio: (): OpenFile[] => {
      const file = terminals.openConsole(tty);
      return [file, file, file];
    },
    flushed: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        settle();
      }),
    restore: () => {
      stdin.off('data', input);
      stdin.pause();
    },
  };
}
