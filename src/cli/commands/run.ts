/** `kevlar-jit run`: a guest program with the terminal or pipes of this process. */

import { Command, InvalidArgumentError, Option } from 'commander';
import type { CpuLevel } from '../../machine/cpu.ts';
import { ENGINE_NAMES, type Engine } from '../../machine/engines.ts';
import type { WatchSpec } from '../../machine/watch/where.ts';
import { UserError } from '../errors.ts';
import {
  parseCpu,
  parseEngine,
  parseEnv,
  parseMemory,
  parseUser,
  parseVolume,
  type User,
  type Volume,
} from '../values.ts';
import { parseWatch, WATCH_HELP } from '../watch-option.ts';

/** Options of `run`, parsed; `dump` takes the same. */
export interface RunOptions {
  readonly image?: string;
  readonly root?: string;
  readonly save?: boolean;
  readonly volume: readonly Volume[];
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: User;
  readonly memory?: number;
  readonly engine: Engine;
  readonly cpu?: CpuLevel;
  readonly strace?: string | true;
  readonly traceLd?: string | true;
  readonly stats?: string | true;
  /** False: without translations of earlier runs. */
  readonly cache?: boolean;
  readonly profile?: string | boolean;
  readonly dump?: string;
  /** The program is the init of a whole system. */
  readonly init?: boolean;
  readonly watch?: readonly WatchSpec[];
  readonly watchLog?: string;
}

/** A parser that throws UserError, for commander. */
function parsed<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (e) {
      if (e instanceof UserError) throw new InvalidArgumentError(e.message);
      throw e;
    }
  };
}

function collect<T>(
  parse: (text: string) => T,
): (text: string, before: readonly T[]) => readonly T[] {
  const one = parsed(parse);
  return (text, before) => [...before, one(text)];
}

function hostEnv(text: string): string {
  return parseEnv(text, process.env) ?? '';
}

/** Adds the options that say which machine runs what: shared by `run` and `dump`. */
export function withMachineOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--image <file>', 'ext4 image; default: the bundled one').conflicts('root'),
    )
    .option('--root <dir|tar>', 'directory or tarball (.tar, .tar.gz) as root file system')
    .addOption(new Option('--save', 'write guest changes back to the image').conflicts('root'))
    .option(
      '-v, --volume <host:guest[:ro]>',
      'show a host directory in the guest',
      collect(parseVolume),
      [],
    )
    .option('-e, --env <k=v>', 'set (or, by name alone, pass) a variable', collect(hostEnv), [])
    .option('-w, --workdir <dir>', 'working directory in the guest')
    .option('-u, --user <uid[:gid]>', 'user and group in the guest', parsed(parseUser))
    .option('-m, --memory <size>', 'guest RAM (default 1G)', parsed(parseMemory))
    .option('--engine <name>', ENGINE_NAMES.join(', '), parsed(parseEngine), 'auto')
    .option(
      '--cpu <level>',
      'x86-64-v2 (default), or x86-64-v3: with AVX2, FMA, F16C',
      parsed(parseCpu),
    )
    .option('--strace [file]', 'log system calls in the format of strace (default: standard error)')
    .option('--trace-ld [file]', 'log what the dynamic loader does (default: standard error)')
    .option('--no-cache', 'neither use nor keep translations (see kevlar-jit cache)')
    .option('--stats [file]', 'print what the translator did (default: standard error)');
}

const HELP = `
PROGRAM is looked up in the guest's PATH; without one, /bin/sh runs. Standard input, output, error
and exit status are the program's own (128+N if signal N ended it). Exit status 125: kevlar-jit
itself failed; 126: PROGRAM cannot be executed; 127: there is no such program.

--trace-ld writes a line for each object that is mapped (its base, then rights and addresses of its segments),
each table of relocations (range and counts by type), and calls of dlopen, dlsym and dlclose, with the object that
answered:
  [PID] map OBJECT at BASE r-x LOW..HIGH ...       [PID] reloc OBJECT RELA|RELR|JMPREL N in LOW..HIGH TYPE=N ...
  [PID] tls OBJECT image LOW..HIGH size N align N  [PID] dlsym(HANDLE, "NAME") = ADDRESS in OBJECT+OFFSET for CALLER

With --init the terminal is the system's console (/dev/console, /dev/tty1), and kevlar-jit ends when the
system powers off, halts or reboots: with status 0, whichever it was; 125 if its init ends. SIGTERM,
SIGHUP and SIGINT from outside are Ctrl-Alt-Del, upon which init shuts the system down; SIGUSR1 and
SIGUSR2 go to init; SIGQUIT, or Ctrl-] pressed three times, ends everything at once.

Examples:
  kevlar-jit run -- python3 -c 'print(6 * 7)'
  kevlar-jit run --root alpine-minirootfs.tar.gz -- cat /etc/os-release
  kevlar-jit run --image disk.ext4 --save -- apk add curl
  kevlar-jit run --image alpine.ext4 --save --init
  kevlar-jit run -v ./src:/src:ro -w /src -- sh -c 'ls | wc -l'
  kevlar-jit run --strace=calls.txt -- ls /
  kevlar-jit run --trace-ld -- python3 -c 'import math'
  kevlar-jit run --watch libpython3.13.so.1.0:.gnu.hash -- python3 -c 'import math'`;

export function runCommand(): Command {
  return withMachineOptions(new Command('run'))
    .description('run a program in a guest')
    .usage('[options] [--] [PROGRAM [ARG...]]')
    .argument('[program...]', 'program and its arguments')
    .option('--dump <dir>', 'write what was translated to a directory')
    .option('--profile <file>', 'write a flame graph of where time goes (HTML)')
    .option('--no-profile', 'leave that out of --stats too: it costs some time and memory')
    .addOption(
      new Option('--init', 'boot a system: PROGRAM (default /sbin/init) is its init').conflicts([
        'workdir',
        'user',
      ]),
    )
    .option('--watch <where>', 'report every change of guest memory', collect(parseWatch), [])
    .option('--watch-log <file>', 'where reports go (default: standard error)')
    .passThroughOptions()
    .addHelpText('after', WATCH_HELP)
    .addHelpText('after', HELP)
    .action(async (program: string[], options: RunOptions) => {
      const { runProgram } = await import('../run-program.ts');
      process.exitCode = await runProgram(program, options);
    });
}
