/** User and group ids and capabilities: kernel/sys.c, kernel/groups.c, kernel/capability.c. */

import { EFAULT, EINVAL, EPERM, ESRCH, linuxError } from '../errno.ts';
import { Int, Ptr, Uid } from '../syscall/args.ts';
import { type ArgTypes, type Sys, type SyscallRow, syscall } from '../syscall/types.ts';
import { CAP, CAP_FULL_HI, CAP_FULL_LO, type CapSet, type Cred } from './cred.ts';

/** (uid_t)-1: leave as it is. */
const KEEP = 0xffffffff;
const NGROUPS_MAX = 65536;
const SECBIT_KEEP_CAPS = 16;

/** Capabilities that go with the file-system uid (CAP_FS_SET). */
const FS_CAPS =
  (1 << CAP.CHOWN) |
  (1 << CAP.DAC_OVERRIDE) |
  (1 << CAP.DAC_READ_SEARCH) |
  (1 << CAP.FOWNER) |
  (1 << CAP.FSETID) |
  (1 << CAP.LINUX_IMMUTABLE) |
  (1 << CAP.MKNOD);

/** cap_task_fix_setuid: capabilities follow the user ids. */
function fixCapabilities(cred: Cred, old: Cred): void {
  const wasRoot = old.uid === 0 || old.euid === 0 || old.suid === 0;
  const isRoot = cred.uid === 0 || cred.euid === 0 || cred.suid === 0;
  if (wasRoot && !isRoot) {
    if ((cred.securebits & SECBIT_KEEP_CAPS) === 0) {
      cred.permitted = { lo: 0, hi: 0 };
      cred.effective = { lo: 0, hi: 0 };
    }
    cred.ambient = { lo: 0, hi: 0 };
  }
  if (old.euid === 0 && cred.euid !== 0) cred.effective = { lo: 0, hi: 0 };
  if (old.euid !== 0 && cred.euid === 0) cred.effective = { ...cred.permitted };
}

function fixFsCapabilities(cred: Cred, oldFsuid: number): void {
  if (oldFsuid === 0 && cred.fsuid !== 0) cred.effective.lo &= ~FS_CAPS;
  if (oldFsuid !== 0 && cred.fsuid === 0) cred.effective.lo |= cred.permitted.lo & FS_CAPS;
}

/** Applies a change to a copy and makes it the task's. */
function commit(sys: Sys, next: Cred): number {
  const { task } = sys;
  fixCapabilities(next, task.cred);
  if (next.euid !== task.cred.euid || next.egid !== task.cred.egid) task.process.dumpable = 0;
  task.cred = next;
  return 0;
}

function sysSetuid(sys: Sys, { uid }: { uid: number }): number {
  if (uid === KEEP) throw linuxError(EINVAL);
  const next = sys.task.cred.clone();
  if (next.has(CAP.SETUID)) next.uid = next.suid = uid;
  else if (uid !== next.uid && uid !== next.suid) throw linuxError(EPERM);
  next.euid = next.fsuid = uid;
  return commit(sys, next);
}

function sysSetgid(sys: Sys, { gid }: { gid: number }): number {
  if (gid === KEEP) throw linuxError(EINVAL);
  const next = sys.task.cred.clone();
  if (next.has(CAP.SETGID)) next.gid = next.sgid = gid;
  else if (gid !== next.gid && gid !== next.sgid) throw linuxError(EPERM);
  next.egid = next.fsgid = gid;
  return commit(sys, next);
}

function sysSetreuid(sys: Sys, { ruid, euid }: { ruid: number; euid: number }): number {
  const old = sys.task.cred;
  const next = old.clone();
  const privileged = old.has(CAP.SETUID);
  if (ruid !== KEEP) {
    if (ruid !== old.uid && ruid !== old.euid && !privileged) throw linuxError(EPERM);
    next.uid = ruid;
  }
  if (euid !== KEEP) {
    const allowed = euid === old.uid || euid === old.euid || euid === old.suid;
    if (!allowed && !privileged) throw linuxError(EPERM);
    next.euid = euid;
  }
  if (ruid !== KEEP || (euid !== KEEP && euid !== old.uid)) next.suid = next.euid;
  next.fsuid = next.euid;
  return commit(sys, next);
}

