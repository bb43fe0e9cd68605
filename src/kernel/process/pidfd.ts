/**
 * Descriptors of processes (pidfd_open(2), fs/pidfs.c): readable once the process has ended, hung up once it
 * was waited for. The description holds the process itself, so a reused id does not mislead it.
 */

import { CAP } from '../cred/cred.ts';
import { EBADF, EINVAL, ENOENT, EPERM, ESRCH, linuxError } from '../errno.ts';
import { NSIG } from '../signal/numbers.ts';
import { sendToProcess } from '../signal/send.ts';
import { killInfo } from '../signal/siginfo.ts';
import { checkCode, mayKill, readInfo, Signal } from '../signal/syscalls.ts';
import { Fd, Flags, HexInt, Pid, StructIn } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { O_NONBLOCK, O_RDWR } from '../vfs/constants.ts';
import { BaseFile } from '../vfs/file.ts';
import { POLLHUP, POLLIN, POLLRDNORM } from '../vfs/types.ts';
import { WaitQueue } from '../wait-queue.ts';
import type { Process } from './process.ts';
import { processOfDirectory } from './process-inodes.ts';

class PidFile extends BaseFile {
  readonly process: Process;
  private readonly queues: readonly WaitQueue[];

  constructor(process: Process, flags: number) {
    super(null, null, O_RDWR | flags);
    this.process = process;
    process.exitWait ??= new WaitQueue();
    this.queues = [process.exitWait];
  }

  override describe(): string {
    return 'anon_inode:[pidfd]';
  }

  override poll(): number {
    const { zombie, reaped } = this.process;
    if (!zombie) return 0;
    return POLLIN | POLLRDNORM | (reaped ? POLLHUP : 0);
  }

  override pollQueues(): readonly WaitQueue[] {
    return this.queues;
  }
}

/** A descriptor of a process for the caller; closed by execve. */
export function installPidFile(sys: Sys, process: Process, flags = 0): number {
  return sys.task.files.install(new PidFile(process, flags), true);
}

function pidFile(sys: Sys, fd: number): PidFile {
  const file = sys.task.files.get(fd);
  if (!(file instanceof PidFile)) throw linuxError(EBADF);
  return file;
}

/** waitid(P_PIDFD): the process, and whether the call may not wait. */
export function waitTarget(sys: Sys, fd: number): { process: Process; nonBlocking: boolean } {
  const file = pidFile(sys, fd);
  return { process: file.process, nonBlocking: (file.flags & O_NONBLOCK) !== 0 };
}

function sysPidfdOpen(sys: Sys, { pid, flags }: { pid: number; flags: number }): number {
  if ((flags & ~O_NONBLOCK) !== 0 || pid <= 0) throw linuxError(EINVAL);
  const process = sys.kernel.processes.get(pid);
  // A thread that leads no process: PIDFD_THREAD is not known here.
  if (process === undefined) throw linuxError(sys.kernel.tasks.has(pid) ? ENOENT : ESRCH);
  return installPidFile(sys, process, flags);
}

/** Older than descriptors of processes, and still allowed: that of a directory /proc/PID. */
function signalTarget(sys: Sys, fd: number): Process {
  const { inode } = sys.task.files.get(fd);
  return (inode && processOfDirectory.get(inode)) ?? pidFile(sys, fd).process;
}

function sysPidfdSendSignal(
  sys: Sys,
  a: { pidfd: number; sig: number; info: number; flags: number },
): number {
  if (a.flags !== 0) throw linuxError(EINVAL);
  const process = signalTarget(sys, a.pidfd);
  const { tgid, cred } = sys.task;
  let info = killInfo(a.sig, tgid, cred.uid);
  if (a.info !== 0) {
    info = readInfo(sys, a.sig, a.info);
    if (sys.mem.readI32(a.info) !== a.sig) throw linuxError(EINVAL);
    checkCode(sys, info.code, process);
  }
  if (process.reaped) throw linuxError(ESRCH);
  if (a.sig < 0 || a.sig > NSIG) throw linuxError(EINVAL);
  if (!mayKill(sys, process, a.sig)) throw linuxError(EPERM);
  if (a.sig !== 0) sendToProcess(process, info);
  return 0;
}

function sysPidfdGetfd(sys: Sys, a: { pidfd: number; targetfd: number; flags: number }): number {
  if (a.flags !== 0) throw linuxError(EINVAL);
  const { process } = pidFile(sys, a.pidfd);
  const thread = process.aliveThread();
  if (thread === null) throw linuxError(ESRCH);
  const { cred } = sys.task;
  const other = thread.cred;
  const same =
    [other.uid, other.euid, other.suid].every((id) => id === cred.uid) &&
    [other.gid, other.egid, other.sgid].every((id) => id === cred.gid);
  if (process !== sys.task.process && !same && !cred.has(CAP.SYS_PTRACE)) throw linuxError(EPERM);
  return sys.task.files.install(thread.files.getAny(a.targetfd), true);
}

export const PIDFD_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    424,
    'pidfd_send_signal',
    { pidfd: Fd, sig: Signal, info: StructIn('siginfo'), flags: HexInt },
    sysPidfdSendSignal,
  ),
  syscall(
    434,
    'pidfd_open',
    { pid: Pid, flags: Flags('PIDFD', { PIDFD_NONBLOCK: O_NONBLOCK }) },
    sysPidfdOpen,
  ),
  syscall(438, 'pidfd_getfd', { pidfd: Fd, targetfd: Fd, flags: HexInt }, sysPidfdGetfd),
];
