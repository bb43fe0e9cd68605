/** wait4(2) and waitid(2): kernel/exit.c do_wait. */

import { ECHILD, EINVAL, linuxError } from '../errno.ts';
import {
  CLD_CONTINUED,
  CLD_EXITED,
  CLD_KILLED,
  CLD_STOPPED,
  SIGCHLD,
  SIGCONT,
} from '../signal/numbers.ts';
import type { Sys } from '../syscall/types.ts';
import { reap } from './exit.ts';
import { type Process, Usage } from './process.ts';

export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WSTOPPED = 2;
export const WEXITED = 4;
export const WCONTINUED = 8;
export const WNOWAIT = 0x1000000;
const WNOTHREAD = 0x20000000;
const WCLONE = 0x80000000;
const WALL = 0x40000000;
export const WAIT4_OPTIONS: number =
  (WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE) >>> 0;
export const WAITID_OPTIONS: number =
  (WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WNOTHREAD | WALL | WCLONE) >>> 0;

/** Which children are waited for. */
export type ChildFilter = (child: Process) => boolean;

/** A change of a child's state. */
export interface ChildEvent {
  readonly child: Process;
  /** Wait status as wait4(2) stores it. */
  readonly status: number;
  /** CLD_* and si_status as waitid(2) reports them. */
  readonly code: number;
  readonly value: number;
  readonly usage: Usage;
}

/** pid argument of wait4: > 0 that process, 0 own group, -1 any, < -1 that group. */
export function filterByPid(sys: Sys, pid: number): ChildFilter {
  if (pid > 0) return (c) => c.tgid === pid;
  if (pid === -1) return () => true;
  const pgid = pid === 0 ? sys.task.process.pgid : -pid;
  return (c) => c.pgid === pgid;
}

/** @returns an event, null for "none yet" with WNOHANG, or a number from sys.block */
export function waitForChild(
  sys: Sys,
  filter: ChildFilter,
  options: number,
): ChildEvent | number | null {
  const { process } = sys.task;
  let found = false;
  for (const child of process.children) {
    if (!filter(child) || !kindMatches(child, options)) continue;
    found = true;
    const event = eventOf(child, options);
    if (event !== null) return event;
  }
  if (!found) throw linuxError(ECHILD);
  if ((options & WNOHANG) !== 0) return null;
  return sys.block([process.childWait]);
}

/** Children with another exit signal than SIGCHLD ("clone children") need __WCLONE or __WALL. */
function kindMatches(child: Process, options: number): boolean {
  if ((options & WALL) !== 0) return true;
  const wantsClone = (options & WCLONE) !== 0;
  return wantsClone === (child.exitSignal !== SIGCHLD);
}

function eventOf(child: Process, options: number): ChildEvent | null {
  const keep = (options & WNOWAIT) !== 0;
  if (child.zombie) return (options & WEXITED) !== 0 ? exited(child, keep) : null;
  if ((options & WSTOPPED) !== 0 && child.stopUnreported) {
    if (!keep) child.stopUnreported = false;
    const sig = child.stopSignal;
    return event(child, (sig << 8) | 0x7f, CLD_STOPPED, sig);
  }
  if ((options & WCONTINUED) !== 0 && child.continueUnreported) {
    if (!keep) child.continueUnreported = false;
    return event(child, 0xffff, CLD_CONTINUED, SIGCONT);
  }
  return null;
}

function exited(child: Process, keep: boolean): ChildEvent {
  const status = child.exitStatus;
  const signal = status & 0x7f;
  const e =
    signal === 0
      ? event(child, status, CLD_EXITED, status >>> 8)
      : event(child, status, CLD_KILLED, signal);
  if (!keep) reap(child);
  return e;
}

function event(child: Process, status: number, code: number, value: number): ChildEvent {
  const usage = new Usage();
  usage.add(child.usage);
  usage.add(child.childUsage);
  for (const t of child.threads) {
    usage.userMs += t.userMs;
    usage.systemMs += t.systemMs;
  }
  return { child, status, code, value, usage };
}

export function checkOptions(options: number, allowed: number): void {
  if ((options & ~allowed) !== 0) throw linuxError(EINVAL);
}
