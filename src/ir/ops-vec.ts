/** Rows of the vector operations (semantics: slot-vec.ts). Values are lanes in memory slots. */

import type { OpRow } from './ops.ts';

export const VEC_OPS = [] as const satisfies readonly OpRow[];
