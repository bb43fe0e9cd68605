/** procfs: /proc (proc(5)). The root directory; what is in it comes from the other files here. */

import type { Kernel } from '../../kernel.ts';
import { ProcKmsgFile } from '../../log/kmsg.ts';
import { checkSyslog } from '../../log/syscalls.ts';
import type { Process } from '../../process/process.ts';
import type { Sys } from '../../syscall/types.ts';
import { PROC_SUPER_MAGIC } from '../../vfs/constants.ts';
import { type Inode, type OpenFile, type Path, S_IFREG } from '../../vfs/types.ts';
import { netDirectory } from './net.ts';
import { fixedDirectory, PseudoDirectory, PseudoFs, PseudoInode, PseudoLink } from './node.ts';
import { processDirectory } from './process-directory.ts';
import { sysctlDirectory } from './sysctl.ts';
import {
  cpuinfoText,
  devicesText,
  filesystemsText,
  loadavgText,
  meminfoText,
  statText,
  uptimeText,
  versionText,
} from './system-texts.ts';
import { PseudoText } from './text.ts';

export interface ProcFsOptions {
  /** Content of /proc/cmdline without the newline. */
  readonly cmdline?: string;
}

export function createProcFs(kernel: Kernel, dev: number, options: ProcFsOptions = {}): PseudoFs {
  const fs = new PseudoFs(kernel, 'proc', dev, PROC_SUPER_MAGIC);
  const fixed = rootEntries(fs, kernel, options);
  const directories = new WeakMap<Process, Inode>();
  const net = netDirectory(fs);
  const names = (): string[] => {
    const pids = [...kernel.processes.keys()].sort((a, b) => a - b);
    return [...fixed.keys(), ...pids.map(String)];
  };
  const find = (name: string): Inode | null => {
    const known = fixed.get(name);
    if (known !== undefined) return known;
    if (!/^[1-9]\d{0,8}$/.test(name)) return null;
    // Threads can be looked up by their id as well, though they are not listed.
    const process =
      kernel.processes.get(Number(name)) ?? kernel.tasks.get(Number(name))?.process ?? null;
    if (process === null) return null;
    let inode = directories.get(process);
    if (inode === undefined) {
      inode = processDirectory(fs, process, net);
      directories.set(process, inode);
    }
    return inode;
  };
  fs.root = new PseudoDirectory(fs, 0o555, names, find);
  return fs;
}

/** /proc/kmsg. */
class KmsgNode extends PseudoInode {
  constructor(fs: PseudoFs) {
    super(fs, S_IFREG | 0o400);
  }

  override open(sys: Sys | null, flags: number, path: Path): OpenFile {
    if (sys !== null) checkSyslog(sys);
    return new ProcKmsgFile(this.fs.kernel.messages, this, path, flags);
  }
}

function rootEntries(fs: PseudoFs, kernel: Kernel, options: ProcFsOptions): Map<string, Inode> {
  const text = (generate: () => string): PseudoText => new PseudoText(fs, generate);
  const reader = (): { tgid: number; pid: number } =>
    kernel.scheduler.current ?? { tgid: 1, pid: 1 };
  const entries: Record<string, Inode> = {
    self: new PseudoLink(fs, () => String(reader().tgid)),
    'thread-self': new PseudoLink(fs, () => `${reader().tgid}/task/${reader().pid}`),
    mounts: new PseudoLink(fs, () => 'self/mounts'),
    net: new PseudoLink(fs, () => 'self/net'),
    cmdline: text(() => `${options.cmdline ?? 'console=tty0'}\n`),
    cpuinfo: text(() => cpuinfoText(kernel.cpu.flags)),
    devices: text(() => devicesText(kernel)),
    filesystems: text(() => filesystemsText(kernel)),
    kmsg: new KmsgNode(fs),
    loadavg: text(() => loadavgText(kernel)),
    meminfo: text(() => meminfoText(kernel)),
    modules: text(() => ''),
    stat: text(() => statText(kernel)),
    swaps: text(() => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
    partitions: text(() => 'major minor  #blocks  name\n\n'),
    diskstats: text(() => ''),
    sys: sysctlDirectory(fs),
    tty: fixedDirectory(fs, {}),
    uptime: text(() => uptimeText(kernel)),
    version: text(versionText),
  };
  return new Map(Object.entries(entries));
}
