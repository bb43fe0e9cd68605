/** Compiles test/hostile/programs/NAME.c, statically, once per content. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAMS = fileURLToPath(new URL('../programs/', import.meta.url));
const CACHE = join(tmpdir(), 'kevlar-test-programs');
const FLAGS = ['-static', '-O1', '-w'];

/** @returns the path of the binary */
export function compileHostile(name: string): string {
  const source = join(PROGRAMS, `${name}.c`);
  const hash = createHash('sha256').update(readFileSync(source)).update(FLAGS.join(' '));
  const binary = join(CACHE, `hostile-${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(CACHE, { recursive: true });
  const temporary = `${binary}.${process.pid}`;
  execFileSync('musl-gcc', [...FLAGS, '-o', temporary, source]);
  renameSync(temporary, binary);
  return binary;
}
