import { readFileSync } from 'node:fs';
import { RAM_BASE } from '../../../src/common/layout.ts';
import { createLinearMemory } from '../../../src/common/memory.ts';
import { EACCES, ENOENT, EPERM, LinuxError } from '../../../src/kernel/errno.ts';
import { TmpFs } from '../../../src/kernel/fs/tmpfs/tmpfs.ts';
import { Kernel } from '../../../src/kernel/kernel.ts';
import type { CpuPort } from '../../../src/kernel/ports.ts';
import type { Task } from '../../../src/kernel/task.ts';
import { mountSystem, registerSystem } from '../../../src/kernel/vfs/system-mounts.ts';
import { BufferSink, BufferSource } from '../../../src/kernel/vfs/transfer.ts';
import type { OpenFile } from '../../../src/kernel/vfs/types.ts';
import { Mmu } from '../../../src/mmu/mmu.ts';
import { Paging } from '../../../src/mmu/paging.ts';
import { assert, suite } from '../../lib/suite.ts';

const test = suite('procfs');

/** A static ELF64 program of one segment that never runs here. */
function tinyElf(): Uint8Array {
  const b = Buffer.alloc(4096);
  b.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  b.writeUInt16LE(2, 16);
  b.writeUInt16LE(62, 18);
  b.writeUInt32LE(1, 20);
  b.writeBigUInt64LE(0x400078n, 24);
  b.writeBigUInt64LE(64n, 32);
  b.writeUInt16LE(64, 52);
  b.writeUInt16LE(56, 54);
  b.writeUInt16LE(1, 56);
  b.writeUInt16LE(64, 58);
  b.writeUInt32LE(1, 64);
  b.writeUInt32LE(5, 68);
  b.writeBigUInt64LE(0x400000n, 80);
  b.writeBigUInt64LE(0x400000n, 88);
  b.writeBigUInt64LE(4096n, 96);
  b.writeBigUInt64LE(4096n, 104);
  b.writeBigUInt64LE(4096n, 112);
  return new Uint8Array(b);
}

/** Only what starting a program touches: nothing is executed. */
const IDLE_CPU = new Proxy({ stateSize: 64, xstateSize: 512 } as unknown as CpuPort, {
  get: (target, key) => Reflect.get(target, key) ?? (() => 0),
});

class Started {
  readonly kernel: Kernel;
  readonly task: Task;

  constructor(argv: readonly string[], uid: number = 0) {
    const memory = createLinearMemory(RAM_BASE + 16 * 1024 * 1024);
    const mmu = new Mmu(new Paging(memory));
    const clock = { realtime: () => ({ sec: 1700000000, nsec: 0 }), monotonicMs: () => 1000 };
    const host = { clock, random: (b: Uint8Array) => void b.fill(0xab), log: () => {} };
    this.kernel = new Kernel({ memory, mmu, cpu: IDLE_CPU, host });
    const { vfs } = this.kernel;
    const fs = new TmpFs(mmu.paging, clock, { dev: 0x801, mode: 0o755, type: 'rootfs' });
    fs.root.create('prog', 0o100755, 0, 0, 0).setContent!(tinyElf());
    registerSystem(this.kernel);
    vfs.mountRoot(fs, 'rootfs');
    assert.equal(mountSystem(this.kernel), []);
    this.task = this.kernel.spawn(argv, ['A=1', 'B=2'], { uid, gid: uid }).leader;
    this.act(this.task);
  }

  /** Makes a task the one that reads. */
  act(task: Task): void {
    this.kernel.scheduler.current = task;
  }

  open(name: string, flags = 0): OpenFile {
    const file = this.kernel.vfs.open(this.task.sys, this.task, null, name, flags, 0o644);
    if (typeof file === 'number') throw new Error('blocked');
    file.retain();
    return file;
  }

