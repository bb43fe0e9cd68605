/** How strace shows execve's arrays: argv in full, the environment as a count. */

import { unlessErrno } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import { Ptr } from '../syscall/args.ts';
import { hex, quote, quoteAt, STRING_LIMIT } from '../syscall/text.ts';
import type { ArgType } from '../syscall/types.ts';
import { readStringArray } from './strings.ts';

const SHOWN = 32;

/** The first strings of an array, quoted. Throws EFAULT. */
function argvTexts(mem: UserMemory, addr: number): string[] {
  const items: string[] = [];
  for (let at = addr; ; at += 8) {
    const pointer = mem.readU64(at);
    if (pointer === 0) return items;
    if (items.length === SHOWN) return [...items, '...'];
    items.push(quoteAt(mem, pointer, 32));
  }
}

export const ArgvIn: ArgType<number> = {
  name: 'char *const []',
  decode: Ptr.decode,
  format(addr, ctx) {
    if (addr === 0) return 'NULL';
    const items = unlessErrno(() => argvTexts(ctx.mem, addr));
    return items === null ? hex(addr) : `[${items.join(', ')}]`;
  },
};

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

function quoteShort(text: string): string {
  const bytes = latin1Bytes(text);
  return `${quote(bytes.subarray(0, STRING_LIMIT))}${bytes.length > STRING_LIMIT ? '...' : ''}`;
}

function environmentText(addr: number, count: number): string {
  return `${hex(addr)} /* ${count} var${count === 1 ? '' : 's'} */`;
}

/** The call by which a program that the host starts would have begun. `envp`: where its environment is. */
export function execveText(
  filename: string,
  argv: readonly string[],
  envp: number,
  envCount: number,
): string {
  const items = argv.slice(0, SHOWN).map(quoteShort);
  if (argv.length > SHOWN) items.push('...');
  const name = quote(latin1Bytes(filename));
  return `execve(${name}, [${items.join(', ')}], ${environmentText(envp, envCount)})`;
}

export const EnvIn: ArgType<number> = {
  name: 'char *const []',
  decode: Ptr.decode,
  format(addr, ctx) {
    if (addr === 0) return 'NULL';
    const n = unlessErrno(() => readStringArray(ctx.mem, addr).length);
    return n === null ? hex(addr) : environmentText(addr, n);
  },
};
