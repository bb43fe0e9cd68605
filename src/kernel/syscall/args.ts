/**
 * Argument types of system calls: how a register pair becomes a value, and how strace(1) shows it.
 *
 * Invariants: decode never fails and never looks at memory (the handler does, and throws EFAULT);
 * format never throws, and shows an address it cannot read in hexadecimal, as strace does. A type
 * with `out` is formatted after the call. An empty text from format leaves the argument away.
 */

import { formatStruct } from './structs.ts';
import { bytesAt, hex, octal, quote, quoteAt } from './text.ts';
import type { ArgType, FormatContext } from './types.ts';

const TWO_32 = 4294967296;
const TWO_53 = 9007199254740992;

function toUnsigned(lo: number, hi: number): number {
  const n = (hi >>> 0) * TWO_32 + (lo >>> 0);
  return n > TWO_53 ? TWO_53 : n;
}

/** An unsigned 64-bit address as a number; what is no user address stays none (TASK_SIZE is 2^47). */
function toAddress(lo: number, hi: number): number {
  return (hi >>> 0) * TWO_32 + (lo >>> 0);
}

const s32 = (lo: number): number => lo | 0;
const u32 = (lo: number): number => lo >>> 0;
const s64 = (lo: number, hi: number): number => (hi | 0) * TWO_32 + (lo >>> 0);
const decimal = (v: number): string => String(v);

export const Fd: ArgType<number> = { name: 'fd', decode: s32, format: decimal };
export const Int: ArgType<number> = { name: 'int', decode: s32, format: decimal };
export const UInt: ArgType<number> = { name: 'unsigned int', decode: u32, format: decimal };
export const Pid: ArgType<number> = { name: 'pid_t', decode: s32, format: decimal };
export const Uid: ArgType<number> = { name: 'uid_t', decode: u32, format: (v) => String(v | 0) };
export const Long: ArgType<number> = { name: 'long', decode: s64, format: decimal };
export const Off: ArgType<number> = { name: 'off_t', decode: s64, format: decimal };
export const Size: ArgType<number> = { name: 'size_t', decode: toUnsigned, format: decimal };
/** An unsigned number shown in hexadecimal. */
export const Hex: ArgType<number> = { name: 'unsigned long', decode: toUnsigned, format: hex };
export const HexInt: ArgType<number> = { name: 'unsigned int', decode: u32, format: hex };
export const Mode: ArgType<number> = { name: 'mode_t', decode: u32, format: octal };
/** A size of which it matters whether it wraps around when it is added to an address. */
export const Length: ArgType<number> = { name: 'size_t', decode: toAddress, format: decimal };
/** A size whose last bits matter even where it wraps around. */
export const ExactLength: ArgType<bigint> = {
  name: 'size_t',
  decode: (lo, hi) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0),
  format: (v) => String(v),
};
export const Ptr: ArgType<number> = { name: 'void *', decode: toAddress, format: address };

const AT_FDCWD = -100;

export const DirFd: ArgType<number> = {
  name: 'fd',
  decode: s32,
  format: (v) => (v === AT_FDCWD ? 'AT_FDCWD' : String(v)),
};

export function address(v: number): string {
  return v === 0 ? 'NULL' : hex(v);
}

/** A path or name: the value is its address, read by the handler. */
export const CString: ArgType<number> = {
  name: 'const char *',
  decode: toAddress,
  format: (v, ctx) => quoteAt(ctx.mem, v, 4096),
};

/** A string that the kernel stores: shown up to its terminating zero. */
export const CStringOut: ArgType<number> = {
  name: 'char *',
  decode: toAddress,
  out: true,
  format: (v, ctx) => (failed(ctx) ? address(v) : quoteAt(ctx.mem, v, 4096)),
};

function failed(ctx: FormatContext): boolean {
  return ctx.result === null || ctx.result < 0;
}

/** Bytes that the caller passes; `length` names the argument with their number. */
export function InBuf(length: string): ArgType<number> {
  return {
    name: 'const void *',
    decode: toAddress,
    format(v, ctx) {
      return bufferText(v, Number(ctx.args[length] ?? 0), ctx);
    },
  };
}

/** Bytes that the kernel stores: as many as the result says. */
export function OutBuf(length: string): ArgType<number> {
  return {
    name: 'void *',
    decode: toAddress,
    out: true,
    format(v, ctx) {
      if (failed(ctx)) return address(v);
      return bufferText(v, Math.min(ctx.result as number, Number(ctx.args[length] ?? 0)), ctx);
    },
  };
}

