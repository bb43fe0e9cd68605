/**
 * The scripts that are compared with recorded native outputs, so that they can be tested without
 * root and without Alpine: they run in the bundled image. Recorded by test/programs/update-golden.ts.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundledImage } from '../../../src/host/node/bundled-image.ts';
import { MemoryBlockDevice, ReadOnlyBlockDevice } from '../../../src/kernel/fs/blockdev.ts';
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

/** The bundled image's bytes, to be shared by machines. */
export function bundledDevice(): ReadOnlyBlockDevice {
  const image = bundledImage();
  const bytes = typeof image === 'string' ? readFileSync(image) : image;
  const device = new MemoryBlockDevice(bytes.length);
  device.write(0, bytes);
  return new ReadOnlyBlockDevice(device);
}
