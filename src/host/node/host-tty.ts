/**
 * The settings of the host's terminal, and whether this process is in its foreground (termios(3), stty(1)).
 *
 * Invariant: after leaveRaw() the settings are those of before enterRaw(). Node puts them back at its exit as
 * well, also after an uncaught exception.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ReadStream } from 'node:tty';
import type { Termios } from '../../kernel/tty/termios.ts';

/** Fields of /proc/self/stat after the name: proc(5) counts them from 3. */
const STAT_PGRP = 2;
const STAT_TPGID = 5;

/** Node's raw mode leaves output processing on, which would change what full-screen programs send. */
export function enterRaw(stdin: ReadStream): void {
  stdin.setRawMode(true);
  stty('-opost');
}

export function leaveRaw(stdin: ReadStream): void {
  try {
    stdin.setRawMode(false);
  } catch {
    // The terminal is gone: nothing is left to restore.
  }
}

/**
 * Whether the terminal is this process's to read and change: false in a background job. Where that cannot
 * be told (no /proc), true: a background job is then stopped by SIGTTOU.
 */
export function inForeground(): boolean {
  if (process.platform !== 'linux') return true;
  const fields = statFields();
  const tpgid = Number(fields[STAT_TPGID] ?? -1);
  return tpgid <= 0 || tpgid === Number(fields[STAT_PGRP]);
}

function statFields(): string[] {
  try {
    const text = readFileSync('/proc/self/stat', 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** Runs stty(1) on standard input. @returns what it prints, empty if that fails */
function stty(...args: string[]): string {
  const run = spawnSync('stty', args, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'latin1' });
  return run.status === 0 ? run.stdout.trim() : '';
}

/** `stty -g` of Linux: flags (input, output, control, local) and control characters in hexadecimal. */
export function copyHostSettings(termios: Termios): void {
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
