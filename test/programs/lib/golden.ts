/**
 * The scripts that are compared with recorded native outputs, so that they can be tested without
 * root and without Alpine: they run in the bundled image. Recorded by test/programs/update-golden.ts.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './scripts.ts';

export const GOLDEN_SCRIPTS: readonly string[] = [
  'awk-floats',
  'bc-dc',
  'expansion',
  'fifo',
  'find-xargs',
  'heredoc',
  'job-control',
  'links',
  'pipeline-status',
  'printf-floats',
  'redirections',
  'sed-basic',
  'tar-roundtrip',
  'traps',
];

export const GOLDEN_FILE: string = fileURLToPath(new URL('../golden.json', import.meta.url));

export function readGolden(): Readonly<Record<string, Outcome>> {
  return JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as Record<string, Outcome>;
}
