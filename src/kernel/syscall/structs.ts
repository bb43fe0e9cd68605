/**
 * How strace shows the structures that system calls read and fill: one row per structure.
 */

import { bytesAt, hex, octal, quote } from './text.ts';
import type { FormatContext } from './types.ts';

export interface StructFormat {
  readonly size: number;
  format(d: DataView, ctx: FormatContext): string;
}

function s64(d: DataView, at: number): string {
  return String(d.getBigInt64(at, true));
}

const FILE_TYPES: Readonly<Record<number, string>> = {
  12: 'S_IFSOCK',
  10: 'S_IFLNK',
  8: 'S_IFREG',
  6: 'S_IFBLK',
  4: 'S_IFDIR',
  2: 'S_IFCHR',
  1: 'S_IFIFO',
};

export function formatMode(mode: number): string {
  let text = FILE_TYPES[mode >> 12] ?? hex(mode & 0xf000);
  if (mode & 0o4000) text += '|S_ISUID';
  if (mode & 0o2000) text += '|S_ISGID';
  if (mode & 0o1000) text += '|S_ISVTX';
  return `${text}|${octal(mode & 0o777)}`;
}

function formatStat(d: DataView): string {
  const mode = d.getUint32(24, true);
  const type = mode >> 12;
  const rdev = d.getUint32(40, true);
  const what =
    type === 2 || type === 6
      ? `st_rdev=makedev(${hex((rdev >>> 8) & 0xfff)}, ${hex((rdev & 0xff) | ((rdev >>> 12) & 0xfff00))})`
      : `st_size=${s64(d, 48)}`;
  return `{st_mode=${formatMode(mode)}, ${what}, ...}`;
}

function formatTimespec(d: DataView, at = 0): string {
  return `{tv_sec=${s64(d, at)}, tv_nsec=${s64(d, at + 8)}}`;
}

function formatTimeval(d: DataView, at = 0): string {
  return `{tv_sec=${s64(d, at)}, tv_usec=${s64(d, at + 8)}}`;
}

function formatLimit(d: DataView, at: number): string {
  const v = d.getBigUint64(at, true);
  if (v === 0xffffffffffffffffn) return 'RLIM64_INFINITY';
  return v > 1024n && v % 1024n === 0n ? `${v / 1024n}*1024` : String(v);
}

function fixedString(d: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(d.buffer, d.byteOffset + at, length);
  const end = bytes.indexOf(0);
  return quote(bytes.subarray(0, end < 0 ? length : end));
}

/** The formats by name; other families add theirs here. */
export const STRUCTS: Record<string, StructFormat> = {
  stat: { size: 144, format: formatStat },
  timespec: { size: 16, format: (d) => formatTimespec(d) },
  timeval: { size: 16, format: (d) => formatTimeval(d) },
  itimerval: {
    size: 32,
    format: (d) => `{it_interval=${formatTimeval(d)}, it_value=${formatTimeval(d, 16)}}`,
  },
  itimerspec: {
    size: 32,
    format: (d) => `{it_interval=${formatTimespec(d)}, it_value=${formatTimespec(d, 16)}}`,
  },
  rlimit: {
    size: 16,
    format: (d) => `{rlim_cur=${formatLimit(d, 0)}, rlim_max=${formatLimit(d, 8)}}`,
  },
  utsname: {
    size: 390,
    format: (d) => `{sysname=${fixedString(d, 0, 65)}, nodename=${fixedString(d, 65, 65)}, ...}`,
  },
  rusage: {
    size: 144,
    format: (d) => `{ru_utime=${formatTimeval(d)}, ru_stime=${formatTimeval(d, 16)}, ...}`,
  },
  int: { size: 4, format: (d) => `[${d.getInt32(0, true)}]` },
  'int[2]': { size: 8, format: (d) => `[${d.getInt32(0, true)}, ${d.getInt32(4, true)}]` },
  pollfd: {
    size: 8,
    format: (d) => `[{fd=${d.getInt32(0, true)}, events=${hex(d.getUint16(4, true))}}]`,
  },
};

/** The text of the structure at a user address; the address if it is unknown or unreadable. */
export function formatStruct(kind: string, addr: number, ctx: FormatContext): string {
  const row = STRUCTS[kind];
  const bytes = row === undefined ? null : bytesAt(ctx.mem, addr, row.size);
  if (row === undefined || bytes === null) return hex(addr);
  return row.format(new DataView(bytes.buffer), ctx);
}
