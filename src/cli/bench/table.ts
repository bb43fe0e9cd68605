/** The results as a table: for a terminal, or in Markdown for the README. */

import type { Engine } from '../../machine/cpu.ts';
import {
  type BenchResult,
  REFERENCES,
  type RowResult,
  type RowSpec,
  type Subject,
  type Unit,
} from './types.ts';

type Cells = readonly string[];

const NONE = '–';
/** The engine that chooses may be this much slower than the best single one. */
const MAY_LOSE = 1.1;

function number(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A value with its unit. */
export function quantity(value: number | undefined, unit: Unit): string {
  if (value === undefined) return NONE;
  if (unit === 'ms' && value >= 1000) return `${number(value / 1000)} s`;
  return unit === 'x' ? `${number(value)} x` : `${number(value)} ${unit}`;
}

/** "≤ 3 x qemu", "≤ 250 MB" or nothing. */
export function targetText({
  target,
  against,
  unit,
}: Pick<RowSpec, 'target' | 'against' | 'unit'>): string {
  if (target === null) return NONE;
  if (against !== null) return `≤ ${target} x ${against}`;
  return `≤ ${target} ${unit}`;
}

function reachedText({ reached, against, unit }: RowResult): string {
  if (reached === null) return NONE;
  return against === null ? quantity(reached, unit) : `${number(reached)} x ${against}`;
}

function metText({ reached, target }: RowResult): string {
  if (reached === null || target === null) return '';
  return reached <= target ? 'yes' : 'no';
}

/** The columns of values: references that ran, then engines. */
function subjects({ rows, engines }: BenchResult): Subject[] {
  const ran = (s: Subject): boolean => rows.some((row) => row.values[s] !== undefined);
  return [...REFERENCES.filter(ran), ...engines];
}

/** A row about one engine shows that engine's value where the first one's stands. */
function valueIn(row: RowResult, subject: Subject, first: Engine | undefined): number | undefined {
  return row.values[subject] ?? (subject === first ? row.values[row.engine] : undefined);
}

function cells(result: BenchResult, row: RowResult): Cells {
  const [first] = result.engines;
  return [
    row.name,
    row.note === '' ? row.work : `${row.work} (${row.note})`,
    ...subjects(result).map((s) => quantity(valueIn(row, s, first), row.unit)),
    reachedText(row),
    targetText(row),
    metText(row),
  ];
}

function head(result: BenchResult): Cells {
  const names: Partial<Record<Subject, string>> = { qemu: 'qemu-x86_64', pyodide: 'Pyodide' };
  const single = result.engines.length === 1;
  const columns = subjects(result).map((s) => {
    if (single && s === result.engines[0]) return 'kevlar-jit';
    return names[s] ?? s;
  });
  return ['row', 'work', ...columns, 'reached', 'target', 'met'];
}

function aligned(rows: readonly Cells[]): string[] {
  const widths = (rows[0] as Cells).map((_, i) =>
    Math.max(...rows.map((r) => (r[i] as string).length)),
  );
  const side = (c: string, i: number): string =>
    i < 2 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!);
  return rows.map((r) => r.map(side).join('  ').trimEnd());
}

/** How many rows with a target met it. */
function summary({ rows }: BenchResult): string {
  const judged = rows.filter((r) => r.target !== null && r.reached !== null);
  const met = judged.filter((r) => (r.reached as number) <= (r.target as number));
  return `${met.length} of ${judged.length} targets are met`;
}

function conditions({ rounds, node, cpu, quick }: BenchResult): string {
  const size = quick ? 'small sizes, ' : '';
  return `${size}medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}, Node ${node}, ${cpu}`;
}

/** Rows on which `auto` is more than 10 % slower than the best single engine. */
export function losses({ rows, engines }: BenchResult): string[] {
  if (!engines.includes('auto')) return [];
  return rows.flatMap((row) => {
    const { auto } = row.values;
    if (auto === undefined || row.unit !== 'ms') return [];
    const others = engines.filter((e) => e !== 'auto' && row.values[e] !== undefined);
    const best = others.reduce<Engine | null>(
      (b, e) => (b === null || row.values[e]! < row.values[b]! ? e : b),
      null,
    );
    if (best === null || auto <= row.values[best]! * MAY_LOSE) return [];
    const ratio = number(auto / row.values[best]!);
    return [`${row.name}: auto ${quantity(auto, row.unit)}, ${ratio} x ${best}`];
  });
}

export function textTable(result: BenchResult): string {
  const lost = losses(result);
  const compared = result.engines.includes('auto') && result.engines.length > 1;
  return [
    ...aligned([head(result), ...result.rows.map((row) => cells(result, row))]),
    '',
    `${summary(result)}; ${conditions(result)}`,
    ...(compared
      ? ['', `auto loses by more than 10 % on ${lost.length} rows`, ...lost.map((l) => `  ${l}`)]
      : []),
    '',
  ].join('\n');
}

export function markdownTable(result: BenchResult): string {
  const line = (row: Cells): string => `| ${row.join(' | ')} |`;
  const top = head(result);
  return [
    line(top),
    line(top.map((_, i) => (i < 2 ? '---' : '---:'))),
    ...result.rows.map((row) => line(cells(result, row))),
    '',
    `${summary(result)}; ${conditions(result)}. \`kevlar-jit bench --row NAME\` measures one row.`,
    '',
  ].join('\n');
}
