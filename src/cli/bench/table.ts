/** The results as a table: for a terminal, or in Markdown for the README. */

import type { BenchResult, Row } from './measure.ts';

function ms(value: number | null): string {
  if (value === null) return '–';
  return value < 1000
    ? `${value.toFixed(value < 10 ? 1 : 0)} ms`
    : `${(value / 1000).toFixed(2)} s`;
}

function ratio(value: number | null, base: number | null): string {
  return value === null || base === null || base === 0 ? '–' : `${(value / base).toFixed(1)} x`;
}

const HEAD = ['', 'native', 'qemu-x86_64', 'kevlar-jit', 'to native', 'to qemu'] as const;

function cells(r: Row): string[] {
  const name = r.note === '' ? r.name : `${r.name} (${r.note})`;
  return [
    name,
    ms(r.native),
    ms(r.qemu),
    ms(r.kevlar),
    ratio(r.kevlar, r.native),
    ratio(r.kevlar, r.qemu),
  ];
}

function speedRows(result: BenchResult): string[][] {
  return result.interpreter.map((s) => [
    s.note === '' ? s.name : `${s.name} (${s.note})`,
    s.mips === null ? '–' : s.mips.toFixed(1),
  ]);
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] as readonly string[]).map((_, i) =>
    Math.max(...rows.map((r) => (r[i] as string).length)),
  );
  return rows.map((r) =>
    r.map((c, i) => (i === 0 ? c.padEnd(widths[i]!) : c.padStart(widths[i]!))).join('  '),
  );
}

export function textTable(result: BenchResult): string {
  const speeds = [['interpreter', 'million instructions/s'], ...speedRows(result)];
  return [
    ...aligned([HEAD, ...result.rows.map(cells)]),
    '',
    ...aligned(speeds),
    '',
    `medians of ${result.rounds} rounds, Node ${result.node}`,
    '',
  ].join('\n');
}

function markdownRows(rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const [head, ...rest] = rows as [readonly string[], ...(readonly string[])[]];
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rest.map(line)];
}

export function markdownTable(result: BenchResult): string {
  return [
    ...markdownRows([HEAD, ...result.rows.map(cells)]),
    '',
    ...markdownRows([['interpreter alone', 'million instructions/s'], ...speedRows(result)]),
    '',
    `Medians of ${result.rounds} rounds, interleaved; Node ${result.node}.`,
    '',
  ].join('\n');
}
