/**
 * `npm run bench`: the table of `kevlar-jit bench` (same options), run with the built program if it is up to
 * date: a child that Node compiles from TypeScript first would be charged for that.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));

const built = spawnSync(process.execPath, [path('scripts/bootstrap.mjs'), 'build'], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (built.status !== 0) process.exit(built.status ?? 1);
const r = spawnSync(
  process.execPath,
  [path('dist/cli/main.js'), 'bench', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = r.status ?? 1;
