/** How strace shows execve's arrays: argv in full, the environment as a count. */

import { unlessErrno } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';
import { Ptr } from '../syscall/args.ts';
import { hex, quoteAt } from '../syscall/text.ts';
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

export const EnvIn: ArgType<number> = {
  name: 'char *const []',
  decode: Ptr.decode,
  format(addr, ctx) {
    if (addr === 0) return 'NULL';
    const n = unlessErrno(() => readStringArray(ctx.mem, addr).length);
    return n === null ? hex(addr) : `${hex(addr)} /* ${n} var${n === 1 ? '' : 's'} */`;
  },
};
