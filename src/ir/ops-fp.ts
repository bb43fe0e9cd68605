/** Rows of the floating-point operations (semantics: slot-fp.ts). Values are bits in memory slots. */

import type { OpRow } from './ops.ts';

export const FP_OPS = [] as const satisfies readonly OpRow[];
