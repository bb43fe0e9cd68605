/** scripts/bootstrap.mjs and build.mjs on a small tree of its own: what `npm start` needs on a fresh clone. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
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

test('builds once, again after a change, and keeps the old build when the new one fails', () => {
  withTree((folder) => {
    const main = join(folder, 'dist/cli/main.js');
    assert.match(bootstrap(folder).stderr, 'building');
    assert.is(spawnSync(main, ['a'], { encoding: 'utf8' }).stdout, '42 a\n');
    assert.is(readFileSync(join(folder, 'dist/cli/page.html'), 'utf8'), '<p>asset</p>\n');
    assert.ok(existsSync(join(folder, 'dist/host/node/index.d.ts')));

    assert.equal(bootstrap(folder).stderr, '', 'nothing to do the second time');

    writeFileSync(join(folder, 'src/host/node/index.ts'), 'export const answer: number = 43;\n');
    assert.is(bootstrap(folder).status, 0);
    assert.is(spawnSync(main, [], { encoding: 'utf8' }).stdout, '43\n');

    writeFileSync(join(folder, 'src/host/node/index.ts'), "export const answer: number = 'x';\n");
    assert.is(bootstrap(folder).status, 1);
    assert.is(spawnSync(main, [], { encoding: 'utf8' }).stdout, '43\n');
  });
});
