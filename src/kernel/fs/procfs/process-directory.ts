/** /proc/PID and /proc/PID/task/TID: what is in them. Texts are in process-texts.ts. */

import { EACCES, EINVAL, ENOENT, linuxError } from '../../errno.ts';
import { formatMaps, formatSmaps } from '../../mm/maps.ts';
import type { Process } from '../../process/process.ts';
import { processOfDirectory } from '../../process/process-inodes.ts';
import type { Task } from '../../task.ts';
import { pathOfFile } from '../../vfs/anonymous.ts';
import { O_ACCMODE, O_CLOEXEC, O_RDONLY, O_WRONLY } from '../../vfs/constants.ts';
import { describeLocks } from '../../vfs/locks.ts';
import { VfsPath } from '../../vfs/path.ts';
import type { Inode, Path } from '../../vfs/types.ts';
import { mountinfoText, mountsText } from './mounts.ts';
import { fixedDirectory, MagicLink, type Owner, PseudoDirectory, type PseudoFs } from './node.ts';
import { MemoryNode } from './process-memory.ts';
import {
  cmdlineBytes,
  environBytes,
  limitsText,
  statLine,
  statmLine,
  statusText,
} from './process-texts.ts';
import { PseudoText } from './text.ts';

const TASK_COMM_LEN = 16;

/** The owner of a process's files: its effective ids, unless it is not dumpable. */
function ownerOf(process: Process): Owner {
  return () => {
    const { cred } = process;
    return process.dumpable === 1 ? { uid: cred.euid, gid: cred.egid } : { uid: 0, gid: 0 };
  };
}

/** @param net what all processes have as `net`: there is one network */
export function processDirectory(fs: PseudoFs, process: Process, net: Inode): PseudoDirectory {
  const owner = ownerOf(process);
  const leader = (): Task => process.leader;
  const directory = fixedDirectory(
    fs,
    {
      task: taskDirectory(fs, process, owner, net),
      net,
      ...nodes(fs, leader, owner, true),
    },
    0o555,
    owner,
  );
  processOfDirectory.set(directory, process);
  return directory;
}

/** Its links count the threads. */
function taskDirectory(fs: PseudoFs, process: Process, owner: Owner, net: Inode): PseudoDirectory {
  const known = new WeakMap<Task, Inode>();
  const find = (name: string): Inode | null => {
    for (const task of process.threads) {
      if (String(task.pid) !== name) continue;
      let inode = known.get(task);
      if (inode === undefined) {
        inode = fixedDirectory(fs, { net, ...nodes(fs, () => task, owner, false) }, 0o555, owner);
        known.set(task, inode);
      }
      return inode;
    }
    return null;
  };
  const names = (): string[] => [...process.threads].map((t) => String(t.pid));
  const directory = new PseudoDirectory(fs, 0o555, names, find, owner);
  directory.subdirectories = () => process.threads.size;
  return directory;
}

/** What a process and each of its threads have in their directories. */
function nodes(
  fs: PseudoFs,
  task: () => Task,
  owner: Owner,
  whole: boolean,
): Record<string, Inode> {
  const { kernel } = fs;
  const process = (): Process => task().process;
  const text = (generate: () => string | Uint8Array, mode: number = 0o444): PseudoText =>
    new PseudoText(fs, generate, { mode, owner });
  const alive = (make: () => string): (() => string) => {
    return () => (process().zombie ? '' : make());
  };
  return {
    fd: fdDirectory(fs, task, owner),
    fdinfo: fdinfoDirectory(fs, task, owner),
    environ: text(() => environBytes(process()), 0o400),
    auxv: text(() => process().image.auxv, 0o400),
    status: text(() => statusText(task(), whole)),
    personality: text(() => `${process().personality.toString(16).padStart(8, '0')}\n`, 0o400),
    limits: text(() => limitsText(process())),
    comm: commNode(fs, task, owner),
    cmdline: text(() => cmdlineBytes(process())),
    stat: text(() => statLine(task(), whole)),
    statm: text(() => statmLine(task())),
    maps: text(alive(() => formatMaps(task().mm))),
    smaps: text(alive(() => formatSmaps(task().mm))),
    mem: new MemoryNode(fs, process, owner, (p) => checkInspect(fs, p)),
    cwd: placeLink(fs, task, owner, (t) => t.fs.cwd),
    root: placeLink(fs, task, owner, (t) => t.fs.root),
    exe: exeLink(fs, process, owner),
    mounts: text(() => mountsText(kernel.vfs, task().fs)),
    mountinfo: text(() => mountinfoText(kernel.vfs, task().fs)),
    wchan: text(() => '0'),
    cgroup: text(() => `0::${process().cgroup.path}\n`),
    oom_score: text(() => '0\n'),
    oom_score_adj: oomScoreNode(fs, process, owner),
    loginuid: text(() => '4294967295'),
    sessionid: text(() => '4294967295'),
    uid_map: text(() => IDENTITY_MAP),
    gid_map: text(() => IDENTITY_MAP),
    setgroups: text(() => 'allow\n'),
  };
}

const IDENTITY_MAP = `${'0'.padStart(10)} ${'0'.padStart(10)} ${'4294967295'.padStart(10)}\n`;

function commNode(fs: PseudoFs, task: () => Task, owner: Owner): PseudoText {
  return new PseudoText(fs, () => `${task().comm}\n`, {
    owner,
    keepsNewline: true,
    write: (name, sys) => {
      if (sys.task.process !== task().process) throw linuxError(EINVAL);
      task().comm = name.slice(0, TASK_COMM_LEN - 1);
    },
  });
}

