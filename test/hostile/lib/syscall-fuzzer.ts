/**
 * Calls system calls with arguments from a seed, in a machine with several processes: the CPU is
 * replaced by one that "executes" a system call of the fuzzer's choice whenever it shall run. So every
 * row is reached thousands of times a second, with strace's formatting and the audit on top.
 *
 * Invariants checked: handlers return integers or throw LinuxError; each returns in bounded time; the
 * audit holds after every call that maps, and now and then otherwise.
 */

import { LinuxError } from '../../../src/kernel/errno.ts';
import { CPU_STOP, REG } from '../../../src/kernel/ports.ts';
import { Strace } from '../../../src/kernel/syscall/strace.ts';
import { SYSCALL_FAMILIES } from '../../../src/kernel/syscall/table.ts';
import type { SyscallRow } from '../../../src/kernel/syscall/types.ts';
import type { Task } from '../../../src/kernel/task.ts';
import { Random } from '../../diff/random.ts';
import { cpuMs } from '../../lib/cpu-time.ts';
import { SYSCALL_LOOP, tinyElf } from './elf.ts';
import { Rig } from './rig.ts';
import { SHAPES, type Shaper } from './shapes.ts';

const ARGS = [REG.rdi, REG.rsi, REG.rdx, REG.r10, REG.r8, REG.r9] as const;
/** Where each address space gets its pages: structures, strings, read-only, none, file-backed. */
const POOL = 0x20000000;
const PAGE = 4096;
const STRUCTS = POOL;
const STRINGS = POOL + 4 * PAGE;
const READ_ONLY = POOL + 6 * PAGE;
const NO_ACCESS = POOL + 8 * PAGE;
const FILE_SHARED = POOL + 10 * PAGE;
const FILE_BEYOND = POOL + 12 * PAGE;
const MAX_TASKS = 10;
const MAX_CALL_MS = 3000;

const PATHS = [
  '/',
  '.',
  '..',
  '',
  'a',
  '/vol',
  '/vol/a',
  '/vol/d/x',
  '/vol/l',
  '/vol/../vol/b',
  '/ext/e',
  '/ext/new',
  'b',
  'dir',
  'dir/x',
  '/bin/loop',
  '/tmp',
  '/tmp/f',
  '/proc',
  '/proc/self',
  '/proc/self/maps',
  '/proc/self/fd',
  '/proc/self/fd/0',
  '/proc/self/fd/3',
  '/proc/self/fd/5',
  '/proc/self/exe',
  '/proc/self/cwd',
  '/proc/self/root',
  '/proc/self/mem',
  '/proc/self/stat',
  '/proc/self/status',
  '/proc/self/mounts',
  '/proc/self/environ',
  '/proc/1',
  '/proc/1/task',
  '/proc/sys',
  '/proc/meminfo',
  '/proc/sys/kernel/hostname',
  '/proc/self/smaps',
  '/proc/self/auxv',
  '/proc/self/oom_score_adj',
  '/proc/self/comm',
  '/proc/uptime',
  '/proc/self/task',
  '/sys',
  '/dev/null',
  '/dev/zero',
  '/dev/full',
  '/dev/urandom',
  '/dev/tty',
  '/dev/ptmx',
  '/dev/pts/0',
  '/dev/pts',
  '/dev/shm',
  '/dev/shm/m',
  '/dev/fd',
  '/dev/stdin',
  '/dev/console',
  '/dev/kmsg',
  '/loop',
  '/loop/x',
  '/long',
  '/fifo',
  '/script',
  '/empty',
  'x'.repeat(255),
  'y'.repeat(256),
  '//./../a',
  'a/',
  '/dir/',
  '/ext',
  '/ext/f',
  '/ext/d',
  '/ext/d/x',
  '/ext/link',
  '\xff\xfe',
  'ext4',
  'tmpfs',
  'proc',
  'devpts',
  'user.a',
  'security.x',
  'trusted.y',
  'system.posix_acl_access',
  'size=1m',
] as const;

/** Calls that would only end the run, or wait for the host. */
const NEVER = new Set(['reboot']);
/** Calls that make descriptors, which the others need. */
const MAKERS = new Set([
  'open',
  'openat',
  'pipe2',
  'socket',
  'socketpair',
  'eventfd2',
  'epoll_create1',
  'memfd_create',
  'timerfd_create',
  'signalfd4',
  'inotify_init1',
  'dup',
  'pipe',
  'accept4',
]);
const MAPPING = new Set([
  'mmap',
  'munmap',
  'mprotect',
  'mremap',
  'brk',
  'madvise',
  'shmat',
  'shmdt',
  'remap_file_pages',
  'execve',
  'execveat',
  'fork',
  'vfork',
  'clone',
  'ftruncate',
  'truncate',
  'fallocate',
  'msync',
]);

