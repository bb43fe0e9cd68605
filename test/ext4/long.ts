/**
 * `npm run test:ext4`: the tests of ext4 with large numbers, one after the other; each prints how much it did. Takes
 * about an hour; every part has a limit of its own. Filters choose parts: `npm run test:ext4 -- power kill`.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Part {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly minutes: number;
}

const PARTS: readonly Part[] = [
  { file: 'corpus.slow.test.ts', env: {}, minutes: 10 },
  { file: 'matrix.slow.test.ts', env: { KEVLAR_EXT4_MATRIX: 'all' }, minutes: 30 },
  { file: 'power.slow.test.ts', env: { KEVLAR_EXT4_CUTS: '5000' }, minutes: 20 },
  { file: 'model.test.ts', env: { KEVLAR_MODEL_RUNS: '400' }, minutes: 20 },
  { file: 'syscalls.slow.test.ts', env: { KEVLAR_EXT4_SEQUENCES: '40' }, minutes: 30 },
  { file: 'hostile.test.ts', env: { KEVLAR_FUZZ_RUNS: '3000' }, minutes: 30 },
  { file: 'kill.slow.test.ts', env: { KEVLAR_EXT4_KILLS: '200' }, minutes: 40 },
];

const filters = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const { file, env, minutes } of PARTS) {
  if (filters.length > 0 && !filters.some((filter) => file.includes(filter))) continue;
  const started = performance.now();
  console.log(`\n==> ${file}`);
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', path], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    timeout: minutes * 60_000,
    killSignal: 'SIGKILL',
  });
  if (status === 0) passed++;
  else failed++;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(
    `${file}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s of at most ${minutes * 60})`,
  );
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
