/** How strace shows execve's arrays: argv in full, the environment as a count. */

import { Ptr } from '../syscall/args.ts';
import { hex, quoteAt } from '../syscall/text.ts';
import type { ArgType } from '../syscall/types.ts';
import { readStringArray } from './strings.ts';

const SHOWN = 32;

export const ArgvIn: ArgType<number> = {
  name: 'char *const []',
  decode: Ptr.decode,
  format(addr, ctx) {
    if (addr === 0) return 'NULL';
    const items: string[] = [];
    try {
      for (let at = addr; ; at += 8) {
        const pointer = ctx.mem.readU64(at);
        if (pointer === 0) break;
        if (items.length === SHOWN) {
          items.push('...');
          break;
        }
        items.push(quoteAt(ctx.mem, pointer, 32));
      }
    } catch {
      return hex(addr);
    }
    return `[${items.join(', ')}]`;
  },
};

export const EnvIn: ArgType<number> = {
  name: 'char *const []',
  decode: Ptr.decode,
  format(addr, ctx) {
    if (addr === 0) return 'NULL';
    try {
      const n = readStringArray(ctx.mem, addr).length;
      return `${hex(addr)} /* ${n} var${n === 1 ? '' : 's'} */`;
    } catch {
      return hex(addr);
    }
  },
};
