/**
 * Signal-driven I/O: F_SETOWN, F_SETSIG and O_ASYNC of fcntl(2) (fs/fcntl.c: send_sigio).
 *
 * Invariants: an owner is of the description, not the descriptor; while O_ASYNC is set on a file that can signal,
 * its queues are observed; the observer leaves when the description is closed.
 */

import type { Cred } from '../cred/cred.ts';
import { EBADF, EINVAL, ESRCH, linuxError } from '../errno.ts';
import type { Kernel } from '../kernel.ts';
import type { Process } from '../process/process.ts';
import { SIGIO } from '../signal/numbers.ts';
import { kernelInfo, type SigInfo, sigInfo } from '../signal/siginfo.ts';
import type { Sys } from '../syscall/types.ts';
import type { Observer } from '../wait-queue.ts';
import { O_ASYNC } from './constants.ts';
import { BaseFile, type CloseListener } from './file.ts';
import type { OpenFile } from './types.ts';
import { POLLERR, POLLHUP, POLLIN, POLLMSG, POLLOUT, POLLRDNORM, POLLWRNORM } from './types.ts';

const F_OWNER_TID = 0;
const F_OWNER_PID = 1;
const F_OWNER_PGRP = 2;
/** struct f_owner_ex: type @0, pid @4. */
const OWNER_PID_AT = 4;
const MAX_SIGNAL = 64;

const POLL_IN = 1;
const POLL_OUT = 2;
const POLL_MSG = 3;
const POLL_HUP = 6;

class AsyncIo implements Observer, CloseListener {
  type = F_OWNER_PID;
  pid = 0;
  signal = 0;
  fd = -1;
  private readonly kernel: Kernel;
  private readonly file: BaseFile;
  /** Who set the owner: may they signal it? */
  private cred: Cred | null = null;
  private observing = false;

  constructor(kernel: Kernel, file: BaseFile) {
    this.kernel = kernel;
    this.file = file;
  }

  setOwner(type: number, pid: number, cred: Cred): void {
    this.type = type;
    this.pid = pid;
    this.cred = cred;
  }

  observe(fd: number, on: boolean): void {
    if (on) this.fd = fd;
    if (on === this.observing) return;
    this.observing = on;
    for (const q of this.file.pollQueues()) {
      if (on) q.observe(this);
      else q.unobserve(this);
    }
    if (on) this.file.addCloseListener(this);
    else this.file.removeCloseListener(this);
  }

  fileClosed(): void {
    this.observe(this.fd, false);
  }

  notify(events: number): void {
    this.send(this.infoOf(events));
  }

  /** POLL_MSG: of a directory, whose descriptor is `fd`. */
  message(fd: number): void {
    const band = POLLIN | POLLRDNORM | POLLMSG;
    const signo = this.signal;
    this.send(
      signo === 0 ? kernelInfo(SIGIO) : sigInfo({ signo, code: POLL_MSG, kind: 'poll', band, fd }),
    );
  }

  private send(info: SigInfo): void {
    const { kernel, pid } = this;
    if (pid === 0) return;
    if (this.type === F_OWNER_PGRP) {
      for (const p of kernel.processes.values()) {
        if (p.pgid === pid && !p.zombie && this.allowed(p)) {
          kernel.sendSignalToProcess(p, info.signo, info);
        }
      }
      return;
    }
    const task = kernel.tasks.get(pid);
    if (task === undefined || !this.allowed(task.process)) return;
    if (this.type === F_OWNER_TID) kernel.sendSignalToTask(task, info.signo, info);
    else kernel.sendSignalToProcess(task.process, info.signo, info);
  }

  /** sigio_perm of fs/fcntl.c. */
  private allowed(process: Process): boolean {
    const { cred } = this;
    const to = process.cred;
    if (cred === null) return false;
    if (cred.euid === 0) return true;
    return [cred.euid, cred.uid].some((id) => id === to.suid || id === to.uid);
  }

