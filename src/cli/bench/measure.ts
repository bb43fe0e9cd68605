/** Measures in rounds, the engines one after the other in each, so that a busy moment hits them all. */

import { join } from 'node:path';
import { type Case, Programs, type Sizes } from './programs.ts';
import { BenchError, ENGINES, type Engine, scratchDirectory, statOf, timed } from './run.ts';

export interface Row {
  readonly name: string;
  /** Median milliseconds. */
  readonly native: number | null;
  readonly qemu: number | null;
  readonly kevlar: number | null;
  /** What is missing, and why. */
  readonly note: string;
}

/** Interpreter speed: million guest instructions a second. */
export interface Speed {
  readonly name: string;
  readonly mips: number | null;
  readonly note: string;
}

export interface BenchResult {
  readonly date: string;
  readonly node: string;
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly interpreter: readonly Speed[];
}

export interface MeasureOptions {
  readonly sizes: Sizes;
  readonly rounds: number;
  /** No round begins that would probably end later than this, and nothing at all afterwards. */
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

/** Times by row and engine, and what went wrong. */
class Samples {
  private readonly times = new Map<string, Record<Engine, number[]>>();
  private readonly notes = new Map<string, string>();

  add(row: string, engine: Engine, ms: number): void {
    let times = this.times.get(row);
    if (times === undefined) {
      times = { native: [], qemu: [], kevlar: [] };
      this.times.set(row, times);
    }
    times[engine].push(ms);
  }

  fail(name: string, why: string): void {
    this.notes.set(name, why);
  }

  rows(): Row[] {
    const rows = [...this.times].map(([name, t]): Row => {
      const note = this.notes.get(name) ?? '';
      this.notes.delete(name);
      return {
        name,
        native: median(t.native),
        qemu: median(t.qemu),
        kevlar: median(t.kevlar),
        note,
      };
    });
    for (const [name, note] of this.notes) {
      rows.push({ name, native: null, qemu: null, kevlar: null, note });
    }
    return rows;
  }
}

/** Runs one case on one engine. */
function sample(one: Case, engine: Engine, into: Samples): boolean {
  try {
    for (const [row, ms] of one.run(engine)) into.add(row, engine, ms);
    return true;
  } catch (e) {
    if (!(e instanceof BenchError)) throw e;
    into.fail(one.name, `${engine}: ${e.message}`);
    return false;
  }
}

const INTERPRETED: readonly (readonly [string, (programs: Programs) => readonly string[]])[] = [
  ['hot loops, warm', () => ['/bench/kernels', '0.02']],
  ['python3 -c pass, from cold', () => ['python3', '-c', 'pass']],
];

/** Median speed of the interpreter alone over a program, from its own statistics. */
function interpreterSpeed(
  programs: Programs,
  name: string,
  argv: readonly string[],
  rounds: number,
): Speed {
  const stats = join(programs.directory, 'stats');
  const options = ['--engine', 'interp', `--stats=${stats}`];
  try {
    const speeds: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const { stdout } = timed([...programs.inGuest(options), ...argv]);
      const inside = stdout.split('\n').reduce((n, l) => n + Number(l.split(' ')[2] ?? 0), 0);
      const ms = inside > 0 ? inside : statOf(stats, 'uptime, ms');
      speeds.push(statOf(stats, 'guest instructions') / ms / 1000);
    }
    return { name, mips: median(speeds), note: '' };
  } catch (e) {
    if (!(e instanceof BenchError)) throw e;
    return { name, mips: null, note: e.message };
  }
}

export function measure(options: MeasureOptions): BenchResult {
  const { sizes, progress } = options;
  const end = performance.now() + options.limitMs;
  const programs = new Programs(scratchDirectory(), sizes);
  progress('preparing');
  programs.prepare();
  const cases = programs.cases();
  const samples = new Samples();
  const engines = ENGINES.filter((e) => e !== 'qemu' || programs.qemu);
  const broken = new Set<string>();
  for (const one of cases) if (one.missing !== '') samples.fail(one.name, one.missing);
  const interpreter = INTERPRETED.map(([name, argv]) => {
    progress(`interpreter: ${name}`);
    return interpreterSpeed(programs, name, argv(programs), Math.min(options.rounds, 3));
  });
  let round = 0;
  let roundMs = 0;
  for (; round < options.rounds && (round === 0 || performance.now() + roundMs < end); round++) {
    const start = performance.now();
    for (const one of cases.filter((c) => c.missing === '')) {
      for (const engine of engines) {
        const key = `${one.name} ${engine}`;
        progress(`round ${round + 1} of ${options.rounds}: ${one.name}, ${engine}`);
        if (performance.now() > end) samples.fail(one.name, `${engine}: no time left`);
        else if (!broken.has(key) && !sample(one, engine, samples)) broken.add(key);
      }
    }
    roundMs = performance.now() - start;
  }
  return {
    date: new Date().toISOString(),
    node: process.version,
    rounds: round,
    rows: samples.rows(),
    interpreter,
  };
}
