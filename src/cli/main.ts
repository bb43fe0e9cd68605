#!/usr/bin/env node
/**
 * The command line. Every command is a module that is loaded when it is used; errors of the user
 * become one line on standard error, our own bugs a request to report them.
 */

import { Command, CommanderError } from 'commander';
import { EXIT_FAILURE, UserError } from './errors.ts';

const EXAMPLES = `
Examples:
  kevlar-jit run                                a shell in the bundled image
  kevlar-jit run -- python3 -c 'print(6 * 7)'   a program in it
  kevlar-jit run --root alpine.tar.gz -- sh     a shell in a root file system of yours
  kevlar-jit run -v .:/work -w /work -- make    with a directory of the host
  kevlar-jit dump -- sha256sum /bin/busybox     what was translated, and why`;

const COMMANDS = ['run', 'dump', 'image', 'bench', 'cache'] as const;

function fail(error: unknown): never {
  if (error instanceof UserError) {
    process.stderr.write(`kevlar-jit: ${error.message}\n`);
    process.exit(error.status);
  }
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : EXIT_FAILURE);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`kevlar-jit: internal error, please report it:\n${text}\n`);
  process.exit(EXIT_FAILURE);
}

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('kevlar-jit')
    .description('Runs unmodified x86-64 Linux programs in JavaScript.')
    .version('0.1.0')
    .enablePositionalOptions()
    .showHelpAfterError('(try --help)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  const name = argv[0];
  const all = !COMMANDS.some((c) => c === name);
  if (all || name === 'run') program.addCommand((await import('./commands/run.ts')).runCommand());
  if (all || name === 'dump')
    program.addCommand((await import('./commands/dump.ts')).dumpCommand());
  if (all || name === 'image')
    program.addCommand((await import('./commands/image.ts')).imageCommand());
  if (all || name === 'bench')
    program.addCommand((await import('./commands/bench.ts')).benchCommand());
  if (all || name === 'cache')
    program.addCommand((await import('./commands/cache.ts')).cacheCommand());
  for (const c of program.commands) c.exitOverride().copyInheritedSettings(program);
  await program.parseAsync([...argv], { from: 'user' });
}

main(process.argv.slice(2)).catch(fail);
