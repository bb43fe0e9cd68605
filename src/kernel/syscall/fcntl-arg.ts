/** The third argument of fcntl(2), whose meaning depends on the command (argument `cmd`). */

import { signalName } from '../signal/numbers.ts';
import {
  DN_ACCESS,
  DN_ATTRIB,
  DN_CREATE,
  DN_DELETE,
  DN_MODIFY,
  DN_MULTISHOT,
  DN_RENAME,
} from '../vfs/constants.ts';
import { formatEnum, formatFlags, formatOpenFlags, Hex } from './args.ts';
import { formatStruct, STRUCTS } from './structs.ts';
import { hex } from './text.ts';
import type { ArgType } from './types.ts';

const F_DUPFD = 0;
const F_SETFD = 2;
const F_SETFL = 4;
const F_SETSIG = 10;
const F_NOTIFY = 1026;
const F_DUPFD_CLOEXEC = 1030;
/** F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS */
const WITHOUT: ReadonlySet<number> = new Set([1, 3, 9, 11, 1025, 1032, 1034]);
/** F_GETLK, F_SETLK, F_SETLKW and their F_OFD_ forms. */
const LOCKS: ReadonlySet<number> = new Set([5, 6, 7, 36, 37, 38]);

const LOCK_TYPES = { F_RDLCK: 0, F_WRLCK: 1, F_UNLCK: 2 } as const;
const DIRECTORY_EVENTS = {
  DN_ACCESS,
  DN_MODIFY,
  DN_CREATE,
  DN_DELETE,
  DN_RENAME,
  DN_ATTRIB,
  DN_MULTISHOT,
} as const;
const WHENCE = { SEEK_SET: 0, SEEK_CUR: 1, SEEK_END: 2 } as const;

STRUCTS['flock'] = {
  size: 32,
  format(d) {
    const type = formatEnum(d.getInt16(0, true), LOCK_TYPES, 'F');
    const whence = formatEnum(d.getInt16(2, true), WHENCE, 'SEEK');
    const start = d.getBigInt64(8, true);
    return `{l_type=${type}, l_whence=${whence}, l_start=${start}, l_len=${d.getBigInt64(16, true)}}`;
  },
};

export const FcntlArg: ArgType<number> = {
  name: 'unsigned long',
  decode: Hex.decode,
  format(v, ctx) {
    const cmd = Number(ctx.args['cmd']);
    if (WITHOUT.has(cmd)) return '';
    if (cmd === F_DUPFD || cmd === F_DUPFD_CLOEXEC) return String(v | 0);
    if (cmd === F_SETFD) return v === 1 ? 'FD_CLOEXEC' : hex(v);
    if (cmd === F_SETFL) return formatOpenFlags(v);
    if (cmd === F_SETSIG) return v === 0 ? '0' : signalName(v);
    if (cmd === F_NOTIFY) return formatFlags(v, DIRECTORY_EVENTS, 'DN');
    return LOCKS.has(cmd) ? formatStruct('flock', v, ctx) : hex(v);
  },
};
