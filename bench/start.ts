/**
 * Where the start of the command goes: CPU and wall time of whole runs, beside Node's own, and the phases of a run
 * from V8's sampling profiler. The built command is measured (npm run build).
 *
 *     node --import tsx bench/start.ts [RUNS [PROGRAM [ARG...]]]
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const SAMPLE_US = 200;

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A phase is what runs below a function, unless a function further down is another phase. */
const PHASES: Readonly<Record<string, string>> = {
  Script: 'code of the bundle',
  readKept: 'code of the bundle',
  __init: 'modules',
  Machine: 'machine',
  train: 'training of the interpreter',
  mountAll: 'file systems',
  spawn: 'first program',
  runSlice: 'guest: kernel',
  lookup: 'guest: translation',
  enter: 'guest: interpreter and regions',
  keep: 'keeping code',
};

function phase(node: ProfileNode, above: string): string {
  const { functionName, url } = node.callFrame;
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(idle)') return 'idle';
  const ours = url.startsWith('file:') || url.startsWith('/');
  if (functionName === 'Script' || (ours && Object.hasOwn(PHASES, functionName))) {
    // What training enters is training.
    if (above === PHASES.train) return above;
    return PHASES[functionName] as string;
  }
  return ours && above === 'Node' ? 'command line' : above;
}

function phasesOf(profile: Profile): Map<string, number> {
  const nodes = new Map(profile.nodes.map((n) => [n.id, n]));
  const phases = new Map<number, string>();
  const visit = (node: ProfileNode, above: string): void => {
    const here = phase(node, above);
    phases.set(node.id, here);
    for (const id of node.children ?? []) visit(nodes.get(id) as ProfileNode, here);
  };
  visit(profile.nodes[0] as ProfileNode, 'Node');
  const times = new Map<string, number>();
  profile.samples.forEach((id, i) => {
    const name = phases.get(id) as string;
    const ms = (profile.timeDeltas[i] as number) / 1000;
    times.set(name, (times.get(name) ?? 0) + ms);
  });
  return times;
}

function run(args: readonly string[]): void {
  const { status, error } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${error?.message ?? status}`);
}

/** CPU time of ended children, in ms. */
function childrenMs(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}

function whole(commands: readonly (readonly string[])[], runs: number): void {
  const times = commands.map(() => ({ cpu: [] as number[], wall: [] as number[] }));
  for (let i = 0; i < runs; i++) {
    commands.forEach((args, k) => {
      const cpu = childrenMs();
      const wall = performance.now();
      run(args);
      times[k]?.wall.push(performance.now() - wall);
      times[k]?.cpu.push(childrenMs() - cpu);
    });
  }
  console.log(`ms of CPU and wall time, medians of ${runs} runs:`);
  commands.forEach((args, k) => {
    const { cpu, wall } = times[k] as (typeof times)[0];
    const text = args.join(' ').replace(CLI, 'kevlar-jit');
    console.log(
      `${String(median(cpu)).padStart(6)} ${median(wall).toFixed(0).padStart(6)}  node ${text}`,
    );
  });
}

function profiled(args: readonly string[], runs: number): void {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-start-'));
  const options = ['--cpu-prof', `--cpu-prof-interval=${SAMPLE_US}`, `--cpu-prof-dir=${folder}`];
  const all: Map<string, number>[] = [];
  try {
    // The first leaves code that was compiled with these options.
    for (let i = -1; i < runs; i++) {
      run([...options, ...args]);
      const file = join(folder, readdirSync(folder)[0] as string);
      const times = phasesOf(JSON.parse(readFileSync(file, 'utf8')));
      rmSync(file);
      if (i >= 0) all.push(times);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(`\nms by phase, medians of ${runs} profiled runs:`);
  const names = new Set(all.flatMap((times) => [...times.keys()]));
  const rows = [...names].map((name) => [name, median(all.map((t) => t.get(name) ?? 0))] as const);
  for (const [name, ms] of rows.sort((a, b) => b[1] - a[1])) {
    console.log(`${ms.toFixed(1).padStart(8)}  ${name}`);
  }
}

const runs = Number(process.argv[2] ?? 9);
const program = process.argv.length > 3 ? process.argv.slice(3) : ['/bin/sh', '-c', ':'];
const command = [CLI, 'run', '--', ...program];
profiled(command, runs);
// Code that was compiled without the profiler's options.
run(command);
whole([['-e', '0'], [CLI, '--version'], command], runs);