  cat(name: string): string {
    const file = this.open(name);
    const sink = new BufferSink(65536);
    while (file.read(this.task.sys, sink) > 0);
    file.release();
    return Buffer.from(sink.bytes.subarray(0, sink.length)).toString('latin1');
  }

  write(name: string, text: string): void {
    const file = this.open(name, 1);
    file.write(this.task.sys, new BufferSource(Buffer.from(text)));
    file.release();
  }

  list(name: string): string[] {
    const names: string[] = [];
    const file = this.open(name);
    file.readdir(this.task.sys, (e) => names.push(e.name) > 0);
    file.release();
    return names;
  }

  readlink(name: string): string {
    return this.kernel.vfs.lookup(this.task, null, name, false).inode.readlink();
  }
}

/** The text with numbers and white space levelled out. */
function shape(text: string): string {
  return text.replace(/unlimited|-?\d+/g, 'N').replace(/ +/g, ' ');
}

test('texts have the form of this kernel\u2019s', () => {
  const s = new Started(['/prog', 'an arg', '']);
  const native = (name: string): string => readFileSync(`/proc/self/${name}`, 'latin1');
  assert.is(shape(s.cat('/proc/self/limits')), shape(native('limits')));
  const fields = (text: string): number => text.slice(text.lastIndexOf(')')).split(' ').length;
  assert.is(fields(s.cat('/proc/self/stat')), fields(native('stat')));
  assert.is(s.cat('/proc/self/statm').split(' ').length, native('statm').split(' ').length);
  const keys = (text: string): string[] => text.split('\n').map((line) => line.split('\t')[0]!);
  const known = keys(native('status'));
  // Every key is one of Linux's, in Linux's order.
  const at = keys(s.cat('/proc/self/status')).map((key) => known.indexOf(key));
  assert.ok(at.every((n, i) => n >= 0 && n >= (at[i - 1] ?? 0)));
  const mountinfo = /^(\d+ \d+ \d+:\d+ \/\S* \/\S* \S+ - \S+ \S+ \S+\n)+$/;
  assert.match(s.cat('/proc/self/mountinfo'), mountinfo);
  assert.match(s.cat('/proc/mounts'), /^rootfs \/ rootfs rw,relatime 0 0\nproc \/proc proc /);
  const meminfo = shape(s.cat('/proc/meminfo')).split('\n');
  const nativeMeminfo = shape(readFileSync('/proc/meminfo', 'latin1')).split('\n');
  for (const line of meminfo) assert.ok(nativeMeminfo.includes(line), line);
});

test('threads-max follows from the memory, as here', () => {
  const ratio = (meminfo: string, max: string): number =>
    Number(/MemTotal: +(\d+)/.exec(meminfo)?.[1]) / Number(max);
  const s = new Started(['/prog']);
  const name = '/proc/sys/kernel/threads-max';
  const here = ratio(readFileSync('/proc/meminfo', 'latin1'), readFileSync(name, 'latin1'));
  const guest = ratio(s.cat('/proc/meminfo'), s.cat(name));
  assert.ok(Math.abs(here / guest - 1) < 0.05, `${guest} kB a task, ${here} on this kernel`);
});

test('a process sees itself', () => {
  const s = new Started(['/prog', 'an arg', '']);
  assert.is(s.readlink('/proc/self'), '1');
  assert.is(s.readlink('/proc/thread-self'), '1/task/1');
  assert.is(s.cat('/proc/self/cmdline'), '/prog\0an arg\0\0');
  assert.is(s.cat('/proc/1/environ'), 'A=1\0B=2\0');
  assert.is(s.cat('/proc/self/comm'), 'prog\n');
  assert.is(s.readlink('/proc/self/exe'), '/prog');
  assert.is(s.cat('/proc/self/exe').length, 4096);
  assert.is(s.readlink('/proc/self/cwd'), '/');
  assert.match(s.cat('/proc/self/maps'), /^00400000-00401000 r-xp 00000000 08:01 \d+ +\/prog\n/);
  s.write('/proc/self/comm', 'renamed');
  assert.is(s.cat('/proc/thread-self/comm'), 'renamed\n');
  assert.ok(s.list('/proc').includes('1'));
  assert.equal(s.list('/proc/self/task'), ['.', '..', '1']);
});