function sysSetregid(sys: Sys, { rgid, egid }: { rgid: number; egid: number }): number {
  const old = sys.task.cred;
  const next = old.clone();
  const privileged = old.has(CAP.SETGID);
  if (rgid !== KEEP) {
    if (rgid !== old.gid && rgid !== old.egid && !privileged) throw linuxError(EPERM);
    next.gid = rgid;
  }
  if (egid !== KEEP) {
    const allowed = egid === old.gid || egid === old.egid || egid === old.sgid;
    if (!allowed && !privileged) throw linuxError(EPERM);
    next.egid = egid;
  }
  if (rgid !== KEEP || (egid !== KEEP && egid !== old.gid)) next.sgid = next.egid;
  next.fsgid = next.egid;
  return commit(sys, next);
}

function sysSetresuid(sys: Sys, a: { ruid: number; euid: number; suid: number }): number {
  const old = sys.task.cred;
  const next = old.clone();
  const allowed = (id: number): boolean =>
    id === KEEP || id === old.uid || id === old.euid || id === old.suid || old.has(CAP.SETUID);
  if (!allowed(a.ruid) || !allowed(a.euid) || !allowed(a.suid)) throw linuxError(EPERM);
  if (a.ruid !== KEEP) next.uid = a.ruid;
  if (a.euid !== KEEP) next.euid = a.euid;
  if (a.suid !== KEEP) next.suid = a.suid;
  next.fsuid = next.euid;
  return commit(sys, next);
}

function sysSetresgid(sys: Sys, a: { rgid: number; egid: number; sgid: number }): number {
  const old = sys.task.cred;
  const next = old.clone();
  const allowed = (id: number): boolean =>
    id === KEEP || id === old.gid || id === old.egid || id === old.sgid || old.has(CAP.SETGID);
  if (!allowed(a.rgid) || !allowed(a.egid) || !allowed(a.sgid)) throw linuxError(EPERM);
  if (a.rgid !== KEEP) next.gid = a.rgid;
  if (a.egid !== KEEP) next.egid = a.egid;
  if (a.sgid !== KEEP) next.sgid = a.sgid;
  next.fsgid = next.egid;
  return commit(sys, next);
}

/** setfsuid(2) returns the old id, whether or not it changed. */
function sysSetfsuid(sys: Sys, { uid }: { uid: number }): number {
  const { cred } = sys.task;
  const old = cred.fsuid;
  const own = uid === cred.uid || uid === cred.euid || uid === cred.suid || uid === cred.fsuid;
  if (uid !== KEEP && (own || cred.has(CAP.SETUID))) {
    cred.fsuid = uid;
    fixFsCapabilities(cred, old);
  }
  return old;
}

function sysSetfsgid(sys: Sys, { gid }: { gid: number }): number {
  const { cred } = sys.task;
  const old = cred.fsgid;
  const own = gid === cred.gid || gid === cred.egid || gid === cred.sgid || gid === cred.fsgid;
  if (gid !== KEEP && (own || cred.has(CAP.SETGID))) cred.fsgid = gid;
  return old;
}

function sysGetgroups(sys: Sys, { size, list }: { size: number; list: number }): number {
  if (size < 0) throw linuxError(EINVAL);
  const { groups } = sys.task.cred;
  if (size === 0) return groups.length;
  if (groups.length > size) throw linuxError(EINVAL);
  groups.forEach((gid, i) => {
    sys.mem.writeU32(list + i * 4, gid);
  });
  return groups.length;
}

function sysSetgroups(sys: Sys, { size, list }: { size: number; list: number }): number {
  const { task } = sys;
  if (!task.cred.has(CAP.SETGID)) throw linuxError(EPERM);
  if (size < 0 || size > NGROUPS_MAX) throw linuxError(EINVAL);
  const groups: number[] = [];
  for (let i = 0; i < size; i++) groups.push(sys.mem.readU32(list + i * 4));
  const next = task.cred.clone();
  next.groups = groups.sort((a, b) => a - b);
  task.cred = next;
  return 0;
}

const CAP_VERSIONS: Readonly<Record<number, number>> = {
  429392688: 1,
  537333798: 2,
  537396514: 2,
};
const CAP_VERSION_3 = 0x20080522;

/** Words per set of the version in the header; writes the supported one and throws if unknown. */
function capWords(sys: Sys, header: number, data: number): number {
  const words = CAP_VERSIONS[sys.mem.readU32(header)];
  if (words !== undefined) return words;
  sys.mem.writeU32(header, CAP_VERSION_3);
  if (data === 0) return 0;
  throw linuxError(EINVAL);
}

