/** All helpers of the x86 frontend, in the order of their numbers. */

import type { FlagsLayout } from '../common/condition-codes.ts';
import type { DivisionLayout } from '../common/division.ts';
import type { StringLayout } from '../common/strings.ts';
import type { X87Layout } from '../common/x87.ts';
import type { HelperRow } from '../ir/helpers.ts';
import { FLAGS_LAYOUT } from './flags.ts';
import { FP_HELPERS } from './helpers-fp.ts';
import { DIVISION_LAYOUT, INT_HELPERS } from './helpers-int.ts';
import { SEGMENT_HELPERS } from './helpers-segment.ts';
import { STRING_HELPERS, STRING_LAYOUT } from './helpers-string.ts';
import { SYSTEM_HELPERS } from './helpers-system.ts';
import { VEC_HELPERS } from './helpers-vec.ts';
import { XSAVE_HELPERS } from './helpers-xsave.ts';
import { X87_LAYOUT } from './x87-state.ts';

function integersOnly(rows: readonly HelperRow[]): HelperRow[] {
  return rows.map((row) => ({ ...row, integersOnly: true }));
}

export const HELPERS: readonly HelperRow[] = [
  ...integersOnly(SYSTEM_HELPERS),
  ...integersOnly(INT_HELPERS),
  ...integersOnly(STRING_HELPERS),
  ...FP_HELPERS,
  ...VEC_HELPERS,
  ...XSAVE_HELPERS,
  ...integersOnly(SEGMENT_HELPERS),
];

/** Helper numbers by name. */
export const HELPER: Readonly<Record<string, number>> = Object.fromEntries(
  HELPERS.map((h, i) => [h.name, i]),
);

/** Where the variables of helpers are that backends have functions of their own for. */
export const HELPER_LAYOUTS: {
  readonly flags: FlagsLayout;
  readonly x87: X87Layout;
  readonly division: DivisionLayout;
  readonly strings: StringLayout;
} = { flags: FLAGS_LAYOUT, x87: X87_LAYOUT, division: DIVISION_LAYOUT, strings: STRING_LAYOUT };
