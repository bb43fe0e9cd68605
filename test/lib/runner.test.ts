/**
 * The runner and the wrapper against test files that forget, hang, die or lie: every one must fail, but for a process
 * that only does not come to its end.
 * The files are in fixtures/, where the runner does not look by itself.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, suite } from './suite.ts';

const test = suite('test runner', { timeout: 120_000 });

const RUNNER = fileURLToPath(new URL('../run.ts', import.meta.url));
const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));

/** fixture → what the runner says about the file, and something its output must contain. */
const MUST_FAIL: Record<string, readonly [verdict: string, says: string]> = {
  'awaits-between': ['1 passed, 1 failed', 'the test after the await did run'],
  'duplicate-name': ['0 passed, ended without reporting', "two tests are called 'twice / same'"],
  'empties-loop': ['0 passed, 1 failed', 'timed out after 500 ms'],
  'exits-early': ['0 passed, ended without reporting', 'ended before its tests did'],
  'exits-on-load': ['0 passed, ended without reporting', 'ended before its tests did'],
  'fails-assertion': ['1 passed, 1 failed', 'one is two'],
  'hangs-async': ['0 passed, 1 failed', 'timed out after 200 ms'],
  'hangs-on-load': ['0 passed, timed out after 8 s', ''],
  'hangs-sync': ['0 passed, timed out after 8 s', ''],
  killed: ['0 passed, ended without reporting (signal SIGKILL)', ''],
  'late-test': ['0 passed, 1 failed', 'after the run had started'],
  'no-suite': ['0 passed, ended without reporting (status 0)', ''],
  'no-tests': ['0 passed, ended with status 1', 'no tests were registered'],
  'rejects-unhandled': ['0 passed, ended without reporting', 'nobody catches this'],
  'skips-silently': ['0 passed, ended without reporting', 'needs a reason'],
  'syntax-error': ['0 passed, ended without reporting', 'ERROR'],
  'throws-on-load': ['0 passed, ended without reporting', 'while loading'],
  'throws-string': ['0 passed, 3 failed', "threw a non-Error: 'just a string'"],
  'uses-before': ['0 passed, ended without reporting', 'test.before is not supported'],
  'uses-uvu-directly': ['0 passed, ended without reporting', ''],
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

test('kills a file that reported and does not exit, and says so', () => {
  const { status, last, output } = run('--root', FIXTURES, 'hangs-at-exit');
  assert.is(last, '1 passed, 0 failed', output);
  assert.is(status, 0);
  assert.match(output, '1 passed, killed: it did not exit within 10 s');
});

test('names what failed at the end again', () => {
  const { output } = run('--root', FIXTURES, 'fails-assertion', 'throws-string');
  const end = output.slice(output.lastIndexOf('\nfailed: '));
  assert.match(end, /^fails \/ one is two: Expected values to be strictly equal:\n.*Actual/ms);
  assert.match(end, "'just a string'");
});

let everyFixture: string | undefined;

/** One run over all fixtures, cut into what was printed about each file. */
function sectionAbout(name: string): string {
  everyFixture ??= run('--root', FIXTURES, '--timeout', '8', '.test.ts').output;
  const sections = everyFixture.split(/^(?=(?:ok {2}|FAIL) )/m);
  return sections.find((section) => section.includes(`/${name}.test.ts: `)) ?? '';
}

for (const [name, [verdict, says]] of Object.entries(MUST_FAIL)) {
  test(`fails on ${name}`, () => {
    const section = sectionAbout(name);
    assert.ok(section.startsWith('FAIL '), section);
    assert.match(section.split('\n')[0] ?? '', `: ${verdict}`);
    assert.match(section, says);
  });
}

test('has a verdict on every fixture', () => {
  const fixtures = readdirSync(FIXTURES).map((file) => file.replace('.test.ts', ''));
  assert.equal(fixtures.sort(), [...Object.keys(MUST_FAIL), 'passes', 'hangs-at-exit'].sort());
});

test('exits 1 when a test fails, and when a file dies', () => {
  for (const [name, last] of [
    ['throws-string', '0 passed, 3 failed'],
    ['exits-early', '0 passed, 1 failed'],
  ] as const) {
    const result = run('--root', FIXTURES, name);
    assert.is(result.last, last);
    assert.is(result.status, 1);
  }
});

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
