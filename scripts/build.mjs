/**
 * Compiles src/ to dist/ with declarations and source maps, copies what is not TypeScript beside it, and
 * leaves dist/.built for bootstrap.mjs. Plain JavaScript, because bootstrap.mjs runs it.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const started = new Date();

rmSync(dist, { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});
if (status !== 0) process.exit(1);

cpSync(join(root, 'src'), dist, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
});
const command = join(dist, 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
writeFileSync(join(dist, '.built'), `${started.toISOString()}\n`);
