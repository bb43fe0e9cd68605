/** Compiles and feeds the native runner. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CpuState, STATE_BYTES } from './state.ts';

const SOURCE = fileURLToPath(new URL('./native-runner.c', import.meta.url));
const CACHE = fileURLToPath(new URL('../../.cache', import.meta.url));

/** Why the differential tests cannot run here, or null. */
export function whyNoNative(): string | null {
  if (arch() !== 'x64' || platform() !== 'linux') return 'needs an x86-64 Linux host as the oracle';
  if (spawnSync('gcc', ['--version']).status !== 0) return 'needs gcc to build the native runner';
  return null;
}

/** @returns the path of the runner, built once per version of its source */
export function buildRunner(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const path = join(CACHE, `native-runner-${hash}`);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const r = spawnSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', partial, SOURCE], {
    encoding: 'utf8',
  });
  if (r.status !== 0) throw new Error(`building the native runner: ${r.stderr}`);
  renameSync(partial, path);
  return path;
}

/** Runs every case on the host CPU. @returns the states at the signals that ended them */
export function runNative(runner: string, cases: readonly CpuState[]): CpuState[] {
  const input = Buffer.concat(cases.map((c) => c.bytes));
  const r = spawnSync(runner, [], { input, maxBuffer: input.length + 4096 });
  if (r.status !== 0 || r.stdout.length !== input.length) {
    throw new Error(
      `native runner: status ${r.status}, signal ${r.signal}, ${r.stdout.length} bytes`,
    );
  }
  return cases.map(
    (_, i) => new CpuState(r.stdout.subarray(i * STATE_BYTES, (i + 1) * STATE_BYTES)),
  );
}
