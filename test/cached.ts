/**
 * Runs tests with the translations that runs leave to later ones: with none at first, with all, and with all damaged;
 * two processes at once share them always. Arguments are those of test/run.ts. The last line is
 * `N passed, N failed`, of all three runs.
 *
 *     npm run test:cached -- [FILTER...]
 */

import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from './diff/random.ts';

const RUNNER = fileURLToPath(new URL('run.ts', import.meta.url));
/** A bit of about one byte in so many is turned over: some indexes stay whole, and some chunks. */
const SPACING = 100_000;

const seed = Number(process.env['KEVLAR_SEED'] ?? Date.now() >>> 0);
const rng = new Random(seed);
const cache = mkdtempSync(join(tmpdir(), 'kevlar-cached-'));

function packs(): string[] {
  const root = join(cache, 'kevlar-jit', 'translations');
  if (!existsSync(root)) return [];
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.pack')).map((name) => join(root, name));
}

/** Turns bits over in all packs, but leaves most of what they hold; one in four loses its end. */
function damage(): number {
  let bits = 0;
  for (const path of packs()) {
    const bytes = readFileSync(path);
    for (let at = rng.below(SPACING); at < bytes.length; at += 1 + rng.below(2 * SPACING)) {
      bytes[at]! ^= 1 << rng.below(8);
      bits++;
    }
    writeFileSync(path, bytes);
    if (rng.below(4) === 0) truncateSync(path, rng.below(bytes.length));
  }
  return bits;
}

/** @returns counts of its last line, and the status */
function run(title: string): { passed: number; failed: number } {
  console.log(`\n==> ${title}: ${packs().length} packs`);
  const child = spawnSync(process.execPath, ['--import', 'tsx', RUNNER, ...process.argv.slice(2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, XDG_CACHE_HOME: cache, KEVLAR_BUILD: 'tests' },
  });
  process.stdout.write(child.stdout);
  const counts = /(\d+) passed, (\d+) failed[^\n]*\n$/.exec(child.stdout);
  const passed = Number(counts?.[1] ?? 0);
  const failed = Number(counts?.[2] ?? 0);
  return { passed, failed: child.status === 0 ? failed : Math.max(failed, 1) };
}

try {
  console.log(`seed ${seed}`);
  const runs = [run('without translations')];
  if (packs().length === 0) throw new Error('no test has left translations');
  runs.push(run('with all translations'));
  console.log(`\n${damage()} bits turned over`);
  runs.push(run('with damaged translations'));
  const sum = (of: 'passed' | 'failed'): number => runs.reduce((n, r) => n + r[of], 0);
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
} finally {
  rmSync(cache, { recursive: true, force: true });
}
