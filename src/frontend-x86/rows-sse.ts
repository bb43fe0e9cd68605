/** SSE to SSE4.2 and MMX instructions. */

import type { InsnRow } from './table-format.ts';

export const SSE_ROWS: readonly InsnRow[] = [];
