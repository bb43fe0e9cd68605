/**
 * Replaces the benchmark's table in the README by the numbers of a whole run:
 *
 *     npm run bench -- --json bench.json && npm run bench:readme bench.json
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ROWS } from '../src/cli/bench/rows.ts';
import { markdownTable } from '../src/cli/bench/table.ts';
import type { BenchResult } from '../src/cli/bench/types.ts';
import { withTable } from './lib/readme-table.ts';

const README = fileURLToPath(new URL('../README.md', import.meta.url));

function fail(why: string): never {
  console.error(`bench-readme: ${why}`);
  process.exit(1);
}

const [file] = process.argv.slice(2);
if (file === undefined) fail('name the file that --json wrote');
const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
if (result.quick) fail('these are the numbers of small sizes');
if (result.failures.length > 0) fail(`something went wrong: ${result.failures[0]}`);
const missing = ROWS.filter(({ name }) => !result.rows.some((row) => row.name === name));
if (missing.length > 0) fail(`rows are missing: ${missing.map((row) => row.name).join(', ')}`);
writeFileSync(README, withTable(readFileSync(README, 'utf8'), markdownTable(result)));