  private infoOf(events: number): SigInfo {
    if (this.signal === 0) return kernelInfo(SIGIO);
    let code = POLL_HUP;
    let band = POLLHUP | POLLERR;
    if (events !== -1) {
      const reads = (events & (POLLIN | POLLRDNORM)) !== 0;
      code = reads ? POLL_IN : POLL_OUT;
      band = reads ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM;
    }
    return sigInfo({ signo: this.signal, code, kind: 'poll', band, fd: this.fd });
  }
}

const states = new WeakMap<OpenFile, AsyncIo>();

function stateOf(sys: Sys, file: OpenFile): AsyncIo {
  let state = states.get(file);
  if (state === undefined) {
    if (!(file instanceof BaseFile)) throw linuxError(EBADF);
    state = new AsyncIo(sys.kernel, file);
    states.set(file, state);
  }
  return state;
}

/** O_ASYNC was asked for, or no longer. @returns whether files of this type send signals */
export function setAsync(sys: Sys, file: OpenFile, fd: number, on: boolean): boolean {
  const able = file instanceof BaseFile && file.canSignal;
  if (able) stateOf(sys, file).observe(fd, on);
  file.flags = on ? file.flags | O_ASYNC : file.flags & ~O_ASYNC;
  return able;
}

function checkOwner(sys: Sys, type: number, pid: number): void {
  if (pid === 0) return;
  const { tasks, processes } = sys.kernel;
  const found =
    type === F_OWNER_PGRP ? [...processes.values()].some((p) => p.pgid === pid) : tasks.has(pid);
  if (!found) throw linuxError(ESRCH);
}

/** F_SETOWN: a process, or minus a process group. */
export function setOwner(sys: Sys, file: OpenFile, who: number): void {
  const type = who < 0 ? F_OWNER_PGRP : F_OWNER_PID;
  if (who === -0x80000000) throw linuxError(EINVAL);
  checkOwner(sys, type, Math.abs(who));
  stateOf(sys, file).setOwner(type, Math.abs(who), sys.task.cred);
}

/** The caller owns a file that has no owner yet. */
export function ownIfNobodyDoes(sys: Sys, file: OpenFile): void {
  const state = stateOf(sys, file);
  if (state.pid === 0) state.setOwner(F_OWNER_PID, sys.task.tgid, sys.task.cred);
}

/** Signals the owner of a directory that something happened in it. */
export function sendMessage(file: OpenFile, fd: number): void {
  states.get(file)?.message(fd);
}

export function getOwner(file: OpenFile): number {
  const state = states.get(file);
  if (state === undefined) return 0;
  return state.type === F_OWNER_PGRP ? -state.pid : state.pid;
}

/** F_SETOWN_EX: struct f_owner_ex. */
export function setOwnerEx(sys: Sys, file: OpenFile, addr: number): void {
  const type = sys.mem.readI32(addr);
  const pid = sys.mem.readI32(addr + OWNER_PID_AT);
  if (type < F_OWNER_TID || type > F_OWNER_PGRP) throw linuxError(EINVAL);
  checkOwner(sys, type, pid);
  stateOf(sys, file).setOwner(type, pid, sys.task.cred);
}

export function getOwnerEx(sys: Sys, file: OpenFile, addr: number): void {
  const state = states.get(file);
  sys.mem.writeU32(addr, state?.type ?? F_OWNER_TID);
  sys.mem.writeU32(addr + OWNER_PID_AT, state?.pid ?? 0);
}

/** F_SETSIG: 0 is SIGIO without siginfo. */
export function setSignal(sys: Sys, file: OpenFile, signal: number): void {
  if (signal < 0 || signal > MAX_SIGNAL) throw linuxError(EINVAL);
  stateOf(sys, file).signal = signal;
}

export function getSignal(file: OpenFile): number {
  return states.get(file)?.signal ?? 0;
}
