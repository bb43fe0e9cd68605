/** The fuzzers of this folder with many more seeds. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { assert, suite } from '../lib/suite.ts';

const test = suite('hostile fuzzing, long', { timeout: 1_700_000 });
const RUNS: Readonly<Record<string, number>> = { syscalls: 60, code: 800, elf: 1500, image: 200 };

for (const [name, runs] of Object.entries(RUNS)) {
  test(name, () => {
    const file = fileURLToPath(new URL(`${name}.test.ts`, import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file], {
      encoding: 'utf8',
      env: { ...process.env, KEVLAR_FUZZ_RUNS: String(runs) },
    });
    assert.is(status, 0, stdout + stderr);
  });
}
