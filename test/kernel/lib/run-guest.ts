/**
 * Runs small C programs in a machine with a tmpfs root, and natively, for comparison. Programs are
 * compiled once per content into a cache below the system's temporary directory.
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDevFs } from '../../../src/kernel/fs/devfs/devfs.ts';
import { registerMemoryDevices } from '../../../src/kernel/fs/devfs/memory-devices.ts';
import { createProcFs } from '../../../src/kernel/fs/procfs/procfs.ts';
import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import type { SpawnOptions } from '../../../src/kernel/kernel.ts';
import type { HostPort } from '../../../src/kernel/ports.ts';
import { Strace } from '../../../src/kernel/syscall/strace.ts';
import type { Sys } from '../../../src/kernel/syscall/types.ts';
import { BaseFile } from '../../../src/kernel/vfs/file.ts';
import type { FileSystem, IoSource } from '../../../src/kernel/vfs/types.ts';
import type { CpuLevel, Engine } from '../../../src/machine/cpu.ts';
import { Machine } from '../../../src/machine/machine.ts';
import { AUDIT } from '../../lib/audit.ts';
import { compilingMore } from '../../lib/heat.ts';
import { keptTranslations } from '../../lib/translations.ts';

const MEMORY = 128 * 1024 * 1024;
const O_RDWR = 2;

/** Collects what guests write. */
export class CaptureFile extends BaseFile {
  text = '';

  constructor() {
    super(null, null, O_RDWR);
  }

  override describe(): string {
    return 'pipe:[1]';
  }

  override read(): number {
    return 0;
  }

  override write(_sys: Sys, from: IoSource): number {
    const bytes = new Uint8Array(Math.min(from.remaining, 65536));
    const n = from.take(bytes, 0, bytes.length);
    this.text += Buffer.from(bytes.subarray(0, n)).toString('latin1');
    return n;
  }
}

export interface GuestRun {
  readonly output: string;
  /** Exit code, or 128 + signal. */
  readonly code: number;
  readonly trace: readonly string[];
  readonly log: readonly string[];
}

export interface CpuOptions {
  /** Default: the interpreter. */
  readonly engine?: Engine;
  readonly cpuLevel?: CpuLevel;
}

export interface GuestOptions extends SpawnOptions, CpuOptions {
  /** Files to create: path → bytes. */
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly env?: readonly string[];
  readonly strace?: boolean;
  readonly timeoutMs?: number;
  /** Called before the program starts. */
  readonly prepare?: (machine: Machine) => void;
}

export function createMachine(log: string[] = [], cpu: CpuOptions = {}): Machine {
  const machine = new Machine({
    memory: MEMORY,
    engine: cpu.engine ?? 'interp',
    ...compilingMore(cpu.engine ?? 'interp'),
    cpuLevel: cpu.cpuLevel ?? 2,
    host: testHost(log),
    audit: AUDIT,
    ...keptTranslations(cpu.cpuLevel ?? 2),
  });
  const { kernel, mmu } = machine;
  const { vfs, clock } = kernel;
  const root = new TmpFs(mmu.paging, clock, { dev: 1, mode: 0o755, maxPages: 16384 });
  for (const name of ['dev', 'proc', 'tmp']) root.root.create(name, 0o040755, 0, 0, 0);
  vfs.mountRoot(root, 'rootfs');
  const mount = (path: string, fs: FileSystem): void => {
    vfs.mountAt(vfs.lookupDirectory(vfs.host, path), fs, path, 0);
  };
  registerMemoryDevices(vfs.devices);
  mount('/dev', createDevFs(mmu.paging, clock, 5));
  mount('/proc', createProcFs(kernel, 20));
  return machine;
}

function testHost(log: string[]): HostPort {
  return {
    clock: {
      realtime: () => {
        const ms = performance.timeOrigin + performance.now();
        const sec = Math.floor(ms / 1000);
        return { sec, nsec: Math.floor((ms - sec * 1000) * 1e6) };
      },
      monotonicMs: () => performance.now(),
    },
    random: (into) => {
      crypto.getRandomValues(into);
    },
    log: (line) => {
      log.push(line);
    },
  };
}

