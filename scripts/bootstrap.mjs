/**
 * Makes a fresh clone usable: installs the dependencies if there are none, and with the argument `build`
 * compiles src/ if dist/ is missing or older. Plain JavaScript, because it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(command, args, what) {
  console.error(`${what}…`);
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status === 0) return;
  console.error(`bootstrap: '${[command, ...args].join(' ')}' failed${error ? `: ${error}` : ''}`);
  process.exit(1);
}

/** The latest modification time below a folder, of files and of folders (which tell of deletions). */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const inside = readdirSync(path).map((name) => newest(join(path, name)));
  return Math.max(stat.mtimeMs, ...inside);
}

function isBuilt() {
  const stamp = join(root, 'dist', '.built');
  if (!existsSync(stamp)) return false;
  const sources = ['src', 'tsconfig.base.json', 'tsconfig.build.json', 'package.json'];
  return sources.every((name) => newest(join(root, name)) <= statSync(stamp).mtimeMs);
}

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) {
  console.error(`kevlar-jit needs Node 20 or newer; this is ${process.version}`);
  process.exit(1);
}
if (!existsSync(join(root, 'node_modules', '.package-lock.json'))) {
  run('npm', ['ci', '--no-audit', '--no-fund'], 'installing dependencies');
}
if (process.argv.includes('build') && !isBuilt()) {
  run(process.execPath, [join(root, 'scripts', 'build.mjs')], 'building');
}