export interface FuzzOptions {
  readonly seed: number;
  readonly calls: number;
  /** A full audit every so many calls. */
  readonly auditEvery: number;
  /** Called when the machine is there: mounts more. */
  readonly prepare?: (rig: Rig) => void;
}

export class SyscallFuzzer {
  rig: Rig;
  readonly counts: Map<string, number> = new Map();
  /** Calls that did not fail. */
  readonly successes: Map<string, number> = new Map();
  private readonly rng: Random;
  private readonly rows: readonly SyscallRow[];
  private readonly shaper: Shaper;
  private readonly makers: readonly SyscallRow[];
  private readonly options: FuzzOptions;
  private readonly ready = new WeakSet<object>();
  private readonly recent: string[] = [];
  private calls = 0;

  constructor(options: FuzzOptions) {
    this.options = options;
    this.rng = new Random(options.seed);
    this.rows = SYSCALL_FAMILIES.flatMap((f) => f.rows).filter((r) => !NEVER.has(r.name));
    this.makers = this.rows.filter((r) => MAKERS.has(r.name));
    this.shaper = this.makeShaper();
    this.rig = this.makeRig();
  }

  private makeRig(): Rig {
    const rig = new Rig({ rng: this.rng });
    rig.put('/bin/loop', tinyElf({ code: SYSCALL_LOOP, data: 3 * PAGE }));
    rig.put('/script', '#!/bin/loop x\n');
    rig.put('/empty', '');
    rig.put('/tmp/f', 'contents '.repeat(1000), 0o644);
    rig.put('/dir/x', 'x');
    const { root } = rig.machine.kernel.vfs;
    root.inode.symlink('loop', 'loop', 0, 0);
    root.inode.symlink('long', 'x/'.repeat(2000), 0, 0);
    root.inode.create('fifo', 0o010666, 0, 0, 0);
    this.options.prepare?.(rig);
    const { kernel, cpu } = rig.machine;
    kernel.strace = new Strace((line) => this.note(line));
    cpu.run = (): number => this.step();
    return rig;
  }

  /** Starts the program; where the guest has made that impossible, in a new machine. */
  private start(): void {
    try {
      this.rig.start(['/bin/loop']);
    } catch (e) {
      if (!(e instanceof LinuxError)) throw e;
      this.finish();
      this.rig = this.makeRig();
    }
  }

  /** Everything ends: nothing may be left. */
  private finish(): void {
    this.rig.machine.kernel.killAll(9);
    this.rig.audit();
  }

  private note(line: string): void {
    this.recent.push(line);
    if (this.recent.length > 24) this.recent.shift();
  }

  /** Runs the given number of calls. Throws what the kernel threw, with the last calls. */
  run(): void {
    const restore = this.rows.map((row) => watch(row, this.successes, () => this.describe()));
    try {
      while (this.calls < this.options.calls) this.slice();
      this.finish();
    } catch (e) {
      const error = e instanceof Error ? (e.stack ?? e.message) : String(e);
      throw new Error(
        `seed ${this.options.seed}, call ${this.calls}: ${error}\n${this.recent.join('\n')}`,
      );
    } finally {
      for (const undo of restore) undo();
    }
  }

  private describe(): string {
    return this.recent[this.recent.length - 1] ?? '';
  }

  private slice(): void {
    const { rng } = this;
    // A new one in place of an old one now and then: descriptors, rights and pages get lost.
    if (rng.chance(10)) this.killOne();
    while (this.rig.machine.kernel.tasks.size < 3) this.start();
    const { rig } = this;
    const { kernel } = rig.machine;
    rig.now += 0.5;
    const r = kernel.runSlice(1);
    if (r.kind !== 'idle') return;
    const wait = r.deadline - kernel.now();
    if (wait < 10_000) {
      rig.now += Math.max(0, wait);
      return;
    }
    // All wait for ever: a signal, or the end, for one of them.
    const process = rng.pick([...kernel.processes.values()]);
    if (rng.chance(60)) kernel.sendSignalToProcess(process, rng.pick([1, 10, 14, 15, 17, 18, 23]));
    else this.killOne();
  }

  private killOne(): void {
    const { kernel } = this.rig.machine;
    const all = [...kernel.processes.values()].filter((p) => !p.zombie);
    if (all.length > 0) kernel.killProcess(this.rng.pick(all), 9);
  }

