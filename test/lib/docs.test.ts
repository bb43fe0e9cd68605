/** The generated pages of docs/ are those of the tables as they are now. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { assert, suite } from '../lib/suite.ts';

const test = suite('generated docs');

test('npm run docs would change nothing', () => {
  const script = fileURLToPath(new URL('../../scripts/docs.ts', import.meta.url));
  const args = ['--import', fileURLToPath(import.meta.resolve('tsx')), script, '--check'];
  const r = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.is(r.status, 0, r.stderr);
});
