/** Starts a program on the host's request: a new process in a session of its own. */

import { Cred } from '../cred/cred.ts';
import type { Kernel, SpawnOptions } from '../kernel.ts';
import { Process } from '../process/process.ts';
import { Rlimits } from '../process/rlimits.ts';
import { Session } from '../process/session.ts';
import { useLimits } from '../process/use-limits.ts';
import { Task } from '../task.ts';
import { FdTable } from '../vfs/fd-table.ts';
import { FsContext } from '../vfs/fs-context.ts';
import type { OpenFile } from '../vfs/types.ts';
import { asLinuxError, findProgram, type Program, prepareProgram } from './exec.ts';
import { execveText } from './format.ts';

export function startProgram(
  kernel: Kernel,
  argv: readonly string[],
  env: readonly string[],
  options: SpawnOptions,
): Process {
  const cred = Cred.forUser(options.uid ?? 0, options.gid ?? 0, options.groups ?? []);
  const { root } = kernel.vfs;
  const fs = new FsContext(root, root, options.umask ?? 0o022);
  const rlimits = new Rlimits();
  let program: Program;
  let filename: string;
  try {
    if (options.cwd !== undefined) {
      fs.setCwd(kernel.vfs.lookupDirectory({ fs, cred }, options.cwd));
    }
    const found = findProgram(kernel, { fs, cred }, argv[0] ?? '', env);
    filename = found.filename;
    const { path } = found;
    program = prepareProgram(kernel, { fs, cred }, rlimits, { path, filename, argv, env });
  } catch (e) {
    fs.release();
    return asLinuxError(e);
  }
  const process = createFirstTask(kernel, program, fs, rlimits, options);
  if (kernel.init === null) {
    kernel.init = process;
    process.unkillable = kernel.system;
  }
  // The environment's pointers are behind those of the arguments.
  const envp = program.sp + 8 * (program.argc + 2);
  kernel.strace?.started(process.leader, execveText(filename, argv, envp, env.length));
  kernel.onProgram?.(process.leader);
  kernel.scheduler.enqueue(process.leader);
  return process;
}

function createFirstTask(
  kernel: Kernel,
  program: Program,
  fs: FsContext,
  rlimits: Rlimits,
  options: SpawnOptions,
): Process {
  const pid = kernel.pids.alloc();
  const session = new Session(pid);
  const process = new Process(kernel, pid, null, session, program.image);
  session.leader = process;
  kernel.pids.retain(pid);
  kernel.pids.retain(pid);
  process.rlimits = rlimits;
  process.hasExecuted = true;
  process.hostStarted = true;
  process.onExit = options.onExit ?? null;
  process.onStop = options.onStop ?? null;
  const { mm, cred } = program;
  const task = new Task(kernel, pid, process, {
    mm,
    files: openFiles(kernel, options.stdio),
    fs,
    cred,
  });
  task.comm = program.comm;
  process.leader = task;
  process.threads.add(task);
  useLimits(task);
  kernel.tasks.set(pid, task);
  kernel.processes.set(pid, process);
  kernel.forks++;
  if (options.tty !== undefined) {
    session.tty = options.tty;
    options.tty.session = session;
    options.tty.foregroundPgid = pid;
  }
  kernel.scheduler.switchTo(task);
  kernel.cpu.reset(program.entry, program.sp);
  return process;
}

function openFiles(kernel: Kernel, stdio: readonly (OpenFile | null)[] = []): FdTable {
  const files = new FdTable(kernel.heap);
  stdio.forEach((file, fd) => {
    if (file !== null) files.installAt(fd, file, false);
  });
  return files;
}
