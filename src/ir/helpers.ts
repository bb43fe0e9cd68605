/**
 * Helpers: what an op cannot say in line (division, CPUID, string instructions, x87 …). A frontend
 * declares its helpers in one table; interpreter and backends call them the same way.
 *
 * Operands are passed as word indices of memory slots: a helper reads its arguments at
 * `I32[a]`, `I32[a + 1]` and writes its result at `I32[d]`, `I32[d + 1]`. State variables are read
 * and written in the CPU state page directly; the row names which, so that compiled code, which
 * keeps them in locals, spills and reloads exactly those.
 */

import type { LinearMemory } from '../common/memory.ts';
import type { Field } from './ops.ts';

/** Guest memory as helpers and engines see it. A negative result is a fault (engine words are set). */
export interface GuestAccess {
  /**
   * Translates for reading `size` bytes (at most 64; rep helpers work page by page).
   * @returns host byte offset; for an access that crosses a page the offset of a copy; -1: fault
   */
  read(lo: number, hi: number, size: number): number;
  /** Stores. 0: done; -1: fault; -2: the store hits translated code (EXIT.selfModify), nothing written. */
  write8(lo: number, hi: number, v: number): number;
  write16(lo: number, hi: number, v: number): number;
  write32(lo: number, hi: number, v: number): number;
  write64(lo: number, hi: number, vlo: number, vhi: number): number;
  /** Stores `size` bytes from host offset `from`. */
  writeBytes(lo: number, hi: number, from: number, size: number): number;
  /**
   * For bulk work inside one page: host offset where `size` bytes that do not cross a page can be
   * written in place; -1 fault, -2 translated code there.
   */
  writable(lo: number, hi: number, size: number): number;
  /** Raises an exception other than #PF: sets the engine words. @returns -1 */
  raise(vector: number, error: number): number;
}

export interface HelperEnv extends LinearMemory {
  readonly mem: GuestAccess;
  /** 32 random bits of cryptographic quality. */
  readonly random: () => number;
}

/** 0: done. -1: exception (engine words set), -2: selfModify; then the state is that before the instruction, or, for a rep instruction, between two iterations. */
export type HelperFn = (env: HelperEnv, d: number, a: number, b: number, c: number) => number;

export interface HelperRow {
  readonly name: string;
  /** Result type or null; argument types. */
  readonly result: Field;
  readonly args: readonly Field[];
  /** State variables (indices) read and written, 'all', or none. */
  readonly reads: readonly number[] | 'all';
  readonly writes: readonly number[] | 'all';
  readonly mayFault: boolean;
  /** It touches no vectors or floats but its arguments, result and those listed; others may touch any. */
  readonly integersOnly?: true;
  /** Its result is another one each time: engines cannot be compared over it. */
  readonly varies?: true;
  readonly fn: HelperFn;
}
