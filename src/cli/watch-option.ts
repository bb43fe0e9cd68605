/** `run --watch WHERE`: the option's values, and where reports go. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { TASK_SIZE } from '../kernel/mm/abi.ts';
import type { Machine } from '../machine/machine.ts';
import { MemoryWatcher } from '../machine/watch/watcher.ts';
import { DEFAULT_LENGTH, MAX_LENGTH, type WatchSpec } from '../machine/watch/where.ts';
import { UserError } from './errors.ts';

const NUMBER = '0[xX][0-9a-fA-F]+|[0-9]+';
const ADDRESS = new RegExp(`^(${NUMBER})(?:\\+(${NUMBER}))?$`);
const NAME = new RegExp(`^(?:(.+):)?([^:+]+)(?:\\+(${NUMBER}))?$`);

export const WATCH_HELP = `
--watch reports whatever changes memory, with process, backtrace, old and new bytes, area and page:
stores of any engine and mapping, what system calls write, and changes of the mapping itself. WHERE is
  ADDR[+LEN]             a guest address (0x... or decimal), in every process; LEN is 8 by default
  FILE:SECTION[+LEN]     a section of a file that is mapped (by path or base name), wherever it is mapped
  [FILE:]SYMBOL[+LEN]    a function or variable of the files that are mapped
A report is one line \`watch WHERE: pid N (name): what\`, and lines that are indented: rip and from (the
stack), old and new or bytes, area, page. Of each kind of change 20 are reported and the others counted.`;

/** WHERE as a user writes it. Throws UserError. */
export function parseWatch(text: string): WatchSpec {
  const at = ADDRESS.exec(text);
  const named = at === null ? NAME.exec(text) : null;
  if (at === null && named === null) {
    throw new UserError(`--watch ${text}: write ADDR[+LEN], FILE:SECTION or SYMBOL[+LEN]`);
  }
  const size = at?.[2] ?? named?.[3];
  const length = size === undefined ? null : Number(size);
  if (length !== null && (length < 1 || length > MAX_LENGTH)) {
    throw new UserError(`--watch ${text}: LEN must be between 1 and ${MAX_LENGTH}`);
  }
  const address = at === null ? null : Number(at[1]);
  if (address !== null && !(address + (length ?? DEFAULT_LENGTH) <= TASK_SIZE)) {
    throw new UserError(`--watch ${text}: programs have no memory there`);
  }
  return { text, address, file: named?.[1] ?? null, name: named?.[2] ?? '', length };
}

interface WatchOptions {
  readonly watch?: readonly WatchSpec[];
  readonly watchLog?: string;
}

/** Starts to watch. @returns ends it */
export function startWatch(machine: Machine, { watch = [], watchLog }: WatchOptions): () => void {
  if (watch.length === 0) return () => {};
  const log = watchLog === undefined ? null : openLog(watchLog);
  const watcher = new MemoryWatcher(machine, watch, (line) => {
    if (log === null) process.stderr.write(`${line}\n`);
    else writeSync(log, `${line}\n`);
  });
  return () => {
    watcher.finish();
    if (log !== null) closeSync(log);
  };
}

function openLog(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (e) {
    throw new UserError(`--watch-log: ${(e as Error).message}`);
  }
}
