/**
 * Hostile guests for as long as asked for: `npm run test:hostile -- --seconds 600`. Half of the time is engine
 * auto's, half the interpreter's. A seed names a run exactly: `--once` repeats one, in this process.
 */

import { parseArgs } from 'node:util';
import type { Engine } from '../../src/machine/cpu.ts';
import { type Counts, runChaos } from './lib/chaos.ts';
import { type ChaosLine, type ChaosTotals, runChaosFor, sum } from './lib/chaos-runs.ts';

const USAGE = `usage: npm run test:hostile -- [options]
  --seconds N       how long (60)
  --seed N          the first seed (from the clock)
  --engine ENGINE   this engine alone
  --once            the first seed alone`;
const MB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    engine: { type: 'string' },
    once: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed ?? Math.floor(Date.now() / 1000));

const megabytes = (bytes: number): number => Math.round(bytes / MB);

/** What is left of the heap when all garbage has gone. */
async function heapLeft(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    await new Promise((done) => setImmediate(done));
    globalThis.gc?.();
  }
  return process.memoryUsage().heapUsed;
}

async function runOne(engine: Engine, s: number): Promise<ChaosLine> {
  try {
    const report = runChaos(s, engine);
    const rssMb = megabytes(process.memoryUsage.rss());
    return { report, leftMb: megabytes(await heapLeft()), rssMb };
  } catch (e) {
    return { seed: s, error: e instanceof Error ? (e.stack ?? e.message) : String(e) };
  }
}

/** Runs seeds in this process, a line for each. */
async function runHere(engine: Engine): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const last = seed + Number(values.runs) - 1;
  for (let s = seed; s === seed || (s <= last && performance.now() < end); s++) {
    process.stdout.write(`${JSON.stringify(await runOne(engine, s))}\n`);
  }
}

function list(counts: Counts): string {
  const entries = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  return entries.map(([name, n]) => `${name} ${n}`).join(', ');
}

function show(t: ChaosTotals): void {
  const ended = `${t.ended} ended by themselves`;
  const memory = `heap left ${t.maxLeftMb} MB, resident ${t.maxRssMb} MB at most`;
  console.log(`${t.engine}: system calls: ${list(t.calls)}`);
  console.log(`${t.engine}: ends: ${list(t.deaths)}`);
  for (const finding of t.findings) console.log(`${t.engine}: ${finding}`);
  console.log(
    `${t.engine}: ${t.runs} seeds (${ended}), ${sum(t.calls)} system calls of ${Object.keys(t.calls).length} kinds, ` +
      `${t.processes} processes, ${t.instructions} instructions, ${memory}, ${t.findings.length} findings`,
  );
}

async function main(): Promise<void> {
  if (values.help) return console.log(USAGE);
  const engine = values.engine as Engine | undefined;
  if (values.child) return runHere(engine ?? 'auto');
  if (values.once) return console.log(runChaos(seed, engine ?? 'auto'));
  const engines: readonly Engine[] = engine === undefined ? ['auto', 'interp'] : [engine];
  console.log(`first seed ${seed}`);
  for (const which of engines) {
    const time = seconds / engines.length;
    const totals = await runChaosFor({ engine: which, firstSeed: seed, seconds: time });
    show(totals);
    if (totals.findings.length > 0) process.exitCode = 1;
  }
}

await main();
