/** kevlar-jit as a job in a pseudo-terminal (host-terminal.py), whose settings must be the same afterwards. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { assert, type Test } from '../../lib/suite.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const havePython = spawnSync('python3', ['--version']).status === 0;

/** See host-terminal.py. */
export type Step = readonly [string, ...(string | number)[]];

export interface TerminalRun {
  /** Options of `run`, the program and its arguments. */
  readonly argv: readonly string[];
  readonly steps: readonly Step[];
  /** The exit status. */
  readonly code: number;
  /** A module to be loaded first. */
  readonly preload?: string;
}

export function terminalTest(test: Test, name: string, run: TerminalRun): void {
  if (!havePython) {
    test.skip(name, 'python3 is not installed');
    return;
  }
  const preload = run.preload === undefined ? [] : ['--import', here(run.preload)];
  const main = here('../../../src/cli/main.ts');
  const command = [process.execPath, '--import', 'tsx', ...preload, main, 'run', ...run.argv];
  test(name, () => {
    const args = [here('host-terminal.py'), ...command];
    const input = JSON.stringify(run.steps);
    const r = spawnSync('python3', args, { input, encoding: 'utf8' });
    assert.is(r.stderr, '');
    assert.equal(JSON.parse(r.stdout), { code: run.code, restored: true });
  });
}
