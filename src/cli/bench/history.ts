/**
 * The history of what was reached: one line of JSON for each recorded run, by which later runs see what got slower.
 * Only runs on the same processor model, with the same sizes, are compared.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BenchError, packageRoot } from './tools.ts';
import type { BenchResult, RowResult } from './types.ts';

/** One recorded run. */
export interface Entry {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly node: string;
  readonly quick: boolean;
  /** By row: what was reached. */
  readonly reached: Readonly<Record<string, number>>;
}

export interface Regression {
  readonly row: string;
  readonly before: number;
  readonly now: number;
  /** By how much it is slower, in percent. */
  readonly percent: number;
}

/** The committed history. */
export function historyFile(): string {
  return join(packageRoot(), 'bench', 'history.jsonl');
}

export function entryOf(result: BenchResult): Entry {
  const { date, commit, cpu, node, quick, rows } = result;
  const reached: Record<string, number> = {};
  for (const row of rows) {
    if (row.reached !== null) reached[row.name] = Number(row.reached.toPrecision(3));
  }
  return { date: date.slice(0, 10), commit, cpu, node, quick, reached };
}

export function readHistory(file: string): Entry[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      try {
        return JSON.parse(line) as Entry;
      } catch {
        throw new BenchError(`${file}: line ${i + 1} is not JSON`);
      }
    });
}

export function record(file: string, result: BenchResult): void {
  if (!existsSync(dirname(file))) throw new BenchError(`${dirname(file)}: no such directory`);
  appendFileSync(file, `${JSON.stringify(entryOf(result))}\n`);
}

/** The last recorded run that can be compared with. */
export function comparable(history: readonly Entry[], result: BenchResult): Entry | null {
  const { cpu, quick } = result;
  return history.filter((e) => e.cpu === cpu && e.quick === quick).at(-1) ?? null;
}

/** Rows that got slower by more than `percent`, the worst first. */
export function regressions(before: Entry, result: BenchResult, percent: number): Regression[] {
  return result.rows
    .flatMap((row) => {
      const then = before.reached[row.name];
      return then === undefined || row.reached === null ? [] : [change(row, then, row.reached)];
    })
    .filter((r) => r.percent > percent)
    .sort((a, b) => b.percent - a.percent);
}

function change({ name, unit }: RowResult, before: number, now: number): Regression {
  const ratio = unit === 'M/s' ? before / now : now / before;
  return { row: name, before, now, percent: (ratio - 1) * 100 };
}

export function comparison(before: Entry, result: BenchResult, percent: number): string {
  const slower = regressions(before, result, percent);
  const since = `${before.date} (${before.commit || 'no commit'}, Node ${before.node})`;
  const rows = result.rows.filter((r) => before.reached[r.name] !== undefined).length;
  return [
    `${slower.length} of ${rows} rows are slower by more than ${percent} % than on ${since}`,
    ...slower.map(
      (r) =>
        `  ${r.row}: ${r.now.toPrecision(3)}, was ${r.before.toPrecision(3)} (+${r.percent.toFixed(0)} %)`,
    ),
    '',
  ].join('\n');
}
