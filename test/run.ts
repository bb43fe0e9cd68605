/**
 * Runs test files, each in a process of its own, and cannot succeed by accident: a file that dies, hangs,
 * or reports no tests failed, and so did a run that found nothing. The last line is
 * `N passed, N failed` (`, N skipped` when there are any).
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { FileReport } from './lib/suite.ts';

const USAGE = `usage: test/run.ts [options] [FILTER...]
  FILTER           run the files whose path contains it (an exact path runs whatever its kind)
  --slow           run *.slow.test.ts instead of the short tests
  --diff           run *.diff.test.ts instead of the short tests
  --grep TEXT      run only the tests whose "suite / test" name contains TEXT
  --jobs N         processes at once (2)
  --timeout S      seconds a file may take (300; 1800 with --slow or --diff)
  --root DIR       where to look for tests (test/)`;

/** Enough to show a failure; a test that prints without end must not fill our memory. */
const MAX_OUTPUT_CHARS = 1 << 18;
/**
 * How long a process may take to exit once it has reported, which it does right before process.exit(). Node may
 * never come out of that, waiting for its own compiler threads (https://github.com/nodejs/node/issues/54918).
 */
const EXIT_MS = 10_000;
/** How long to wait for pipes that a process left behind may still hold open. */
const DRAIN_MS = 2000;

type Kind = 'short' | 'slow' | 'diff';

interface RunOptions {
  readonly kind: Kind;
  readonly filters: readonly string[];
  readonly root: string;
  readonly grep: string;
  readonly jobs: number;
  readonly timeoutMs: number;
}

interface FileOutcome {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly failures: readonly string[];
  /** Why the file as a whole failed, whatever its tests say. */
  readonly problem: string;
  /** What is worth saying, and no failure. */
  readonly remark: string;
  readonly output: string;
  readonly seconds: number;
}

const children = new Set<number>();

function readOptions(): RunOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      slow: { type: 'boolean', default: false },
      diff: { type: 'boolean', default: false },
      grep: { type: 'string', default: '' },
      jobs: { type: 'string', default: '2' },
      timeout: { type: 'string' },
      root: { type: 'string', default: fileURLToPath(new URL('.', import.meta.url)) },
    },
  });
  if (values.slow && values.diff) throw new Error('--slow and --diff exclude each other');
  const kind: Kind = values.slow ? 'slow' : values.diff ? 'diff' : 'short';
  const seconds = Number(values.timeout ?? (kind === 'short' ? 300 : 1800));
  const jobs = Number(values.jobs);
  if (!(seconds > 0)) throw new Error(`--timeout ${values.timeout}: not a number of seconds`);
  if (!Number.isInteger(jobs) || jobs < 1) throw new Error(`--jobs ${values.jobs}: not a count`);
  const root = resolve(values.root);
  return { kind, filters: positionals, root, grep: values.grep, jobs, timeoutMs: seconds * 1000 };
}

function kindOf(file: string): Kind {
  if (file.endsWith('.slow.test.ts')) return 'slow';
  return file.endsWith('.diff.test.ts') ? 'diff' : 'short';
}

function findTestFiles(folder: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'fixtures' && entry.name !== 'node_modules') {
        found.push(...findTestFiles(path));
      }
    } else if (entry.name.endsWith('.test.ts')) {
      found.push(path);
    }
  }
  return found.sort();
}

/** Every filter must match something: a mistyped one is a failure, not an empty success. */
function selectFiles(options: RunOptions): string[] {
  const all = findTestFiles(options.root);
  const ofKind = all.filter((file) => kindOf(file) === options.kind);
  if (options.filters.length === 0) return ofKind;
  const selected = new Set<string>();
  for (const filter of options.filters) {
    const exact = resolve(filter);
    const matches =
      filter.endsWith('.test.ts') && existsSync(exact)
        ? [exact]
        : ofKind.filter((file) => relative(options.root, file).includes(trimRoot(filter)));
    if (matches.length === 0) throw new Error(`no ${options.kind} test file matches '${filter}'`);
    for (const file of matches) selected.add(file);
  }
  return [...selected].sort();
}

