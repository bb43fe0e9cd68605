/** Boots a guest as the options say, runs one program in it, and gives its exit status. */

import { createWriteStream, mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import type { WriteStream } from 'node:tty';
import { DEFAULT_ENV, type ExitStatus, type Guest } from '../host/guest.ts';
import { BootError, bootNode, type NodeGuest } from '../host/node/boot.ts';
import { attachPipes } from '../host/node/pipe-console.ts';
import { readerFrom, writerTo } from '../host/node/stdio.ts';
import { attachTerminal } from '../host/node/terminal.ts';
import { type FileTranslationStore, openTranslations } from '../host/node/translation-store.ts';
import { startQuietly } from '../host/node/v8-start.ts';
import { LinuxError } from '../kernel/errno.ts';
import { Ext4ImageError } from '../kernel/fs/ext4/errors.ts';
import { TarError } from '../kernel/fs/tar.ts';
import { ENGINES } from '../machine/engines.ts';
import { Account, openForWriting } from './account.ts';
import type { RunOptions } from './commands/run.ts';
import { UserError } from './errors.ts';
import { startError } from './start-error.ts';
import { startWatch } from './watch-option.ts';

/** The longest period that setInterval takes. */
const FOREVER_MS = 0x7fffffff;
const SIGNALS_TO_GUEST = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGQUIT'] as const;

/** What `dump` adds to a run. */
export interface RunHooks {
  /** The machine is there, the program not yet. */
  readonly booted: (node: NodeGuest, argv: readonly string[]) => void;
  /** The program has ended. */
  readonly ended: () => Promise<void>;
  /** Where the program's standard output goes. */
  readonly stdout: WriteStream;
}

export async function runProgram(
  args: readonly string[],
  options: RunOptions,
  hooks: RunHooks | null = null,
): Promise<number> {
  const argv = args.length > 0 ? args : [options.init === true ? '/sbin/init' : '/bin/sh'];
  const dump = options.dump === undefined ? null : makeDumpDirectory(options.dump);
  const account = await Account.open(options);
  const translations = options.cache === false ? null : openTranslations(options.cpu ?? 2);
  const node = boot(options, translations);
  const { guest } = node;

  const closeTraces = startTraces(node, options);
  const endWatch = startWatch(guest.machine, options);
  const endQuiet = startQuietly(ENGINES[options.engine].interpreter);
  try {
    hooks?.booted(node, argv);
    account.begin(guest.machine);
    const recording = dump === null ? null : await startDump(node, argv, options);
    const status = await runIn(guest, argv, options, hooks?.stdout ?? process.stdout);
    await hooks?.ended();
    if (dump !== null) await recording?.write(dump);
    account.write(argv);
    return status.code;
  } finally {
    endQuiet();
    endWatch();
    node.close();
    translations?.close();
    await closeTraces();
  }
}

function boot(options: RunOptions, translations: FileTranslationStore | null): NodeGuest {
  try {
    return bootNode({
      ...(options.image === undefined ? {} : { image: options.image }),
      ...(options.root === undefined ? {} : { root: options.root }),
      save: options.save === true,
      volumes: options.volume,
      ...(options.memory === undefined ? {} : { memory: options.memory }),
      engine: options.engine,
      cpuLevel: options.cpu ?? 2,
      system: options.init === true,
      ...(translations === null ? {} : { translations }),
    });
  } catch (e) {
    const known = e instanceof BootError || e instanceof Ext4ImageError || e instanceof TarError;
    throw known ? new UserError(e.message) : e;
  }
}

async function runIn(
  guest: Guest,
  argv: readonly string[],
  options: RunOptions,
  stdout: WriteStream,
): Promise<ExitStatus> {
  const { kernel } = guest.machine;
  const system = options.init === true;
  const terminal =
    attachTerminal(guest, process.stdin, stdout) ??
    (system ? attachPipes(guest, process.stdin, stdout) : null);
  const out = writerTo(kernel, stdout);
  const err = writerTo(kernel, process.stderr);
  const stdio = terminal?.stdio(err.file) ?? [
    readerFrom(kernel, process.stdin),
    out.file,
    err.file,
  ];
  try {
    const { process: guestProcess, exited } = guest.start(argv, guestEnv(options), stdio, {
      ...(options.workdir === undefined ? {} : { cwd: options.workdir }),
      ...(options.user === undefined ? {} : options.user),
      // A system's init opens the console for others, which it shall control.
      ...(terminal === null || system ? {} : { tty: terminal.tty, onStop: terminal.onStop }),
    });
    const forward = (name: NodeJS.Signals): void => {
      if (system && signalSystem(guest, name)) return;
      if (!guestProcess.zombie) {
        kernel.sendSignalToProcess(guestProcess, constants.signals[name]);
        guest.loop.wake();
      }
    };
    for (const s of SIGNALS_TO_GUEST) process.on(s, forward);
    const status = await whileAlive(exited);
    for (const s of SIGNALS_TO_GUEST) process.off(s, forward);
    await Promise.all([out.flushed(), err.flushed(), terminal?.flushed()]);
    if (kernel.panicked !== null) throw new UserError(`kernel panic: ${kernel.panicked}`);
    return status;
  } catch (e) {
    if (!(e instanceof LinuxError)) throw e;
    throw startError(guest, argv[0] as string, e.errno, {
      path: guestEnv(options).PATH ?? '',
      directory: options.workdir ?? '/',
    });
  } finally {
    terminal?.restore();
    process.stdin.pause();
    process.stdin.unref?.();
  }
}

/** What signals from outside do to a system as a whole. @returns false for what its init is sent */
function signalSystem(guest: Guest, name: NodeJS.Signals): boolean {
  const { kernel } = guest.machine;
  switch (name) {
    case 'SIGTERM':
    case 'SIGHUP':
    case 'SIGINT':
      kernel.ctrlAltDel();
      break;
    case 'SIGQUIT':
      kernel.killAll(constants.signals.SIGQUIT);
      break;
    default:
      return false;
  }
  guest.loop.wake();
  return true;
}

/**
 * Keeps this process while a guest runs: Node ends one that waits for nothing but signals, and a guest whose
 * programs all wait for each other can only be ended by those.
 */
async function whileAlive<T>(exited: Promise<T>): Promise<T> {
  const alive = setInterval(() => {}, FOREVER_MS);
  try {
    return await exited;
  } finally {
    clearInterval(alive);
  }
}

/** Makes the directory of --dump, before anything runs. */
function makeDumpDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
  } catch (e) {
    throw new UserError(`--dump: ${(e as Error).message}`);
  }
  return path;
}

