/**
 * Long runs of the instruction fuzzer: `npm run fuzz -- --instructions 10000000 --seeds 20`.
 *
 * Compares every engine with this computer's CPU, seed by seed, and prints how often each row was executed.
 * Exit status 1: something differs, or a row was never executed.
 */

import { parseArgs } from 'node:util';
import { ROWS } from '../src/frontend-x86/rows.ts';
import type { InsnRow } from '../src/frontend-x86/table-format.ts';
import { fuzz } from '../test/diff/fuzz.ts';
import { fuzzable, Plan } from '../test/diff/generate.ts';
import { hostHas } from '../test/diff/host-features.ts';
import { whyNoNative } from '../test/diff/native.ts';
import { Random } from '../test/diff/random.ts';

const { values } = parseArgs({
  options: {
    instructions: { type: 'string', default: '10000000' },
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '86400' },
    counts: { type: 'boolean', default: false },
  },
});

function number(name: 'instructions' | 'seeds' | 'seed' | 'seconds'): number {
  const n = Number(values[name]);
  if (!Number.isInteger(n) || n < 1) throw new Error(`--${name} ${values[name]}: not a count`);
  return n;
}

const key = (r: InsnRow): string => `${r.text} [${r.encoding}]`;

/** Every row with its count, or with why it has none. @returns rows that should have been executed */
function printRows(rows: readonly InsnRow[], counts: ReadonlyMap<InsnRow, number>): InsnRow[] {
  const sorted = [...rows].sort((a, b) => counts.get(a)! - counts.get(b)!);
  const shown = values.counts ? sorted : [...sorted.slice(0, 5), ...sorted.slice(-5)];
  for (const row of shown) console.log(`${String(counts.get(row)).padStart(10)}  ${key(row)}`);
  for (const row of ROWS.filter((r) => !rows.includes(r))) {
    const lacks = `this CPU lacks ${row.features.filter((f) => !hostHas(f)).join(', ')}`;
    console.log(`         -  ${key(row)}: ${row.options.noFuzz ?? lacks}`);
  }
  return rows.filter((r) => counts.get(r) === 0);
}

function main(): number {
  const why = whyNoNative();
  if (why !== null) throw new Error(`nothing to compare with: ${why}`);
  const rows = ROWS.filter((r) => fuzzable(r) && r.features.every(hostHas));
  const counts = new Map(rows.map((r) => [r, 0]));
  const seeds = number('seeds');
  const until = Date.now() + number('seconds') * 1000;
  let instructions = 0;
  let differing = 0;
  for (let i = 0; i < seeds && Date.now() < until; i++) {
    const seed = number('seed') + i;
    const plan = new Plan(rows);
    const share = Math.ceil(number('instructions') / seeds);
    const r = fuzz({ rng: new Random(seed), plan, instructions: share, until });
    for (const [row, n] of plan.counts) counts.set(row, counts.get(row)! + n);
    instructions += r.instructions;
    differing += r.failures.length;
    for (const f of r.failures) console.log(`seed ${seed}: ${f.text}\n`);
    console.log(
      `seed ${seed}: ${r.instructions} instructions, ${r.failures.length} programs differ`,
    );
  }
  const never = printRows(rows, counts);
  console.log(
    `${instructions} instructions of ${rows.length} rows, ${differing} programs differ, ${never.length} rows never executed`,
  );
  return differing > 0 || never.length > 0 ? 1 : 0;
}

process.exitCode = main();
