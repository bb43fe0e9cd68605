/** Measures in rounds, the subjects one after the other in each, so that a busy moment hits them all. */

import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Engine } from '../../machine/cpu.ts';
import { haveE2fsprogs } from './cases-images.ts';
import { pyodidePath } from './cases-python.ts';
import { allCases } from './rows.ts';
import { BenchError, packageRoot, scratchDirectory } from './tools.ts';
import type { BenchResult, Case, Reference, RowResult, RowSpec, Subject } from './types.ts';
import { isGuest, Workshop } from './workshop.ts';

export interface MeasureOptions {
  readonly rows: readonly RowSpec[];
  readonly engines: readonly Engine[];
  readonly quick: boolean;
  readonly rounds: number;
  /** Nothing begins that would probably end later than this. */
  readonly limitMs: number;
  readonly progress: (text: string) => void;
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const mid = sorted.length >> 1;
  const upper = sorted[mid] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[mid - 1] as number)) / 2;
}

/** The engine that a row is about. */
function engineOf(row: RowSpec, engines: readonly Engine[]): Engine {
  return row.engine ?? engines[0] ?? 'auto';
}

/** A subject that runs a case, for the metrics that rows want of it. */
export interface Run {
  readonly one: Case;
  readonly subject: Subject;
  readonly metrics: readonly string[];
}

/** What must run for these rows, case by case and each reference first. */
export function plan(
  cases: readonly Case[],
  rows: readonly RowSpec[],
  engines: readonly Engine[],
): Run[] {
  return cases.flatMap((one) => {
    const own = rows.filter((row) => row.case === one.name);
    const metrics = [...new Set(own.map((row) => row.metric))];
    const wanted = new Set<Subject>(own.length > 0 ? one.references : []);
    for (const row of own) {
      for (const engine of row.engine === undefined ? engines : [row.engine]) wanted.add(engine);
    }
    return [...wanted].map((subject) => ({ one, subject, metrics }));
  });
}

/** Values by case, metric and subject, and what went wrong. */
class Samples {
  private readonly values = new Map<string, number[]>();
  /** By case and subject: why there is nothing, or nothing more. */
  readonly broken = new Map<string, string>();
  readonly failures: string[] = [];

  add(key: readonly string[], value: number): void {
    const list = this.values.get(key.join(' '));
    if (list === undefined) this.values.set(key.join(' '), [value]);
    else list.push(value);
  }

  median(key: readonly string[]): number | null {
    return median(this.values.get(key.join(' ')) ?? []);
  }

  /** @returns null if it cannot be measured any more */
  run({ one, subject, metrics }: Run, count: boolean): void {
    try {
      const sample = one.run(subject, metrics);
      if (!count) return;
      for (const [metric, value] of sample) this.add([one.name, metric, subject], value);
    } catch (e) {
      if (!(e instanceof BenchError)) throw e;
      this.broken.set(`${one.name} ${subject}`, e.message);
      this.failures.push(`${one.name}, ${subject}: ${e.message}`);
    }
  }
}

function result(
  row: RowSpec,
  one: Case,
  samples: Samples,
  options: MeasureOptions,
  absent: ReadonlyMap<Subject, string>,
): RowResult {
  const engine = engineOf(row, options.engines);
  const values: Partial<Record<Subject, number>> = {};
  const notes: string[] = [];
  const engines = row.engine === undefined ? options.engines : [row.engine];
  for (const subject of [...one.references, ...engines] as Subject[]) {
    const value = samples.median([one.name, row.metric, subject]);
    if (value !== null) values[subject] = value;
    const why = samples.broken.get(`${one.name} ${subject}`) ?? absent.get(subject);
    const matters = isGuest(subject) || subject === row.against || !absent.has(subject);
    if (value === null && why !== undefined && matters) notes.push(`${subject}: ${why}`);
  }
  const own = values[engine] ?? null;
  const base = row.against === null ? 1 : (values[row.against] ?? null);
  const { name, work, unit, against, target } = row;
  return {
    ...{ name, work, command: one.command, unit, engine, against, target, values },
    reached: own === null || base === null || base === 0 ? null : own / base,
    note: [...new Set(notes)].join('; '),
  };
}

/** References that are not installed. */
function absentReferences(shop: Workshop): Map<Subject, string> {
  const absent = new Map<Subject, string>();
  if (!shop.qemu) absent.set('qemu', 'not installed');
  if (pyodidePath() === null) absent.set('pyodide', 'not installed');
  if (!haveE2fsprogs()) absent.set('e2fsprogs', 'not installed');
  return absent;
}

export function measure(options: MeasureOptions): BenchResult {
  const { progress, rows } = options;
  const end = performance.now() + options.limitMs;
  const shop = new Workshop(scratchDirectory());
  const cases = allCases(shop, options.quick);
  const absent = absentReferences(shop);
  const samples = new Samples();
  progress('preparing');
  shop.prepare();
  const runs = plan(cases, rows, options.engines).filter(
    ({ subject }) => !absent.has(subject as Reference),
  );
  for (const one of new Set(runs.map((r) => r.one))) {
    const missing = one.prepare?.() ?? '';
    if (missing === '') continue;
    for (const r of runs)
      if (r.one === one) samples.broken.set(`${one.name} ${r.subject}`, missing);
  }
  const rounds = runRounds(runs, samples, options, end);
  const byName = new Map(cases.map((one) => [one.name, one]));
  return {
    ...environment(),
    ...{ quick: options.quick, rounds, engines: options.engines },
    rows: rows.map((row) => result(row, byName.get(row.case) as Case, samples, options, absent)),
    failures: samples.failures,
  };
}

/** @returns how many rounds there were */
function runRounds(
  runs: readonly Run[],
  samples: Samples,
  { rounds, progress }: MeasureOptions,
  end: number,
): number {
  let roundMs = 0;
  let round = 0;
  for (; round < rounds && (round === 0 || performance.now() + roundMs < end); round++) {
    const start = performance.now();
    for (const run of runs) {
      const key = `${run.one.name} ${run.subject}`;
      if (samples.broken.has(key)) continue;
      if (performance.now() > end) {
        samples.broken.set(key, 'no time left');
        continue;
      }
      progress(`round ${round + 1} of ${rounds}: ${run.one.name}, ${run.subject}`);
      if (run.one.warm === true && round === 0) samples.run(run, false);
      if (!samples.broken.has(key)) samples.run(run, true);
    }
    roundMs = performance.now() - start;
  }
  return round;
}

function environment(): Pick<BenchResult, 'date' | 'commit' | 'cpu' | 'node'> {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    node: process.version,
  };
}

/** Of the source this is, with a + if it was changed since; '' where that is not known. */
function commit(): string {
  const git = (...args: string[]): string => {
    const r = spawnSync('git', ['-C', packageRoot(), ...args], { encoding: 'utf8' });
    return r.status === 0 ? r.stdout.trim() : '';
  };
  const head = git('rev-parse', '--short=10', 'HEAD');
  return head !== '' && git('status', '--porcelain', '--', 'src') !== '' ? `${head}+` : head;
}