function trimRoot(filter: string): string {
  return filter.replace(/^(\.\/)?test\//, '');
}

function runFile(file: string, options: RunOptions): Promise<FileOutcome> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', file], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, KEVLAR_TEST_REPORT_FD: '3', KEVLAR_TEST_GREP: options.grep },
  });
  const pid = child.pid;
  if (pid !== undefined) children.add(pid);
  let output = '';
  let report = '';
  let timedOut = false;
  let stuck: NodeJS.Timeout | undefined;
  let remark = '';
  collect(child.stdout, (text) => {
    output = (output + text).slice(-MAX_OUTPUT_CHARS);
  });
  collect(child.stderr, (text) => {
    output = (output + text).slice(-MAX_OUTPUT_CHARS);
  });
  collect(child.stdio[3] as Readable, (text) => {
    report += text;
    if (!report.endsWith('\n')) return;
    stuck ??= setTimeout(() => {
      remark = `killed: it did not exit within ${EXIT_MS / 1000} s`;
      killGroup(pid);
    }, EXIT_MS);
  });
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(pid);
  }, options.timeoutMs);

  return new Promise((done) => {
    let ending = 'did not start';
    const finish = (): void => {
      clearTimeout(timer);
      clearTimeout(stuck);
      for (const stream of child.stdio) stream?.destroy();
      const problem = timedOut
        ? `timed out after ${options.timeoutMs / 1000} s`
        : judge(report, remark === '' ? ending : 'status 0', options.grep !== '');
      const seconds = (performance.now() - started) / 1000;
      done({ file, ...parseReport(report), problem, remark, output, seconds });
    };
    child.once('error', (error) => {
      ending = error.message;
      finish();
    });
    child.once('exit', (code, signal) => {
      ending = signal === null ? `status ${code}` : `signal ${signal}`;
      killGroup(pid);
      if (pid !== undefined) children.delete(pid);
      const drain = setTimeout(finish, DRAIN_MS);
      child.once('close', () => {
        clearTimeout(drain);
        finish();
      });
    });
  });
}

function collect(stream: Readable | null, take: (text: string) => void): void {
  stream?.setEncoding('utf8').on('data', take);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in the group.
  }
}

function parseReport(text: string): FileReport {
  if (!text.endsWith('\n')) return { passed: 0, failed: 0, skipped: [], failures: [] };
  return JSON.parse(text) as FileReport;
}

/** What is wrong with the file as a whole; empty if nothing is, or if its failed tests say it already. */
function judge(reportText: string, ending: string, filtered: boolean): string {
  if (!reportText.endsWith('\n')) return `ended without reporting (${ending})`;
  const report = parseReport(reportText);
  if (report.failed > 0) return '';
  if (ending !== 'status 0') return `ended with ${ending}`;
  const count = report.passed + report.skipped.length;
  return count === 0 && !filtered ? 'has no tests' : '';
}

function printOutcome(outcome: FileOutcome): void {
  const name = relative(process.cwd(), outcome.file);
  const bad = outcome.problem !== '' || outcome.failed > 0;
  const counts = [`${outcome.passed} passed`];
  if (outcome.failed > 0) counts.push(`${outcome.failed} failed`);
  if (outcome.skipped.length > 0) counts.push(`${outcome.skipped.length} skipped`);
  if (outcome.problem !== '') counts.push(outcome.problem);
  if (outcome.remark !== '') counts.push(outcome.remark);
  const took = `${outcome.seconds.toFixed(1)} s`;
  console.log(`${bad ? 'FAIL' : 'ok  '} ${name}: ${counts.join(', ')} (${took})`);
  for (const line of outcome.skipped) console.log(`     skipped: ${line}`);
  if (bad && outcome.output.trim() !== '') {
    console.log(outcome.output.trimEnd().replace(/^/gm, '     | '));
  }
}

async function runAll(options: RunOptions): Promise<boolean> {
  const queue = selectFiles(options);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const broken: string[] = [];
  const failures: string[] = [];
  const worker = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const outcome = await runFile(file, options);
      printOutcome(outcome);
      total.passed += outcome.passed;
      total.failed += outcome.failed + (outcome.problem === '' ? 0 : 1);
      total.skipped += outcome.skipped.length;
      failures.push(...outcome.failures);
      if (outcome.problem !== '' || outcome.failed > 0) broken.push(relative('.', file));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));

  if (broken.length > 0) console.log(`\nfailed: ${broken.sort().join(' ')}`);
  // Again: of a long log often only the end is at hand.
  for (const failure of failures) console.log(`\n${failure}`);
  if (total.passed + total.failed === 0) console.log('\nno tests ran');
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  console.log(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.passed > 0 && total.failed === 0;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const pid of children) killGroup(pid);
    process.exit(1);
  });
}

try {
  if (process.argv.includes('--help')) console.log(USAGE);
  else process.exitCode = (await runAll(readOptions())) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log('\n0 passed, 1 failed');
  process.exitCode = 1;
}
