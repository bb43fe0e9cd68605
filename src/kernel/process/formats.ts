/** strace's texts of process-related structures. */

import { signalName } from '../signal/numbers.ts';
import { STRUCTS } from '../syscall/structs.ts';

/** A wait status: `{WIFEXITED(s) && WEXITSTATUS(s) == 0}`. */
export function formatWaitStatus(status: number): string {
  const sig = status & 0x7f;
  if (status === 0xffff) return '{WIFCONTINUED(s)}';
  if (sig === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${(status >> 8) & 0xff}}`;
  if (sig === 0x7f) {
    return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName((status >> 8) & 0xff)}}`;
  }
  const core = (status & 0x80) !== 0 ? ' && WCOREDUMP(s)' : '';
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(sig)}${core}}`;
}

STRUCTS['wstatus'] = {
  size: 4,
  format: (d, ctx) => (ctx.result === 0 ? '' : `[${formatWaitStatus(d.getInt32(0, true))}]`),
};
