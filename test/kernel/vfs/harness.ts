/**
 * A machine that consists of memory and a VFS: calls rows of the syscall table as a guest would, with
 * arguments in user memory.
 */
import { RAM_BASE } from '../../../src/common/layout.ts';
import { createLinearMemory, type LinearMemory } from '../../../src/common/memory.ts';
import { Cred } from '../../../src/kernel/cred/cred.ts';
import { LinuxError } from '../../../src/kernel/errno.ts';
import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import { AddressSpace } from '../../../src/kernel/mm/address-space.ts';
import { Rlimits } from '../../../src/kernel/process/rlimits.ts';
import { readIovec, UserSink, UserSource } from '../../../src/kernel/syscall/io.ts';
import { BLOCKED, type BlockOptions, type Sys } from '../../../src/kernel/syscall/types.ts';
import { FdTable } from '../../../src/kernel/vfs/fd-table.ts';
import { FsContext } from '../../../src/kernel/vfs/fs-context.ts';
import { FS_SYSCALLS } from '../../../src/kernel/vfs/syscalls/index.ts';
import type { FileSystem } from '../../../src/kernel/vfs/types.ts';
import { Vfs } from '../../../src/kernel/vfs/vfs.ts';
import type { WaitQueue } from '../../../src/kernel/wait-queue.ts';
import type { HeapAccount } from '../../../src/mmu/heap-account.ts';
import { Mmu } from '../../../src/mmu/mmu.ts';
import { Paging } from '../../../src/mmu/paging.ts';

const USER_BASE = 0x100000;
const USER_SIZE = 0x400000;
const rows = new Map(FS_SYSCALLS.map((row) => [row.name, row]));

export class TestClock {
  sec = 1700000000;
  nsec = 0;

  realtime(): { sec: number; nsec: number } {
    this.nsec += 1000;
    return { sec: this.sec, nsec: this.nsec };
  }

  monotonicMs(): number {
    return this.nsec / 1e6;
  }
}

interface TestKernel {
  vfs: Vfs;
  mmu: Mmu;
  heap: HeapAccount;
  clock: TestClock;
  host: { clock: TestClock; random: (b: Uint8Array) => void; log: () => void };
  hostname: string;
  processes: Map<number, unknown>;
  tasks: Map<number, TestTask>;
  sendSignalToTask: (task: unknown, sig: number) => void;
}

interface TestTask {
  pid: number;
  tgid: number;
  cred: Cred;
  files: FdTable;
  fs: FsContext;
  process: { rlimits: Rlimits };
  kernel: TestKernel;
}

export class Machine {
  readonly memory: LinearMemory = createLinearMemory(RAM_BASE + 32 * 1024 * 1024);
  readonly mmu: Mmu = new Mmu(new Paging(this.memory));
  readonly clock: TestClock = new TestClock();
  readonly vfs: Vfs = new Vfs();
  readonly signals: number[] = [];
  readonly kernel: TestKernel;

  constructor(root?: (m: Machine) => FileSystem) {
    this.kernel = {
      vfs: this.vfs,
      mmu: this.mmu,
      heap: this.mmu.paging.heap,
      clock: this.clock,
      host: { clock: this.clock, random: (b) => b.fill(7), log: () => {} },
      hostname: 'test',
      processes: new Map(),
      tasks: new Map(),
      sendSignalToTask: (_task, sig) => this.signals.push(sig),
    };
    const fs = root?.(this) ?? this.tmpfs(1);
    this.vfs.mountRoot(fs, 'rootfs');
  }

  tmpfs(dev: number, maxPages?: number): TmpFs {
    return new TmpFs(this.mmu.paging, this.clock, {
      dev,
      mode: 0o755,
      ...(maxPages === undefined ? {} : { maxPages }),
    });
  }

  user(uid: number = 0, gid: number = uid): User {
    return new User(this, Cred.forUser(uid, gid));
  }
}

/** A process without code: makes system calls. */
export class User {
  readonly machine: Machine;
  readonly task: TestTask;
  readonly sys: Sys;
  queues: readonly WaitQueue[] = [];
  options: BlockOptions | undefined;
  private readonly as: AddressSpace;
  private top = USER_BASE;

  constructor(machine: Machine, cred: Cred, pid: number = 100 + machine.kernel.tasks.size) {
    this.machine = machine;
    this.as = new AddressSpace(machine.mmu);
    this.as.addArea(USER_BASE, USER_BASE + USER_SIZE, 3, 0);
    const { vfs } = machine;
    this.task = {
      pid,
      tgid: pid,
      cred,
      files: new FdTable(machine.kernel.heap),
      fs: new FsContext(vfs.root, vfs.root, 0o022),
      process: { rlimits: new Rlimits() },
      kernel: machine.kernel,
    };
    machine.kernel.tasks.set(pid, this.task);
    const mem = this.as.mem;
    this.sys = {
      kernel: machine.kernel,
      task: this.task,
      mem,
      argLo: new Int32Array(6),
      argHi: new Int32Array(6),
      state: undefined,
      timedOut: false,
      block: (queues: readonly WaitQueue[], options?: BlockOptions) => {
        this.queues = queues;
        this.options = options;
        return BLOCKED;
      },
      sink: (base: number, length: number) => new UserSink(mem, [{ base, length }]),
      source: (base: number, length: number) => new UserSource(mem, [{ base, length }]),
      sinkv: (iov: number, n: number) => new UserSink(mem, readIovec(mem, iov, n)),
      sourcev: (iov: number, n: number) => new UserSource(mem, readIovec(mem, iov, n)),
    } as unknown as Sys;
  }

