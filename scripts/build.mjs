/**
 * Checks src/ and writes its declarations to dist/, bundles it there (bundle.mjs), copies what is not TypeScript, and
 * leaves dist/.built for bootstrap.mjs. dist/ is replaced at the end, so a failed build leaves the old one.
 * Plain JavaScript, because bootstrap.mjs runs it.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
/** Beside dist/, so that the paths inside source maps are right after the move. */
const fresh = join(root, `.dist-${process.pid}`);
const started = new Date();

process.on('exit', () => rmSync(fresh, { recursive: true, force: true }));
const { status } = spawnSync(
  process.execPath,
  [compiler, '-p', 'tsconfig.build.json', '--outDir', fresh],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
);
if (status !== 0) process.exit(1);
try {
  await bundle(join(root, 'src'), fresh);
} catch {
  process.exit(1); // esbuild has said why.
}

cpSync(join(root, 'src'), fresh, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith('.ts'),
});
const command = join(fresh, 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
const stamp = join(fresh, '.built');
writeFileSync(stamp, '');
utimesSync(stamp, started, started);
rmSync(dist, { recursive: true, force: true });
renameSync(fresh, dist);
