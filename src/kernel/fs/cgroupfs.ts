/**
 * cgroup2: the tree of control groups (cgroups(7), Documentation/admin-guide/cgroup-v2.rst), without controllers, as
 * of a kernel that was configured with none: groups are made, hold processes, and can be killed as a whole.
 *
 * Invariants: a process is in exactly one group, that of its parent at first; only a group without processes and
 * without groups in it can be removed. Every mount shows the same tree.
 */

import { EBUSY, EINVAL, ENOENT, EOPNOTSUPP, EPERM, ERANGE, ESRCH, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import { type Cgroup, type CpuTimes, MAX_DEPTH, MAX_DESCENDANTS } from '../process/cgroup.ts';
import type { Process } from '../process/process.ts';
import { SIGKILL } from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { type Inode, S_IFDIR, S_IFMT } from '../vfs/types.ts';
import { PseudoDirectory, PseudoFs } from './procfs/node.ts';
import { PseudoText, TextChanges, type TextOptions } from './procfs/text.ts';

const CGROUP2_SUPER_MAGIC = 0x63677270;

type Write = (text: string, sys: Sys) => void;
type MakeFile = (text: () => string, write?: Write, options?: TextOptions) => PseudoText;

class CgroupDirectory extends PseudoDirectory {
  readonly group: Cgroup;
  private readonly below: Map<string, CgroupDirectory>;

  constructor(fs: PseudoFs, group: Cgroup) {
    const files = filesOf(fs, group);
    const below = new Map<string, CgroupDirectory>();
    super(
      fs,
      0o755,
      () => [...files.keys(), ...below.keys()],
      (name) => files.get(name) ?? below.get(name) ?? null,
    );
    this.group = group;
    this.below = below;
  }

  override get nlink(): number {
    return 2 + this.below.size;
  }

  override create(name: string, mode: number): Inode {
    if ((mode & S_IFMT) !== S_IFDIR) return super.create(name, mode);
    if (name.includes('\n')) throw linuxError(EINVAL);
    const child = new CgroupDirectory(this.fs, this.group.addGroup(name));
    child.parent = this;
    this.below.set(name, child);
    return child;
  }

  override rmdir(name: string): void {
    const child = this.below.get(name);
    if (child === undefined) throw linuxError(this.lookup(name) === null ? ENOENT : EPERM);
    if (child.group.members.size > 0 || child.below.size > 0) throw linuxError(EBUSY);
    this.below.delete(name);
    child.group.remove();
  }
}

function filesOf(fs: PseudoFs, group: Cgroup): Map<string, PseudoText> {
  const top = group.parent === null;
  const file: MakeFile = (text, write, options = {}) =>
    new PseudoText(fs, text, {
      ignoresEmpty: true,
      ...(write === undefined ? {} : { write }),
      ...options,
    });
  const files: Record<string, PseudoText> = {
    'cgroup.controllers': file(() => ''),
    'cgroup.procs': file(() => pidsOf(group.members), moveTo(group)),
    'cgroup.subtree_control': file(
      () => '',
      (text) => {
        // No controller is there to be switched on.
        if (text.trim() !== '') throw linuxError(EINVAL);
      },
    ),
    'cgroup.threads': file(
      () => threadsOf(group.members),
      () => {
        throw linuxError(EOPNOTSUPP);
      },
    ),
    'cgroup.max.depth': file(
      () => limitText(group.maxDepth),
      (text) => {
        group.maxDepth = limitOf(text, top ? MAX_DEPTH : Number.POSITIVE_INFINITY);
      },
    ),
    'cgroup.max.descendants': file(
      () => limitText(group.maxDescendants),
      (text) => {
        group.maxDescendants = limitOf(text, top ? MAX_DESCENDANTS : Number.POSITIVE_INFINITY);
      },
    ),
    'cpu.stat': file(() => cpuText(group.cpuTimes())),
    'cgroup.stat': file(() => `nr_descendants ${group.descendants}\nnr_dying_descendants 0\n`),
    ...(top ? {} : filesBelowTop(group, file)),
  };
  return new Map(Object.entries(files));
}

function filesBelowTop(group: Cgroup, file: MakeFile): Record<string, PseudoText> {
  const changes = new TextChanges();
  group.onChange = () => changes.changed();
  const events = (): string =>
    `populated ${Number(group.populated)}\nfrozen ${Number(group.frozen)}\n`;
  return {
    'cgroup.type': file(() => 'domain\n'),
    'cgroup.events': file(events, undefined, { changes }),
    'cgroup.freeze': file(
      () => `${Number(group.freeze)}\n`,
      (text) => group.setFreeze(numberOf(text, 0, 1) === 1),
    ),
    'cgroup.kill': file(unreadable, killAll(group), { mode: 0o200 }),
  };
}

function cpuText({ user, system, nice }: CpuTimes): string {
  const values = { usage: user + system, user, system, nice };
  const lines = Object.entries(values).map(([name, ms]) => `${name}_usec ${Math.floor(ms * 1000)}`);
  return `${lines.join('\n')}\n`;
}

function unreadable(): string {
  throw linuxError(EINVAL);
}

/** kstrtoint(), and a range. Throws EINVAL, ERANGE. */
function numberOf(text: string, min: number, max: number): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw linuxError(EINVAL);
  const n = Number(text);
  if (n < min || n > max) throw linuxError(ERANGE);
  return n;
}

function limitText(limit: number): string {
  return `${Number.isFinite(limit) ? limit : 'max'}\n`;
}

function limitOf(text: string, most: number): number {
  if (text.trim() === 'max') return most;
  return Math.min(most, numberOf(text, 0, 0x7fffffff));
}

function pidsOf(members: ReadonlySet<Process>): string {
  return [...members].map((p) => `${p.pid}\n`).join('');
}

function threadsOf(members: ReadonlySet<Process>): string {
  return [...members].flatMap((p) => [...p.threads].map((t) => `${t.pid}\n`)).join('');
}

/** A process id, or 0 for the writer. */
function moveTo(group: Cgroup): Write {
  return (text, sys) => {
    if (!/^\s*\d+\s*$/.test(text)) throw linuxError(EINVAL);
    const pid = Number(text);
    const process = pid === 0 ? sys.task.process : sys.kernel.processById(pid);
    if (process === null || process.zombie) throw linuxError(ESRCH);
    group.take(process);
  };
}

function killAll(group: Cgroup): Write {
  return (text, sys) => {
    numberOf(text, 1, 1);
    for (const process of group.all()) sys.kernel.sendSignalToProcess(process, SIGKILL);
  };
}

/** Makes the tree of a machine. */
export function createCgroupFs(kernel: Kernel, dev: number): PseudoFs {
  const fs = new PseudoFs(kernel, 'cgroup2', dev, CGROUP2_SUPER_MAGIC);
  fs.root = new CgroupDirectory(fs, kernel.cgroup);
  return fs;
}
