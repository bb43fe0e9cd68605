/** `kevlar-jit dump`: runs a program and shows what was translated. */

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type Command, Command as CommandClass, InvalidArgumentError, Option } from 'commander';
import type { Recording } from '../dump/record.ts';
import type { Report } from '../dump/report.ts';
import { UserError } from '../errors.ts';
import { type RunOptions, withMachineOptions } from './run.ts';

type Format = 'text' | 'json' | 'html';

interface DumpOptions extends RunOptions {
  readonly format?: Format;
  readonly output?: string;
  readonly regions: number;
  readonly blocks: number;
}

const HELP = `
For each region (guest code compiled to one JavaScript function) and for the blocks that executed most in
the interpreter: guest assembly, IR before and after the passes, JavaScript, exact execution counts, the
exits taken, and what invalidated translations.

Without -o the dump goes to standard output, and the program's standard output to standard error. With
-o FILE the format follows from the name (.html, .json, else text). With -o DIRECTORY (one that exists,
or a name that ends with /) all formats are written, and per region NAME.js with a source map.

Examples:
  kevlar-jit dump -o sha.html -- sh -c 'head -c 8000000 /dev/zero | sha256sum'
  kevlar-jit dump --engine js -o out/ -- python3 -c 'print(sum(range(10**6)))'
  kevlar-jit dump --format json -- gzip -k big.tar | jq '.regions[0].exits'`;

export function dumpCommand(): Command {
  return withMachineOptions(new CommandClass('dump'))
    .description('run a program and show what was translated')
    .usage('[options] [--] [PROGRAM [ARG...]]')
    .argument('[program...]', 'program and its arguments')
    .addOption(
      new Option('-f, --format <name>', 'text, json or html').choices(['text', 'json', 'html']),
    )
    .option('-o, --output <file|dir>', 'where to write (default: standard output)')
    .option('--regions <n>', 'regions to show, the most executed ones', parseCount, 200)
    .option('--blocks <n>', 'blocks in the interpreter to show, likewise', parseCount, 50)
    .passThroughOptions()
    .addHelpText('after', HELP)
    .action(async (program: string[], options: DumpOptions) => {
      process.exitCode = await dump(program, options);
    });
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('write a number');
  return Number(text);
}

async function dump(program: readonly string[], options: DumpOptions): Promise<number> {
  const { runProgram } = await import('../run-program.ts');
  const { startRecording } = await import('../dump/record.ts');
  const write = await writer(options);
  let recording: Recording | null = null;
  return runProgram(program, options, {
    booted: (node, argv) => {
      recording = startRecording(node, argv, options.engine, options);
    },
    ended: async () => {
      if (recording !== null) write(await recording.report());
    },
    stdout: options.output === undefined ? process.stderr : process.stdout,
  });
}

/** Finds out where and how to write, before the program runs. */
async function writer({ output, format }: DumpOptions): Promise<(report: Report) => void> {
  if (output !== undefined && isDirectory(output)) {
    const { writeDirectory } = await import('../dump/directory.ts');
    return (report) => explain(output, () => writeDirectory(report, output));
  }
  const render = await renderer(format ?? formatOf(output));
  if (output === undefined) {
    // A reader that has seen enough (`| head`) is no failure.
    process.stdout.on('error', () => {});
    return (report) => void process.stdout.write(render(report));
  }
  explain(output, () => writeFileSync(output, ''));
  return (report) => explain(output, () => writeFileSync(output, render(report)));
}

function isDirectory(path: string): boolean {
  if (path.endsWith('/')) return true;
  return existsSync(path) && statSync(path).isDirectory();
}

function formatOf(path: string | undefined): Format {
  const name = extname(path ?? '').toLowerCase();
  return name === '.json' ? 'json' : name === '.html' || name === '.htm' ? 'html' : 'text';
}

async function renderer(format: Format): Promise<(report: Report) => string> {
  switch (format) {
    case 'json':
      return (report) => `${JSON.stringify(report, null, 1)}\n`;
    case 'html':
      return (await import('../dump/html.ts')).htmlReport;
    case 'text':
      return (await import('../dump/text.ts')).textReport;
  }
}

function explain(path: string, fn: () => void): void {
  try {
    fn();
  } catch (e) {
    throw new UserError(`--output ${path}: ${(e as Error).message}`);
  }
}