  /** Puts bytes or a string (Latin-1) with its zero into user memory. */
  put(data: string | Uint8Array): number {
    const bytes = typeof data === 'string' ? Buffer.from(`${data}\0`, 'latin1') : data;
    if (this.top + bytes.length + 16 > USER_BASE + USER_SIZE) this.top = USER_BASE;
    const at = this.top;
    this.top += (bytes.length + 15) & ~15;
    this.as.mem.copyOut(at, bytes, 0, bytes.length);
    return at;
  }

  space(size: number): number {
    return this.put(new Uint8Array(size));
  }

  get(addr: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.as.mem.copyIn(addr, bytes, 0, length);
    return bytes;
  }

  /** @returns the result, or -errno */
  call(name: string, ...args: (number | string)[]): number {
    const row = rows.get(name);
    if (row === undefined) throw new Error(`no such row: ${name}`);
    const values: Record<string, number> = {};
    Object.keys(row.args).forEach((key, i) => {
      const v = args[i] ?? 0;
      values[key] = typeof v === 'string' ? this.put(v) : v;
    });
    try {
      return row.handler(this.sys, values);
    } catch (e) {
      if (e instanceof LinuxError) return -e.errno;
      throw e;
    }
  }

  open(name: string, flags = 0, mode = 0o644): number {
    return this.call('open', name, flags, mode);
  }

  write(fd: number, data: string): number {
    const bytes = Buffer.from(data, 'latin1');
    return this.call('write', fd, this.put(bytes), bytes.length);
  }

  read(fd: number, length = 65536): string {
    const at = this.space(length);
    const n = this.call('read', fd, at, length);
    if (n < 0) throw new Error(`read: ${n}`);
    return Buffer.from(this.get(at, n)).toString('latin1');
  }

  /** Content of a file. */
  cat(name: string): string {
    const fd = this.open(name);
    if (fd < 0) throw new Error(`open ${name}: ${fd}`);
    let text = '';
    for (let part = this.read(fd); part !== ''; part = this.read(fd)) text += part;
    this.call('close', fd);
    return text;
  }

  save(name: string, data: string, mode = 0o644): void {
    const fd = this.open(name, 0o1101, mode);
    if (fd < 0) throw new Error(`create ${name}: ${fd}`);
    this.write(fd, data);
    this.call('close', fd);
  }

  stat(
    name: string,
    call = 'lstat',
  ):
    | {
        mode: number;
        size: number;
        nlink: number;
        ino: number;
        uid: number;
        gid: number;
        mtime: number;
        rdev: number;
        blocks: number;
      }
    | number {
    const at = this.space(144);
    const r = this.call(call, name, at);
    if (r < 0) return r;
    const d = new DataView(this.get(at, 144).buffer);
    return {
      mode: d.getUint32(24, true),
      size: Number(d.getBigUint64(48, true)),
      nlink: d.getUint32(16, true),
      ino: d.getUint32(8, true),
      uid: d.getUint32(28, true),
      gid: d.getUint32(32, true),
      rdev: d.getUint32(40, true),
      blocks: d.getUint32(64, true),
      mtime: d.getUint32(88, true),
    };
  }

  readlink(name: string, size = 4096): string | number {
    const at = this.space(size);
    const n = this.call('readlink', name, at, size);
    return n < 0 ? n : Buffer.from(this.get(at, n)).toString('latin1');
  }

  cwd(): string | number {
    const at = this.space(4096);
    const n = this.call('getcwd', at, 4096);
    return n < 0 ? n : Buffer.from(this.get(at, n - 1)).toString('latin1');
  }

  /** Names in a directory, by getdents64 with a buffer of `size`. */
  list(name: string, size = 4096): string[] {
    const fd = this.open(name, 0o200000);
    if (fd < 0) throw new Error(`open ${name}: ${fd}`);
    const names = this.entries(fd, size);
    this.call('close', fd);
    return names.filter((n) => n !== '.' && n !== '..');
  }

  entries(fd: number, size: number): string[] {
    const names: string[] = [];
    const at = this.space(size);
    for (;;) {
      const n = this.call('getdents64', fd, at, size);
      if (n < 0) throw new Error(`getdents64: ${n}`);
      if (n === 0) return names;
      const bytes = Buffer.from(this.get(at, n));
      for (let p = 0; p < n; p += bytes.readUInt16LE(p + 16)) {
        names.push(bytes.toString('latin1', p + 19, bytes.indexOf(0, p + 19)));
      }
    }
  }
}
