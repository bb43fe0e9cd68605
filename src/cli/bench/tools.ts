/** Runs programs for the benchmark, and knows where things are. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A run longer than this is given up. */
const TIMEOUT_MS = 900_000;
const MAX_OUTPUT = 1 << 28;

export interface Timed {
  readonly ms: number;
  readonly stdout: Buffer;
}

/** A run that did not end well: its row says why. */
export class BenchError extends Error {
  override name = 'BenchError';
}

export function have(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Above src/ in a checkout, above dist/ in the package. */
export function packageRoot(): string {
  return fileURLToPath(new URL('../../../', import.meta.url));
}

/** A program or script of bench/programs, which is in a checkout and not in the package. */
export function benchProgram(name: string): string {
  return join(packageRoot(), 'bench', 'programs', name);
}

/** The command line `kevlar-jit` as this process was started itself: built, or from source. */
export function kevlarCommand(): string[] {
  const root = packageRoot();
  if (!import.meta.url.endsWith('.ts'))
    return [process.execPath, join(root, 'dist', 'cli', 'main.js')];
  const loader = import.meta.resolve('tsx');
  return [process.execPath, '--import', loader, join(root, 'src', 'cli', 'main.ts')];
}

export interface RunSettings {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command and gives wall-clock time and output; standard input comes from a file, or is empty. */
export function timed(command: readonly string[], { input, env }: RunSettings = {}): Timed {
  const [program, ...args] = command as [string, ...string[]];
  const start = performance.now();
  const r = spawnSync(program, args, {
    stdio: [input === undefined ? 'ignore' : openSync(input, 'r'), 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_OUTPUT,
    env: { ...process.env, ...env },
  });
  const ms = performance.now() - start;
  if (r.error !== undefined) {
    const late = (r.error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
    throw new BenchError(late ? `took more than ${TIMEOUT_MS / 1000} s` : r.error.message);
  }
  if (r.status !== 0) {
    const lines = r.stderr.toString().trim().split('\n');
    const why = lines.find((l) => /Error|kevlar-jit:/.test(l)) ?? lines[0] ?? '';
    throw new BenchError(`ended with ${r.status ?? r.signal}: ${why}`);
  }
  return { ms, stdout: r.stdout };
}

/** A directory of this process, removed at its end. */
export function scratchDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'kevlar-bench-'));
  process.on('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Numbers of the file that `--stats=FILE` wrote, by name. */
export function readStats(file: string): (name: string) => number {
  const lines = readFileSync(file, 'utf8').split('\n');
  return (name) => {
    const line = lines.find((l) => l.startsWith(`${name}  `));
    if (line === undefined) throw new BenchError(`no '${name}' in the statistics`);
    return Number(line.slice(name.length));
  };
}
