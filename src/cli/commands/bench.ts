/** `kevlar-jit bench`: the benchmark table, against native execution and qemu-x86_64 where present. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import type { Engine } from '../../machine/cpu.ts';
import { ENGINE_NAMES, ENGINES } from '../../machine/engines.ts';
import type { BenchResult, RowSpec } from '../bench/types.ts';
import { UserError } from '../errors.ts';
import { parseEngine } from '../values.ts';

interface BenchOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly row?: readonly string[];
  readonly rows?: boolean;
  readonly engines: readonly Engine[];
  readonly limit: number;
  readonly markdown?: boolean;
  readonly json?: string | true;
  readonly from?: string;
  readonly record?: string | true;
  readonly compare?: number | true;
  readonly history?: string;
}

const ROUNDS = 3;
const LIMIT_MINUTES = 40;
const SLOWER_PERCENT = 10;
const MINUTE_MS = 60_000;
/** Exit status if something that was measured went wrong. */
const EXIT_FAILED = 1;

const HELP = `
C loops, ciphers and Python's lines are timed inside the program, after a warm-up; everything else from start to
end of the process, the start of Node included. All engines run the same binaries: C programs compiled with
musl-gcc, and the bundled image's BusyBox and CPython, which outside of the guest its own dynamic loader starts. A row
whose output differs from native execution's, or that fails, is an error. kevlar-jit has a cache directory of its own
meanwhile, in which at first only the unpacked image is. In the shell's loop every child under qemu-x86_64 is a qemu-x86_64
of its own. Pyodide is measured where 'pyodide' can be imported, or KEVLAR_PYODIDE names its directory.

Examples:
  kevlar-jit bench
  kevlar-jit bench --rows
  kevlar-jit bench --row c-fib --row python
  kevlar-jit bench --quick --engines all
  kevlar-jit bench --json bench.json --compare
  kevlar-jit bench --from bench.json --markdown`;

function parseCount(max: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < 1 || n > max) {
      throw new InvalidArgumentError(`write a number from 1 to ${max}`);
    }
    return n;
  };
}

/** "all", or names with commas; the first is the one that is compared. */
function parseEngines(text: string): readonly Engine[] {
  if (text === 'all') return ENGINE_NAMES.filter((e) => !ENGINES[e].lockstep);
  try {
    return text.split(',').map(parseEngine);
  } catch (e) {
    if (e instanceof UserError) throw new InvalidArgumentError(e.message);
    throw e;
  }
}

const add = (name: string, before: readonly string[] = []): readonly string[] => [...before, name];

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure against native execution and qemu-x86_64')
    .option('-q, --quick', 'one round of small sizes')
    .option('-r, --rounds <n>', `rounds (default ${ROUNDS}, with --quick 1)`, parseCount(1000))
    .option('--row <name>', 'measure this row only (may be repeated)', add)
    .option('--rows', 'list the rows: name, command, target')
    .option('--engines <list>', 'engines, with commas, or all', parseEngines, ['auto'] as const)
    .option(
      '--limit <minutes>',
      'no round begins that would end later',
      parseCount(10_000),
      LIMIT_MINUTES,
    )
    .option('--markdown', 'print a Markdown table')
    .option('--json [file]', 'write the numbers as JSON (default: standard output)')
    .option('--from <file>', 'measure nothing: take the numbers of an earlier --json')
    .option('--record [file]', 'add a line to the history (default: bench/history.jsonl)')
    .option(
      '--compare [percent]',
      `print what got slower since the history's last run (default: by ${SLOWER_PERCENT} %)`,
      parseCount(1000),
    )
    .option('--history <file>', 'the history to compare with (default: bench/history.jsonl)')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench(options: BenchOptions): Promise<void> {
  const { ROWS } = await import('../bench/rows.ts');
  const { BenchError } = await import('../bench/tools.ts');
  try {
    if (options.rows === true) {
      await listRows(ROWS, options.quick === true);
      return;
    }
    const result =
      options.from === undefined
        ? await measured(options, chosen(ROWS, options.row))
        : readResult(options.from);
    await report(result, options);
    for (const failure of result.failures) process.stderr.write(`kevlar-jit: bench: ${failure}\n`);
    if (result.failures.length > 0) process.exitCode = EXIT_FAILED;
  } catch (e) {
    if (e instanceof BenchError) throw new UserError(`bench: ${e.message}`);
    throw e;
  }
}

function chosen(rows: readonly RowSpec[], names: readonly string[] = []): readonly RowSpec[] {
  for (const name of names) {
    if (!rows.some((row) => row.name === name)) {
      throw new UserError(`bench: no row is called '${name}'; --rows lists them`);
    }
  }
  return names.length === 0 ? rows : rows.filter((row) => names.includes(row.name));
}

async function measured(options: BenchOptions, rows: readonly RowSpec[]): Promise<BenchResult> {
  const { measure } = await import('../bench/measure.ts');
  const quick = options.quick === true;
  const result = measure({
    rows,
    engines: options.engines,
    quick,
    rounds: options.rounds ?? (quick ? 1 : ROUNDS),
    limitMs: options.limit * MINUTE_MS,
    progress,
  });
  progress('');
  return result;
}

function readResult(file: string): BenchResult {
  if (!existsSync(file)) throw new UserError(`bench: ${file}: no such file`);
  try {
    const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
    if (Array.isArray(result.rows) && Array.isArray(result.failures)) return result;
  } catch {
    // Said below.
  }
  throw new UserError(`bench: ${file} is not what --json wrote`);
}

async function report(result: BenchResult, options: BenchOptions): Promise<void> {
  const { markdownTable, textTable } = await import('../bench/table.ts');
  const json = `${JSON.stringify(result, null, 2)}\n`;
  if (typeof options.json === 'string') writeFileSync(options.json, json);
  if (options.json === true) process.stdout.write(json);
  else process.stdout.write((options.markdown === true ? markdownTable : textTable)(result));
  await compareAndRecord(result, options);
}

async function compareAndRecord(result: BenchResult, options: BenchOptions): Promise<void> {
  const { compare, record: to } = options;
  if (compare === undefined && to === undefined) return;
  const { comparable, comparison, historyFile, readHistory, record } = await import(
    '../bench/history.ts'
  );
  if (compare !== undefined) {
    const before = comparable(readHistory(options.history ?? historyFile()), result);
    const percent = compare === true ? SLOWER_PERCENT : compare;
    const text =
      before === null
        ? `no recorded run on this processor (${result.cpu}) to compare with\n`
        : comparison(before, result, percent);
    (options.json === true ? process.stderr : process.stdout).write(text);
  }
  if (to !== undefined) record(to === true ? historyFile() : to, result);
}

async function listRows(rows: readonly RowSpec[], quick: boolean): Promise<void> {
  const { allCases } = await import('../bench/rows.ts');
  const { targetText } = await import('../bench/table.ts');
  const { Workshop } = await import('../bench/workshop.ts');
  const cases = new Map(allCases(new Workshop(''), quick).map((c) => [c.name, c]));
  const width = Math.max(...rows.map((r) => r.name.length));
  for (const row of rows) {
    const engine = row.engine === undefined ? '' : `, engine ${row.engine}`;
    const command = `${cases.get(row.case)?.command ?? ''}${engine}`;
    const target = targetText(row);
    process.stdout.write(`${row.name.padEnd(width)}  ${target.padEnd(17)}  ${command}\n`);
  }
}

/** What is going on, in one line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
