/**
 * The runner and the wrapper against test files that forget, hang, die or lie: every one must fail.
 * The files are in fixtures/, where the runner does not look by itself.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { assert, suite } from './suite.ts';

const test = suite('test runner', { timeout: 120_000 });

const RUNNER = fileURLToPath(new URL('../run.ts', import.meta.url));
const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));

/** fixture → its last line, and something its output must say. */
const MUST_FAIL: Record<string, readonly [last: string, says: RegExp]> = {
  'awaits-between': ['1 passed, 1 failed', /the test after the await did run/],
  'duplicate-name': ['0 passed, 1 failed', /two tests are called 'twice \/ same'/],
  'empties-loop': ['0 passed, 1 failed', /timed out after 500 ms/],
  'exits-early': ['0 passed, 1 failed', /ended before its tests did/],
  'exits-on-load': ['0 passed, 1 failed', /ended before its tests did/],
  'fails-assertion': ['1 passed, 1 failed', /one is two/],
  'hangs-async': ['0 passed, 1 failed', /timed out after 200 ms/],
  'hangs-on-load': ['0 passed, 1 failed', /timed out after 5 s/],
  'hangs-sync': ['0 passed, 1 failed', /timed out after 5 s/],
  killed: ['0 passed, 1 failed', /signal SIGKILL/],
  'late-test': ['0 passed, 1 failed', /after the run had started/],
  'no-suite': ['0 passed, 1 failed', /ended without reporting/],
  'no-tests': ['0 passed, 1 failed', /no tests/],
  'rejects-unhandled': ['0 passed, 1 failed', /nobody catches this/],
  'skips-silently': ['0 passed, 1 failed', /needs a reason/],
  'syntax-error': ['0 passed, 1 failed', /ended without reporting/],
  'throws-on-load': ['0 passed, 1 failed', /while loading/],
  'throws-string': ['0 passed, 3 failed', /threw a non-Error: 'just a string'/],
  'uses-before': ['0 passed, 1 failed', /test\.before is not supported/],
  'uses-uvu-directly': ['0 passed, 1 failed', /ended without reporting/],
};

function run(...args: string[]): { status: number | null; last: string; output: string } {
  const result = spawnSync(process.execPath, ['--import', 'tsx', RUNNER, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const last = result.stdout.trimEnd().split('\n').at(-1) ?? '';
  return { status: result.status, last, output: result.stdout + result.stderr };
}

test('succeeds on a good file and counts skips', () => {
  const { status, last, output } = run('--root', FIXTURES, 'passes');
  assert.is(last, '2 passed, 0 failed, 1 skipped', output);
  assert.is(status, 0);
  assert.match(output, 'skipped: passes / three: needs a moon');
});

for (const [name, [expectedLast, says]] of Object.entries(MUST_FAIL)) {
  test(`fails on ${name}`, () => {
    const { status, last, output } = run('--root', FIXTURES, '--timeout', '5', `${name}.test.ts`);
    assert.is(last, expectedLast, output);
    assert.is(status, 1);
    assert.match(output, says);
  });
}

test('fails when no file matches', () => {
  for (const args of [['no-such-file'], ['--slow'], ['--grep', 'no such test', 'passes']]) {
    const { status, last, output } = run('--root', FIXTURES, ...args);
    assert.is(status, 1, output);
    assert.match(last, /^0 passed, [01] failed$/);
  }
});

test('runs only the tests that --grep names', () => {
  const { status, last, output } = run('--root', FIXTURES, '--grep', 'fails / good', 'fails-');
  assert.is(status, 0, output);
  assert.is(last, '1 passed, 0 failed');
});
