/** `kevlar-jit bench`: the benchmark table, against native execution and qemu-x86_64 where present. */

import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { UserError } from '../errors.ts';

interface BenchOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly markdown?: boolean;
  readonly json?: string | true;
}

/** Nothing begins after this time: a full run takes less than five minutes (on a machine that is not busy, two). */
const LIMIT_MS = 240_000;
const ROUNDS = 3;

const HELP = `
Hot loops are timed inside the program, everything else from start to end of the process, the start of
Node included. All engines run the same binaries: kernels.c, compiled with musl-gcc, and the bundled
image's BusyBox. In the loop of /bin/true every engine is started anew for each child under qemu-x86_64.

Examples:
  kevlar-jit bench
  kevlar-jit bench --quick --json=bench.json
  kevlar-jit bench --rounds 5 --markdown`;

function parseRounds(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > 1000) {
    throw new InvalidArgumentError('write a number from 1 to 1000');
  }
  return n;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure against native execution and qemu-x86_64')
    .option('-q, --quick', 'one round of small sizes')
    .option('-r, --rounds <n>', `rounds (default ${ROUNDS}, with --quick 1)`, parseRounds)
    .option('--markdown', 'print Markdown tables')
    .option('--json [file]', 'write the numbers as JSON (default: standard output)')
    .addHelpText('after', HELP)
    .action(bench);
}

async function bench(options: BenchOptions): Promise<void> {
  const { measure } = await import('../bench/measure.ts');
  const { FULL, QUICK } = await import('../bench/programs.ts');
  const { BenchError } = await import('../bench/run.ts');
  const { markdownTable, textTable } = await import('../bench/table.ts');
  const quick = options.quick === true;
  try {
    const result = measure({
      sizes: quick ? QUICK : FULL,
      rounds: options.rounds ?? (quick ? 1 : ROUNDS),
      limitMs: LIMIT_MS,
      progress,
    });
    progress('');
    const json = `${JSON.stringify(result, null, 2)}\n`;
    if (typeof options.json === 'string') writeFileSync(options.json, json);
    if (options.json === true) process.stdout.write(json);
    else process.stdout.write((options.markdown === true ? markdownTable : textTable)(result));
  } catch (e) {
    if (e instanceof BenchError) throw new UserError(`bench: ${e.message}`);
    throw e;
  }
}

/** What is going on, in one line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
