/** The fuzzer finds bugs: each of the deliberate ones of mutations.ts, among all rows and without knowing which. */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import { assert, suite } from '../lib/suite.ts';
import { fuzz } from './fuzz.ts';
import { fuzzable, Plan } from './generate.ts';
import { hostHas } from './host-features.ts';
import { MUTATIONS } from './mutations.ts';
import { whyNoNative } from './native.ts';
import { Random } from './random.ts';

const test = suite('deliberate bugs', { timeout: 600_000 });
/** Every row comes about sixty times. */
const INSTRUCTIONS = 80_000;

const why = whyNoNative();
if (why !== null) test.skip('all', why);
else {
  const rows = ROWS.filter((r) => fuzzable(r) && r.features.every(hostHas));
  MUTATIONS.forEach(({ name, mnemonic, apply }, i) => {
    test(name, () => {
      const undo = apply();
      try {
        const plan = new Plan(rows);
        const rng = new Random(1 + i);
        const r = fuzz({ rng, plan, instructions: INSTRUCTIONS, maxFailures: 1 });
        const [found] = r.failures;
        assert.ok(found !== undefined, `not found in ${r.instructions} instructions`);
        const names = found.program.rows.map((row) => row.mnemonic);
        assert.ok(
          names.some((n) => mnemonic.test(n)),
          `found in ${names.join(', ')}`,
        );
      } finally {
        undo();
      }
    });
  });
}
