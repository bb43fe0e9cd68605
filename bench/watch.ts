/**
 * What `--watch` costs a program that does not store to what is watched: CPython in the bundled image, with and
 * without a watch of a section that nobody writes. Whole processes by turns; medians, and the ratio.
 *
 *     npm run build && node --import tsx bench/watch.ts [ROUNDS]
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const ROUNDS = Number(process.argv[2] ?? 5);
const PROGRAM = `
d = {}
for i in range(300000):
    d[i % 1000] = [i, str(i)]
print(sum(len(v) for v in d.values()))
`;
const LIBRARY = 'libpython3.13.so.1.0';
const RUNS: Readonly<Record<string, readonly string[]>> = {
  'no watch': [],
  'never written': ['--watch', `${LIBRARY}:.gnu.hash`],
};

function seconds(options: readonly string[]): number {
  const start = performance.now();
  const argv = ['run', ...options, '--watch-log', '/dev/null', '--', 'python3', '-c', PROGRAM];
  const r = spawnSync(process.execPath, [CLI, ...argv], { encoding: 'utf8' });
  if (r.status !== 0 || r.stdout !== '2000\n') throw new Error(`${r.stdout}${r.stderr}`);
  return (performance.now() - start) / 1000;
}

const times = new Map(Object.keys(RUNS).map((name) => [name, [] as number[]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, options] of Object.entries(RUNS)) times.get(name)?.push(seconds(options));
}
const median = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] as number;
const base = median(times.get('no watch') as number[]);
for (const [name, list] of times) {
  const m = median(list);
  console.log(`${name.padEnd(14)} ${m.toFixed(2)} s, ${(m / base).toFixed(2)} × no watch`);
}
