/**
 * The initial stack (System V ABI x86-64, 3.4.1; fs/binfmt_elf.c create_elf_tables), from high to low:
 *
 *   8 zero bytes | execfn | environment strings | argument strings | "x86_64" | 16 random bytes
 *   auxv pairs, AT_NULL | envp, 0 | argv, 0 | argc      <- rsp, a multiple of 16
 */

import { E2BIG, linuxError } from '../errno.ts';
import type { AddressSpace } from '../mm/address-space.ts';

export const AT = {
  NULL: 0,
  PHDR: 3,
  PHENT: 4,
  PHNUM: 5,
  PAGESZ: 6,
  BASE: 7,
  FLAGS: 8,
  ENTRY: 9,
  UID: 11,
  EUID: 12,
  GID: 13,
  EGID: 14,
  PLATFORM: 15,
  HWCAP: 16,
  CLKTCK: 17,
  SECURE: 23,
  RANDOM: 25,
  HWCAP2: 26,
  EXECFN: 31,
  MINSIGSTKSZ: 51,
} as const;

/** One string, with its zero (MAX_ARG_STRLEN). */
const MAX_STRING = 131072;
const ARG_MAX = 131072;
const MAX_TOTAL = 6 * 1024 * 1024;
const PLATFORM = 'x86_64';

/** Throws E2BIG as exec does for the sum of all strings and pointers. */
export function checkArgumentSize(
  strings: readonly (readonly string[])[],
  stackLimit: number,
): void {
  let bytes = 0;
  for (const list of strings) {
    for (const s of list) {
      if (s.length >= MAX_STRING) throw linuxError(E2BIG);
      bytes += s.length + 1 + 8;
    }
  }
  const limit = Math.max(Math.min(stackLimit / 4, MAX_TOTAL), ARG_MAX);
  if (bytes > limit) throw linuxError(E2BIG);
}

export interface StackContents {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly execfn: string;
  /** Pairs for the auxiliary vector; AT_RANDOM, AT_EXECFN and AT_PLATFORM are filled in here. */
  readonly auxv: readonly (readonly [number, number])[];
  readonly random: Uint8Array;
}

export interface StackResult {
  readonly sp: number;
  readonly argStart: number;
  readonly argEnd: number;
  readonly envStart: number;
  readonly envEnd: number;
  readonly auxv: Uint8Array;
}

/** Writes everything below `top`. */
export function buildStack(as: AddressSpace, top: number, c: StackContents): StackResult {
  const argLength = stringsLength(c.argv);
  const envLength = stringsLength(c.env);
  const execfn = top - 8 - (c.execfn.length + 1);
  const envStart = execfn - envLength;
  const argStart = envStart - argLength;
  const platform = Math.floor(argStart / 16) * 16 - (PLATFORM.length + 1);
  const random = platform - 16;
  const pairs = c.auxv.length + 1;
  const items = 1 + c.argv.length + 1 + c.env.length + 1 + pairs * 2;
  const sp = Math.floor((random - items * 8) / 16) * 16;
  const image = new Uint8Array(top - sp);
  const d = new DataView(image.buffer);
  putStrings(image, argStart - sp, c.argv);
  putStrings(image, envStart - sp, c.env);
  putStrings(image, execfn - sp, [c.execfn]);
  putStrings(image, platform - sp, [PLATFORM]);
  image.set(c.random, random - sp);
  let at = put(d, 0, c.argv.length);
  at = putPointers(d, at, argStart, c.argv);
  at = putPointers(d, at, envStart, c.env);
  const auxvAt = at;
  for (const [type, value] of c.auxv) {
    at = put(d, at, type);
    at = put(d, at, pointerValue(type, value, { execfn, platform, random }));
  }
  const auxv = image.slice(auxvAt, at + 16);
  as.mem.copyOut(sp, image, 0, image.length);
  return { sp, argStart, argEnd: envStart, envStart, envEnd: execfn, auxv };
}

function pointerValue(
  type: number,
  value: number,
  at: { execfn: number; platform: number; random: number },
): number {
  if (type === AT.EXECFN) return at.execfn;
  if (type === AT.PLATFORM) return at.platform;
  return type === AT.RANDOM ? at.random : value;
}

function stringsLength(list: readonly string[]): number {
  let n = 0;
  for (const s of list) n += s.length + 1;
  return n;
}

/** Strings are Latin-1: one byte per character. */
function putStrings(image: Uint8Array, start: number, list: readonly string[]): void {
  let at = start;
  for (const s of list) {
    for (let i = 0; i < s.length; i++) image[at++] = s.charCodeAt(i);
    at++;
  }
}

function putPointers(d: DataView, start: number, base: number, list: readonly string[]): number {
  let at = start;
  let addr = base;
  for (const s of list) {
    at = put(d, at, addr);
    addr += s.length + 1;
  }
  return put(d, at, 0);
}

function put(d: DataView, at: number, value: number): number {
  d.setUint32(at, value % 4294967296, true);
  d.setUint32(at + 4, Math.floor(value / 4294967296), true);
  return at + 8;
}
