/** Compiles the fixtures: programs without a C library, so that any gcc will do. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './cli.ts';

const FLAGS = [
  '-O2',
  '-static',
  '-nostdlib',
  '-ffreestanding',
  '-fno-tree-vectorize',
  '-fno-stack-protector',
];

/** Where the scratch directory is mounted in the guest. */
export const GUEST_DIRECTORY = '/host';
export const VOLUME: readonly string[] = ['-v', `${scratch()}:${GUEST_DIRECTORY}:ro`];

/** @returns the host's path of the program; the guest's is GUEST_DIRECTORY/NAME */
export function compileFixture(name: string): string {
  const source = fileURLToPath(new URL(`./fixtures/${name}.c`, import.meta.url));
  const program = join(scratch(), name);
  const gcc = spawnSync('gcc', [...FLAGS, '-o', program, source], { encoding: 'utf8' });
  if (gcc.status !== 0) throw new Error(`gcc: ${gcc.stderr}`);
  return program;
}
