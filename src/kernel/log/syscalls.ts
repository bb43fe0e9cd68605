/** syslog(2), by C libraries called klogctl(3): the kernel's log for dmesg and klogd (kernel/printk/printk.c). */

import { CAP } from '../cred/cred.ts';
import { EINVAL, EPERM, linuxError } from '../errno.ts';
import { formatEnum, Int, OutBuf } from '../syscall/args.ts';
import { type ArgType, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { CAPACITY, type KernelLog, latin1, syslogLine } from './kernel-log.ts';

const ACTION = {
  SYSLOG_ACTION_CLOSE: 0,
  SYSLOG_ACTION_OPEN: 1,
  SYSLOG_ACTION_READ: 2,
  SYSLOG_ACTION_READ_ALL: 3,
  SYSLOG_ACTION_READ_CLEAR: 4,
  SYSLOG_ACTION_CLEAR: 5,
  SYSLOG_ACTION_CONSOLE_OFF: 6,
  SYSLOG_ACTION_CONSOLE_ON: 7,
  SYSLOG_ACTION_CONSOLE_LEVEL: 8,
  SYSLOG_ACTION_SIZE_UNREAD: 9,
  SYSLOG_ACTION_SIZE_BUFFER: 10,
} as const;
const A = ACTION;
const MINIMUM_CONSOLE_LEVEL = 1;

interface SyslogArgs {
  action: number;
  buf: number;
  len: number;
}

/** check_syslog_permissions(), with kernel.dmesg_restrict 0. */
export function checkSyslog(sys: Sys): void {
  const { cred } = sys.task;
  if (!cred.has(CAP.SYSLOG) && !cred.has(CAP.SYS_ADMIN)) throw linuxError(EPERM);
}

function sysSyslog(sys: Sys, a: SyslogArgs): number {
  const log = sys.kernel.messages;
  if (a.action !== A.SYSLOG_ACTION_READ_ALL && a.action !== A.SYSLOG_ACTION_SIZE_BUFFER) {
    checkSyslog(sys);
  }
  switch (a.action) {
    case A.SYSLOG_ACTION_CLOSE:
    case A.SYSLOG_ACTION_OPEN:
      return 0;
    case A.SYSLOG_ACTION_READ:
      return read(sys, log, a);
    case A.SYSLOG_ACTION_READ_ALL:
    case A.SYSLOG_ACTION_READ_CLEAR:
      return readAll(sys, log, a);
    case A.SYSLOG_ACTION_CLEAR:
      log.cleared = log.end;
      return 0;
    case A.SYSLOG_ACTION_SIZE_UNREAD:
      return log.bytesFrom(log.unread);
    case A.SYSLOG_ACTION_SIZE_BUFFER:
      return CAPACITY;
    default:
      return consoleLevel(log, a);
  }
}

function consoleLevel(log: KernelLog, a: SyslogArgs): number {
  switch (a.action) {
    case A.SYSLOG_ACTION_CONSOLE_OFF:
      log.savedConsoleLevel ??= log.consoleLevel;
      log.consoleLevel = MINIMUM_CONSOLE_LEVEL;
      return 0;
    case A.SYSLOG_ACTION_CONSOLE_ON:
      log.consoleLevel = log.savedConsoleLevel ?? log.consoleLevel;
      log.savedConsoleLevel = null;
      return 0;
    case A.SYSLOG_ACTION_CONSOLE_LEVEL:
      if (a.len < 1 || a.len > 8) throw linuxError(EINVAL);
      log.consoleLevel = Math.max(a.len, MINIMUM_CONSOLE_LEVEL);
      log.savedConsoleLevel = null;
      return 0;
    default:
      throw linuxError(EINVAL);
  }
}

/** At least one record, waiting for it; a record that does not fit comes in part, and only once. */
function read(sys: Sys, log: KernelLog, { buf, len }: SyslogArgs): number {
  if (buf === 0 || len < 0) throw linuxError(EINVAL);
  if (len === 0) return 0;
  const bytes = takeUnread(log, len);
  if (bytes.length === 0) return sys.block([log.queue]);
  sys.mem.copyOut(buf, bytes);
  return bytes.length;
}

/** Whole records that fit into `limit` bytes, or the first part of one; they count as read. */
export function takeUnread(log: KernelLog, limit: number): Uint8Array {
  let text = '';
  for (let r = log.from(log.unread); r !== null; r = log.from(log.unread)) {
    const line = syslogLine(r);
    if (text !== '' && text.length + line.length > limit) break;
    text += line.slice(0, limit);
    log.unread = r.seq + 1;
  }
  return latin1(text);
}

/** The newest records that fit. */
function readAll(sys: Sys, log: KernelLog, { action, buf, len }: SyslogArgs): number {
  if (buf === 0 || len < 0) throw linuxError(EINVAL);
  if (len === 0) return 0;
  let seq = Math.max(log.cleared, log.first);
  let size = log.bytesFrom(seq);
  let text = '';
  for (let r = log.from(seq); r !== null && seq < log.end; r = log.from(++seq)) {
    const line = syslogLine(r);
    if (size <= len) text += line;
    size -= size <= len ? 0 : line.length;
  }
  sys.mem.copyOut(buf, latin1(text));
  if (action === A.SYSLOG_ACTION_READ_CLEAR) log.cleared = log.end;
  return text.length;
}

const Action: ArgType<number> = { ...Int, format: (v) => formatEnum(v, ACTION, 'SYSLOG_ACTION') };

export const LOG_SYSCALLS: readonly SyscallRow[] = [
  syscall(103, 'syslog', { action: Action, buf: OutBuf('len'), len: Int }, sysSyslog),
];
