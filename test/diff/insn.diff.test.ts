/**
 * The instruction table against the host CPU, in every engine: each row alone and among others, over edge values.
 *
 *   KEVLAR_DIFF_INSTRUCTIONS=10000000 KEVLAR_DIFF_SEED=7 npm run test:diff
 *
 * At most KEVLAR_DIFF_SECONDS. A failure prints the smallest program that shows it; the seed, which is printed
 * always, reproduces it. Long runs over many seeds, with counts by row: `npm run fuzz`.
 */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import type { InsnRow } from '../../src/frontend-x86/table-format.ts';
import { assert, suite } from '../lib/suite.ts';
import { fuzz } from './fuzz.ts';
import { alwaysFaults, fuzzable, Plan } from './generate.ts';
import { hostHas } from './host-features.ts';
import { whyNoNative } from './native.ts';
import { Random } from './random.ts';

const test = suite('instructions against the CPU', { timeout: 24 * 3600_000 });
const INSTRUCTIONS = Number(process.env['KEVLAR_DIFF_INSTRUCTIONS'] ?? 400_000);
const SECONDS = Number(process.env['KEVLAR_DIFF_SECONDS'] ?? 120);
const SEED = Number(process.env['KEVLAR_DIFF_SEED'] ?? (Date.now() >>> 0) % 1_000_000_000);

const why = whyNoNative();
if (why !== null) test.skip('all rows', why);
else {
  test('all rows', () => {
    console.log(`seed ${SEED}`);
    const plan = new Plan(ROWS.filter((r) => fuzzable(r) && r.features.every(hostHas)));
    const r = fuzz({
      rng: new Random(SEED),
      plan,
      instructions: INSTRUCTIONS,
      until: Date.now() + SECONDS * 1000,
    });
    console.log(`${r.instructions} instructions of ${plan.rows.length} rows`);
    const text = r.failures.map((f) => f.text).join('\n\n');
    assert.is(
      r.failures.length,
      0,
      `seed ${SEED}: ${r.failures.length} programs differ\n\n${text}`,
    );
    // Rows of which no instruction came to its end would be tested for their faults only.
    const ends = (row: InsnRow): boolean =>
      !alwaysFaults(row) && row.options.vendors !== 'RIP of a trap';
    const never = plan.rows.filter((row) => !r.completed.has(row) && ends(row));
    assert.equal(
      never.map((row) => row.text),
      [],
    );
  });
}
