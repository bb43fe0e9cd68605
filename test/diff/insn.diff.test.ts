/**
 * The instruction table against the host CPU: every row alone over edge values, and sequences.
 *
 *   KEVLAR_DIFF_CASES=1000000 KEVLAR_DIFF_SEED=7 npm run test:diff
 *
 * A failure prints the case; the seed, which is printed always, reproduces it.
 */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import { ARITH_ROWS } from '../../src/frontend-x86/rows-arith.ts';
import { CONTROL_ROWS } from '../../src/frontend-x86/rows-control.ts';
import { MOVE_ROWS } from '../../src/frontend-x86/rows-move.ts';
import { SHIFT_ROWS } from '../../src/frontend-x86/rows-shift.ts';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { assert, suite } from '../lib/suite.ts';
import { type FuzzResult, fuzz } from './fuzz.ts';
import { fuzzable, sequenceCase, sequencePlan, singleCase } from './generate.ts';
import { hostHas } from './host-features.ts';
import { whyNoNative } from './native.ts';
import { Random } from './random.ts';

const test = suite('instructions against the CPU', { timeout: 24 * 3600_000 });
const CASES = Number(process.env['KEVLAR_DIFF_CASES'] ?? 30_000);
const SEED = Number(process.env['KEVLAR_DIFF_SEED'] ?? (Date.now() >>> 0) % 1_000_000_000);

const INTEGER: ReadonlySet<InsnRow> = new Set([
  ...ARITH_ROWS,
  ...MOVE_ROWS,
  ...SHIFT_ROWS,
  ...CONTROL_ROWS,
]);

const runnable = (r: InsnRow): boolean => fuzzable(r) && hostHas(r.options.feature);

function report(r: FuzzResult): void {
  const text = r.failures.map((f) => f.text).join('\n\n');
  assert.is(r.failures.length, 0, `seed ${SEED}: ${r.failures.length} cases differ\n\n${text}`);
}

/** One suite of rows on its own: integer, or floating point and vector. */
function family(name: string, rows: readonly InsnRow[]): void {
  const plan = sequencePlan(rows);
  test(`${name}: single instructions`, () => {
    const rng = new Random(SEED);
    const count = Math.max(CASES / 3, rows.length * 20);
    const r = fuzz(count, (i) => singleCase(rng, rows[i % rows.length] as InsnRow));
    report(r);
    // Rows of which no case ran to its end would be tested for their faults only.
    const never = rows.filter((row) => !r.completed.has(row) && !alwaysFaults(row));
    assert.equal(
      never.map((row) => row.text),
      [],
    );
  });
  test(`${name}: sequences`, () => {
    const rng = new Random(SEED + 1);
    report(fuzz(CASES / 6, () => sequenceCase(rng, plan)));
  });
}

function alwaysFaults(row: InsnRow): boolean {
  return row.options.privileged === true || /^ud\d$/.test(row.mnemonic);
}

const why = whyNoNative();
if (why !== null) test.skip('all rows', why);
else {
  console.log(`seed ${SEED}`);
  const rows = ROWS.filter(runnable);
  family(
    'integer',
    rows.filter((r) => INTEGER.has(r)),
  );
  family(
    'floating point and vector',
    rows.filter((r) => !INTEGER.has(r)),
  );
}
