/**
 * The arguments of clone(2) in register order (x86-64: flags, stack, parent_tid, child_tid, tls), and
 * strace's text, which has another order and leaves out what the flags do not use.
 */

import { signalName } from '../signal/numbers.ts';
import { formatFlags, Ptr } from '../syscall/args.ts';
import { hex } from '../syscall/text.ts';
import type { ArgType, FormatContext } from '../syscall/types.ts';
import { CLONE } from './clone.ts';

const FLAG_NAMES: Record<string, number> = {};
for (const [name, bit] of Object.entries(CLONE)) FLAG_NAMES[`CLONE_${name}`] = bit;

function pointer(v: unknown): string {
  return v === 0 ? 'NULL' : hex(Number(v));
}

function formatCloneFlags(v: number): string {
  const flags = (v & ~0xff) >>> 0;
  const signal = v & 0xff;
  if (flags === 0) return signal === 0 ? '0' : signalName(signal);
  const text = formatFlags(flags, FLAG_NAMES, 'CLONE');
  return signal === 0 ? text : `${text}|${signalName(signal)}`;
}

function has(ctx: FormatContext, bits: number): boolean {
  return (Number(ctx.args['flags']) & bits) !== 0;
}

const Flags: ArgType<number> = {
  name: 'unsigned long',
  decode: (lo) => lo >>> 0,
  format: (_v, ctx) => `child_stack=${pointer(ctx.args['stack'])}`,
};

const Stack: ArgType<number> = {
  name: 'void *',
  decode: Ptr.decode,
  format: (_v, ctx) => `flags=${formatCloneFlags(Number(ctx.args['flags']))}`,
};

const ParentTid: ArgType<number> = {
  name: 'int *',
  decode: Ptr.decode,
  out: true,
  optional: true,
  format(v, ctx) {
    if (!has(ctx, CLONE.PARENT_SETTID)) return '';
    const result = ctx.result ?? -1;
    return `parent_tid=${result > 0 ? `[${result}]` : pointer(v)}`;
  },
};

const ChildTid: ArgType<number> = {
  name: 'int *',
  decode: Ptr.decode,
  out: true,
  optional: true,
  format: (_v, ctx) => (has(ctx, CLONE.SETTLS) ? `tls=${pointer(ctx.args['tls'])}` : ''),
};

const Tls: ArgType<number> = {
  name: 'unsigned long',
  decode: Ptr.decode,
  out: true,
  optional: true,
  format: (_v, ctx) =>
    has(ctx, CLONE.CHILD_SETTID | CLONE.CHILD_CLEARTID)
      ? `child_tidptr=${pointer(ctx.args['childTid'])}`
      : '',
};

export const CLONE_ARGS: Readonly<
  Record<'flags' | 'stack' | 'parentTid' | 'childTid' | 'tls', ArgType<number>>
> = {
  flags: Flags,
  stack: Stack,
  parentTid: ParentTid,
  childTid: ChildTid,
  tls: Tls,
};
