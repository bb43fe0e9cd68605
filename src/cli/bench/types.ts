/**
 * What the benchmark is made of. A *row* is one line of the table: a metric of a case, what it is measured against, and
 * the target. A *case* is one command, which gives one or more metrics. A *subject* runs it: the machine itself,
 * qemu-x86_64, Pyodide, mke2fs and debugfs, or an engine of kevlar-jit.
 */

import type { Engine } from '../../machine/cpu.ts';

export type Reference = 'native' | 'qemu' | 'pyodide' | 'e2fsprogs';
export type Subject = Reference | Engine;

export const REFERENCES: readonly Reference[] = ['native', 'qemu', 'pyodide', 'e2fsprogs'];

/** Milliseconds, nanoseconds an operation, megabytes, a ratio; of million instructions a second more is better. */
export type Unit = 'ms' | 'ns' | 'MB' | 'x' | 'M/s';

export interface RowSpec {
  /** What `--row` takes. */
  readonly name: string;
  readonly work: string;
  /** Names of a case, and of one of its metrics. */
  readonly case: string;
  readonly metric: string;
  readonly unit: Unit;
  /** The engine it is about, if it is not the one that was asked for. */
  readonly engine?: Engine;
  /** What the target is a multiple of; null: of its unit. */
  readonly against: Reference | null;
  /** null: for information. */
  readonly target: number | null;
}

/** One run of one subject: values by metric. */
export type Sample = ReadonlyMap<string, number>;

export interface Case {
  readonly name: string;
  /** What runs, as text. */
  readonly command: string;
  /** References that can do it. */
  readonly references: readonly Reference[];
  /** A first run that does not count: whatever can be cached is. */
  readonly warm?: boolean;
  /** Makes what it needs. @returns why it cannot be measured here, or '' */
  readonly prepare?: () => string;
  /** @param metrics those that are wanted */
  readonly run: (subject: Subject, metrics: readonly string[]) => Sample;
}

export interface RowResult {
  readonly name: string;
  readonly work: string;
  readonly command: string;
  readonly unit: Unit;
  /** The engine that is meant by the ratio. */
  readonly engine: Engine;
  readonly against: Reference | null;
  readonly target: number | null;
  /** Medians by subject. */
  readonly values: Readonly<Partial<Record<Subject, number>>>;
  /** The engine's median, divided by that of what it is against. */
  readonly reached: number | null;
  /** What is missing, and why. */
  readonly note: string;
}

export interface BenchResult {
  readonly date: string;
  /** Of the source, where it is under git. */
  readonly commit: string;
  readonly cpu: string;
  readonly node: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly engines: readonly Engine[];
  readonly rows: readonly RowResult[];
  /** Rows that ran and went wrong: other output, an exit status, too slow. */
  readonly failures: readonly string[];
}
