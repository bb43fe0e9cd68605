/**
 * The floating-point environment of the slot operations: one int32 with the layout of MXCSR
 * (SDM vol. 1, figure 10-3).
 *
 *    15  14 13  12                7   6   5               0
 *   +---+-----+---------------------+---+-------------------+
 *   |FTZ| RC  | PM UM OM ZM DM IM    |DAZ| PE UE OE ZE DE IE |
 *   +---+-----+---------------------+---+-------------------+
 *
 * Invariant: sticky flags are only ever set here, before an exception is raised; an operation
 * that raises has not written its destination.
 */

import { STATE_BASE } from '../common/layout.ts';
import type { HelperEnv } from './helpers.ts';

/** Word index of the environment. The frontend's state layout must place it here (it checks). */
export const FP_ENV_WORD: number = (STATE_BASE + 25 * 8) >> 2;

export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;
export const DAZ = 0x40;
export const FTZ = 0x8000;
/** Shift from a flag to its mask. */
export const MASK_SHIFT = 7;
export const RC_SHIFT = 13;

/** Rounding control. */
export const RC = { nearest: 0, down: 1, up: 2, zero: 3 } as const;

/**
 * All masked, nearest, PE already set. The other flags do not matter, nor do DAZ and FTZ, because
 * fast paths leave denormal operands and results alone.
 */
export const FAST_MASK = 0x7fa0;
export const FAST_VALUE = 0x1fa0;
/** The same whatever PE is: fast paths are right for exact results too. */
export const EXACT_MASK: number = FAST_MASK & ~PE;
export const EXACT_VALUE: number = FAST_VALUE & ~PE;

/** SIMD floating-point exception. */
export const VECTOR_XM = 19;

/**
 * Accumulates the flags of an operation.
 * @returns 0, or -1 if one of them is unmasked: #XM is raised
 */
export function commitFlags(env: HelperEnv, flags: number): number {
  if (flags === 0) return 0;
  const mx = env.I32[FP_ENV_WORD]!;
  env.I32[FP_ENV_WORD] = mx | flags;
  return flags & ~(mx >> MASK_SHIFT) & 0x3f ? env.mem.raise(VECTOR_XM, 0) : 0;
}
