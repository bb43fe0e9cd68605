/**
 * strace's way to write strings, numbers and user memory. Nothing here throws: memory that cannot
 * be read is shown by its address.
 */

import type { UserMemory } from '../mm/user-memory.ts';

/** What strace shows of a string before `...` (option -s). */
export const STRING_LIMIT = 32;

/** Like printf("%#x"): zero has no prefix. */
export function hex(v: number): string {
  if (v === 0) return '0';
  // -1 as a pointer, rounded.
  if (v >= 2 ** 64) return '0xffffffffffffffff';
  return v < 0 ? `-0x${(-v).toString(16)}` : `0x${v.toString(16)}`;
}

/** Like printf("%#03o"). */
export function octal(v: number): string {
  const digits = v.toString(8);
  return v === 0 ? '000' : `0${digits}`.padStart(3, '0');
}

/** Copies user memory, or null if it cannot be read. */
export function bytesAt(mem: UserMemory, addr: number, length: number): Uint8Array | null {
  const bytes = new Uint8Array(length);
  return mem.copyInPartial(addr, bytes, 0, length) === length ? bytes : null;
}

const ESCAPES: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  11: '\\v',
  12: '\\f',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
};

/** The bytes between double quotes: octal escapes as short as the next character permits. */
export function quote(bytes: Uint8Array): string {
  let text = '"';
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i] as number;
    const short = ESCAPES[c];
    if (short !== undefined) text += short;
    else if (c >= 32 && c < 127) text += String.fromCharCode(c);
    else {
      const next = bytes[i + 1];
      const digitFollows = next !== undefined && next >= 48 && next <= 57;
      text += `\\${digitFollows ? c.toString(8).padStart(3, '0') : c.toString(8)}`;
    }
  }
  return `${text}"`;
}

/** Random bytes: every byte in hexadecimal. */
export function quoteHex(bytes: Uint8Array): string {
  let text = '"';
  for (const b of bytes) text += `\\x${b.toString(16).padStart(2, '0')}`;
  return `${text}"`;
}

/** The zero-terminated string at an address, cut after `limit` bytes. */
export function quoteAt(mem: UserMemory, addr: number, limit: number): string {
  if (addr === 0) return 'NULL';
  const bytes: number[] = [];
  for (;;) {
    const chunk = bytesAt(mem, addr + bytes.length, 1);
    if (chunk === null) return hex(addr);
    if (chunk[0] === 0) return quote(Uint8Array.from(bytes));
    if (bytes.length >= limit) return `${quote(Uint8Array.from(bytes))}...`;
    bytes.push(chunk[0] as number);
  }
}
