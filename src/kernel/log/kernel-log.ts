/**
 * The kernel's log: what dmesg(1) shows, and klogd(8) and /dev/kmsg read (kernel/printk/printk.c).
 *
 * Invariants: records are numbered without gaps; the oldest go when there are more than CAPACITY bytes. Whoever reads
 * keeps the number of the next record it wants, and is moved forward when that is gone.
 */

import { POLLIN, POLLRDNORM } from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';

/** KERN_EMERG … KERN_DEBUG. */
export const LOG_LEVEL = {
  emergency: 0,
  alert: 1,
  critical: 2,
  error: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
} as const;

/** CONFIG_LOG_BUF_SHIFT 17. */
export const CAPACITY: number = 131072;
const LINE_MAX = 976;
/** Bytes that a record takes beside its text: empty ones are kept for no longer than others. */
const RECORD_BYTES = 32;
/** console_loglevel with "quiet" on the kernel's command line. */
const QUIET = 4;

export interface LogRecord {
  readonly seq: number;
  /** Facility * 8 + level. */
  readonly priority: number;
  /** Milliseconds since boot. */
  readonly ms: number;
  /** Latin-1, without a newline. */
  readonly text: string;
}

export class KernelLog {
  private readonly records: LogRecord[] = [];
  private size = 0;
  private next = 0;
  private readonly now: () => number;
  /** Records below this level are shown on the console (console_loglevel). */
  consoleLevel: number = QUIET;
  /** What consoleLevel was before SYSLOG_ACTION_CONSOLE_OFF. */
  savedConsoleLevel: number | null = null;
  /** First record that was not cleared (dmesg -c). */
  cleared = 0;
  /** Next record for syslog(2) and /proc/kmsg, which share a position. */
  unread = 0;
  /** Woken by each record. */
  readonly queue: WaitQueue = new WaitQueue(POLLIN | POLLRDNORM);
  /** The console, if there is one. */
  onConsole: ((line: string) => void) | null = null;

  constructor(now: () => number) {
    this.now = now;
  }

  /** printk(): every line is a record. */
  add(priority: number, text: string): void {
    for (const line of text.split('\n')) this.addLine(priority, line.slice(0, LINE_MAX));
    this.queue.wake();
  }

  private addLine(priority: number, text: string): void {
    const record = { seq: this.next++, priority, ms: this.now(), text };
    this.records.push(record);
    this.size += sizeOf(record);
    while (this.size > CAPACITY) this.size -= sizeOf(this.records.shift() as LogRecord);
    if ((priority & 7) < this.consoleLevel) this.onConsole?.(`${stamp(record)}${text}`);
  }

  get first(): number {
    return this.records[0]?.seq ?? this.next;
  }

  get end(): number {
    return this.next;
  }

  /** The record of that number, or the oldest after it; null if there is none yet. */
  from(seq: number): LogRecord | null {
    return this.records[Math.max(seq - this.first, 0)] ?? null;
  }

  /** Bytes that syslog(2) would give from record `seq` on. */
  bytesFrom(seq: number): number {
    let n = 0;
    for (let r = this.from(seq); r !== null; r = this.from(r.seq + 1)) n += syslogLine(r).length;
    return n;
  }
}

function sizeOf({ text }: LogRecord): number {
  return RECORD_BYTES + text.length;
}

/** "[    0.000123] " */
function stamp({ ms }: LogRecord): string {
  const us = Math.floor(ms * 1000);
  const seconds = String(Math.floor(us / 1e6)).padStart(5);
  return `[${seconds}.${String(us % 1e6).padStart(6, '0')}] `;
}

/** A record as syslog(2) and /proc/kmsg give it. */
export function syslogLine(r: LogRecord): string {
  return `<${r.priority}>${stamp(r)}${r.text}\n`;
}

/** A record as /dev/kmsg gives it; what is not printable is escaped. */
export function kmsgLine(r: LogRecord): string {
  const text = r.text.replace(
    /[^ -~]|\\/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `${r.priority},${r.seq},${Math.floor(r.ms * 1000)},-;${text}\n`;
}

export function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