function sysCapget(sys: Sys, { header, data }: { header: number; data: number }): number {
  const words = capWords(sys, header, data);
  const pid = sys.mem.readI32(header + 4);
  if (pid < 0) throw linuxError(EINVAL);
  const task = pid === 0 ? sys.task : sys.kernel.tasks.get(pid);
  if (task === undefined) throw linuxError(ESRCH);
  if (data === 0) return 0;
  const { effective, permitted, inheritable } = task.cred;
  for (let w = 0; w < words; w++) {
    const word = (s: CapSet): number => (w === 0 ? s.lo : s.hi);
    sys.mem.writeU32(data + w * 12, word(effective));
    sys.mem.writeU32(data + w * 12 + 4, word(permitted));
    sys.mem.writeU32(data + w * 12 + 8, word(inheritable));
  }
  return 0;
}

function isSubset(a: CapSet, b: CapSet): boolean {
  return ((a.lo & ~b.lo) | (a.hi & ~b.hi)) === 0;
}

function union(a: CapSet, b: CapSet): CapSet {
  return { lo: a.lo | b.lo, hi: a.hi | b.hi };
}

/** cap_capset */
function sysCapset(sys: Sys, { header, data }: { header: number; data: number }): number {
  const words = capWords(sys, header, 1);
  const pid = sys.mem.readI32(header + 4);
  if (pid !== 0 && pid !== sys.task.pid) throw linuxError(EPERM);
  if (data === 0) throw linuxError(EFAULT);
  const read = (offset: number): CapSet => ({
    lo: sys.mem.readI32(data + offset) & CAP_FULL_LO,
    hi: words > 1 ? sys.mem.readI32(data + 12 + offset) & CAP_FULL_HI : 0,
  });
  const effective = read(0);
  const permitted = read(4);
  const inheritable = read(8);
  const next = sys.task.cred.clone();
  const mayInherit = next.has(CAP.SETPCAP)
    ? union(next.inheritable, next.bounding)
    : union(next.inheritable, next.permitted);
  const allowed =
    isSubset(inheritable, mayInherit) &&
    isSubset(inheritable, union(next.inheritable, next.bounding)) &&
    isSubset(permitted, next.permitted) &&
    isSubset(effective, permitted);
  if (!allowed) throw linuxError(EPERM);
  next.effective = effective;
  next.permitted = permitted;
  next.inheritable = inheritable;
  next.ambient = {
    lo: next.ambient.lo & permitted.lo & inheritable.lo,
    hi: next.ambient.hi & permitted.hi & inheritable.hi,
  };
  sys.task.cred = next;
  return 0;
}

/** getresuid and getresgid. */
function writeThree(sys: Sys, addresses: readonly number[], ids: readonly number[]): number {
  addresses.forEach((addr, i) => {
    sys.mem.writeU32(addr, ids[i] as number);
  });
  return 0;
}

/** A call without arguments that returns one id. */
function getter(nr: number, name: string, get: (cred: Cred) => number): SyscallRow {
  return syscall(nr, name, {} as ArgTypes, (sys) => get(sys.task.cred));
}

const threePointers = { real: Ptr, effective: Ptr, saved: Ptr };

export const CRED_SYSCALLS: readonly SyscallRow[] = [
  getter(102, 'getuid', (c) => c.uid),
  getter(104, 'getgid', (c) => c.gid),
  syscall(105, 'setuid', { uid: Uid }, sysSetuid),
  syscall(106, 'setgid', { gid: Uid }, sysSetgid),
  getter(107, 'geteuid', (c) => c.euid),
  getter(108, 'getegid', (c) => c.egid),
  syscall(113, 'setreuid', { ruid: Uid, euid: Uid }, sysSetreuid),
  syscall(114, 'setregid', { rgid: Uid, egid: Uid }, sysSetregid),
  syscall(115, 'getgroups', { size: Int, list: Ptr }, sysGetgroups),
  syscall(116, 'setgroups', { size: Int, list: Ptr }, sysSetgroups),
  syscall(117, 'setresuid', { ruid: Uid, euid: Uid, suid: Uid }, sysSetresuid),
  syscall(118, 'getresuid', threePointers, (sys, a) => {
    const { uid, euid, suid } = sys.task.cred;
    return writeThree(sys, [a.real, a.effective, a.saved], [uid, euid, suid]);
  }),
  syscall(119, 'setresgid', { rgid: Uid, egid: Uid, sgid: Uid }, sysSetresgid),
  syscall(120, 'getresgid', threePointers, (sys, a) => {
    const { gid, egid, sgid } = sys.task.cred;
    return writeThree(sys, [a.real, a.effective, a.saved], [gid, egid, sgid]);
  }),
  syscall(122, 'setfsuid', { uid: Uid }, sysSetfsuid),
  syscall(123, 'setfsgid', { gid: Uid }, sysSetfsgid),
  syscall(125, 'capget', { header: Ptr, data: Ptr }, sysCapget),
  syscall(126, 'capset', { header: Ptr, data: Ptr }, sysCapset),
];
