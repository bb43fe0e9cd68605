/** prctl(2): kernel/sys.c. Options that are not here fail with EINVAL, as on a kernel without them. */

import { CAP, CAP_LAST, type Cred, hasCap } from '../cred/cred.ts';
import { EINVAL, EPERM, linuxError } from '../errno.ts';
import { NSIG } from '../signal/numbers.ts';
import { Enum, Hex } from '../syscall/args.ts';
import { type Sys, type SyscallRow, syscall } from '../syscall/types.ts';

const PR = {
  PR_SET_PDEATHSIG: 1,
  PR_GET_PDEATHSIG: 2,
  PR_GET_DUMPABLE: 3,
  PR_SET_DUMPABLE: 4,
  PR_GET_KEEPCAPS: 7,
  PR_SET_KEEPCAPS: 8,
  PR_SET_NAME: 15,
  PR_GET_NAME: 16,
  PR_GET_SECCOMP: 21,
  PR_SET_SECCOMP: 22,
  PR_CAPBSET_READ: 23,
  PR_CAPBSET_DROP: 24,
  PR_GET_SECUREBITS: 27,
  PR_SET_TIMERSLACK: 29,
  PR_GET_TIMERSLACK: 30,
  PR_SET_MM: 35,
  PR_SET_CHILD_SUBREAPER: 36,
  PR_GET_CHILD_SUBREAPER: 37,
  PR_SET_NO_NEW_PRIVS: 38,
  PR_GET_NO_NEW_PRIVS: 39,
  PR_GET_TID_ADDRESS: 40,
  PR_CAP_AMBIENT: 47,
  PR_SET_VMA: 0x53564d41,
} as const;

const COMM_LENGTH = 16;
const SECBIT_KEEP_CAPS = 16;
const DEFAULT_SLACK_NS = 50000;

interface PrctlArgs {
  option: number;
  arg2: number;
  arg3: number;
  arg4: number;
  arg5: number;
}

type Option = (sys: Sys, a: PrctlArgs) => number;

function setName(sys: Sys, { arg2 }: PrctlArgs): number {
  let name = '';
  for (let i = 0; i < COMM_LENGTH - 1; i++) {
    const c = sys.mem.readU8(arg2 + i);
    if (c === 0) break;
    name += String.fromCharCode(c);
  }
  sys.task.comm = name;
  return 0;
}

function getName(sys: Sys, { arg2 }: PrctlArgs): number {
  const bytes = new Uint8Array(COMM_LENGTH);
  for (let i = 0; i < sys.task.comm.length; i++) bytes[i] = sys.task.comm.charCodeAt(i);
  sys.mem.copyOut(arg2, bytes, 0, COMM_LENGTH);
  return 0;
}

function flag(value: number): boolean {
  if (value > 1) throw linuxError(EINVAL);
  return value === 1;
}

function setNoNewPrivs(sys: Sys, a: PrctlArgs): number {
  if (a.arg2 !== 1 || a.arg3 !== 0 || a.arg4 !== 0 || a.arg5 !== 0) throw linuxError(EINVAL);
  const next = sys.task.cred.clone();
  next.noNewPrivs = true;
  sys.task.cred = next;
  return 0;
}

function dropBounding(sys: Sys, { arg2 }: PrctlArgs): number {
  if (!sys.task.cred.has(CAP.SETPCAP)) throw linuxError(EPERM);
  if (arg2 > CAP_LAST) throw linuxError(EINVAL);
  const next = sys.task.cred.clone();
  setBit(next, 'bounding', arg2, false);
  sys.task.cred = next;
  return 0;
}

function setBit(cred: Cred, set: 'bounding' | 'ambient', cap: number, on: boolean): void {
  const s = cred[set];
  const bit = 1 << (cap & 31);
  if (cap < 32) s.lo = on ? s.lo | bit : s.lo & ~bit;
  else s.hi = on ? s.hi | bit : s.hi & ~bit;
}

const PR_CAP_AMBIENT_IS_SET = 1;
const PR_CAP_AMBIENT_RAISE = 2;
const PR_CAP_AMBIENT_LOWER = 3;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;

