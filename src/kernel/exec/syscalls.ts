/** execve(2) and execveat(2): what happens to the process when the new program replaces the old. */

import { EINVAL, ELOOP, ENOENT, linuxError } from '../errno.ts';
import { detachMemory, exitProcess, exitTask } from '../process/exit.ts';
import { useLimits } from '../process/use-limits.ts';
import { SIGCHLD, SIGSEGV } from '../signal/numbers.ts';
import { CString, DirFd, Flags } from '../syscall/args.ts';
import { KEEP_REGISTERS, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { SS_DISABLE, type Task } from '../task.ts';
import { PATH_MAX } from '../vfs/constants.ts';
import type { VfsPath } from '../vfs/path.ts';
import { lookupAt, readPath, startOf } from '../vfs/syscalls/common.ts';
import { S_IFLNK, S_IFMT } from '../vfs/types.ts';
import { FatalExecError, type Program, prepareProgram } from './exec.ts';
import { ArgvIn, EnvIn } from './format.ts';
import { readStringArray } from './strings.ts';

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;

function execute(
  sys: Sys,
  path: VfsPath,
  filename: string,
  argvAddr: number,
  envAddr: number,
): number {
  const { task, kernel } = sys;
  const argv = readStringArray(sys.mem, argvAddr);
  const env = readStringArray(sys.mem, envAddr);
  let program: Program;
  try {
    program = prepareProgram(kernel, task, task.process.rlimits, { path, filename, argv, env });
  } catch (e) {
    if (!(e instanceof FatalExecError)) throw e;
    exitProcess(task.process, SIGSEGV);
    return KEEP_REGISTERS;
  }
  replaceProgram(task, program);
  return KEEP_REGISTERS;
}

/** begin_new_exec and setup_new_exec. */
function replaceProgram(task: Task, program: Program): void {
  const { kernel, process } = task;
  becomeOnlyThread(task);
  detachMemory(task);
  const old = task.mm;
  if (old.userCount === 1) kernel.scheduler.forgetSpace(old);
  old.release();
  task.mm = program.mm;
  process.image.release();
  process.image = program.image;
  task.cred = program.cred;
  task.comm = program.comm;
  useLimits(task);
  const files = task.files.clone();
  task.files.release();
  task.files = files;
  files.closeOnExec();
  process.actions = process.actions.clone();
  process.actions.resetForExec();
  process.timers?.deletePosixTimers();
  process.hasExecuted = true;
  process.dumpable = program.secure ? 0 : 1;
  if (program.secure) task.parentDeathSignal = 0;
  process.exitSignal = SIGCHLD;
  task.altStack.sp = 0;
  task.altStack.size = 0;
  task.altStack.flags = SS_DISABLE;
  task.robustList = 0;
  kernel.scheduler.useSpace(task.mm);
  kernel.cpu.reset(program.entry, program.sp);
  kernel.onProgram?.(task);
}

/** de_thread(): the other threads end, and the caller takes over the leader's id. */
function becomeOnlyThread(task: Task): void {
  const { kernel, process } = task;
  const { leader } = process;
  for (const t of [...process.threads]) if (t !== task) exitTask(t, 0);
  if (task === leader) return;
  kernel.tasks.delete(task.pid);
  kernel.pids.release(task.pid);
  task.pid = process.tgid;
  kernel.tasks.set(task.pid, task);
  process.leader = task;
}

function sysExecve(sys: Sys, a: { pathname: number; argv: number; envp: number }): number {
  const name = readPath(sys, a.pathname);
  const path = sys.kernel.vfs.lookup(sys.task, null, name, true);
  return execute(sys, path, name, a.argv, a.envp);
}

function sysExecveat(
  sys: Sys,
  a: { dirfd: number; pathname: number; argv: number; envp: number; flags: number },
): number {
  if ((a.flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) !== 0) throw linuxError(EINVAL);
  const name = sys.mem.readCString(a.pathname, PATH_MAX);
  if (name === '' && (a.flags & AT_EMPTY_PATH) === 0) throw linuxError(ENOENT);
  const path = lookupAt(sys, a.dirfd, a.pathname, a.flags);
  if ((path.inode.mode & S_IFMT) === S_IFLNK) throw linuxError(ELOOP);
  const relative = a.dirfd !== AT_FDCWD && startOf(sys, a.dirfd, name) !== null;
  // As fs/exec.c names what was opened through a descriptor.
  let filename = name;
  if (name === '') filename = `/dev/fd/${a.dirfd}`;
  else if (relative) filename = `/dev/fd/${a.dirfd}/${name}`;
  return execute(sys, path, filename, a.argv, a.envp);
}

export const EXEC_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    59,
    'execve',
    { pathname: CString, argv: ArgvIn, envp: EnvIn },
    sysExecve,
    '32-bit programs, binfmt_misc',
  ),
  syscall(
    322,
    'execveat',
    {
      dirfd: DirFd,
      pathname: CString,
      argv: ArgvIn,
      envp: EnvIn,
      flags: Flags('AT', { AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH }),
    },
    sysExecveat,
    '32-bit programs, binfmt_misc',
  ),
];
