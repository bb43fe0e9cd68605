/**
 * The only way tests are written here: uvu behind a wrapper that cannot pass by accident.
 *
 *   import { assert, suite } from '../lib/suite.ts';
 *   const test = suite('page tables');
 *   test('maps one page', () => { assert.is(1, 1); });
 *
 * uvu exits 0 when `.run()` is forgotten, when a `before` hook throws and when a test throws something
 * that is not an Error, and it has no timeouts. So: suites run by themselves after the file has been
 * evaluated, hooks do not exist, every throw counts, every test has a timeout, skipping needs a reason,
 * and the counts go to the runner (test/run.ts) over a pipe of their own; a file without a report failed.
 * Machines are audited (audit.ts).
 */
import './audit.ts';
import './uvu-defer.ts';
import { realpathSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect, stripVTControlCharacters } from 'node:util';
import { isNativeError } from 'node:util/types';
import { exec, suite as uvuSuite } from 'uvu';

export * as assert from 'uvu/assert';

export type TestBody = () => void | Promise<void>;

export interface TestOptions {
  /** Milliseconds until an asynchronous test counts as failed (a synchronous hang is the runner's). */
  readonly timeout?: number;
}

export interface Test {
  (name: string, body: TestBody, options?: TestOptions): void;
  /** Counts and prints a test that cannot run here; the body is not called. */
  skip(name: string, reason: string, body?: TestBody): void;
}

/** What a test file tells the runner, as one line of JSON. */
export interface FileReport {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  /** Of each failed test: its name, and the beginning of what it threw. */
  readonly failures: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** What was expected, and the beginning of what came instead. */
const FAILURE_CHARS = 1000;
const HOOKS = ['before', 'after', 'only', 'run'] as const;

const reportFd = takeVariable('KEVLAR_TEST_REPORT_FD');
const nameFilter = takeVariable('KEVLAR_TEST_GREP');
const seenNames = new Set<string>();
const skipped: string[] = [];
const failures: string[] = [];
const starters: (() => void)[] = [];
let registered = 0;
let passed = 0;
let state: 'collecting' | 'running' | 'done' = 'collecting';

/** Makes a suite; its tests run when the file that calls this has been evaluated. */
export function suite(name: string, defaults: TestOptions = {}): Test {
  if (starters.length === 0) setImmediate(() => void runWhenEvaluated());
  const inner = uvuSuite(name);
  starters.push(() => inner.run());

  const test = (caseName: string, body: TestBody, options: TestOptions = {}): void => {
    if (!claimName(name, caseName)) return;
    if (typeof body !== 'function') throw new TypeError(`test '${caseName}' has no body`);
    registered++;
    const timeout = options.timeout ?? defaults.timeout ?? DEFAULT_TIMEOUT_MS;
    inner(caseName, () => runCounted(`${name} / ${caseName}`, body, timeout));
  };
  const skip = (caseName: string, reason: string): void => {
    if (typeof reason !== 'string' || reason.trim() === '') {
      throw new TypeError(`test.skip('${caseName}') needs a reason`);
    }
    if (!claimName(name, caseName)) return;
    skipped.push(`${name} / ${caseName}: ${reason}`);
  };
  for (const hook of HOOKS) {
    Object.defineProperty(test, hook, {
      get: (): never => {
        throw new Error(
          `test.${hook} is not supported: set up inside the test, or at module level`,
        );
      },
    });
  }
  return Object.assign(test, { skip });
}

/** Returns false for a test the name filter leaves out; duplicates and latecomers are errors. */
function claimName(suiteName: string, caseName: string): boolean {
  if (state !== 'collecting') {
    throw new Error(`test '${caseName}' was registered after the run had started`);
  }
  const fullName = `${suiteName} / ${caseName}`;
  if (seenNames.has(fullName)) throw new Error(`two tests are called '${fullName}'`);
  seenNames.add(fullName);
  return nameFilter === undefined || fullName.includes(nameFilter);
}

async function runCounted(name: string, body: TestBody, timeout: number): Promise<void> {
  try {
    await withTimeout(body, timeout);
    passed++;
  } catch (thrown) {
    failures.push(`${name}: ${describe(thrown).slice(0, FAILURE_CHARS)}`);
    throw isNativeError(thrown)
      ? withCauses(thrown)
      : new Error(`threw a non-Error: ${inspect(thrown)}`);
  }
}

/** What was thrown, with the difference that uvu's assertions found. */
function describe(thrown: unknown): string {
  if (!isNativeError(thrown)) return inspect(thrown);
  const details = 'details' in thrown && typeof thrown.details === 'string' ? thrown.details : '';
  return stripVTControlCharacters(`${thrown.message}\n${details}`).trimEnd();
}

/** uvu prints the stack only, and a property's stack does not say what failed: its cause does. */
function withCauses(error: Error): Error {
  if (error.cause === undefined) return error;
  const stack = `${error.stack ?? error.message}\ncaused by ${inspect(error.cause)}`;
  Object.defineProperty(error, 'stack', { value: stack });
  return error;
}

async function withTimeout(body: TestBody, timeout: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`timed out after ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([body(), expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Importing the main module again resolves when its evaluation, top-level awaits included, is over. */
async function runWhenEvaluated(): Promise<void> {
  await import(pathToFileURL(realpathSync(process.argv[1]!)).href);
  state = 'running';
  for (const start of starters) start();
  await exec();
  for (const line of skipped) console.log(`  skipped: ${line}`);
  state = 'done';
  finish();
}

function finish(): never {
  if (passed + failures.length !== registered && nameFilter === undefined) {
    console.error(`${registered} tests were registered but ${passed + failures.length} ran`);
    process.exit(1);
  }
  const failed = failures.length;
  const report: FileReport = { passed, failed, skipped, failures };
  if (reportFd !== undefined) writeSync(Number(reportFd), `${JSON.stringify(report)}\n`);
  const empty = registered + skipped.length === 0 && nameFilter === undefined;
  if (empty) console.error('no tests were registered');
  process.exit(failed > 0 || empty ? 1 : 0);
}

/** Reads a variable and removes it, so that child processes of tests do not see it. */
function takeVariable(name: string): string | undefined {
  const value = process.env[name];
  delete process.env[name];
  return value === '' ? undefined : value;
}

process.on('exit', (code) => {
  if (state === 'done') return;
  console.error(`the test process ended before its tests did (status ${code})`);
  process.exitCode = code || 1;
});