test('descriptors are links to the open file, whatever became of its name', () => {
  const s = new Started(['/prog']);
  const file = s.open('/made', 0o102);
  const fd = s.task.files.install(file, false);
  s.write('/made', 'text');
  assert.is(s.readlink(`/proc/self/fd/${fd}`), '/made');
  assert.is(s.cat(`/dev/fd/${fd}`), 'text');
  s.kernel.vfs.root.inode.unlink('made');
  s.kernel.vfs.invalidate(s.kernel.vfs.root.inode.fs);
  assert.is(s.readlink(`/proc/self/fd/${fd}`), '/made (deleted)');
  assert.is(s.cat(`/proc/self/fd/${fd}`), 'text');
  assert.match(
    s.cat(`/proc/self/fdinfo/${fd}`),
    /^pos:\t0\nflags:\t02\nmnt_id:\t\d+\nino:\t\d+\n$/,
  );
  assert.equal(s.list('/proc/self/fd'), ['.', '..', String(fd)]);
  s.task.files.close(fd);
  assert.throws(
    () => s.readlink(`/proc/self/fd/${fd}`),
    (e: unknown) => e instanceof LinuxError && e.errno === ENOENT,
  );
});

test('other users may not look into a process', () => {
  const s = new Started(['/prog']);
  const other = s.kernel.spawn(['/prog'], [], { uid: 1000, gid: 1000 }).leader;
  s.act(other);
  assert.throws(
    () => s.readlink('/proc/1/exe'),
    (e: unknown) => e instanceof LinuxError && e.errno === EACCES,
  );
  assert.is(s.readlink('/proc/self/exe'), '/prog');
});

test('nothing can be made: procfs has no such name, sysfs refuses', () => {
  const s = new Started(['/prog']);
  const { vfs } = s.kernel;
  const errnoOf = (fn: () => unknown): number => {
    try {
      fn();
      return 0;
    } catch (e) {
      return e instanceof LinuxError ? e.errno : -1;
    }
  };
  const proc = vfs.lookupDirectory(vfs.host, '/proc').inode;
  const sys = vfs.lookupDirectory(vfs.host, '/sys').inode;
  assert.is(
    errnoOf(() => proc.create('x', 0o100644, 0, 0, 0)),
    ENOENT,
  );
  assert.is(
    errnoOf(() => proc.create('x', 0o040755, 0, 0, 0)),
    ENOENT,
  );
  assert.is(
    errnoOf(() => proc.symlink('x', 'y', 0, 0)),
    ENOENT,
  );
  assert.is(
    errnoOf(() => sys.create('x', 0o100644, 0, 0, 0)),
    EACCES,
  );
  assert.is(
    errnoOf(() => sys.create('x', 0o040755, 0, 0, 0)),
    EPERM,
  );
});

test('settings can be read and written', () => {
  const s = new Started(['/prog']);
  s.write('/proc/sys/kernel/hostname', 'box\n');
  assert.is(s.kernel.hostname, 'box');
  assert.is(s.cat('/proc/sys/kernel/hostname'), 'box\n');
  assert.match(s.cat('/proc/sys/kernel/random/uuid'), /^[\da-f]{8}-([\da-f]{4}-){3}[\da-f]{12}\n$/);
  assert.is(s.cat('/sys/devices/system/cpu/online'), '0\n');
  s.write('/proc/self/oom_score_adj', '500');
  assert.is(s.cat('/proc/self/oom_score_adj'), '500\n');
  assert.throws(() => s.write('/proc/self/oom_score_adj', '5000'));
  assert.throws(() => s.write('/proc/sys/kernel/ostype', 'x'));
});