function oomScoreNode(fs: PseudoFs, process: () => Process, owner: Owner): PseudoText {
  return new PseudoText(fs, () => `${process().oomScoreAdj}\n`, {
    owner,
    write: (value, sys) => {
      const n = Number(value);
      if (!/^-?\d+$/.test(value.trim()) || n < -1000 || n > 1000) throw linuxError(EINVAL);
      const CAP_SYS_RESOURCE = 24;
      if (n < process().oomScoreAdj && !sys.task.cred.has(CAP_SYS_RESOURCE)) {
        throw linuxError(EACCES);
      }
      process().oomScoreAdj = n;
    },
  });
}

/** cwd and root. */
function placeLink(
  fs: PseudoFs,
  task: () => Task,
  owner: Owner,
  place: (t: Task) => VfsPath,
): MagicLink {
  const get = (): VfsPath => {
    const t = task();
    if (t.process.zombie) throw linuxError(ENOENT);
    checkInspect(fs, t.process);
    return place(t);
  };
  return new MagicLink(fs, () => seenBy(fs, get()), get, owner);
}

function exeLink(fs: PseudoFs, process: () => Process, owner: Owner): MagicLink {
  const get = (): Path => {
    const { path } = process().image;
    if (path === null || process().zombie) throw linuxError(ENOENT);
    checkInspect(fs, process());
    return path;
  };
  return new MagicLink(fs, () => seenBy(fs, get()), get, owner);
}

/** A path as text for the reader: relative to its root directory, where that is possible. */
function seenBy(fs: PseudoFs, path: Path): string {
  const reader = fs.kernel.scheduler.current;
  if (reader === null || !(path instanceof VfsPath)) return path.absolute();
  const name = path.relativeTo(reader.fs.root);
  if (name === null) return path.absolute();
  return path.dentry.unlinked ? `${name} (deleted)` : name;
}

/** ptrace_may_access: one's own processes, or privilege. */
function checkInspect(fs: PseudoFs, process: Process): void {
  const reader = fs.kernel.scheduler.current;
  if (reader === null || reader.process === process) return;
  const CAP_SYS_PTRACE = 19;
  if (reader.cred.has(CAP_SYS_PTRACE)) return;
  const { cred } = process;
  const { fsuid } = reader.cred;
  const same = fsuid === cred.uid && fsuid === cred.euid && fsuid === cred.suid;
  if (!same || process.dumpable !== 1) throw linuxError(EACCES);
}

/** Numbered entries for open descriptors; a name keeps its inode while the file stays the same. */
function descriptors(
  fs: PseudoFs,
  task: () => Task,
  owner: Owner,
  mode: number,
  make: (fd: number, owner: Owner) => Inode,
): PseudoDirectory {
  const known = new Map<string, { file: WeakRef<object>; inode: Inode }>();
  const names = (): string[] => {
    if (task().process.zombie) return [];
    checkInspect(fs, task().process);
    const fds: string[] = [];
    task().files.forEach((fd) => {
      fds.push(String(fd));
    });
    return fds;
  };
  const find = (name: string): Inode | null => {
    if (!/^(0|[1-9]\d{0,8})$/.test(name) || task().process.zombie) return null;
    const fd = Number(name);
    if (!task().files.has(fd)) return null;
    const file = task().files.getAny(fd);
    const old = known.get(name);
    if (old !== undefined && old.file.deref() === file) return old.inode;
    const inode = make(fd, owner);
    known.set(name, { file: new WeakRef(file), inode });
    return inode;
  };
  return new PseudoDirectory(fs, mode, names, find, owner);
}

/** Permissions of a link show how the file is open. */
function linkMode(flags: number): number {
  const access = flags & O_ACCMODE;
  return (access === O_WRONLY ? 0 : 0o400) | (access === O_RDONLY ? 0 : 0o200) | 0o100;
}

function fdDirectory(fs: PseudoFs, task: () => Task, owner: Owner): PseudoDirectory {
  return descriptors(fs, task, owner, 0o500, (fd) => {
    const { flags } = task().files.getAny(fd);
    const get = (): VfsPath => {
      checkInspect(fs, task().process);
      return pathOfFile(task().files.getAny(fd));
    };
    const text = (): string => {
      checkInspect(fs, task().process);
      const file = task().files.getAny(fd);
      return file.path instanceof VfsPath ? seenBy(fs, file.path) : file.describe();
    };
    return new MagicLink(fs, text, get, owner, linkMode(flags));
  });
}

function fdinfoDirectory(fs: PseudoFs, task: () => Task, owner: Owner): PseudoDirectory {
  const info = (fd: number): string => {
    checkInspect(fs, task().process);
    const { files } = task();
    const file = files.getAny(fd);
    const flags = file.flags | (files.isCloexec(fd) ? O_CLOEXEC : 0);
    const mount = file.path instanceof VfsPath ? file.path.mount.id : 0;
    const locks = file.inode === null ? [] : describeLocks(file.inode);
    return (
      `pos:\t${file.pos}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mount}\n` +
      `ino:\t${file.inode?.ino ?? 0}\n` +
      locks.map((l, i) => `lock:\t${i + 1}: ${l}\n`).join('')
    );
  };
  return descriptors(
    fs,
    task,
    owner,
    0o555,
    (fd) => new PseudoText(fs, () => info(fd), { mode: 0o444, owner }),
  );
}