/** Creates a file (and its directories) in the guest. */
export function putFile(machine: Machine, path: string, bytes: Uint8Array, mode = 0o755): void {
  const { vfs } = machine.kernel;
  let dir = vfs.root.inode;
  const parts = path.split('/').filter((p) => p !== '');
  const name = parts.pop() as string;
  for (const part of parts) {
    dir = dir.lookup(part) ?? dir.create(part, 0o040755, 0, 0, 0);
  }
  const inode = dir.lookup(name) ?? dir.create(name, 0o100000 | mode, 0, 0, 0);
  let at = 0;
  const source: IoSource = {
    get remaining() {
      return bytes.length - at;
    },
    take(dst, start, end) {
      const n = Math.min(end - start, bytes.length - at);
      dst.set(bytes.subarray(at, at + n), start);
      at += n;
      return n;
    },
  };
  if (bytes.length > 0) inode.prepareWrite?.(0, bytes.length);
  inode.pages?.write(0, bytes.length, source);
  inode.setattr({ size: bytes.length });
}

/** Runs until every process has ended. */
export function runToEnd(machine: Machine, timeoutMs = 20_000): void {
  const limit = Date.now() + timeoutMs;
  for (;;) {
    const result = machine.kernel.runSlice(50);
    if (result.kind === 'exited') return;
    if (Date.now() > limit) throw new Error('the guest did not end in time');
    if (result.kind !== 'idle') continue;
    if (result.deadline === Number.POSITIVE_INFINITY) throw new Error('the guest waits for ever');
    const ms = Math.max(result.deadline - machine.kernel.now(), 0);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.min(ms, 100) + 0.1);
  }
}

export function runGuest(
  program: Uint8Array,
  argv: readonly string[],
  options: GuestOptions = {},
): GuestRun {
  const log: string[] = [];
  const machine = createMachine(log, options);
  putFile(machine, '/bin/program', program);
  for (const [path, bytes] of Object.entries(options.files ?? {})) putFile(machine, path, bytes);
  return runInMachine(machine, '/bin/program', argv, options, log);
}

export function runInMachine(
  machine: Machine,
  path: string,
  argv: readonly string[],
  options: GuestOptions = {},
  log: string[] = [],
): GuestRun {
  const trace: string[] = [];
  const out = new CaptureFile();
  if (options.strace === true) machine.kernel.strace = new Strace((line) => trace.push(line));
  options.prepare?.(machine);
  let status = -1;
  machine.kernel.spawn([path, ...argv], options.env ?? ['PATH=/bin'], {
    ...options,
    stdio: [out, out, out],
    onExit: (s) => {
      status = s;
    },
  });
  try {
    runToEnd(machine, options.timeoutMs);
  } catch (e) {
    throw new Error(`${String(e)}\n${[...trace, ...log].join('\n')}\noutput so far:\n${out.text}`);
  }
  machine.cpu.saveTranslations();
  const code = (status & 0x7f) === 0 ? status >> 8 : 128 + (status & 0x7f);
  return { output: out.text, code, trace, log };
}

export interface NativeRun {
  readonly output: string;
  readonly code: number;
}

export function runNative(path: string, argv: readonly string[]): NativeRun {
  const r = spawnSync(path, argv, { encoding: 'latin1', env: { PATH: '/bin' }, timeout: 20_000 });
  const signals: Record<string, number> = { SIGSEGV: 11, SIGILL: 4, SIGFPE: 8, SIGBUS: 7 };
  const signal = r.signal === null ? 0 : (signals[r.signal] ?? 15);
  return { output: r.stdout + r.stderr, code: signal !== 0 ? 128 + signal : (r.status ?? -1) };
}

const programs = fileURLToPath(new URL('../programs/', import.meta.url));
const cache = join(tmpdir(), 'kevlar-test-programs');

export function haveCompiler(cc: string): boolean {
  return spawnSync(cc, ['--version']).status === 0;
}

/** Compiles test/kernel/programs/NAME.c. @returns the path of the binary */
export function compile(
  name: string,
  flags: readonly string[] = [],
  cc = 'musl-gcc',
  base: readonly string[] = ['-static'],
): string {
  return compileSource(join(programs, `${name}.c`), ['-O1', '-w', ...base, ...flags], cc);
}

/**
 * @param headers files that the source includes: a change of them compiles it again
 * @returns the path of the binary
 */
export function compileSource(
  source: string,
  all: readonly string[],
  cc: string,
  headers: readonly string[] = [],
): string {
  const hash = createHash('sha256').update([cc, ...all].join(' '));
  for (const file of [source, ...headers]) hash.update(readFileSync(file));
  const key = hash.digest('hex').slice(0, 16);
  const name = basename(source, '.c');
  const binary = join(cache, `${name}-${key}`);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const temporary = `${binary}.${process.pid}`;
  execFileSync(cc, ['-o', temporary, source, ...all]);
  renameSync(temporary, binary);
  return binary;
}

export function readBinary(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}
