/** `#!` lines (fs/binfmt_script.c). */

import { ENOEXEC, linuxError } from '../errno.ts';

/** What the kernel looks at (BINPRM_BUF_SIZE). */
export const HEAD_SIZE = 256;

export interface ScriptLine {
  readonly interpreter: string;
  /** The rest of the line as one argument; null without. */
  readonly argument: string | null;
}

const isBlank = (c: string | undefined): boolean => c === ' ' || c === '\t';

/** The interpreter line, null if the file is no script. `head`: its first HEAD_SIZE bytes. */
export function parseScript(head: Uint8Array): ScriptLine | null {
  if (head[0] !== 0x23 || head[1] !== 0x21) return null;
  let text = '';
  // Bytes beyond the end of the file are zeros to the kernel.
  for (let i = 2; i < HEAD_SIZE; i++) text += String.fromCharCode(head[i] ?? 0);
  const newline = text.indexOf('\n');
  const zero = text.indexOf('\0');
  let line = text;
  if (newline >= 0 && (zero < 0 || newline < zero)) line = text.slice(0, newline);
  else if (zero >= 0) line = text.slice(0, zero);
  else {
    // The line is cut off: that is allowed only in the argument.
    const start = text.search(/[^ \t]/);
    if (start < 0 || text.slice(start).search(/[ \t]/) < 0) throw linuxError(ENOEXEC);
  }
  while (line !== '' && isBlank(line[line.length - 1])) line = line.slice(0, -1);
  line = line.replace(/^[ \t]+/, '');
  if (line === '') throw linuxError(ENOEXEC);
  const blank = line.search(/[ \t]/);
  if (blank < 0) return { interpreter: line, argument: null };
  return {
    interpreter: line.slice(0, blank),
    argument: line.slice(blank).replace(/^[ \t]+/, ''),
  };
}
