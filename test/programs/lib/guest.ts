/** Runs programs and scripts in a machine made by src/host, with their outputs collected. */

import { Guest } from '../../../src/host/guest.ts';
import type { RootSource } from '../../../src/host/mounts.ts';
import { nodeHost, nodeTicker } from '../../../src/host/node/platform.ts';
import { HostReader, HostWriter } from '../../../src/host/stdio.ts';
import type { CpuLevel, Engine } from '../../../src/machine/cpu.ts';
import type { Machine } from '../../../src/machine/machine.ts';
import { putFile } from '../../kernel/lib/run-guest.ts';
import { AUDIT } from '../../lib/audit.ts';
import { compilingMore } from '../../lib/heat.ts';
import { keptTranslations } from '../../lib/translations.ts';
import { ENV, type Outcome, SCRIPT_ARGV, type Script } from './scripts.ts';

const MEMORY = 256 * 1024 * 1024;

/** Lockstep.thorough for programs of minutes. */
export const SAMPLED = 100;

export interface GuestRun {
  readonly root: RootSource;
  readonly engine: Engine;
  readonly cpuLevel?: CpuLevel;
  readonly argv: readonly string[];
  readonly memory?: number;
  /** Default: whether all tests are audited. */
  readonly audit?: boolean;
  /** Called before the program starts. */
  readonly prepare?: (machine: Machine) => void;
  /** Called when it has ended. */
  readonly after?: (guest: Guest) => void;
  readonly timeoutMs?: number;
  /** Lockstep.thorough. */
  readonly thorough?: number;
}

export interface GuestOutcome extends Outcome {
  /** What the machine said to its user. */
  readonly log: readonly string[];
  readonly ms: number;
}

class Collector {
  private readonly chunks: Uint8Array[] = [];
  readonly file: HostWriter;

  constructor(guest: Guest) {
    this.file = new HostWriter(guest.machine.kernel, (data) => {
      this.chunks.push(data);
      queueMicrotask(() => this.file.drained(data.length));
    });
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }
}

export async function runGuest(run: GuestRun): Promise<GuestOutcome> {
  const log: string[] = [];
  const guest = Guest.boot({
    root: run.root,
    engine: run.engine,
    ...compilingMore(run.engine),
    cpuLevel: run.cpuLevel ?? 2,
    memory: run.memory ?? MEMORY,
    audit: run.audit ?? AUDIT,
    ...keptTranslations(run.cpuLevel ?? 2),
    host: nodeHost((line) => void log.push(line)),
    ticker: nodeTicker,
  });
  const { machine } = guest;
  const { lockstep } = machine.cpu;
  if (lockstep !== null && run.thorough !== undefined) lockstep.thorough = run.thorough;
  run.prepare?.(machine);
  const stdin = new HostReader(machine.kernel);
  stdin.end();
  const out = new Collector(guest);
  const err = new Collector(guest);
  const started = performance.now();
  const { exited } = guest.start(run.argv, ENV, [stdin, out.file, err.file]);
  try {
    const { code } = await limit(exited, run.timeoutMs ?? 600_000);
    const ms = performance.now() - started;
    machine.cpu.saveTranslations();
    run.after?.(guest);
    return { stdout: out.text(), stderr: err.text(), status: code, log, ms };
  } catch (e) {
    const text = [String((e as Error).stack ?? e), ...log, 'output:', out.text(), err.text()];
    throw new Error(text.join('\n'));
  } finally {
    guest.stop();
  }
}

async function limit<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the guest did not end in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function runScriptInGuest(
  script: Script,
  root: RootSource,
  engine: Engine,
  after: (guest: Guest) => void = () => {},
  options: Pick<GuestRun, 'cpuLevel' | 'timeoutMs' | 'thorough'> = {},
): Promise<GuestOutcome> {
  return runGuest({
    root,
    engine,
    ...options,
    argv: SCRIPT_ARGV,
    after,
    prepare: (machine) => {
      putFile(machine, '/script.sh', script.text, 0o644);
      machine.kernel.vfs.root.inode.lookup('tmp')?.create('w', 0o040755, 0, 0, 0);
    },
  });
}