async function startDump(
  node: NodeGuest,
  argv: readonly string[],
  options: RunOptions,
): Promise<{ write(directory: string): Promise<void> }> {
  const { startRecording } = await import('./dump/record.ts');
  const { writeDirectory } = await import('./dump/directory.ts');
  const recording = startRecording(node, argv, options.engine);
  return { write: async (directory) => writeDirectory(await recording.report(), directory) };
}

/** What Linux gives its init. */
const INIT_ENV: Readonly<Record<string, string>> = { HOME: '/', TERM: 'linux' };

function guestEnv(options: RunOptions): Record<string, string> {
  const env: Record<string, string> = { ...(options.init === true ? INIT_ENV : DEFAULT_ENV) };
  if (process.env.TERM !== undefined) env.TERM = process.env.TERM;
  for (const e of options.env) {
    const at = e.indexOf('=');
    if (at > 0) env[e.slice(0, at)] = e.slice(at + 1);
  }
  return env;
}

/** Where the lines of a trace go. */
interface TraceOutput {
  readonly sink: (line: string) => void;
  close(): Promise<void>;
}

function traceOutput(option: string, to: string | true): TraceOutput {
  if (to === true) {
    const sink = (line: string): void => void process.stderr.write(`${line}\n`);
    return { sink, close: () => Promise.resolve() };
  }
  const file = createWriteStream(to, { fd: openForWriting(option, to) });
  file.on('error', (e) => process.stderr.write(`kevlar-jit: ${option}: ${e.message}\n`));
  return {
    sink: (line) => void file.write(`${line}\n`),
    close: () => new Promise((resolve) => file.end(resolve)),
  };
}

/** Starts the traces that were asked for. @returns ends them */
function startTraces(node: NodeGuest, options: RunOptions): () => Promise<void> {
  const outputs: TraceOutput[] = [];
  const start = (
    option: string,
    to: string | true | undefined,
    begin: NodeGuest['trace'],
  ): void => {
    if (to === undefined) return;
    const output = traceOutput(option, to);
    outputs.push(output);
    begin(output.sink);
  };
  start('--strace', options.strace, node.trace);
  start('--trace-ld', options.traceLd, node.traceLoader);
  return async () => {
    for (const output of outputs) await output.close();
  };
}
