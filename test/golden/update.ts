/** Records what this computer's CPU makes of every row: `npm run golden:update`. It must have all features. */

import { ROWS } from '../../src/frontend-x86/rows.ts';
import { fuzzable } from '../diff/generate.ts';
import { hostHas } from '../diff/host-features.ts';
import { buildRunner, runNative, whyNoNative } from '../diff/native.ts';
import { encodeChanges, inputHash, keyOf, programsOf, type RowVectors, writeVectors } from './vectors.ts';

function main(): void {
  const why = whyNoNative();
  if (why !== null) throw new Error(`instruction vectors cannot be recorded: ${why}`);
  const rows = ROWS.filter(fuzzable);
  const lacking = new Set(rows.flatMap((r) => r.features).filter((f) => !hostHas(f)));
  if (lacking.size > 0) throw new Error(`this CPU lacks ${[...lacking].join(', ')}`);
  const runner = buildRunner();
  const vectors: Record<string, RowVectors> = {};
  for (const row of rows) {
    const programs = programsOf(row);
    const changes = programs.map(({ states }) => {
      const native = runNative(runner, states);
      return states.map((s, i) => encodeChanges(s, native[i]!));
    });
    vectors[keyOf(row)] = { hash: inputHash(programs), changes };
  }
  writeVectors(vectors);
  console.log(`${rows.length} rows recorded`);
}

main();
