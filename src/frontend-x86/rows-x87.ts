/** x87 instructions. */

import type { InsnRow } from './table-format.ts';

export const X87_ROWS: readonly InsnRow[] = [];
