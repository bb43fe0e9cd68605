/** The string arrays of execve: argv and envp. */

import { E2BIG, ENAMETOOLONG, LinuxError, linuxError } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';

const MAX_STRING = 131072;
/** More than the strings of any permitted size: stops a cyclic or endless array early. */
const MAX_TOTAL = 6 * 1024 * 1024;

/** A null-terminated array of strings; a null pointer is an empty one, as in Linux. */
export function readStringArray(mem: UserMemory, addr: number): string[] {
  const list: string[] = [];
  if (addr === 0) return list;
  let total = 0;
  for (let at = addr; ; at += 8) {
    const pointer = mem.readU64(at);
    if (pointer === 0) return list;
    const text = readArgument(mem, pointer);
    total += text.length + 9;
    if (total > MAX_TOTAL) throw linuxError(E2BIG);
    list.push(text);
  }
}

function readArgument(mem: UserMemory, addr: number): string {
  try {
    return mem.readCString(addr, MAX_STRING);
  } catch (e) {
    if (e instanceof LinuxError && e.errno === ENAMETOOLONG) throw linuxError(E2BIG);
    throw e;
  }
}
