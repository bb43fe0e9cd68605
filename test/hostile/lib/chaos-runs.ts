/**
 * Runs of programs/chaos.c one after the other, in a process of their own: what takes that process down, fills its
 * memory or hangs it is a finding like any other, with its seed.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../../src/machine/cpu.ts';
import type { ChaosReport, Counts } from './chaos.ts';

const CHILD = fileURLToPath(new URL('../chaos.ts', import.meta.url));
/** A run takes some five seconds of CPU time; more than this is a hang, even on a loaded computer. */
const HANG_MS = 120_000;
/** The heap of the process that runs, at most. */
const HEAP_MB = 1024;
/** What may be left of it after a run, once its machine is garbage: modules and V8's code, 25 to 45 MB. */
const MAX_LEFT_MB = 128;
/** All of the process. A guest has 48 MB; what V8 keeps for itself varies. */
const MAX_RSS_MB = 1536;

export interface ChaosPlan {
  readonly engine: Engine;
  readonly firstSeed: number;
  /** Stops after so many seconds … */
  readonly seconds?: number;
  /** … or so many runs. */
  readonly runs?: number;
}

export interface ChaosTotals {
  readonly engine: Engine;
  runs: number;
  /** Runs whose first process ended by itself. */
  ended: number;
  processes: number;
  instructions: number;
  readonly calls: Counts;
  readonly deaths: Counts;
  maxLeftMb: number;
  maxRssMb: number;
  nextSeed: number;
  /** What went wrong, with its seed. */
  readonly findings: string[];
}

/** What the process that runs says: a line of JSON for each run. */
export type ChaosLine =
  | { readonly report: ChaosReport; readonly leftMb: number; readonly rssMb: number }
  | { readonly seed: number; readonly error: string };

function newTotals(plan: ChaosPlan): ChaosTotals {
  return {
    engine: plan.engine,
    runs: 0,
    ended: 0,
    processes: 0,
    instructions: 0,
    calls: {},
    deaths: {},
    maxLeftMb: 0,
    maxRssMb: 0,
    nextSeed: plan.firstSeed,
    findings: [],
  };
}

export function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, n) => total + n, 0);
}

function addAll(to: Counts, from: Counts): void {
  for (const [name, n] of Object.entries(from)) to[name] = (to[name] ?? 0) + n;
}

function take(totals: ChaosTotals, line: ChaosLine): void {
  totals.runs++;
  if ('error' in line) {
    totals.findings.push(`seed ${line.seed}: ${line.error}`);
    totals.nextSeed = line.seed + 1;
    return;
  }
  const { report, leftMb, rssMb } = line;
  totals.ended += Number(report.ended);
  totals.processes += report.processes;
  totals.instructions += report.instructions;
  addAll(totals.calls, report.calls);
  addAll(totals.deaths, report.deaths);
  totals.maxLeftMb = Math.max(totals.maxLeftMb, leftMb);
  totals.maxRssMb = Math.max(totals.maxRssMb, rssMb);
  totals.nextSeed = report.seed + 1;
  const limits = [
    ['left of the heap', leftMb, MAX_LEFT_MB],
    ['resident', rssMb, MAX_RSS_MB],
  ] as const;
  for (const [what, mb, most] of limits) {
    if (mb > most) totals.findings.push(`seed ${report.seed}: ${mb} MB ${what}, above ${most}`);
  }
}

interface Limits {
  readonly seconds: number;
  readonly runs: number;
}

function start(engine: Engine, firstSeed: number, limits: Limits): ChildProcess {
  const flags = [`--max-old-space-size=${HEAP_MB}`, '--expose-gc', '--import', 'tsx'];
  const options = { engine, seed: firstSeed, ...limits };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return spawn(process.execPath, [...flags, CHILD, '--child', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs seeds in a child until the limits are reached or the child ends. */
function follow(totals: ChaosTotals, limits: Limits): Promise<void> {
  const child = start(totals.engine, totals.nextSeed, limits);
  let errors = '';
  let hung = false;
  const watchdog = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, HANG_MS);
  createInterface({ input: child.stdout as Readable }).on('line', (line) => {
    watchdog.refresh();
    take(totals, JSON.parse(line) as ChaosLine);
  });
  child.stderr?.on('data', (data) => {
    errors = (errors + data).slice(-4000);
  });
  return new Promise((done) => {
    child.on('close', (code, signal) => {
      clearTimeout(watchdog);
      if (code !== 0) {
        const how = hung ? `said nothing for ${HANG_MS / 1000} s` : `ended by ${signal ?? code}`;
        totals.findings.push(`seed ${totals.nextSeed}: the process ${how}\n${errors}`);
        totals.nextSeed++;
        totals.runs++;
      }
      done();
    });
  });
}

/** Runs one seed after the other; at least one. */
export async function runChaosFor(plan: ChaosPlan): Promise<ChaosTotals> {
  const { seconds = 1e6, runs = 1e6 } = plan;
  const totals = newTotals(plan);
  const end = performance.now() + seconds * 1000;
  do {
    const left = Math.max(1, Math.ceil((end - performance.now()) / 1000));
    await follow(totals, { seconds: left, runs: runs - totals.runs });
  } while (performance.now() < end && totals.runs < runs);
  return totals;
}
