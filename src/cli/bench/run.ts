/** Runs the programs that are measured: natively, under qemu-x86_64, and in kevlar-jit. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Engine = 'native' | 'qemu' | 'kevlar';

export const ENGINES: readonly Engine[] = ['native', 'qemu', 'kevlar'];

/** A run longer than this is given up. */
const TIMEOUT_MS = 100_000;

export interface Timed {
  readonly ms: number;
  readonly stdout: string;
}

/** A run that did not end well: its row says why. */
export class BenchError extends Error {
  override name = 'BenchError';
}

export function have(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The command line `kevlar-jit` as this process was started itself: built, or from source. */
export function kevlarCommand(): string[] {
  const built = import.meta.url.endsWith('.js');
  const main = fileURLToPath(new URL(`../main.${built ? 'js' : 'ts'}`, import.meta.url));
  const loader = built ? [] : ['--import', import.meta.resolve('tsx')];
  return [process.execPath, ...loader, main];
}

/** Runs a command and gives wall-clock time and output; standard input comes from a file, or is empty. */
export function timed(command: readonly string[], input?: string): Timed {
  const [program, ...args] = command as [string, ...string[]];
  const start = performance.now();
  const r = spawnSync(program, args, {
    stdio: [input === undefined ? 'ignore' : openSync(input, 'r'), 'pipe', 'pipe'],
    encoding: 'latin1',
    timeout: TIMEOUT_MS,
    maxBuffer: 1 << 28,
  });
  const ms = performance.now() - start;
  if (r.error !== undefined) {
    const late = (r.error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
    throw new BenchError(late ? `took more than ${TIMEOUT_MS / 1000} s` : r.error.message);
  }
  if (r.status !== 0) {
    const why = r.stderr.trim().split('\n')[0] ?? '';
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

/** A number of the file that `--stats=FILE` wrote. */
export function statOf(file: string, name: string): number {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((l) => l.startsWith(`${name}  `));
  if (line === undefined) throw new BenchError(`no '${name}' in the statistics`);
  return Number(line.slice(name.length));
}
