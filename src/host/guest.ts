/**
 * The library's view of a machine: boot it on a root file system, spawn programs with web streams,
 * read and write files, stop it. Free of platform APIs: the adapters (host/node, host/browser)
 * bring clock, event loop and sources of root file systems.
 */

import { Ext4FileSystem } from '../kernel/fs/ext4/fs.ts';
import type { SpawnOptions } from '../kernel/kernel.ts';
import type { MmLayout } from '../kernel/mm/layout.ts';
import type { HostPort } from '../kernel/ports.ts';
import type { Process } from '../kernel/process/process.ts';
import type { FileSystem, OpenFile } from '../kernel/vfs/types.ts';
import type { CpuLevel, Engine } from '../machine/cpu.ts';
import { Machine } from '../machine/machine.ts';
import type { TranslationStore } from '../machine/translation-cache.ts';
import { GuestFiles } from './files.ts';
import { GuestLoop, type Ticker } from './loop.ts';
import { mountAll, type RootSource } from './mounts.ts';
import { HostReader, HostWriter } from './stdio.ts';
import { toBytesString } from './text.ts';

/** Guest RAM if nothing else is asked for. */
export const DEFAULT_MEMORY: number = 1024 * 1024 * 1024;

export interface GuestOptions {
  readonly root: RootSource;
  /** Bytes of guest RAM. */
  readonly memory?: number;
  readonly engine?: Engine;
  /** See MachineOptions. */
  readonly hot?: number;
  /** x86-64 microarchitecture level of the CPU, 2 or 3 (AVX2, FMA and others); default 2. */
  readonly cpuLevel?: CpuLevel;
  readonly hostname?: string;
  /** The first program is the init of a whole system: see KernelOptions. */
  readonly system?: boolean;
  /** See MachineOptions. In Node the environment may say so: KEVLAR_AUDIT=1. */
  readonly audit?: boolean;
  /** See MachineOptions. */
  readonly layout?: MmLayout;
  /** See MachineOptions. */
  readonly translations?: TranslationStore;
  readonly host: HostPort;
  readonly ticker: Ticker;
}

export interface ProcessOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** How a program ended. */
export interface ExitStatus {
  /** Exit code, or 128 + signal as a shell reports it. */
  readonly code: number;
  /** Signal number that ended it, or 0. */
  readonly signal: number;
}

export const DEFAULT_ENV: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

export function exitStatus(waitStatus: number): ExitStatus {
  const signal = waitStatus & 0x7f;
  return signal === 0
    ? { code: (waitStatus >> 8) & 0xff, signal: 0 }
    : { code: 128 + signal, signal };
}

/** A program that was started. */
export interface GuestProcess {
  readonly pid: number;
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal; does nothing once it has ended. */
  kill(signal: number): void;
}

export class Guest {
  readonly machine: Machine;
  readonly loop: GuestLoop;
  readonly files: GuestFiles;
  private readonly rootFs: FileSystem;
  private readonly failed: ((error: unknown) => void)[] = [];
  /** Called once by `stop`: the adapter lets go of the image. */
  onStop: (() => void) | null = null;
  private stopped = false;

  private constructor(machine: Machine, loop: GuestLoop, rootFs: FileSystem) {
    this.machine = machine;
    this.loop = loop;
    this.rootFs = rootFs;
    this.files = new GuestFiles(machine.kernel);
    loop.onError = (error) => {
      for (const f of this.failed) f(error);
    };
  }

  static boot(options: GuestOptions): Guest {
    const machine = new Machine({
      memory: options.memory ?? DEFAULT_MEMORY,
      engine: options.engine ?? 'auto',
      host: options.host,
      ...(options.hot === undefined ? {} : { hot: options.hot }),
      ...(options.cpuLevel === undefined ? {} : { cpuLevel: options.cpuLevel }),
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
      ...(options.system === undefined ? {} : { system: options.system }),
      ...(options.audit === undefined ? {} : { audit: options.audit }),
      ...(options.layout === undefined ? {} : { layout: options.layout }),
      ...(options.translations === undefined ? {} : { translations: options.translations }),
    });
    const rootFs = mountAll(machine, options.root);
    return new Guest(machine, new GuestLoop(machine.kernel, options.ticker), rootFs);
  }

  /** Starts a program with descriptors of the caller's; the promise is its wait status. */
  start(
    argv: readonly string[],
    env: Readonly<Record<string, string>>,
    stdio: readonly (OpenFile | null)[],
    options: Omit<SpawnOptions, 'stdio' | 'onExit'> = {},
  ): { process: Process; exited: Promise<ExitStatus> } {
    let settle: (s: ExitStatus) => void = () => {};
    let reject: (e: unknown) => void = () => {};
    const exited = new Promise<ExitStatus>((a, b) => {
      settle = a;
      reject = b;
    });
    this.failed.push((e) => reject(e));
    const process = this.machine.kernel.spawn(
      argv.map(toBytesString),
      Object.entries(env).map(([k, v]) => toBytesString(`${k}=${v}`)),
      { ...options, stdio, onExit: (status) => settle(exitStatus(status)) },
    );
    this.loop.wake();
    return { process, exited };
  }

  /** Starts a program with web streams for its standard input, output and error. */
  spawn(argv: readonly string[], options: ProcessOptions = {}): GuestProcess {
    const { kernel } = this.machine;
    const input = new HostReader(kernel);
    const [out, stdout] = outputStream(this);
    const [err, stderr] = outputStream(this);
    const { process, exited } = this.start(
      argv,
      { ...DEFAULT_ENV, ...options.env },
      [input, out, err],
      {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.uid === undefined ? {} : { uid: options.uid }),
        ...(options.gid === undefined ? {} : { gid: options.gid }),
      },
    );
    return {
      pid: process.pid,
      stdin: inputStream(input),
      stdout,
      stderr,
      exited,
      kill: (signal) => {
        if (!process.zombie) kernel.sendSignalToProcess(process, signal);
        this.loop.wake();
      },
    };
  }

  /** Makes what the guest wrote durable in the root file system (if that can be written). */
  sync(): void {
    this.rootFs.sync();
  }

  /** Ends all programs and drops the machine. */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    const { audit, kernel } = this.machine;
    kernel.killAll(9);
    this.loop.stop();
    if (this.rootFs instanceof Ext4FileSystem) this.rootFs.close();
    else this.rootFs.sync();
    this.onStop?.();
    audit?.stopped();
  }
}

function inputStream(reader: HostReader): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (chunk) => reader.push(chunk.slice()),
    close: () => reader.end(),
    abort: () => reader.end(),
  });
}

/** Bytes of output that wait for a reader before the guest's writes block. */
const HIGH_WATER = 65536;

function outputStream(guest: Guest): [HostWriter, ReadableStream<Uint8Array>] {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  const writer: HostWriter = new HostWriter(
    guest.machine.kernel,
    (data) => controller?.enqueue(data),
    () => controller?.close(),
  );
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (c) => {
        controller = c;
      },
      // Called when the reader has taken chunks: what is still queued is what is not drained.
      pull: () => {
        writer.queued(HIGH_WATER - (controller?.desiredSize ?? HIGH_WATER));
      },
      cancel: () => {
        controller = null;
        writer.break();
      },
    },
    { highWaterMark: HIGH_WATER, size: (chunk) => chunk?.byteLength ?? 0 },
  );
  return [writer, stream];
}

export type { CpuLevel, Engine, RootSource };
