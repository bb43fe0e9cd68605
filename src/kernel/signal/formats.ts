/** strace's texts of the signal structures. */

import { formatFlags } from '../syscall/args.ts';
import { STRUCTS } from '../syscall/structs.ts';
import { hex } from '../syscall/text.ts';
import { rawInfo } from './siginfo.ts';
import { formatSigInfo } from './siginfo-text.ts';
import { SigSet } from './sigset.ts';

function pointer(d: DataView, at: number): number {
  return d.getUint32(at + 4, true) * 4294967296 + d.getUint32(at, true);
}

function address(v: number): string {
  return v === 0 ? 'NULL' : hex(v);
}

/** In strace's order. */
const SA_NAMES = {
  SA_RESTORER: 0x04000000,
  SA_NOCLDSTOP: 1,
  SA_NOCLDWAIT: 2,
  SA_ONSTACK: 0x08000000,
  SA_RESTART: 0x10000000,
  SA_NODEFER: 0x40000000,
  SA_RESETHAND: 0x80000000,
  SA_SIGINFO: 4,
} as const;

function handlerName(v: number): string {
  if (v === 0) return 'SIG_DFL';
  return v === 1 ? 'SIG_IGN' : hex(v);
}

STRUCTS['sigset'] = {
  size: 8,
  format: (d) => String(new SigSet(d.getInt32(0, true), d.getInt32(4, true))),
};

STRUCTS['sigaction'] = {
  size: 32,
  format(d) {
    const flags = d.getUint32(8, true);
    const mask = new SigSet(d.getInt32(24, true), d.getInt32(28, true));
    const text =
      `sa_handler=${handlerName(pointer(d, 0))}, sa_mask=${mask}, ` +
      `sa_flags=${formatFlags(flags, SA_NAMES, 'SA')}`;
    const restorer =
      (flags & SA_NAMES.SA_RESTORER) !== 0 ? `, sa_restorer=${address(pointer(d, 16))}` : '';
    return `{${text}${restorer}}`;
  },
};

STRUCTS['siginfo'] = {
  size: 128,
  format(d) {
    const bytes = new Uint8Array(d.buffer, d.byteOffset, 128).slice();
    return formatSigInfo(rawInfo(d.getInt32(0, true), bytes));
  },
};

STRUCTS['stack_t'] = {
  size: 24,
  format(d) {
    const flags = d.getUint32(8, true);
    const names = { SS_ONSTACK: 1, SS_DISABLE: 2, SS_AUTODISARM: 0x80000000 };
    const size = pointer(d, 16);
    const sp = address(pointer(d, 0));
    return `{ss_sp=${sp}, ss_flags=${formatFlags(flags, names, 'SS')}, ss_size=${size}}`;
  },
};