function ambient(sys: Sys, a: PrctlArgs): number {
  const next = sys.task.cred.clone();
  if (a.arg2 === PR_CAP_AMBIENT_CLEAR_ALL) {
    if (a.arg3 !== 0 || a.arg4 !== 0 || a.arg5 !== 0) throw linuxError(EINVAL);
    next.ambient = { lo: 0, hi: 0 };
    sys.task.cred = next;
    return 0;
  }
  if (a.arg3 > CAP_LAST || a.arg4 !== 0 || a.arg5 !== 0) throw linuxError(EINVAL);
  switch (a.arg2) {
    case PR_CAP_AMBIENT_IS_SET:
      return hasCap(next.ambient, a.arg3) ? 1 : 0;
    case PR_CAP_AMBIENT_RAISE:
      if (!hasCap(next.permitted, a.arg3) || !hasCap(next.inheritable, a.arg3)) {
        throw linuxError(EPERM);
      }
      setBit(next, 'ambient', a.arg3, true);
      break;
    case PR_CAP_AMBIENT_LOWER:
      setBit(next, 'ambient', a.arg3, false);
      break;
    default:
      throw linuxError(EINVAL);
  }
  sys.task.cred = next;
  return 0;
}

function setKeepCaps(sys: Sys, { arg2 }: PrctlArgs): number {
  const on = flag(arg2);
  const next = sys.task.cred.clone();
  next.securebits = on ? next.securebits | SECBIT_KEEP_CAPS : next.securebits & ~SECBIT_KEEP_CAPS;
  sys.task.cred = next;
  return 0;
}

const OPTIONS: Readonly<Record<number, Option>> = {
  [PR.PR_SET_PDEATHSIG]: (sys, { arg2 }) => {
    if (arg2 > NSIG) throw linuxError(EINVAL);
    sys.task.parentDeathSignal = arg2;
    return 0;
  },
  [PR.PR_GET_PDEATHSIG]: (sys, { arg2 }) => {
    sys.mem.writeU32(arg2, sys.task.parentDeathSignal);
    return 0;
  },
  [PR.PR_GET_DUMPABLE]: (sys) => sys.task.process.dumpable,
  [PR.PR_SET_DUMPABLE]: (sys, { arg2 }) => {
    sys.task.process.dumpable = flag(arg2) ? 1 : 0;
    return 0;
  },
  [PR.PR_GET_KEEPCAPS]: (sys) => ((sys.task.cred.securebits & SECBIT_KEEP_CAPS) !== 0 ? 1 : 0),
  [PR.PR_SET_KEEPCAPS]: setKeepCaps,
  [PR.PR_SET_NAME]: setName,
  [PR.PR_GET_NAME]: getName,
  [PR.PR_CAPBSET_READ]: (sys, { arg2 }) => {
    if (arg2 > CAP_LAST) throw linuxError(EINVAL);
    return hasCap(sys.task.cred.bounding, arg2) ? 1 : 0;
  },
  [PR.PR_CAPBSET_DROP]: dropBounding,
  [PR.PR_GET_SECUREBITS]: (sys) => sys.task.cred.securebits,
  [PR.PR_SET_TIMERSLACK]: (sys, { arg2 }) => {
    sys.task.timerSlackNs = arg2 === 0 ? DEFAULT_SLACK_NS : arg2;
    return 0;
  },
  [PR.PR_GET_TIMERSLACK]: (sys) => sys.task.timerSlackNs,
  [PR.PR_SET_CHILD_SUBREAPER]: (sys, { arg2 }) => {
    sys.task.process.childSubreaper = arg2 !== 0;
    return 0;
  },
  [PR.PR_GET_CHILD_SUBREAPER]: (sys, { arg2 }) => {
    sys.mem.writeU32(arg2, sys.task.process.childSubreaper ? 1 : 0);
    return 0;
  },
  [PR.PR_SET_NO_NEW_PRIVS]: setNoNewPrivs,
  [PR.PR_GET_NO_NEW_PRIVS]: (sys) => (sys.task.cred.noNewPrivs ? 1 : 0),
  [PR.PR_GET_TID_ADDRESS]: (sys, { arg2 }) => {
    sys.mem.writeU64(arg2, sys.task.clearChildTid);
    return 0;
  },
  [PR.PR_CAP_AMBIENT]: ambient,
};

function sysPrctl(sys: Sys, a: PrctlArgs): number {
  const option = OPTIONS[a.option];
  if (option === undefined) throw linuxError(EINVAL);
  return option(sys, a);
}

export const PRCTL_SYSCALLS: readonly SyscallRow[] = [
  syscall(
    157,
    'prctl',
    { option: Enum('PR', PR), arg2: Hex, arg3: Hex, arg4: Hex, arg5: Hex },
    sysPrctl,
    'seccomp, securebits, PR_SET_MM, PR_SET_VMA, speculation control, PR_SCHED_CORE',
  ),
];
