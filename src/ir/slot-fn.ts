/**
 * The form of every operation that works on memory slots (class 'slot' of the op table).
 *
 * Operands are word indices of slots: lane i of a vector at `a` is `I32[a + i]`, a double is
 * `F64[a >> 1]`. The destination may be the same slot as any operand, so a function reads all it
 * needs before it writes (or works lane by lane). Raw integer fields are passed as they are.
 */

import type { HelperEnv } from './helpers.ts';

/** @returns 0: done; -1: exception, engine words are set and `d` is not written */
export type SlotFn = (
  env: HelperEnv,
  d: number,
  a: number,
  b: number,
  c: number,
  imm: number,
) => number;

/** Writes a vector's four words. */
export function put(I32: Int32Array, d: number, w0: number, w1: number, w2: number, w3: number): 0 {
  I32[d] = w0;
  I32[d + 1] = w1;
  I32[d + 2] = w2;
  I32[d + 3] = w3;
  return 0;
}
