/** scripts/bootstrap.mjs and build.mjs on a small tree of its own: what `npm start` needs on a fresh clone. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert, suite } from './suite.ts';

const test = suite('bootstrap', { timeout: 120_000 });
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const MAIN = `#!/usr/bin/env node
import { answer } from '../host/node/index.ts';

console.log(answer, ...process.argv.slice(2));
`;

function withTree(use: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'kevlar-bootstrap-'));
  try {
    for (const name of ['package.json', 'tsconfig.base.json', 'tsconfig.build.json', 'scripts']) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'src/cli'), { recursive: true });
    mkdirSync(join(folder, 'src/host/node'), { recursive: true });
    writeFileSync(join(folder, 'src/cli/main.ts'), MAIN);
    for (const name of ['cli/launch.ts', 'host/node/cache-directory.ts']) {
      cpSync(join(ROOT, 'src', name), join(folder, 'src', name));
    }
    writeFileSync(join(folder, 'src/cli/page.html'), '<p>asset</p>\n');
    writeFileSync(join(folder, 'src/host/node/index.ts'), 'export const answer: number = 42;\n');
    use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function bootstrap(folder: string): { status: number | null; stderr: string } {
  const script = join(folder, 'scripts/bootstrap.mjs');
  return spawnSync(process.execPath, [script, 'build'], { encoding: 'utf8' });
}

/** What the built command prints. */
function output(
  folder: string,
  args: readonly string[] = [],
  cache = join(folder, 'cache'),
): string {
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  const main = join(folder, 'dist/cli/main.js');
  const { stdout, stderr } = spawnSync(main, args, { encoding: 'utf8', env });
  return stdout + stderr;
}

function codeFiles(cache: string): string[] {
  return readdirSync(join(cache, 'kevlar-jit')).filter((name) => name.startsWith('code-'));
}

test('keeps the code of the command, and replaces it when it is damaged', () => {
  withTree((folder) => {
    assert.is(bootstrap(folder).status, 0);
    const cache = join(folder, 'cache');
    assert.is(output(folder, ['a']), '42 a\n');
    const [name] = codeFiles(cache) as [string];
    const file = join(cache, 'kevlar-jit', name);
    const first = statSync(file);
    assert.is(output(folder, ['a']), '42 a\n');
    assert.is(statSync(file).ino, first.ino, 'what is good is used, not replaced');

    const good = readFileSync(file);
    for (const damaged of [good.map((b, i) => (i === good.length >> 1 ? b ^ 1 : b)), '', 'x']) {
      writeFileSync(file, damaged);
      assert.is(output(folder, ['a']), '42 a\n');
      assert.is(readFileSync(file).length, good.length, 'replaced');
    }

    for (let i = 0; i < 9; i++) writeFileSync(join(cache, 'kevlar-jit', `code-old${i}`), '');
    writeFileSync(file, '');
    output(folder, ['a']);
    assert.is(codeFiles(cache).length, 8);
    assert.ok(codeFiles(cache).includes(name));

    assert.is(
      output(folder, ['a'], join(folder, 'package.json')),
      '42 a\n',
      'no cache can be made there',
    );
  });
});

test('builds once, again after a change, and keeps the old build when the new one fails', () => {
  withTree((folder) => {
    assert.match(bootstrap(folder).stderr, 'building');
    assert.is(output(folder, ['a']), '42 a\n');
    assert.is(readFileSync(join(folder, 'dist/cli/page.html'), 'utf8'), '<p>asset</p>\n');
    assert.ok(existsSync(join(folder, 'dist/host/node/index.d.ts')));
    const library = "import('./dist/host/node/index.js').then((m) => console.log(m.answer))";
    const user = spawnSync(process.execPath, ['-e', library], { cwd: folder, encoding: 'utf8' });
    assert.is(user.stdout, '42\n');

    assert.equal(bootstrap(folder).stderr, '', 'nothing to do the second time');

    writeFileSync(join(folder, 'src/host/node/index.ts'), 'export const answer: number = 43;\n');
    assert.is(bootstrap(folder).status, 0);
    assert.is(output(folder), '43\n');

    writeFileSync(join(folder, 'src/host/node/index.ts'), "export const answer: number = 'x';\n");
    assert.is(bootstrap(folder).status, 1);
    assert.is(output(folder), '43\n');
  });
});