  /** What the CPU does when it shall run: a system call. */
  private step(): number {
    const { rig, rng } = this;
    const { cpu, kernel } = rig.machine;
    const task = kernel.scheduler.current as Task;
    this.calls++;
    rig.now += 0.02;
    if (this.calls % this.options.auditEvery === 0) rig.audit();
    if (!this.ready.has(task.mm)) this.makePool(task);
    const row = this.chooseRow(kernel.tasks.size);
    this.counts.set(row.name, (this.counts.get(row.name) ?? 0) + 1);
    this.refill(task);
    if (rng.chance(1)) return this.raise();
    cpu.setReg(REG.rax, rng.chance(1) ? rng.below(600) : row.nr);
    const types = Object.values(row.args);
    for (let i = 0; i < ARGS.length; i++) {
      const v = rng.chance(12) ? this.argument() : this.typed(types[i]?.name ?? '');
      const reg = ARGS[i] as number;
      cpu.setReg64(reg, Number(BigInt.asIntN(32, v)), Number(BigInt.asIntN(32, v >> 32n)));
    }
    this.shape(row.name);
    if (rng.chance(5)) cpu.setReg(REG.rsp, this.pointer());
    else cpu.setReg(REG.rsp, STRUCTS + 3 * PAGE);
    if (MAPPING.has(row.name)) this.auditSoon = true;
    else if (this.auditSoon && rng.chance(20)) {
      this.auditSoon = false;
      rig.audit();
    }
    return CPU_STOP.syscall;
  }

  private auditSoon = false;

  /** An exception instead, of any vector. */
  private raise(): number {
    const { machine } = this.rig;
    machine.mmu.raise(this.rng.pick([0, 1, 3, 4, 6, 13, 14, 16, 19]), 0);
    return CPU_STOP.exception;
  }

  private chooseRow(tasks: number): SyscallRow {
    if (this.rng.chance(15)) return this.rng.pick(this.makers);
    for (;;) {
      const row = this.rng.pick(this.rows);
      const forks = row.name === 'fork' || row.name === 'vfork' || row.name.startsWith('clone');
      if (forks && tasks >= MAX_TASKS) continue;
      const ends = row.name === 'exit' || row.name === 'exit_group' || row.name === 'execve';
      if (ends && this.rng.chance(70)) continue;
      return row;
    }
  }

  private int32At(): number {
    const { rng } = this;
    switch (rng.below(6)) {
      case 0:
        return rng.pick([0, 1, -1, 0x7fffffff, -0x80000000, 1 << 30, 4096, 65536]);
      case 1:
        return rng.u32() | 0;
      case 2:
        return 1 << rng.below(32);
      default:
        return rng.below(16);
    }
  }

  private pointer(): number {
    const { rng } = this;
    const at = rng.pick([
      STRUCTS,
      STRUCTS,
      STRUCTS,
      READ_ONLY,
      NO_ACCESS,
      FILE_SHARED,
      FILE_BEYOND,
    ]);
    if (rng.chance(70)) return at + rng.below(2048);
    return at + 2 * PAGE - rng.below(24);
  }

  /** What an argument of this type may look like. */
  private typed(type: string): bigint {
    const { rng } = this;
    if (type === 'fd') return BigInt(rng.chance(5) ? -100 : rng.below(14));
    if (type === 'const char *') return BigInt(this.stringAt());
    if (type.endsWith('*')) {
      if (rng.chance(12)) return 0n;
      return BigInt(rng.chance(80) ? STRUCTS + (rng.below(2 * PAGE) & ~7) : this.pointer());
    }
    if (type === 'size_t' || type === 'off_t') {
      return BigInt(rng.pick([rng.below(64), rng.below(9000), 8, 16, 4096, this.int32At()]));
    }
    if (type === 'pid_t') {
      const pids = [...this.rig.machine.kernel.tasks.keys(), 0, -1, 1, 99];
      return BigInt(rng.pick(pids));
    }
    if (rng.chance(60)) return BigInt(rng.below(20));
    return BigInt(rng.chance(50) ? this.int32At() : (1 << rng.below(32)) | (1 << rng.below(20)));
  }

  private argument(): bigint {
    const { rng } = this;
    switch (rng.below(16)) {
      case 0:
      case 1:
      case 2:
        return BigInt(rng.below(12));
      case 3:
      case 4:
      case 5:
      case 6:
        return BigInt(STRUCTS + rng.below(2 * PAGE));
      case 7:
      case 8:
        return BigInt(this.stringAt());
      case 9:
        return BigInt(this.pointer());
      case 10:
        return rng.value();
      case 11:
        return BigInt(this.int32At());
      case 12:
        return rng.pick([
          -100n,
          0n,
          4096n,
          0x1000n,
          0x40000000n,
          0x7fffffffffffffffn,
          1n << 47n,
          -1n,
        ]);
      case 13:
        return BigInt(POOL + rng.below(16) * PAGE);
      case 14:
        return BigInt([...this.rig.machine.kernel.tasks.keys()][rng.below(3)] ?? 1);
      default:
        return 1n << BigInt(rng.below(64));
    }
  }

