/** struct timespec and struct timeval in user memory, as milliseconds. */

import { EINVAL, linuxError } from '../errno.ts';
import type { UserMemory } from '../mm/user-memory.ts';

const NSEC_PER_SEC = 1_000_000_000;

/** Reads a timespec; EINVAL if it is negative or has too many nanoseconds. */
export function readTimespecMs(mem: UserMemory, addr: number): number {
  const sec = mem.readI64(addr);
  const nsec = mem.readI64(addr + 8);
  if (sec < 0 || nsec < 0 || nsec >= NSEC_PER_SEC) throw linuxError(EINVAL);
  return sec * 1000 + nsec / 1e6;
}

/** Writes milliseconds as a timespec. */
export function writeTimespecMs(mem: UserMemory, addr: number, ms: number): void {
  const sec = Math.floor(ms / 1000);
  mem.writeU64(addr, sec);
  mem.writeU64(addr + 8, Math.min(Math.floor((ms - sec * 1000) * 1e6), NSEC_PER_SEC - 1));
}

/** Reads a timeval; EINVAL if it is negative or has too many microseconds. */
export function readTimevalMs(mem: UserMemory, addr: number): number {
  const sec = mem.readI64(addr);
  const usec = mem.readI64(addr + 8);
  if (sec < 0 || usec < 0 || usec >= 1_000_000) throw linuxError(EINVAL);
  return sec * 1000 + usec / 1000;
}

export function writeTimevalMs(mem: UserMemory, addr: number, ms: number): void {
  const sec = Math.floor(ms / 1000);
  mem.writeU64(addr, sec);
  mem.writeU64(addr + 8, Math.floor((ms - sec * 1000) * 1000));
}
