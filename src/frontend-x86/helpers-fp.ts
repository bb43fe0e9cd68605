/** Helper rows of SSE and x87 instructions. */

import type { HelperRow } from '../ir/helpers.ts';

export const FP_HELPERS: readonly HelperRow[] = [];