  private stringAt(): number {
    return STRINGS + (this.offsets[this.rng.below(PATHS.length)] as number);
  }

  private readonly offsets: number[] = [];

  /** Arguments by the call's recipe, one of them spoilt now and then. */
  private shape(name: string): void {
    const recipe = SHAPES[name];
    if (recipe === undefined || this.rng.chance(25)) return;
    const { cpu } = this.rig.machine;
    recipe(this.shaper).forEach((v, i) => {
      if (this.rng.chance(6)) return;
      cpu.setReg64(ARGS[i] as number, (v % 2 ** 32) | 0, Math.floor(v / 2 ** 32) | 0);
    });
  }

  private makeShaper(): Shaper {
    const { rng } = this;
    const put = (bytes: Uint8Array): number => {
      const at = STRUCTS + (rng.below(2 * PAGE - 128) & ~7);
      const task = this.rig.machine.kernel.scheduler.current as Task;
      this.write(task, at, bytes);
      return at;
    };
    return {
      rng,
      fd: () => rng.below(14),
      path: () => this.stringAt(),
      pid: () => Number(this.typed('pid_t')),
      words: (...v) => put(new Uint8Array(Int32Array.from(v).buffer)),
      longs: (...v) =>
        put(new Uint8Array(BigInt64Array.from(v, (n) => BigInt(Math.trunc(n))).buffer)),
      text: (text) => put(Buffer.from(`${text}\0`, 'latin1')),
      room: () => STRUCTS + (rng.below(2 * PAGE) & ~7),
      small: () => rng.below(65),
    };
  }

  /** Maps the pool's pages into an address space that has none. */
  private makePool(task: Task): void {
    const { mm } = task;
    this.ready.add(mm);
    const call = (name: string, args: Record<string, number>): number => {
      const row = this.rows.find((r) => r.name === name) as SyscallRow;
      try {
        return row.handler(task.sys, args);
      } catch (e) {
        if (e instanceof LinuxError) return -e.errno;
        throw e;
      }
    };
    const map = (addr: number, pages: number, prot: number): void => {
      call('mmap', {
        addr,
        length: pages * PAGE,
        len: pages * PAGE,
        prot,
        flags: 0x32,
        fd: -1,
        offset: 0,
        off: 0,
      });
    };
    map(STRUCTS, 4, 3);
    map(STRINGS, 2, 3);
    map(READ_ONLY, 2, 1);
    map(NO_ACCESS, 2, 0);
    map(FILE_SHARED, 2, 3);
    let at = 0;
    PATHS.forEach((path, i) => {
      this.offsets[i] = at;
      const bytes = Buffer.from(`${path}\0`, 'latin1');
      this.write(task, STRINGS + at, bytes);
      at += bytes.length;
    });
  }

  private write(task: Task, at: number, bytes: Uint8Array): void {
    task.mm.mem.copyOutPartial(at, bytes, 0, bytes.length);
  }

  /** New contents for the structures: small numbers, pointers, sizes, rarely noise. */
  private refill(task: Task): void {
    const { rng } = this;
    const words = new Int32Array(48);
    for (let i = 0; i < words.length; i += 2) {
      const v = rng.chance(40)
        ? BigInt(this.int32At())
        : rng.chance(50)
          ? BigInt(rng.chance(30) ? this.stringAt() : this.pointer())
          : (BigInt(this.int32At()) << 32n) | BigInt(this.int32At() >>> 0);
      words[i] = Number(BigInt.asIntN(32, v));
      words[i + 1] = Number(BigInt.asIntN(32, v >> 32n));
    }
    const at = STRUCTS + (rng.below(2 * PAGE - 192) & ~7);
    this.write(task, rng.chance(40) ? STRUCTS : at, new Uint8Array(words.buffer));
  }
}

/** Wraps a row's handler so that results and time are checked. @returns undoes it */
function watch(row: SyscallRow, successes: Map<string, number>, where: () => string): () => void {
  const holder = row as { handler: SyscallRow['handler'] };
  const original = holder.handler;
  holder.handler = (sys, args) => {
    const start = cpuMs();
    const result = original(sys, args);
    if (!Number.isInteger(result)) throw new Error(`${row.name} returned ${result}: ${where()}`);
    if (result >= 0) successes.set(row.name, (successes.get(row.name) ?? 0) + 1);
    const ms = cpuMs() - start;
    if (ms > MAX_CALL_MS)
      throw new Error(`${row.name} took ${Math.round(ms)} ms: ${JSON.stringify(args)}`);
    return result;
  };
  return () => {
    holder.handler = original;
  };
}
