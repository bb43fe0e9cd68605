/** Runs the command line as a user does, in a process of its own. */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CLI: readonly string[] = [
  process.execPath,
  '--import',
  fileURLToPath(import.meta.resolve('tsx')),
  fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url)),
];

export interface CliResult {
  /** 128 + N for a signal of the host, as a shell shows it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly timeout?: number;
}

const TIMEOUT_MS = 50_000;

/** Runs `kevlar-jit ARGS`; standard input is empty unless given. */
export function kevlar(args: readonly string[], options: CliOptions = {}): CliResult {
  const r = spawnSync(CLI[0] as string, [...CLI.slice(1), ...args], {
    input: options.input ?? '',
    encoding: 'latin1',
    timeout: options.timeout ?? TIMEOUT_MS,
    maxBuffer: 1 << 28,
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  if (r.error !== undefined) throw r.error;
  return { status: r.status ?? 128, stdout: r.stdout, stderr: r.stderr };
}

/** `kevlar-jit run -- ARGS` in the bundled image. */
export function run(args: readonly string[], options: CliOptions = {}): CliResult {
  return kevlar(['run', '--', ...args], options);
}

/** A shell command of the host in which "$@" is the command line `kevlar-jit`. */
export function hostShell(script: string): Promise<CliResult> {
  const child = spawn('bash', ['-c', script, 'bash', ...CLI], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', (s: string) => {
    stdout += s;
  });
  child.stderr.setEncoding('latin1').on('data', (s: string) => {
    stderr += s;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 128, stdout, stderr }));
  });
}

let folder: string | null = null;

/** A directory of this test process, removed at its end. */
export function scratch(): string {
  if (folder === null) {
    const made = mkdtempSync(join(tmpdir(), 'kevlar-cli-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** Whether a tool of the host is there. */
export function have(tool: string, args: readonly string[] = ['--version']): boolean {
  return spawnSync(tool, args, { stdio: 'ignore' }).status === 0;
}