function bufferText(addr: number, length: number, ctx: FormatContext): string {
  if (addr === 0) return 'NULL';
  if (length < 0) return hex(addr);
  const shown = Math.min(length, 33);
  const bytes = bytesAt(ctx.mem, addr, shown);
  if (bytes === null) return hex(addr);
  return quote(bytes.subarray(0, 32)) + (length > 32 ? '...' : '');
}

/** The C type behind a kind that is no struct. */
const C_TYPES: Readonly<Record<string, string>> = {
  int: 'int',
  'int[2]': 'int',
  wstatus: 'int',
  sigset: 'sigset_t',
  siginfo: 'siginfo_t',
  stack_t: 'stack_t',
};

function structName(kind: string): string {
  return C_TYPES[kind] ?? `struct ${kind}`;
}

/** A structure that the caller fills; `kind` selects the text (structs.ts). */
export function StructIn(kind: string): ArgType<number> {
  return {
    name: `const ${structName(kind)} *`,
    decode: toAddress,
    format: (v, ctx) => (v === 0 ? 'NULL' : formatStruct(kind, v, ctx)),
  };
}

/** A structure that the kernel fills: an address only if the call failed. */
export function StructOut(kind: string): ArgType<number> {
  return {
    name: `${structName(kind)} *`,
    decode: toAddress,
    out: true,
    format: (v, ctx) => (v === 0 || failed(ctx) ? address(v) : formatStruct(kind, v, ctx)),
  };
}

/** A structure that is read and written: shown as it is afterwards, also if the call failed. */
export function StructInOut(kind: string): ArgType<number> {
  return {
    name: `${structName(kind)} *`,
    decode: toAddress,
    out: true,
    format: (v, ctx) => (v === 0 ? 'NULL' : formatStruct(kind, v, ctx)),
  };
}

export type FlagTable = Readonly<Record<string, number>>;

/** `A|B|0x40`, `0` for none, and the comment that strace adds where no bit has a name. */
export function formatFlags(value: number, table: FlagTable, prefix: string): string {
  const names: string[] = [];
  let lo = value >>> 0;
  const hi = Math.floor(value / TWO_32) >>> 0;
  for (const name in table) {
    const bits = (table[name] as number) >>> 0;
    if (bits === 0 ? value === 0 : (lo & bits) >>> 0 === bits) {
      names.push(name);
      lo = (lo & ~bits) >>> 0;
    }
  }
  const rest = hi * TWO_32 + lo;
  if (names.length === 0) return rest === 0 ? '0' : `${hex(rest)} /* ${prefix}_??? */`;
  if (rest !== 0) names.push(hex(rest));
  return names.join('|');
}

export function formatEnum(value: number, table: FlagTable, prefix: string): string {
  for (const name in table) if (table[name] === value) return name;
  return `${hex(value < 0 ? value + TWO_32 : value)} /* ${prefix}_??? */`;
}

/** A bit mask; `prefix` is what strace writes before `_???`. Table order is the order shown. */
export function Flags(prefix: string, table: FlagTable): ArgType<number> {
  return { name: 'int', decode: u32, format: (v) => formatFlags(v, table, prefix) };
}

/** One of several values. */
export function Enum(prefix: string, table: FlagTable): ArgType<number> {
  return { name: 'int', decode: s32, format: (v) => formatEnum(v, table, prefix) };
}

/** Flags of open(2), in strace's order. */
export const OPEN_FLAG_NAMES: FlagTable = {
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_SYNC: 0o4010000,
  O_DSYNC: 0o10000,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_NOFOLLOW: 0o400000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  O_TMPFILE: 0o20200000,
  O_DIRECTORY: 0o200000,
  FASYNC: 0o20000,
};

const ACCESS_MODES = ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_ACCMODE'] as const;

export function formatOpenFlags(v: number): string {
  const access = ACCESS_MODES[v & 3] as string;
  return (v & ~3) === 0 ? access : `${access}|${formatFlags((v & ~3) >>> 0, OPEN_FLAG_NAMES, 'O')}`;
}

export const OpenFlags: ArgType<number> = { name: 'int', decode: u32, format: formatOpenFlags };

const O_CREAT = 0o100;
const TMPFILE_BIT = 0o20000000;

/** The mode of open(2): there only if the argument `flags` may create a file. */
export const OpenMode: ArgType<number> = {
  name: 'mode_t',
  decode: u32,
  format: (v, ctx) =>
    (Number(ctx.args['flags'] ?? 0) & (O_CREAT | TMPFILE_BIT)) === 0 ? '' : octal(v),
};
