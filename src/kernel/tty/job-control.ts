/**
 * Who may use a terminal (tcsetpgrp(3), credentials(7); drivers/tty/tty_jobctrl.c).
 *
 * A process outside the foreground group that reads, or writes with TOSTOP, or changes settings, is
 * stopped by SIGTTIN or SIGTTOU; when continued its call is restarted.
 */

import { CAP } from '../cred/cred.ts';
import { EINVAL, EIO, ENOTTY, EPERM, ESRCH, LinuxError, linuxError } from '../errno.ts';
import { groupMembers, isOrphanedGroup } from '../process/groups.ts';
import { SIG_IGN, SIGCONT, SIGHUP, SIGTTIN, SIGTTOU } from '../signal/numbers.ts';
import { ERESTARTSYS, type Sys } from '../syscall/types.ts';
import type { Tty } from './tty.ts';

/**
 * __tty_check_change(). Throws EIO if the process can not be stopped.
 * @returns 0, or -ERESTARTSYS: the caller hands it on
 */
export function checkForeground(sys: Sys, tty: Tty, sig: typeof SIGTTIN | typeof SIGTTOU): number {
  const { task, kernel } = sys;
  const { process } = task;
  if (!tty.controls(process)) return 0;
  if (!tty.foreignForeground && inForeground(tty, process.pgid)) return 0;
  if (task.blocked.has(sig) || process.actions.get(sig).handler === SIG_IGN) {
    if (sig === SIGTTIN) throw linuxError(EIO);
    return 0;
  }
  if (isOrphanedGroup(kernel, process.pgid, process.sid)) throw linuxError(EIO);
  kernel.signalProcessGroup(process.pgid, sig);
  return -ERESTARTSYS;
}

function inForeground(tty: Tty, pgid: number): boolean {
  return tty.foregroundPgid === 0 || tty.foregroundPgid === pgid;
}

/** TIOCSCTTY. */
export function setControllingTty(sys: Sys, tty: Tty, steal: number, readable: boolean): number {
  const { process, cred } = sys.task;
  const leads = process.session.leader === process;
  if (leads && tty.session === process.session) return 0;
  if (!leads || process.session.tty !== null) throw linuxError(EPERM);
  const admin = cred.has(CAP.SYS_ADMIN);
  if (tty.session !== null) {
    if (steal !== 1 || !admin) throw linuxError(EPERM);
    tty.disassociate();
  }
  if (!readable && !admin) throw linuxError(EPERM);
  tty.attach(process);
  return 0;
}

/** open(2) without O_NOCTTY: a session leader without a terminal gets this one. */
export function acquireOnOpen(sys: Sys, tty: Tty): void {
  const { process } = sys.task;
  const { session } = process;
  if (session.leader === process && session.tty === null && tty.session === null) {
    tty.attach(process);
  }
}

/** TIOCNOTTY: the leader gives the terminal up for the whole session. */
export function giveUpTty(sys: Sys, tty: Tty): number {
  const { process } = sys.task;
  if (!tty.controls(process)) throw linuxError(ENOTTY);
  if (process.session.leader !== process) {
    tty.detached.add(process);
    return 0;
  }
  const { foregroundPgid } = tty;
  tty.disassociate();
  if (foregroundPgid > 0) {
    sys.kernel.signalProcessGroup(foregroundPgid, SIGHUP);
    sys.kernel.signalProcessGroup(foregroundPgid, SIGCONT);
  }
  return 0;
}

/** TIOCSPGRP. */
export function setForeground(sys: Sys, tty: Tty, addr: number): number {
  const { process } = sys.task;
  try {
    const restart = checkForeground(sys, tty, SIGTTOU);
    if (restart !== 0) return restart;
  } catch (e) {
    if (e instanceof LinuxError && e.errno === EIO) throw linuxError(ENOTTY);
    throw e;
  }
  if (!tty.controls(process) || tty.session !== process.session) throw linuxError(ENOTTY);
  const pgid = sys.mem.readI32(addr);
  if (pgid < 0) throw linuxError(EINVAL);
  const [member] = groupMembers(sys.kernel, pgid);
  if (member === undefined) throw linuxError(ESRCH);
  if (member.session !== process.session) throw linuxError(EPERM);
  tty.foregroundPgid = pgid;
  return 0;
}
