/** The instruction table: every encoding, by family. */

import { ARITH_ROWS } from './rows-arith.ts';
import { BMI_ROWS } from './rows-bmi.ts';
import { CONTROL_ROWS } from './rows-control.ts';
import { CRYPTO_ROWS } from './rows-crypto.ts';
import { MOVE_ROWS } from './rows-move.ts';
import { SHIFT_ROWS } from './rows-shift.ts';
import { SSE_ROWS } from './rows-sse.ts';
import { VEX_FP_ROWS } from './rows-vex-fp.ts';
import { VEX_INT_ROWS } from './rows-vex-int.ts';
import { VEX_MOVE_ROWS } from './rows-vex-move.ts';
import { X87_ROWS } from './rows-x87.ts';
import type { InsnRow } from './table-format.ts';

export const ROWS: readonly InsnRow[] = [
  ...ARITH_ROWS,
  ...MOVE_ROWS,
  ...SHIFT_ROWS,
  ...BMI_ROWS,
  ...CONTROL_ROWS,
  ...SSE_ROWS,
  ...CRYPTO_ROWS,
  ...X87_ROWS,
  ...VEX_MOVE_ROWS,
  ...VEX_INT_ROWS,
  ...VEX_FP_ROWS,
];
